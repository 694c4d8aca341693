"""The notify agent: every alert transition to every endpoint of its route, until a 2xx.

The outbox is the deliveries topic, compacted: a pending record, with the body, is durable before the
alert is acknowledged; its outcome replaces it. Each endpoint has a queue of its own, in order, so that a
dead one delays nobody else.
"""

import asyncio
import logging
import random
import time
from collections import deque
from typing import Any

import aiohttp
import msgspec

from streams.settings import Endpoint, Settings
from streams.webhooks import decide, headers, secret_bytes

log = logging.getLogger(__name__)
ATTEMPT_SECONDS = 10.0
ANSWER_BYTES = 65_536
KEPT_SECONDS = 7 * 86_400.0  # a delivery's outcome is remembered this long, to know repeats


class Envelope(msgspec.Struct):
    """What routing needs of a transition."""

    alert_id: str
    sequence: int
    route: str = ""


class Delivery(msgspec.Struct):
    """One transition for one endpoint, as kept in the deliveries topic. Times in epoch seconds."""

    status: str  # pending, delivered, refused, gone, expired
    webhook_id: str
    endpoint: str
    first_at: float
    attempts: int = 0
    last_at: float | None = None
    answer: int | None = None
    body: str | None = None  # kept while pending


class Outbox:
    """Deliveries of the owned partitions, and the queues of the endpoints."""

    def __init__(self, app: Any, topic: str, endpoints: list[Endpoint]) -> None:
        self.app, self.topic = app, topic
        self.endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        for endpoint in endpoints:
            secret_bytes(endpoint.secret.get_secret_value())  # fail at the start, not at the first alert
        self.known: dict[int, dict[bytes, Delivery]] = {}
        self.queues: dict[str, deque[tuple[int, bytes]]] = {name: deque() for name in self.endpoints}
        self.wake = {name: asyncio.Event() for name in self.endpoints}
        self.disabled: set[str] = set()

    async def keep(self, partition: int, key: bytes, delivery: Delivery | None) -> Any:
        """Write a delivery (None forgets it); returns the future of the write."""
        value = msgspec.json.encode(delivery) if delivery is not None else None
        return await self.app.producer.send(self.topic, key, value, partition, None, None)

    def recover(self, partitions: set[int], saved: dict[bytes, bytes]) -> None:
        """Take up newly owned partitions; what is pending goes on."""
        for partition in set(self.known) - partitions:
            del self.known[partition]
        fresh = partitions - set(self.known)
        self.known |= {partition: {} for partition in fresh}
        for key, value in saved.items():
            partition = int(key.partition(b"/")[0])
            if partition in fresh:
                self.known[partition][key] = msgspec.json.decode(value, type=Delivery)
        for name, queue in self.queues.items():
            queue.clear()
            waiting = [
                (delivery.first_at, partition, key)
                for partition, deliveries in self.known.items()
                for key, delivery in deliveries.items()
                if delivery.status == "pending" and delivery.endpoint == name
            ]
            queue.extend((partition, key) for _, partition, key in sorted(waiting))
            self.wake[name].set()

    async def take(self, partition: int, bodies: list[bytes]) -> None:
        """Make transitions durable as pending deliveries, then queue them. Repeats are known."""
        writes, fresh = [], []
        for body in bodies:
            envelope = msgspec.json.decode(body, type=Envelope)
            webhook_id = f"{envelope.alert_id}-{envelope.sequence}"
            for endpoint in self.endpoints.values():
                key = f"{partition}/{webhook_id}|{endpoint.name}".encode()
                routed = not endpoint.routes or envelope.route in endpoint.routes
                if not routed or key in self.known.setdefault(partition, {}):
                    continue
                delivery = Delivery("pending", webhook_id, endpoint.name, time.time(), body=body.decode())
                self.known[partition][key] = delivery
                writes.append(await self.keep(partition, key, delivery))
                fresh.append((endpoint.name, (partition, key)))
        if writes:
            await asyncio.gather(*writes)
        for name, item in fresh:
            self.queues[name].append(item)
            self.wake[name].set()

    async def forget_old(self) -> None:
        """Drop outcomes that are older than any repeat."""
        horizon = time.time() - KEPT_SECONDS
        for partition, deliveries in self.known.items():
            for key in [k for k, d in deliveries.items() if d.body is None and d.first_at < horizon]:
                del deliveries[key]
                await self.keep(partition, key, None)

    async def serve(self, name: str, session: aiohttp.ClientSession) -> None:
        """Deliver one endpoint's queue, in order, for ever."""
        endpoint, queue = self.endpoints[name], self.queues[name]
        while True:
            if not queue or name in self.disabled:
                self.wake[name].clear()
                await self.wake[name].wait()
                continue
            partition, key = queue[0]
            delivery = self.known.get(partition, {}).get(key)
            if delivery is None or delivery.body is None:
                queue.popleft()
                continue
            wait = await self._attempt(endpoint, partition, key, delivery, session)
            if wait is None:
                if queue and queue[0] == (partition, key):
                    queue.popleft()
            else:
                await asyncio.sleep(wait)

    async def _attempt(
        self,
        endpoint: Endpoint,
        partition: int,
        key: bytes,
        delivery: Delivery,
        session: aiohttp.ClientSession,
    ) -> float | None:
        """One try; returns the wait before the next, None when the delivery is settled."""
        body = (delivery.body or "").encode()
        now = time.time()
        signed = headers(endpoint.secret.get_secret_value(), delivery.webhook_id, int(now), body)
        status, after = None, None
        try:
            async with session.post(endpoint.url, data=body, headers=signed, allow_redirects=False) as answer:
                status, after = answer.status, answer.headers.get("retry-after")
                await answer.content.read(ANSWER_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.info("endpoint %s: no answer (%s)", endpoint.name, type(error).__name__)
        delivery.attempts += 1
        delivery.last_at, delivery.answer = now, status
        outcome, wait = decide(
            status, after, delivery.attempts, delivery.first_at, time.time(), random.random()
        )
        if wait is not None:
            log.warning("endpoint %s: %s, next try in %.0f s", endpoint.name, outcome, wait)
            return wait
        delivery.status, delivery.body = outcome, None
        await (await self.keep(partition, key, delivery))
        if outcome == "gone":
            self.disabled.add(endpoint.name)
        if outcome != "delivered":
            log.error("endpoint %s: %s (%s) for %s", endpoint.name, outcome, status, delivery.webhook_id)
        return None


def attach(app: Any, settings: Settings) -> None:
    """Give the app its notify agent and its outbox."""
    if not settings.endpoints:
        return
    alerts, deliveries = settings.topic("alerts"), settings.topic("deliveries")
    source = app.topic(alerts, value_serializer="raw", key_serializer="raw", partitions=settings.partitions)
    kept = app.topic(
        deliveries,
        value_serializer="raw",
        key_serializer="raw",
        partitions=settings.partitions,
        compacting=True,
    )
    app.batch_topics.add(alerts)
    table = app.Table(
        "deliveries", key_type=bytes, value_type=bytes, partitions=settings.partitions, changelog_topic=kept
    )
    outbox = Outbox(app, deliveries, settings.endpoints)

    @table.on_recover
    async def recovered() -> None:
        try:
            mine = {tp.partition for tp in app.consumer.assignment() if tp.topic == alerts}
            outbox.recover(mine, dict(table.data.items()))
        except Exception as error:
            await app.crash(error)
            raise

    @app.agent(source, name="notify")
    async def notify(stream: Any) -> None:
        async for event in stream.noack().events():
            await outbox.take(event.value.tp.partition, event.value.values())
            event.ack()

    @app.task
    async def deliver() -> None:
        timeout = aiohttp.ClientTimeout(total=ATTEMPT_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(*(outbox.serve(name, session) for name in outbox.endpoints))

    @app.timer(interval=3600.0)
    async def forget() -> None:
        await outbox.forget_old()
