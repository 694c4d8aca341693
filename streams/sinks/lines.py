"""The line protocol that Vigie's core writes, read back strictly: no escapes, tags in a fixed order.

Whatever else stands in the results topic (a hand-written record, a torn frame) is refused here, so that
each sink gets only lines whose every character is known.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.sinks import Refused

_NAME: Final = "[A-Za-z0-9_-]{1,64}"
_FIELD: Final = r"[a-z][a-z0-9_]{0,63}=-?[0-9]{1,19}(?:\.[0-9]{1,18}|i)?"
LINE: Final = re.compile(
    rf"^((?:window|reading|baseline|trend|score|joint),patient={_NAME},vital={_NAME}(?:,window=(?:1m|15m|1h|1d))?)"
    rf" ({_FIELD}(?:,{_FIELD})*) (-?[0-9]{{1,19}})$",
    re.MULTILINE | re.ASCII,
)
_LINE: Final = re.compile(LINE.pattern.removeprefix("^").removesuffix("$").encode())
_REVISION: Final = re.compile(r",revision=([0-9]+)i")
REASON: Final = "not a line of Vigie's results"

Row = tuple[str, int, int, str]
"""Series (measurement and tags as in the line), time in ns, revision, fields."""


class Lines(NamedTuple):
    """The good rows of some frames, and the lines that are none."""

    rows: list[Row]
    refused: list[Refused]


def _rows(text: str) -> list[Row]:
    return [
        (series, int(time), _revision(fields) if ",revision=" in fields else 0, fields)
        for series, fields, time in LINE.findall(text)
    ]


def _revision(fields: str) -> int:
    found = _REVISION.search(fields)
    return int(found[1]) if found else 0


def tags_of(series: str) -> tuple[str, str, str, str]:
    """Measurement, patient, vital, window ("" when it has none) of a series."""
    measurement, *tags = series.split(",")
    values = dict(tag.split("=") for tag in tags)
    return measurement, values["patient"], values["vital"], values.get("window", "")


def select(frames: Iterable[bytes]) -> tuple[list[bytes], list[Refused]]:
    """Every line of every frame as it stands, good ones apart from refused ones."""
    good: list[bytes] = []
    refused: list[Refused] = []
    for frame in frames:
        for line in frame.removesuffix(b"\n").split(b"\n"):
            if _LINE.fullmatch(line):
                good.append(line)
            elif line:
                refused.append(Refused(line, REASON))
    return good, refused


def read(frames: Iterable[bytes]) -> Lines:
    """Every line of every frame, as a row or as refused. Order is kept."""
    rows: list[Row] = []
    refused: list[Refused] = []
    for frame in frames:
        lines = frame.removesuffix(b"\n").split(b"\n")
        found = _rows(frame.decode("ascii", "replace"))
        if len(found) == len(lines):  # nearly always: one pass of compiled code
            rows += found
            continue
        for line in lines:
            good = _rows(line.decode("ascii", "replace"))
            rows += good
            if not good and line:
                refused.append(Refused(line, REASON))
    return Lines(rows, refused)
