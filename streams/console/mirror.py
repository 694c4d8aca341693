"""Results and alerts of a deployment in a SQLite file of the console's own, within a second.

No consumer group: every console has all partitions, and takes none from a worker that stores into InfluxDB.
The places stand in the file beside what was read up to there; what a kill repeats changes nothing.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from streams.console.keeping import forget
from streams.following import Piece, Progress, Source, read_on
from streams.settings import Settings
from streams.sinks import Refused, lines
from streams.sinks.sqlite import SQLiteSink
from streams.transports import LogUnusable
from streams.transports.records import Place

LOOK_SECONDS: Final = 0.5
FORGET_SECONDS: Final = 3600.0
PLACES: Final = (
    "create table if not exists places(topic text, partition integer, next integer, "
    "primary key(topic, partition)) without rowid"
)
Write = Callable[[list[bytes]], Awaitable[list[Refused]]]


class Mirror:
    """The file and how far it is. `forgets`: whether what is old goes, by this machine's clock."""

    def __init__(self, settings: Settings, path: Path, forgets: bool) -> None:
        lines.warm_up()
        self._alerts, self._results = settings.topic("alerts"), settings.topic("results")
        self._sink = SQLiteSink(path)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute(PLACES)
        self._at: dict[Place, int] = {
            (topic, partition): at for topic, partition, at in self._db.execute("select * from places")
        }
        self._forgets, self._forget_at = forgets, 0.0
        self._forgetting: Iterator[None] = iter(())
        self._complete: float | None = None
        self._until: int | None = None

    async def close(self) -> None:
        """Let the file go."""
        await self._sink.close()
        self._db.close()

    def progress(self) -> Progress:
        """How far the file is by now."""
        behind = None if self._complete is None else time.monotonic() - self._complete
        return Progress(behind, self._until)

    async def look(self, source: Source) -> bool:
        """Take up what is new, alerts first; whether there is more. Raises LogUnusable, SinkUnavailable."""
        alerts = await self._take(source, self._alerts, self._sink.write_alerts)
        if not alerts.more:
            self._complete = time.monotonic()
        results = await self._take(source, self._results, self._sink.write_results)
        reached = [found[-1].timestamp for _, found in results.batches if found]
        self._until = min(reached) if results.more and reached else None
        more = alerts.more or results.more
        if self._forgets and not more:
            await asyncio.to_thread(self._forget_some)
        return more

    async def _take(self, source: Source, topic: str, write: Write) -> Piece:
        piece = await asyncio.to_thread(read_on, source, topic, self._at)
        if not any(place[0] == topic for place in piece.at):
            raise LogUnusable(f"there is no topic {topic}; make it with `vigie topics create`")
        if piece.batches:
            # what is refused here is refused by every store, and in the rejects
            await write([record.value for _, found in piece.batches for record in found if record.value])
            await asyncio.to_thread(self._keep, piece.at)
        self._at = piece.at
        return piece

    def _forget_some(self) -> None:
        """A slice of it with each look, so that no alert waits for long."""
        if next(self._forgetting, self) is self and time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_SECONDS
            self._forgetting = forget(self._db, time.time_ns())

    def _keep(self, at: dict[Place, int]) -> None:
        rows = [(*place, offset) for place, offset in at.items()]
        self._db.execute("begin immediate")
        self._db.executemany("insert or replace into places values(?,?,?)", rows)
        self._db.execute("commit")
