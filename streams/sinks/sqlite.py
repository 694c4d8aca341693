"""The embedded sink: results and alerts in one SQLite file, for the page and `vigie alert`."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from streams.sinks import Refused, SinkUnavailable

SCHEMA = """
create table if not exists points(measurement text, patient text, vital text, window text, time_ns integer,
    revision integer, fields text, primary key(measurement, patient, vital, window, time_ns)) without rowid;
create table if not exists transitions(alert_id text, sequence integer, patient text, body text,
    primary key(alert_id, sequence)) without rowid;
create table if not exists alerts(alert_id text primary key, sequence integer, patient text, status text,
    severity text, kind text, vital text, opened_at text, body text) without rowid;
"""


class Body(msgspec.Struct):
    """What is indexed of a transition."""

    alert_id: str
    sequence: int
    patient: str
    status: str
    severity: str
    kind: str
    vital: str
    opened_at: str


def points(frame: bytes) -> Iterator[tuple[str, str, str, str, int, int, str]]:
    """Rows of `points` from a frame of Vigie's own line protocol (no escapes, tags in a fixed order).

    Raises ValueError for a line of another form.
    """
    for line in frame.decode().splitlines():
        key, fields, time = line.split(" ")
        measurement, patient, vital, *window = key.split(",")
        revision = fields.partition("revision=")[2].partition("i")[0]
        yield (
            measurement,
            patient[8:],
            vital[6:],
            window[0][7:] if window else "",
            int(time),
            int(revision or 0),
            fields,
        )


class SQLiteSink:
    """Writes on a thread; a full disk or a locked file is SinkUnavailable."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(SCHEMA)
        self._lock = asyncio.Lock()

    async def write_results(self, frames: list[bytes]) -> list[Refused]:
        """Upsert the points of the frames; an older revision never replaces a newer one."""
        rows, refused = [], []
        for frame in frames:
            try:
                rows += list(points(frame))
            except (ValueError, IndexError, UnicodeDecodeError):
                for line in frame.splitlines():
                    try:
                        rows += list(points(line))
                    except (ValueError, IndexError, UnicodeDecodeError):
                        refused.append(Refused(line, "not a line of Vigie's results"))
        await self._run(
            "insert into points values(?,?,?,?,?,?,?) on conflict do update set fields=excluded.fields, "
            "revision=excluded.revision where excluded.revision >= revision",
            rows,
        )
        return refused

    async def write_alerts(self, bodies: list[bytes]) -> None:
        """Keep every transition, and the newest of each alert."""
        known = [(msgspec.json.decode(body, type=Body), body.decode()) for body in bodies]
        await self._run(
            "insert or ignore into transitions values(?,?,?,?)",
            [(b.alert_id, b.sequence, b.patient, text) for b, text in known],
        )
        await self._run(
            "insert into alerts values(?,?,?,?,?,?,?,?,?) on conflict do update set "
            "sequence=excluded.sequence, status=excluded.status, severity=excluded.severity, "
            "body=excluded.body "
            "where excluded.sequence > sequence",
            [
                (b.alert_id, b.sequence, b.patient, b.status, b.severity, b.kind, b.vital, b.opened_at, text)
                for b, text in known
            ],
        )

    async def _run(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        async with self._lock:
            try:
                await asyncio.to_thread(self._write, statement, rows)
            except sqlite3.OperationalError as error:
                raise SinkUnavailable(f"SQLite: {error}") from error

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._db.execute("begin immediate")
        try:
            self._db.executemany(statement, rows)
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
        self._db.execute("commit")

    async def close(self) -> None:
        """Close the file."""
        self._db.close()
