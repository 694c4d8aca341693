"""Records into the embedded log with their own receipt times: flat out, then at a pace."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Final

from streams.ingest.clock import TICK, TICK_MILLISECONDS, Stamped, ticks_between
from streams.ingest.sources import Line
from streams.input import rows
from streams.transports.log.store import Log
from streams.ward import Arrival

TRANSACTION: Final = 2000
PACE_SECONDS: Final = 0.25  # paced records of so long are appended together
CATCH_UP_SECONDS: Final = 0.2


def stamped(arrivals: Iterable[Arrival], every: int = TICK_MILLISECONDS, since: int = 0) -> Iterator[Stamped]:
    """The ward's arrivals with the ticks between, every so many ms, from `since` on (0 = the first)."""
    now = since
    for number, arrival in enumerate(arrivals, 1):
        if now:
            for tick in ticks_between(now, arrival.received_at, every):
                yield Stamped(tick, TICK, None)
        now = arrival.received_at
        yield Stamped(now, arrival.value, Line(arrival.value, "ward", number))


class Feeder:
    """Appends to one input topic; `stop` ends it between two transactions."""

    def __init__(self, log: Log, topic: str, group: str, stop: asyncio.Event) -> None:
        self._log, self._topic, self._group, self._stop = log, topic, group, stop
        self._partitions = log.topic(topic)[1]
        self._ends: dict[int, int] = {}
        self.readings = 0

    def _append(self, records: list[Stamped]) -> None:
        appended = self._log.append(list(rows(records, self._topic, self._partitions, as_recorded=True)))
        for partition, offset in appended:
            self._ends[partition] = max(offset, self._ends.get(partition, -1))
        self.readings += sum(record.line is not None for record in records)

    async def pour(self, records: Iterable[Stamped]) -> None:
        """Append everything as fast as it goes."""
        iterator = iter(records)
        while not self._stop.is_set():
            chunk = await asyncio.to_thread(lambda: list(itertools.islice(iterator, TRANSACTION)))
            if not chunk:
                return
            await asyncio.to_thread(self._append, chunk)

    async def pace(self, records: Iterable[Stamped], speed: float) -> None:
        """Append records when their time comes, recorded time passing `speed` times as fast as ours."""
        begin: tuple[float, int] | None = None
        due: list[Stamped] = []
        for record in records:
            begin = begin or (time.monotonic(), record.received)
            ahead = begin[0] + (record.received - begin[1]) / 1000 / speed - time.monotonic()
            if ahead > 0 or len(due) >= TRANSACTION:
                if due:
                    await asyncio.to_thread(self._append, due)
                    due = []
                if await self._stopped(max(ahead, PACE_SECONDS if ahead > 0 else 0.0)):
                    return
            due.append(record)
        await asyncio.to_thread(self._append, due)

    async def caught_up(self) -> None:
        """Wait until the worker has committed everything appended so far, or the demo ends."""
        while not await self._stopped(CATCH_UP_SECONDS):
            done = await asyncio.to_thread(self._log.committed, self._group)
            if all(done.get((self._topic, p), 0) > end for p, end in self._ends.items()):
                return

    async def _stopped(self, seconds: float) -> bool:
        """Wait; whether the end came meanwhile."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return self._stop.is_set()
        return True
