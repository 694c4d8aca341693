"""A log in one SQLite file: topics, partitions, offsets, retention and compaction.

WAL, and an fsync at each commit unless `sync=normal`. Any process may append; one consumes. What one
transaction appends to a partition is kept as segments, a row for up to a thousand records in columns;
in a compacted topic each record is a segment of its own. Usable without Faust.
"""

import itertools
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from streams.transports import LogUnusable
from streams.transports.log.file import FILE, connect
from streams.transports.log.segments import Columns, pack, segments, unpack
from streams.transports.records import Place, Record, Row, partition_of

READ_BYTES = 4 << 20  # a read stops after so much, whatever its limit of records
SEGMENTS = "select first, count, body from segments where topic=? and partition=?"


class Log:
    """The store at a folder. Writes are serialised on one connection, reads use another."""

    def __init__(self, path: str | Path, sync: str = "full", partitions: int = 4) -> None:
        if sync not in ("full", "normal"):
            raise ValueError(f"sync={sync}: choose full or normal")
        self.path, self.sync, self.default_partitions = Path(path), sync, partitions
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LogUnusable(
                f"{self.path} cannot be made: {error.strerror}; name another folder, or mend its rights"
            ) from error
        self._write, self._read = self.connect(), self.connect()
        self._mutex = threading.Lock()
        self._ids: dict[str, tuple[int, int]] = {}
        self._compact: set[int] = set()  # ids of compacted topics
        self._ends: dict[Place, int] = {}
        self._version: int | None = None

    def connect(self) -> sqlite3.Connection:
        """A connection of its own. Raises LogUnusable when the file is no log, or of another format."""
        return connect(self.path, self.sync)

    def close(self) -> None:
        """Close the file."""
        self._write.close()
        self._read.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything in the block durable at its end, or nothing. Raises LogUnusable when it cannot be."""
        with self._mutex:
            try:
                self._write.execute("begin immediate")
                yield self._write
                self._write.execute("commit")
            except BaseException as error:
                if self._write.in_transaction:  # a full disk has rolled back already
                    self._write.execute("rollback")
                if not isinstance(error, sqlite3.Error):
                    raise
                raise LogUnusable(
                    f"{self.path / FILE} cannot be written: {error}; nothing of this append is kept, "
                    "all before is; make room and start again"
                ) from error

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
            query = "select id, partitions, compact from topics where name=?"
            with self.transaction() as c:
                c.execute(
                    "insert or ignore into topics(name, partitions, retention_ms, retention_bytes, compact) "
                    "values(?,?,?,?,?)",
                    (name, partitions or self.default_partitions, retention_ms, retention_bytes, compact),
                )
                number, count, compact = c.execute(query, (name,)).fetchone()
                rows = [(number, p) for p in range(count)]
                c.executemany("insert or ignore into parts values(?,?,0,0)", rows)
            self._ids[name] = number, count
            if compact:
                self._compact.add(number)
        return self._ids[name]

    def partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int:
        """The partition of a key as Kafka's default partitioner has it (murmur2), or the one asked for.

        Raises ValueError when there is no such partition.
        """
        count = self.topic(topic)[1]
        if partition is None:
            return partition_of(key, count)
        if not 0 <= partition < count:
            raise ValueError(f"{topic} has {count} partitions, none is number {partition}")
        return partition

    def append(self, rows: Sequence[Row]) -> list[tuple[int, int]]:
        """Append rows in one transaction; returns (partition, offset) of each, durable."""
        now = int(time.time() * 1000)
        places: dict[tuple[int, int], Columns] = {}
        order = []
        for topic, asked, key, value, at, headers in rows:
            place = self.topic(topic)[0], self.partition(topic, key, asked)
            columns = places.get(place)
            if columns is None:
                columns = places[place] = Columns()
            order.append((place, len(columns.values)))
            columns.timestamps.append(now if at is None else at)
            columns.keys.append(key)
            columns.values.append(value)
            columns.headers.append(
                json.dumps([(k, v.decode("latin1")) for k, v in headers]) if headers else None
            )
        with self.transaction() as c:
            ends = {place: self._append(c, place, columns) for place, columns in places.items()}
        return [(place[1], ends[place] - len(places[place].values) + i) for place, i in order]

    def _append(self, c: sqlite3.Connection, place: tuple[int, int], columns: Columns) -> int:
        """Write the segments of one partition; returns its new end."""
        query = "select next from parts where topic=? and partition=?"
        first, compact = c.execute(query, place).fetchone()[0], place[0] in self._compact
        c.executemany(
            "insert into segments values(?,?,?,?,?,?,?,?)",
            (
                (
                    *place,
                    first + begin,
                    len(part.values),
                    max(part.timestamps),
                    part.keys[0] if compact else None,
                    compact and part.values[0] is None,
                    pack(part),
                )
                for begin, part in segments(columns, compact)
            ),
        )
        end = int(first) + len(columns.values)
        c.execute("update parts set next=? where topic=? and partition=?", (end, *place))
        return end

    def refresh(self) -> dict[Place, int]:
        """The end offset of every partition; a cheap look when nobody wrote."""
        version = self._read.execute("pragma data_version").fetchone()[0]
        if version != self._version:
            query = "select name, partition, next from parts join topics on id=topic"
            self._ends = {(name, p): end for name, p, end in self._read.execute(query)}
            self._version = version
        return self._ends

    def ends(self, *topics: str) -> dict[Place, int]:
        """The end offset of every partition of some topics; a topic that is missing has none."""
        return {place: end for place, end in self.refresh().items() if place[0] in topics}

    def columns(self, place: Place, offset: int, limit: int) -> tuple[list[int], Columns]:
        """(offsets, columns) of the records from `offset` on: whole segments until `limit` is reached."""
        where = self.topic(place[0])[0], place[1]
        query = "select max(first) from segments where topic=? and partition=? and first<=?"
        begin = self._read.execute(query, (*where, offset)).fetchone()[0] or 0
        query = f"{SEGMENTS} and first>=? order by first"
        offsets: list[int] = []
        found, size = Columns(), 0
        with closing(self._read.execute(query, (*where, begin))) as rows:
            for first, count, body in rows:
                if first + count > offset:
                    skip = max(offset - first, 0)
                    found.extend(unpack(body), skip)
                    offsets += range(first + skip, first + count)
                    size += len(body)
                if len(offsets) >= limit or size >= READ_BYTES:
                    break
        return offsets, found

    def read(self, place: Place, offset: int, limit: int) -> list[Record]:
        """At least `limit` records from `offset` on, as far as there are any and READ_BYTES allows."""
        offsets, c = self.columns(place, offset, limit)
        same = itertools.repeat(place[0]), itertools.repeat(place[1])
        return list(map(Record, *same, offsets, c.timestamps, c.keys, c.values, c.headers))

    def from_time(self, place: Place, milliseconds: int) -> int | None:
        """The offset of the first record received at a time or later; None when there is none."""
        query = (
            "select first, body from segments where topic=? and partition=? and timestamp>=? order by first"
        )
        where = self.topic(place[0])[0], place[1]
        found = self._read.execute(f"{query} limit 1", (*where, milliseconds)).fetchone()
        if found is None:
            return None
        times = unpack(found[1]).timestamps
        return int(found[0]) + next(i for i, time in enumerate(times) if time >= milliseconds)

    def earliest(self, place: Place) -> int:
        """The first offset that is still kept."""
        query = "select min(first) from segments where topic=? and partition=?"
        found = self._read.execute(query, (self.topic(place[0])[0], place[1])).fetchone()[0]
        return self.refresh()[place[0], place[1]] if found is None else int(found)

    def committed(self, group: str) -> dict[Place, int]:
        """The offsets a group has committed."""
        rows = self._read.execute("select topic, partition, offset from offsets where grp=?", (group,))
        return {(topic, p): offset for topic, p, offset in rows}

    def commit(self, group: str, offsets: Mapping[Any, int]) -> None:
        """Commit offsets by (topic, partition)."""
        rows = [(group, place[0], place[1], offset) for place, offset in offsets.items()]
        with self.transaction() as c:
            c.executemany("insert or replace into offsets values(?,?,?,?)", rows)
