"""What a log lets go of: retention by age and size, and compaction to the newest record of each key."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Final

from streams.transports.log.store import Log
from streams.transports.records import Place

DAY_MILLISECONDS: Final = 86_400_000
DELETE_AT_ONCE: Final = 2000  # segments a cleaning transaction removes, so that appends get their turn
DECLARED: Final = """select name, topic, partition, next, cleaned, retention_ms, retention_bytes, compact
    from parts join topics on id=topic where compact or retention_ms or retention_bytes"""
WHOLE_BEFORE: Final = "select first from segments where topic=? and partition=? and first+count<=?"
# A removed key is kept for a day, so that a reader who lags behind learns of it.
SUPERSEDED: Final = """select first from (select first, timestamp, empty, lead(first) over
    (partition by key order by first) as newer from segments where topic=? and partition=?)
    where first<? and (newer is not null or empty and timestamp<?)"""
YOUNG: Final = (
    "select first from segments where topic=? and partition=? and timestamp>=? order by first limit 1"
)
MEAN_BYTES: Final = """select 1.0 * sum(length(body)) / sum(count) from (select count, body from segments
    where topic=? and partition=? order by first desc limit 100)"""
DELETE: Final = "delete from segments where topic=? and partition=? and first=?"


def clean(log: Log, keep: Mapping[Place, int], dirty: int = 1000) -> None:
    """Apply retention and compaction in short transactions. Nothing from `keep[place]` on goes.

    A topic is compacted once `dirty` records are new since the last time.
    """
    for number, p, firsts, end in list(garbage(log, keep, dirty)):
        for i in range(0, len(firsts), DELETE_AT_ONCE):
            with log.transaction() as c:
                c.executemany(DELETE, [(number, p, first) for first in firsts[i : i + DELETE_AT_ONCE]])
                c.execute("update parts set cleaned=? where topic=? and partition=?", (end, number, p))


def garbage(log: Log, keep: Mapping[Place, int], dirty: int) -> Iterator[tuple[int, int, list[int], int]]:
    """(topic id, partition, segments by their first offset, end) of what may go; a segment goes as a whole.

    Looks on a connection of its own: appends are not delayed.
    """
    now = int(time.time() * 1000)
    with closing(log.connect()) as c:
        for name, number, p, end, cleaned, ms, size, compact in c.execute(DECLARED).fetchall():
            head = _head(c, (number, p), end, ms, size, now)
            # a compacted topic keeps its last record: the recovery of a table waits for that offset
            head = min(head, keep.get((name, p), end), end - 1 if compact else end)
            drop: list[int] = []
            if head > 0:
                drop += [row[0] for row in c.execute(WHOLE_BEFORE, (number, p, head))]
            if compact and end - cleaned >= dirty:
                drop += [
                    row[0] for row in c.execute(SUPERSEDED, (number, p, end - 1, now - DAY_MILLISECONDS))
                ]
            if drop:
                yield number, p, drop, end


def _head(
    c: sqlite3.Connection, at: tuple[int, int], end: int, ms: int | None, size: int | None, now: int
) -> int:
    """The first offset that retention by age and by (approximate) size keeps."""
    head = 0
    if ms:
        found = c.execute(YOUNG, (*at, now - ms)).fetchone()
        head = found[0] if found else end
    if size:
        mean = c.execute(MEAN_BYTES, at).fetchone()[0]
        head = max(head, end - int(size / mean)) if mean else head
    return head
