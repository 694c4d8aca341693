"""The store agent: results and alerts into the sink, acknowledged once the sink has confirmed them.

A sink that is away delays this agent alone: nothing is acknowledged, the log keeps what waits, and the
agent tries again in place, for ever. One whose settings are wrong is told as an error with its remedy
and tried once a minute, with the token that its file holds by then: mending it (a new token, a bucket
made) needs no restart.

An old point would replace a newer one of the worker that took its partition over. So before each request
it is asked whether the partitions are still ours, and they do not go before the request under way ends.
"""

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from models.strict import ConfigurationError, Fault
from models.wire import Reject, reject_body
from streams import metrics
from streams.crash_points import reach
from streams.settings import Settings
from streams.sinks import NotOurs, Ours, Refused, Sink, SinkMisconfigured, SinkUnavailable, lines
from streams.sinks.sqlite import SQLiteSink

T = TypeVar("T")
FIRST_WAIT: Final = 0.1  # seconds between tries while the sink is away; doubled at each
LONGEST_WAIT: Final = 10.0
WRITE_EVERY: Final = 1.0  # seconds between the beginnings of two writes while there is a backlog
GROUP_BYTES: Final = 8 << 20  # no more waits in memory: the log keeps the rest
MENDING_WAIT: Final = 60.0  # seconds between tries while somebody has to mend something
LONGEST_REQUEST: Final = 15.0  # seconds; InfluxDB is given 10, a transaction of SQLite takes a few
log = structlog.get_logger(__name__)


def wait_before(failures: int, error: SinkUnavailable, jitter: float) -> float:
    """Seconds until the next try: what the sink asked for at least; `jitter` in [0, 1) spreads workers."""
    if isinstance(error, SinkMisconfigured):
        return MENDING_WAIT
    wait = min(FIRST_WAIT * 2 ** min(failures, 20), LONGEST_WAIT) * (0.5 + jitter / 2)
    return max(wait, error.wait or 0.0)


async def until_available(write: Callable[[], Awaitable[T]]) -> T:
    """Repeat a write until the sink takes it; only this agent waits."""
    failures = 0
    while True:
        begin = time.perf_counter()
        try:
            done = await write()
        except SinkUnavailable as error:
            wait = wait_before(failures, error, random.random())
            failures += 1
            metrics.STORE_UP.set(0)
            metrics.STORE_RETRIES.labels(error.reason).inc()
            tell = log.error if isinstance(error, SinkMisconfigured) else log.warning
            tell("sink away", reason=error.reason, detail=str(error), failures=failures, wait_seconds=wait)
            await asyncio.sleep(wait)
        else:
            if failures:
                log.info("sink back", failures=failures)
            metrics.STORE_UP.set(1)
            metrics.STORE_WRITE.observe(time.perf_counter() - begin)
            return done


def open_sink(settings: Settings) -> Sink:
    """The sink that the settings name. Raises ConfigurationError when it is of no use."""
    if settings.sink == "influx":
        from streams.sinks.influx import InfluxSink  # half a second that the embedded worker is spared

        return InfluxSink.of(settings)
    path = settings.results_database()
    try:
        return SQLiteSink(path)
    except (OSError, sqlite3.Error) as error:
        remedy = "name another file with VIGIE_SQLITE_PATH, or mend its rights"
        fault = Fault("settings", "sqlite_path", f"{path} is of no use ({error})", remedy)
        raise ConfigurationError([fault]) from error


class Gathering:
    """Events on their way to one write: what arrives during a write goes together, once a second at most.

    A few large transactions cost a store far less than many small ones.
    """

    def __init__(self, settle: Callable[[list[Any]], Awaitable[None]]) -> None:
        self.settle = settle
        self.waiting: list[Any] = []
        self.bytes = 0
        self.some, self.room = asyncio.Event(), asyncio.Event()

    async def take(self, event: Any) -> None:
        """Add an event; waits while too much waits already."""
        while self.bytes >= GROUP_BYTES:
            self.room.clear()
            await self.room.wait()
        self.waiting.append(event)
        self.bytes += sum(map(len, event.value.values))
        self.some.set()

    async def serve(self) -> None:
        """Write what waits, for ever."""
        while True:
            await self.some.wait()
            begin = time.monotonic()
            group, self.waiting, self.bytes = self.waiting, [], 0
            self.some.clear()
            self.room.set()
            await self.settle(group)
            left = begin + WRITE_EVERY - time.monotonic()
            if left > 0 and self.bytes < GROUP_BYTES:
                await asyncio.sleep(left)


