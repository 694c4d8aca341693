"""Recordings, read one record at a time: JSON Lines and CSV, plain or gzipped, or standard input."""

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from streams.ingest.columns import ColumnMap


class Line(NamedTuple):
    """One record of a recording: its bytes, and the file and line where it stood."""

    value: bytes
    file: str
    line: int


def _open(source: str) -> Any:
    if source == "-":
        return nullcontext(sys.stdin.buffer)
    return gzip.open(source, "rb") if source.endswith(".gz") else Path(source).open("rb")


def read_source(source: str, column_map: ColumnMap | None = None) -> Iterator[Line]:
    """The records of a source in its order. Lines that are no JSON pass through for the core to name.

    Raises OSError or EOFError when the file cannot be read or a gzip file ends too soon.
    """
    name = "-" if source == "-" else Path(source).name
    with _open(source) as stream:
        if column_map is not None:
            yield from _csv(stream, name, column_map)
            return
        for number, raw in enumerate(stream, 1):
            text = raw.strip(b"\r\n")
            if text.strip():
                yield Line(text, name, number)


def _csv(stream: BinaryIO, name: str, column_map: ColumnMap) -> Iterator[Line]:
    text = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="")
    reader = csv.DictReader(text)
    for row in reader:
        for value in column_map.readings(row):
            yield Line(value, name, reader.line_num)
