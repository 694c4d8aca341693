"""The SQLite file of a log: its tables and their format."""

import sqlite3
from pathlib import Path
from typing import Final

from streams.transports import LogUnusable

OPTIONS: Final = {"sync": "full", "poll": "0.02", "clean": "60", "dirty": "1000"}  # of a log:// address
FILE = "log.db"
CHECKPOINT_PAGES = 10_000  # 40 MB of log before it is copied
FORMAT = 2  # of the file; kept in SQLite's user_version
SCHEMA = """
create table topics(id integer primary key, name text unique, partitions int,
    retention_ms int, retention_bytes int, compact int);
create table parts(topic int, partition int, next int, cleaned int,
    primary key(topic, partition)) without rowid;
create table segments(topic int, partition int, first int, count int, timestamp int,
    key blob, empty int, body blob, primary key(topic, partition, first)) without rowid;
create table offsets(grp text, topic text, partition int, offset int,
    primary key(grp, topic, partition)) without rowid;
"""


def connect(folder: Path, sync: str) -> sqlite3.Connection:
    """A connection of its own. Raises LogUnusable when the file is no log, or of another format."""
    file = folder / FILE
    try:
        c = sqlite3.connect(file, timeout=30, isolation_level=None, check_same_thread=False)
        found = c.execute("pragma user_version").fetchone()[0]
        if found != FORMAT:
            found = _made(c)
        if found == FORMAT:
            c.execute("pragma journal_mode=wal")
            c.execute(f"pragma synchronous={sync}")
            c.execute(f"pragma wal_autocheckpoint={CHECKPOINT_PAGES}")
            return c
    except sqlite3.Error as error:
        raise LogUnusable(
            f"{file} cannot be opened: {error}; check the folder, its rights and its disk"
        ) from (error)
    c.close()
    raise LogUnusable(f"{file} has format {found or 1}, this Vigie reads {FORMAT}; begin a new folder")


def _made(c: sqlite3.Connection) -> int:
    """The format of a file, which is made one of ours when it is empty: whole, or not at all."""
    c.execute("begin immediate")  # another process may be making it
    found = int(c.execute("pragma user_version").fetchone()[0])
    if found == 0 and c.execute("select 1 from sqlite_master").fetchone() is None:
        for statement in SCHEMA.split(";"):
            c.execute(statement)
        c.execute(f"pragma user_version={FORMAT}")
        found = FORMAT
    c.execute("commit")
    return found
