"""The files of a recording: CSV, plain or gzipped. What cannot be used of them is counted, never fatal."""

import csv
import gzip
import math
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Final

import click

from streams.evaluation.report import need

GZIPPED: Final = ".gz"
YEARS: Final = (1971, 2105)  # as models/times.py reads them


class Skipped(Counter[str]):
    """How many rows were left out, by what was wrong with them."""


def found(path: Path) -> Path | None:
    """A file or, where it is not there, its gzipped form."""
    gzipped = path.with_name(path.name + GZIPPED)
    return path if path.exists() else gzipped if gzipped.exists() else None


def either(path: Path) -> Path:
    """A file or its gzipped form. Raises a usage error that names it when neither is there."""
    return found(path) or need(path)


def every(folder: Path, pattern: str) -> list[Path]:
    """The files of a pattern, plain or gzipped, each once, by name. Raises a usage error without any."""
    names = {path.name.removesuffix(GZIPPED) for p in (pattern, pattern + GZIPPED) for path in folder.glob(p)}
    if not names:
        raise click.UsageError(f"--data: no {pattern} in {folder}; see the format of the recording")
    return [either(folder / name) for name in sorted(names)]


def rows(path: Path, columns: tuple[str, ...], skipped: Skipped) -> Iterator[dict[str, str]]:
    """The rows of a CSV; a cell that is not there is empty, bytes that are no text are marked as such.

    Raises a usage error that names the columns that are missing, or says that the file breaks off.
    """
    try:
        with (gzip.open if path.suffix == GZIPPED else open)(
            path, "rt", encoding="utf-8-sig", errors="replace", newline=""
        ) as file:
            reader = csv.DictReader(file)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise click.UsageError(f"--data: {path.name} has no column {', '.join(missing)}")
            while True:
                try:
                    row = next(reader)
                except csv.Error:
                    skipped[f"{path.name}: no row of a CSV"] += 1
                    continue
                except StopIteration:
                    return
                yield {name: cell or "" for name, cell in row.items() if name is not None}
    except (OSError, EOFError, zlib.error) as error:
        raise click.UsageError(f"--data: {path.name} cannot be read to its end: {error}") from error


def lines(files: Iterable[Path]) -> Iterator[bytes]:
    """The lines of files, plain or gzipped, without their ends; empty ones are passed over.

    Raises click.ClickException that names a file that cannot be read to its end.
    """
    for path in files:
        try:
            with gzip.open(path) if path.suffix == GZIPPED else path.open("rb") as file:
                for n, line in enumerate(file):
                    whole = line.removeprefix(BOM_UTF8) if n == 0 else line
                    if whole.strip():
                        yield whole.rstrip(b"\r\n")
        except (OSError, EOFError, zlib.error) as error:
            raise click.ClickException(f"{path.name} cannot be read to its end: {error}") from error


def number(text: str) -> float | None:
    """The finite number of a cell, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def moment(text: str, form: str) -> datetime | None:
    """The time of a cell by its strptime format, without a zone; None also in years that the core refuses."""
    try:
        at = datetime.strptime(text, form)  # noqa: DTZ007 - the recording says no zone
    except ValueError:
        return None
    return at if YEARS[0] <= at.year <= YEARS[1] else None


def day(text: str) -> date | None:
    """The day of a cell that begins with YYYY-MM-DD, or None."""
    at = moment(text[:10], "%Y-%m-%d")
    return at.date() if at else None
