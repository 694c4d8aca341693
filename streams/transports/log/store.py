"""A log in one SQLite file: topics, partitions, offsets, retention and compaction.

WAL, and an fsync at each commit unless `sync=normal`. Any process may append; one consumes. Usable
without Faust.
"""

import functools
import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.partitioner import murmur2

FILE = "log.db"
DAY_MILLISECONDS = 86_400_000
DELETE_AT_ONCE = 2000  # records a cleaning transaction removes, so that appends get their turn
SCHEMA = """
create table if not exists topics(id integer primary key, name text unique, partitions int,
    retention_ms int, retention_bytes int, compact int);
create table if not exists parts(topic int, partition int, next int, cleaned int,
    primary key(topic, partition)) without rowid;
create table if not exists records(topic int, partition int, offset int, timestamp int, key blob,
    value blob, headers text, primary key(topic, partition, offset)) without rowid;
create table if not exists offsets(grp text, topic text, partition int, offset int,
    primary key(grp, topic, partition)) without rowid;
"""
_hash = functools.lru_cache(1 << 17)(murmur2)
Place = tuple[str, int]  # topic and partition
Row = tuple[str, int | None, bytes | None, bytes | None, int | None, Any]
"""(topic, partition or None, key, value, timestamp in ms or None = now, headers)."""


