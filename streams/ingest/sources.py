"""Recordings, read one record at a time: JSON Lines and CSV, plain or gzipped, or standard input."""

import csv
import gzip
import io
import sys
import zlib
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

    Raises OSError or EOFError when the file cannot be read to its end, ConfigurationError when a column of
    the map is not in the CSV.
    """
    name = "-" if source == "-" else Path(source).name
    with _open(source) as stream:
        try:
            yield from _csv(stream, name, column_map) if column_map is not None else _lines(stream, name)
        except (zlib.error, csv.Error) as error:
            raise OSError(f"{name}: {error}") from error


def _lines(stream: BinaryIO, name: str) -> Iterator[Line]:
    for number, raw in enumerate(stream, 1):
        text = raw.strip(b"\r\n")
        if text.strip():
            yield Line(text, name, number)


def _csv(stream: BinaryIO, name: str, column_map: ColumnMap) -> Iterator[Line]:
    # spreadsheets begin a CSV with a byte-order mark, which must not become part of the first name
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.DictReader(text)
    if reader.fieldnames is not None:
        column_map.check_header(reader.fieldnames, name)
    for row in reader:
        for value in column_map.readings(row):
            yield Line(value, name, reader.line_num)