async def settle(
    app: Any,
    settings: Settings,
    writing: asyncio.Lock,
    kind: str,
    write: Callable[[list[bytes], Ours], Awaitable[list[Refused]]],
    group: list[Any],
) -> None:
    """Write some events; what the sink refuses is durable in the rejects before the acknowledgement.

    writing: held during each write.
    """

    async def write_ours() -> list[Refused]:
        """What came before a rebalance is read again, here or elsewhere, as it was not acknowledged.

        Written after the new owner's points it would replace newer ones.
        """
        generation = app.consumer_generation_id

        def ours() -> bool:
            still = not app.rebalancing and not app.should_stop
            return still and bool(app.consumer_generation_id == generation)

        async with writing:
            group[:] = [event for event in group if ours() and event.message.generation_id == generation]
            try:
                return await write([value for event in group for value in event.value.values], ours)
            except NotOurs:
                log.info("partitions went in the midst of a write, the rest is written by their new owner")
                group.clear()
                return []

    refused = await until_available(write_ours)
    reach("sink-written")
    sent = [await _reject(app, settings, group, line, message) for line, message in refused]
    if sent:
        await asyncio.gather(*sent)
        metrics.STORE_REFUSED.labels(kind).inc(len(sent))
        metrics.REJECTS.labels("refused-by-store").inc(len(sent))
        log.warning("refused by the sink", topic=settings.topic(kind), count=len(sent))
    for event in group:
        metrics.STORED.labels(kind).inc(len(event.value))
        event.ack()


async def until_written(writing: asyncio.Lock) -> None:
    """Before partitions go: the request under way ends, and no other follows it."""
    try:
        async with asyncio.timeout(LONGEST_REQUEST), writing:
            pass
    except TimeoutError:
        log.error("a write does not end, the partitions go all the same", seconds=LONGEST_REQUEST)


async def _reject(app: Any, settings: Settings, group: list[Any], line: bytes, message: str) -> Any:
    """Send a refused line to the rejects, with the place of the record that held it."""
    found = (
        (event.value.tp, offset)
        for event in group
        for offset, value in zip(event.value.offsets, event.value.values, strict=True)
        if line in value
    )
    tp, offset = next(found, (group[-1].value.tp, group[-1].value.last))
    position = {"topic": tp.topic, "partition": tp.partition, "offset": int(offset)}
    body = reject_body(Reject("refused-by-store", message, int(offset), line), position)
    return await app.producer.send(settings.topic("rejects"), None, body, tp.partition, None, None)


def attach(app: Any, settings: Settings) -> None:
    """Give the app its store agents."""
    if settings.sink == "none":
        return
    lines.warm_up()
    sink = open_sink(settings)
    names = {kind: settings.topic(kind) for kind in ("results", "alerts")}
    app.batch_topics |= set(names.values())
    topics = {
        kind: app.topic(name, value_serializer="raw", key_serializer="raw", partitions=settings.partitions)
        for kind, name in names.items()
    }

    writing = asyncio.Lock()
    gatherings = {
        "results": Gathering(partial(settle, app, settings, writing, "results", sink.write_results)),
        "alerts": Gathering(partial(settle, app, settings, writing, "alerts", sink.write_alerts)),
    }
    app.before_revoke.append(partial(until_written, writing))

    @app.agent(topics["results"], name="store-results")
    async def results(stream: Any) -> None:
        async for event in stream.noack().events():
            await gatherings["results"].take(event)

    @app.agent(topics["alerts"], name="store-alerts")
    async def alerts(stream: Any) -> None:
        async for event in stream.noack().events():
            await gatherings["alerts"].take(event)

    @app.task
    async def write() -> None:
        try:
            await asyncio.gather(*(gathering.serve() for gathering in gatherings.values()))
        except Exception as error:
            await app.crash(error)
            raise

    @app.task
    async def close() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await sink.close()