class Record(NamedTuple):
    """A record as read. `timestamp` in ms; `headers` is JSON or None."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: str | None


_record = functools.partial(tuple.__new__, Record)  # from a row, without a Python call per record


class Log:
    """The store at a folder. Writes are serialised on one connection, reads use another."""

    def __init__(self, path: str | Path, sync: str = "full", partitions: int = 4) -> None:
        if sync not in ("full", "normal"):
            raise ValueError(f"sync={sync}: choose full or normal")
        self.path, self.sync, self.default_partitions = Path(path), sync, partitions
        self.path.mkdir(parents=True, exist_ok=True)
        self._write, self._read = self._connect(), self._connect()
        self._mutex = threading.Lock()
        self._ids: dict[str, tuple[int, int]] = {}
        self._ends: dict[Place, int] = {}
        self._version: int | None = None

    def _connect(self) -> sqlite3.Connection:
        c = sqlite3.connect(self.path / FILE, timeout=30, isolation_level=None, check_same_thread=False)
        c.execute("pragma journal_mode=wal")
        c.execute(f"pragma synchronous={self.sync}")
        c.executescript(SCHEMA)
        return c

    def close(self) -> None:
        """Close the file."""
        self._write.close()
        self._read.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._mutex:
            self._write.execute("begin immediate")
            try:
                yield self._write
            except BaseException:
                if self._write.in_transaction:  # a full disk has rolled back already
                    self._write.execute("rollback")
                raise
            self._write.execute("commit")

    def topic(
        self,
        name: str,
        partitions: int | None = None,
        retention_ms: int | None = None,
        retention_bytes: int | None = None,
        compact: bool = False,
    ) -> tuple[int, int]:
        """(id, partitions) of a topic, which is made when it is missing."""
        if name not in self._ids:
            query = "select id, partitions from topics where name=?"
            with self._transaction() as c:
                c.execute(
                    "insert or ignore into topics(name, partitions, retention_ms, retention_bytes, compact) "
                    "values(?,?,?,?,?)",
                    (name, partitions or self.default_partitions, retention_ms, retention_bytes, compact),
                )
                number, count = c.execute(query, (name,)).fetchone()
                rows = [(number, p) for p in range(count)]
                c.executemany("insert or ignore into parts values(?,?,0,0)", rows)
            self._ids[name] = number, count
        return self._ids[name]

    def partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int:
        """The partition of a key as Kafka's default partitioner has it (murmur2), or the one asked for.

        Raises ValueError when there is no such partition.
        """
        count = self.topic(topic)[1]
        if partition is None:
            return random.randrange(count) if key is None else (_hash(key) & 0x7FFFFFFF) % count
        if not 0 <= partition < count:
            raise ValueError(f"{topic} has {count} partitions, none is number {partition}")
        return partition

    def append(self, rows: Sequence[Row]) -> list[tuple[int, int]]:
        """Append rows in one transaction; returns (partition, offset) of each, durable."""
        now = int(time.time() * 1000)
        placed = [
            (self.topic(topic)[0], self.partition(topic, key, p), key, value, at, headers)
            for topic, p, key, value, at, headers in rows
        ]
        ends: dict[tuple[int, int], int] = {}
        out, done = [], []
        with self._transaction() as c:
            for number, p, key, value, at, headers in placed:
                if (number, p) not in ends:
                    query = "select next from parts where topic=? and partition=?"
                    ends[number, p] = c.execute(query, (number, p)).fetchone()[0]
                offset = ends[number, p]
                ends[number, p] = offset + 1
                text = json.dumps([(k, v.decode("latin1")) for k, v in headers]) if headers else None
                out.append((number, p, offset, now if at is None else at, key, value, text))
                done.append((p, offset))
            c.executemany("insert into records values(?,?,?,?,?,?,?)", out)
            rows_ = [(end, number, p) for (number, p), end in ends.items()]
            c.executemany("update parts set next=? where topic=? and partition=?", rows_)
        return done

    def refresh(self) -> dict[Place, int]:
        """The end offset of every partition; a cheap look when nobody wrote."""
        version = self._read.execute("pragma data_version").fetchone()[0]
        if version != self._version:
            query = "select name, partition, next from parts join topics on id=topic"
            self._ends = {(name, p): end for name, p, end in self._read.execute(query)}
            self._version = version
        return self._ends

    def read(self, place: Place, offset: int, limit: int) -> list[Record]:
        """Up to `limit` records from `offset` on."""
        rows = self._read.execute(
            "select ?, partition, offset, timestamp, key, value, headers from records where topic=? "
            "and partition=? and offset>=? order by offset limit ?",
            (place[0], self.topic(place[0])[0], place[1], offset, limit),
        )
        return list(map(_record, rows.fetchall()))

    def earliest(self, place: Place) -> int:
        """The first offset that is still kept."""
        query = "select min(offset) from records where topic=? and partition=?"
        found = self._read.execute(query, (self.topic(place[0])[0], place[1])).fetchone()[0]
        return self.refresh()[place[0], place[1]] if found is None else int(found)

    def committed(self, group: str) -> dict[Place, int]:
        """The offsets a group has committed."""
        rows = self._read.execute("select topic, partition, offset from offsets where grp=?", (group,))
        return {(topic, p): offset for topic, p, offset in rows}

    def commit(self, group: str, offsets: Mapping[Any, int]) -> None:
        """Commit offsets by (topic, partition)."""
        rows = [(group, place[0], place[1], offset) for place, offset in offsets.items()]
        with self._transaction() as c:
            c.executemany("insert or replace into offsets values(?,?,?,?)", rows)

    # -- retention and compaction

    def garbage(self, keep: Mapping[Place, int], dirty: int) -> Iterator[tuple[int, int, list[int], int]]:
        """(topic id, partition, offsets, end) that retention and compaction remove.

        Nothing from `keep[place]` on goes. On a connection of its own: appends are not delayed.
        """
        now = int(time.time() * 1000)
        with closing(self._connect()) as c:
            tables = c.execute(
                "select name, topic, partition, next, cleaned, retention_ms, retention_bytes, compact "
                "from parts join topics on id=topic where compact or retention_ms or retention_bytes"
            ).fetchall()
            for name, number, p, end, cleaned, ms, size, compact in tables:
                head = self._head(c, (number, p), end, ms, size, now)
                # a compacted topic keeps its last record: the recovery of a table waits for that offset
                head = min(head, keep.get((name, p), end), end - 1 if compact else end)
                drop: list[int] = []
                if head > 0:
                    query = "select offset from records where topic=? and partition=? and offset<?"
                    drop += [row[0] for row in c.execute(query, (number, p, head))]
                if compact and end - cleaned >= dirty:
                    query = (
                        "select offset from (select offset, timestamp, value, lead(offset) over "
                        "(partition by key order by offset) as newer from records "
                        "where topic=? and partition=?) where offset<? "
                        "and (newer is not null or value is null and timestamp<?)"
                    )
                    drop += [row[0] for row in c.execute(query, (number, p, end - 1, now - DAY_MILLISECONDS))]
                if drop:
                    yield number, p, drop, end

    @staticmethod
    def _head(
        c: sqlite3.Connection, at: tuple[int, int], end: int, ms: int | None, size: int | None, now: int
    ) -> int:
        """The first offset that retention by age and by (approximate) size keeps."""
        head = 0
        if ms:
            query = (
                "select offset from records where topic=? and partition=? and timestamp>=? "
                "order by offset limit 1"
            )
            found = c.execute(query, (*at, now - ms)).fetchone()
            head = found[0] if found else end
        if size:
            query = (
                "select avg(length(value) + ifnull(length(key), 0) + 16) from (select key, value "
                "from records where topic=? and partition=? order by offset desc limit 1000)"
            )
            mean = c.execute(query, at).fetchone()[0]
            head = max(head, end - int(size / mean)) if mean else head
        return head

    def clean(self, keep: Mapping[Place, int], dirty: int = 1000) -> None:
        """Apply retention and compaction in short transactions."""
        for number, p, offsets, end in list(self.garbage(keep, dirty)):
            for i in range(0, len(offsets), DELETE_AT_ONCE):
                rows = [(number, p, offset) for offset in offsets[i : i + DELETE_AT_ONCE]]
                with self._transaction() as c:
                    c.executemany("delete from records where topic=? and partition=? and offset=?", rows)
                    c.execute("update parts set cleaned=? where topic=? and partition=?", (end, number, p))
