"""The embedded sink: results and alerts in one SQLite file, for the page and `vigie alert`."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Final

from streams.crash_points import reach
from streams.sinks import NotOurs, Ours, Refused, SinkUnavailable, always, lines, transitions

SCHEMA: Final = """
create table if not exists series(id integer primary key, measurement text, patient text, vital text,
    window text, name text unique);
create table if not exists points(series integer, time_ns integer, revision integer, fields text,
    primary key(series, time_ns)) without rowid;
create table if not exists transitions(alert_id text, sequence integer, patient text, body text,
    primary key(alert_id, sequence)) without rowid;
create table if not exists alerts(alert_id text primary key, sequence integer, patient text, status text,
    severity text, kind text, vital text, opened_at text, body text) without rowid;
create index if not exists alerts_by_status on alerts(status);
create index if not exists alerts_by_patient on alerts(patient, opened_at);
"""
POINTS: Final = (
    "insert into points values {} on conflict do update set fields=excluded.fields, "
    "revision=excluded.revision where excluded.revision >= revision"
)
SERIES: Final = "insert or ignore into series(measurement, patient, vital, window, name) values(?,?,?,?,?)"
TRANSITIONS: Final = "insert or ignore into transitions values(?,?,?,?)"
ALERTS: Final = (
    "insert into alerts values(?,?,?,?,?,?,?,?,?) on conflict do update set sequence=excluded.sequence, "
    "status=excluded.status, severity=excluded.severity, body=excluded.body "
    "where excluded.sequence > sequence"
)
CHECKPOINT_PAGES: Final = 10_000  # 40 MB of log: a page that changes each second is copied once
CACHE_KIBIBYTES: Final = 65_536  # the hot ends of some ten thousand series
# Rows of one statement. Python lets go of its lock for each statement: with 1 row of it each, another busy
# thread (the watch agent's) made 156,000 rows take 51 s instead of 1.6.
BULK: Final = 512
_place = itemgetter(0, 1)
Statement = tuple[str, Sequence[tuple[object, ...]]]


class SQLiteSink:
    """Writes on a thread; a full disk or a locked file is SinkUnavailable, a torn file a crash."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute(f"pragma wal_autocheckpoint={CHECKPOINT_PAGES}")
        self._db.execute("pragma synchronous=full")  # what is confirmed outlives a power cut: its offset does
        self._db.execute(f"pragma cache_size=-{CACHE_KIBIBYTES}")
        self._db.executescript(SCHEMA)
        self._ids: dict[str, int] = {}
        self._lock = asyncio.Lock()
        self._ours: Ours = always  # of the write under way

    async def write_results(self, frames: list[bytes], ours: Ours = always) -> list[Refused]:
        """Upsert the points of the frames; an older revision never replaces a newer one."""
        return await self._run(self._write_results, frames, ours)

    async def write_alerts(self, bodies: list[bytes], ours: Ours = always) -> list[Refused]:
        """Keep every transition, and the newest of each alert."""
        return await self._run(self._write_alerts, bodies, ours)

    async def close(self) -> None:
        """Close the file, after the write under way."""
        async with self._lock:
            self._db.close()

    async def _run(
        self, write: Callable[[list[bytes]], list[Refused]], values: list[bytes], ours: Ours
    ) -> list[Refused]:
        async with self._lock:
            self._ours = ours
            try:
                return await asyncio.to_thread(write, values)
            except sqlite3.OperationalError as error:
                raise SinkUnavailable(f"SQLite: {error}") from error

    def _write_results(self, frames: list[bytes]) -> list[Refused]:
        found = lines.read(frames)
        told, ids = found.rows, self._ids
        if not all(series in ids for series, _, _, _ in told):
            self._number({series for series, _, _, _ in told})
        rows = [(ids[series], at, revision, fields) for series, at, revision, fields in told]
        # In the order of the tree: neighbours share pages, which makes the upsert twice as fast. The sort
        # is stable, so that of two lines of one key and revision the later still wins.
        rows.sort(key=_place)
        self._commit(list(_bulks(rows)))
        return found.refused

    def _number(self, names: set[str]) -> None:
        """Give each series its number."""
        fresh = sorted(names - self._ids.keys())
        if fresh:
            self._commit([(SERIES, [(*lines.tags_of(name), name) for name in fresh])])
            self._ids.update(self._db.execute("select name, id from series"))

    def _write_alerts(self, bodies: list[bytes]) -> list[Refused]:
        known, refused = transitions.read(bodies)
        texts = [(t, body.decode()) for t, body in known]
        self._commit(
            [
                (TRANSITIONS, [(t.alert_id, t.sequence, t.patient, text) for t, text in texts]),
                (
                    ALERTS,
                    [
                        (t.alert_id, t.sequence, t.patient, *_state(t), text)  # in the order of the columns
                        for t, text in texts
                    ],
                ),
            ]
        )
        return refused

    def _commit(self, statements: list[Statement]) -> None:
        """All statements in one transaction. Raises NotOurs."""
        if not self._ours():
            raise NotOurs
        self._db.execute("begin immediate")
        try:
            for statement, rows in statements:
                self._db.executemany(statement, rows)
                reach("sink-writing")
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled back already
                self._db.execute("rollback")
            raise
        self._db.execute("commit")


def _bulks(rows: Sequence[tuple[object, ...]]) -> Iterator[Statement]:
    """The rows as statements of 512, 256 … 1 of them: few texts, which SQLite compiles once."""
    begin = 0
    while left := len(rows) - begin:
        size = min(BULK, 1 << left.bit_length() - 1)
        values = tuple(chain.from_iterable(rows[begin : begin + size]))
        yield POINTS.format(",".join(["(?,?,?,?)"] * size)), [values]
        begin += size


def _state(t: transitions.Transition) -> tuple[str, str, str, str, str]:
    return t.status, t.severity, t.kind, t.vital, t.opened_at
