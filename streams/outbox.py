"""The outbox: every delivery durable before its alert is acknowledged, and each endpoint's own queue.

A delivery is a record of the compacted deliveries topic, keyed partition/webhook-id|endpoint. It is
written as pending, with its body, and written again with its outcome. What is pending after a restart
goes on; what is settled is remembered for a week, so that a repeated alert is known. A transition that is
older than any delivery is tried is settled as expired at once: a group that begins anew (its offsets
expired, its roles changed) meets three months of alerts, most of which nobody remembers to have been told.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import structlog

from models.triage import AlertId, Number
from streams import metrics
from streams.endpoints import Endpoint
from streams.webhooks import GIVE_UP_SECONDS, LONGEST_PAUSE, backoff

AWAY: Final = 3  # failures in a row from which an endpoint counts as away
KEPT_SECONDS: Final = 7 * 86_400.0  # longer than GIVE_UP_SECONDS: what may be sent is known if it was
LARGEST_BODY: Final = 1 << 18  # bytes; more than any transition has, and escaped it fits into its topic
Place = tuple[int, bytes]  # partition and key of a delivery
log = structlog.get_logger(__name__)


class Envelope(msgspec.Struct):
    """What routing needs of a transition."""

    alert_id: AlertId
    sequence: Number
    route: str = ""


class Delivery(msgspec.Struct):
    """One transition for one endpoint, as kept in the deliveries topic. Times in seconds since 1970.

    `first_at`: when it was taken; of one that was too old to be sent, when its alert was written.
    """

    status: str  # pending, delivered, gone, expired
    webhook_id: str
    endpoint: str
    first_at: float
    attempts: int = 0
    last_at: float | None = None
    answer: int | None = None
    body: str | None = None  # kept while pending


def read(body: bytes) -> Envelope | None:
    """The envelope of a transition; None for a record that is none."""
    try:
        body.decode()  # msgspec leaves strings of keys that it skips unchecked
        return msgspec.json.decode(body, type=Envelope) if len(body) <= LARGEST_BODY else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def alert_of(place: Place) -> bytes:
    """The alert that a delivery tells of: its transitions go out in their order."""
    return place[1].rpartition(b"|")[0].rpartition(b"-")[0]


class Queue:
    """What waits for one endpoint. Decides what is tried when; `now` is of a clock that never goes back.

    The transitions of one alert keep their order. Otherwise what was never tried goes first, then what was
    not tried for longest: a delivery that the endpoint cannot digest delays no other, also when it makes the
    endpoint look as if it were away. An endpoint that is away is asked seldom, each other time by the oldest.
    """

    def __init__(self) -> None:
        self.items: dict[Place, float] = {}  # in order of arrival; the time before which not to try again
        self.failures = 0  # in a row, over all deliveries
        self.pause_until = 0.0

    def __len__(self) -> int:
        return len(self.items)

    def put(self, place: Place) -> None:
        """A delivery arrives."""
        self.items[place] = 0.0

    def due(self, now: float) -> tuple[Place | None, float | None]:
        """What to try now, or how many seconds to wait; (None, None) while nothing waits."""
        if not self.items:
            return None, None
        if now < self.pause_until:
            return None, self.pause_until - now
        away = self.failures >= AWAY
        if away and self.failures % 2:
            return next(iter(self.items)), 0.0
        best: tuple[float, Place] | None = None
        begun: set[bytes] = set()
        for place, after in self.items.items():
            alert = alert_of(place)
            if alert in begun:
                continue
            if after == 0.0:
                return place, 0.0
            begun.add(alert)
            if best is None or after < best[0]:
                best = after, place
        if best is None:
            return None, None
        if away or best[0] <= now:
            return best[1], 0.0
        return None, best[0] - now

    def settled(self, place: Place) -> None:
        """A delivery is over."""
        self.items.pop(place, None)
        self._answered()

    def failed(
        self, place: Place, now: float, wait: float, asked: float, jitter: float, refused: bool = False
    ) -> None:
        """A try failed: `wait` seconds for this delivery, `asked` is the endpoint's Retry-After or 0.

        A refusal is an answer: it delays this delivery alone, anything else the whole endpoint.
        """
        if refused:
            self._answered()
        else:
            self.failures += 1
            self.pause_until = now + max(backoff(self.failures, LONGEST_PAUSE, jitter), asked)
        if place in self.items:
            self.items[place] = now + wait

    def _answered(self) -> None:
        """The endpoint is there. If it had been away, everything may be tried at once again."""
        if self.failures >= AWAY:
            self.items = dict.fromkeys(self.items, 0.0)
        self.failures, self.pause_until = 0, 0.0


class Outbox:
    """Deliveries of the owned partitions, and the queues of the endpoints."""

    def __init__(self, app: Any, topic: str, endpoints: list[Endpoint]) -> None:
        self.app, self.topic = app, topic
        self.endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self.known: dict[int, dict[bytes, Delivery]] = {}
        self.queues = {name: Queue() for name in self.endpoints}
        self.wake = {name: asyncio.Event() for name in self.endpoints}

    async def keep(self, place: Place, delivery: Delivery | None) -> Any:
        """Write a delivery (None forgets it); returns the future of the write."""
        value = msgspec.json.encode(delivery) if delivery is not None else None
        return await self.app.producer.send(self.topic, place[1], value, place[0], None, None)

    def recover(self, partitions: set[int], saved: dict[bytes, bytes]) -> None:
        """Take up newly owned partitions, let go of lost ones; what is pending goes on."""
        for partition in set(self.known) - partitions:
            del self.known[partition]
        fresh = partitions - set(self.known)
        self.known |= {partition: {} for partition in fresh}
        for key, value in saved.items():
            partition = int(key.partition(b"/")[0])
            if partition in fresh:
                self.known[partition][key] = msgspec.json.decode(value, type=Delivery)
        for name, queue in self.queues.items():
            waiting = [
                (delivery.first_at, partition, key)
                for partition, deliveries in self.known.items()
                for key, delivery in deliveries.items()
                if delivery.body is not None and delivery.endpoint == name
            ]
            queue.items = {(p, key): queue.items.get((p, key), 0.0) for _, p, key in sorted(waiting)}
            self.show(name)
            self.wake[name].set()

    def find(self, place: Place) -> Delivery | None:
        """A pending delivery, or None when its partition went or it is settled."""
        delivery = self.known.get(place[0], {}).get(place[1])
        return delivery if delivery is not None and delivery.body is not None else None

    async def take(self, partition: int, bodies: Sequence[bytes], written: Sequence[int]) -> None:
        """Make transitions durable as pending deliveries, then queue them. Repeats are known.

        written: ms since 1970 at which each was written to the log, whatever times a recording inside of it
        has. One that was written longer ago than GIVE_UP_SECONDS is not sent: it is told and counted.
        """
        writes, fresh, old, now = [], [], [], time.time()
        for body, milliseconds in zip(bodies, written, strict=True):
            envelope = read(body)
            if envelope is None:
                log.error("no alert transition, not delivered", partition=partition)
                continue
            webhook_id = f"{envelope.alert_id}-{envelope.sequence}"
            for endpoint in self.endpoints.values():
                place = partition, f"{partition}/{webhook_id}|{endpoint.name}".encode()
                if not endpoint.takes(envelope.route) or place[1] in self.known.setdefault(partition, {}):
                    continue
                if 0 <= milliseconds < (now - GIVE_UP_SECONDS) * 1000:  # -1: a record without a time
                    delivery = Delivery("expired", webhook_id, endpoint.name, milliseconds / 1000)
                    old.append(delivery)
                else:
                    delivery = Delivery("pending", webhook_id, endpoint.name, now, body=body.decode())
                    fresh.append((endpoint.name, place))
                self.known[partition][place[1]] = delivery
                writes.append(await self.keep(place, delivery))
        if writes:
            await asyncio.gather(*writes)
        if old:
            _tell_of_old(partition, old, now)
        for name, place in fresh:
            if self.find(place):  # its partition may have gone meanwhile
                self.queues[name].put(place)
                self.wake[name].set()
        for name in {name for name, _ in fresh}:
            self.show(name)

    async def settle(self, place: Place, delivery: Delivery, outcome: str) -> None:
        """Write an outcome; the delivery leaves its queue once that is durable."""
        delivery.status, delivery.body = outcome, None
        await (await self.keep(place, delivery))
        self.queues[delivery.endpoint].settled(place)
        self.show(delivery.endpoint)

    def show(self, name: str) -> None:
        """Keep the metrics of an endpoint fresh."""
        queue = self.queues[name]
        oldest = next((d for d in map(self.find, queue.items) if d is not None), None)
        metrics.PENDING.labels(name).set(len(queue))
        metrics.OLDEST.labels(name).set(oldest.first_at if oldest else 0.0)

    async def forget_old(self) -> None:
        """Drop outcomes that are older than any repeat."""
        horizon = time.time() - KEPT_SECONDS
        old = [
            (partition, key)
            for partition, deliveries in self.known.items()
            for key, delivery in deliveries.items()
            if delivery.body is None and delivery.first_at < horizon
        ]
        for place in old:
            if self.known.get(place[0], {}).pop(place[1], None) is not None:
                await self.keep(place, None)


def _tell_of_old(partition: int, old: list[Delivery], now: float) -> None:
    """Count and log what was too old to be sent."""
    for delivery in old:
        metrics.TOO_OLD.labels(delivery.endpoint).inc()
    days = (now - min(delivery.first_at for delivery in old)) / 86_400
    log.warning("alerts too old to be sent", partition=partition, count=len(old), oldest_days=round(days, 1))
