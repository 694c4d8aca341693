"""The notify agent: every alert transition to every endpoint of its route, until a 2xx.

Each endpoint has a queue and a task of its own: a dead one delays nobody else.
"""

import asyncio
import contextlib
import random
import time
from typing import Any, Final

import aiohttp
import structlog

from streams import metrics
from streams.crash_points import reach
from streams.endpoints import Endpoint
from streams.outbox import Delivery, Outbox, Place
from streams.settings import Settings
from streams.webhooks import decide, headers, retry_after

ATTEMPT_SECONDS: Final = 10.0  # all of it: name, connection, answer
ANSWER_BYTES: Final = 65_536  # more of an answer is not read
log = structlog.get_logger(__name__)


def new_session() -> aiohttp.ClientSession:
    """A client that follows no proxies of the environment, keeps no cookies and unpacks nothing."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"user-agent": "vigie"},
    )


async def post(
    session: aiohttp.ClientSession, endpoint: Endpoint, webhook_id: str, body: bytes
) -> tuple[int | None, str | None]:
    """One attempt: (status, Retry-After); status None without an answer. The first line of it decides."""
    signed = headers(endpoint.secret.get_secret_value(), webhook_id, int(time.time()), body)
    status, after = None, None
    try:
        async with session.post(endpoint.url, data=body, headers=signed, allow_redirects=False) as answer:
            status, after = answer.status, answer.headers.get("retry-after")
            await answer.content.read(ANSWER_BYTES)  # lets the connection be used again
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        log.info("answer broken off", endpoint=endpoint.name, status=status, error=type(error).__name__)
    return status, after


class Courier:
    """Delivers the queue of one endpoint, for ever."""

    def __init__(self, outbox: Outbox, endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
        self.outbox, self.endpoint, self.session = outbox, endpoint, session
        self.queue, self.wake = outbox.queues[endpoint.name], outbox.wake[endpoint.name]

    async def serve(self) -> None:
        """Try whatever is due, until the endpoint says that it is gone."""
        while True:
            self.wake.clear()
            place, wait = self.queue.due(time.monotonic())
            if place is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), wait)
                continue
            delivery = self.outbox.find(place)
            if delivery is None:
                self.queue.items.pop(place, None)
            elif await self.attempt(place, delivery) == "gone":
                log.error(
                    "endpoint gone, nothing more goes there until a restart", endpoint=self.endpoint.name
                )
                return

    async def attempt(self, place: Place, delivery: Delivery) -> str:
        """One try, and what follows from it; returns its outcome."""
        name = self.endpoint.name
        with metrics.timed(metrics.ATTEMPT.labels(name)):
            body = (delivery.body or "").encode()
            reach("delivering")
            status, after = await post(self.session, self.endpoint, delivery.webhook_id, body)
        now, jitter = time.time(), random.random()
        delivery.attempts += 1
        delivery.last_at, delivery.answer = now, status
        reach("delivered")
        outcome, wait = decide(status, after, delivery.attempts, delivery.first_at, now, jitter)
        metrics.ATTEMPTS.labels(name, outcome).inc()
        if wait is not None:
            asked = retry_after(after, now) or 0.0
            self.queue.failed(place, time.monotonic(), wait, asked, jitter, outcome == "refused")
        elif self.outbox.find(place) is delivery:  # still ours
            await self.outbox.settle(place, delivery, outcome)
            reach("delivery-recorded")
        if outcome != "delivered":
            tell = log.error if wait is None else log.warning
            tell(
                "not delivered",
                endpoint=name,
                outcome=outcome,
                status=status,
                webhook_id=delivery.webhook_id,
                attempts=delivery.attempts,
                wait_seconds=wait,
                failures=self.queue.failures,
            )
        return outcome


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
        except Exception as error:  # Faust swallows what this raises
            await app.crash(error)
            raise

    @app.agent(source, name="notify")
    async def notify(stream: Any) -> None:
        async for event in stream.noack().events():
            await outbox.take(event.value.tp.partition, event.value.values, event.value.timestamps.tolist())
            reach("alerts-taken")
            event.ack()

    @app.task
    async def deliver() -> None:
        async with new_session() as session:
            couriers = [Courier(outbox, endpoint, session) for endpoint in settings.endpoints]
            await asyncio.gather(*(courier.serve() for courier in couriers))

    @app.timer(interval=3600.0)
    async def forget() -> None:
        await outbox.forget_old()
