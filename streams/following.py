"""Topics read on and on, in no consumer group: the reader keeps the places, and shares none with workers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import structlog

from streams.input import open_log
from streams.settings import Settings
from streams.sinks import SinkUnavailable
from streams.transports import LogUnusable
from streams.transports.records import Place, Record

AT_ONCE: Final = 2000  # records of a partition read together
AWAY_SECONDS: Final = 3.0  # until the next try
log = structlog.get_logger(__name__)
Source = Any
"""A streams.transports.log.store.Log, or the KafkaLog of a cluster."""


class Progress(NamedTuple):
    """How far a copy of a log is.

    behind: seconds since it had every alert, None: it never had; until: received time in ms up to which it
    has results, None: it has all.
    """

    behind: float | None = 0.0
    until: int | None = None


class Piece(NamedTuple):
    """The next records of some topics by partition; where to go on; whether there is more already."""

    batches: list[tuple[int, list[Record]]]
    at: dict[Place, int]
    more: bool


def read_on(source: Source, topic: str, at: Mapping[Place, int]) -> Piece:
    """The next records of each partition of a topic, from its beginning where no place is known.

    Raises LogUnusable.
    """
    ends, batches, then = source.ends(topic), [], dict(at)
    for place, end in sorted(ends.items()):
        begin = at.get(place, 0)
        if begin > end:  # another topic of that name
            begin = 0
        if begin < end:
            found = source.read(place, begin, AT_ONCE)
            begin = found[-1].offset + 1 if found else end  # the rest was compacted away
            batches.append((place[1], found))
        then[place] = begin
    return Piece(batches, then, any(then[place] < end for place, end in ends.items()))


async def keep_looking(settings: Settings, look: Callable[[Source], Awaitable[bool]], every: float) -> None:
    """Look at the settings' log for ever: at once when a look says that there is more, else every so often.

    A log or a disk that is away is told and tried again.
    """
    while True:
        try:
            source = await asyncio.to_thread(open_log, settings)
            try:
                while True:
                    if not await look(source):
                        await asyncio.sleep(every)
            finally:
                await asyncio.to_thread(source.close)
        except (LogUnusable, SinkUnavailable) as error:
            log.warning("cannot follow the log", detail=str(error), wait_seconds=AWAY_SECONDS)
            await asyncio.sleep(AWAY_SECONDS)
