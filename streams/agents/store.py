"""The store agent: results and alerts into the sink, acknowledged once the sink has confirmed them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from models.wire import Reject, reject_body
from streams.settings import Settings
from streams.sinks import Refused, SinkUnavailable
from streams.sinks.sqlite import SQLiteSink

T = TypeVar("T")
log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 0.1, 10.0  # seconds between tries while the sink is away


async def until_available(write: Callable[[], Awaitable[T]]) -> T:
    """Repeat a write until the sink takes it; only this agent waits."""
    wait = FIRST_WAIT
    while True:
        try:
            return await write()
        except SinkUnavailable as error:
            log.warning("sink away, next try in %.1f s: %s", wait, error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)


def attach(app: Any, settings: Settings) -> None:
    """Give the app its store agents."""
    if settings.sink == "none":
        return
    sink = SQLiteSink(settings.results_database())
    names = {kind: settings.topic(kind) for kind in ("results", "alerts")}
    app.batch_topics |= set(names.values())
    topics = {
        kind: app.topic(name, value_serializer="raw", key_serializer="raw", partitions=settings.partitions)
        for kind, name in names.items()
    }

    async def refuse(refused: list[Refused], topic: str, batch: Any) -> None:
        for line in refused:
            position = {"topic": topic, "partition": batch.tp.partition, "offset": batch.records[-1].offset}
            reject = Reject("refused-by-store", line.message, position["offset"], line.line)
            body = reject_body(reject, position)
            await (await app.producer.send(settings.topic("rejects"), None, body, None, None, None))

    @app.agent(topics["results"], name="store-results")
    async def results(stream: Any) -> None:
        async for event in stream.noack().events():
            batch = event.value
            refused = await until_available(partial(sink.write_results, batch.values()))
            await refuse(refused, names["results"], batch)
            event.ack()

    @app.agent(topics["alerts"], name="store-alerts")
    async def alerts(stream: Any) -> None:
        async for event in stream.noack().events():
            batch = event.value
            await until_available(partial(sink.write_alerts, batch.values()))
            event.ack()
