"""Result lines and rejects of two replays: which points vanished, appeared or changed, counted by group.

A line is kept as two 64-bit fingerprints, of its point and of all of it: 18 bytes with its group. Order and
repetition do not count, as they do not in a database that keeps points by key.
"""

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np


class Counts(msgspec.Struct):
    """How many points only A has, only B has, and both have with other values."""

    vanished: int = 0
    appeared: int = 0
    changed: int = 0


class Line(NamedTuple):
    """What a line is about: the point that it tells of, and the group that it is counted in."""

    point: bytes
    group: str


class _Reject(msgspec.Struct):
    """Enough of a reject."""

    reason: str
    position: msgspec.Raw


_reject = msgspec.json.Decoder(_Reject).decode


def result_line(line: bytes) -> Line:
    """A line of line protocol: its key and time; measurement, and window. Raises ValueError."""
    key, _, rest = line.partition(b" ")
    fields, _, time = rest.rpartition(b" ")
    if not fields:
        raise ValueError("no line protocol")
    measurement = key.partition(b",")[0].decode()
    window = key.rpartition(b",window=")[2].decode() if b",window=" in key else ""
    return Line(key + b" " + time, f"{measurement} {window}".rstrip())


def reject_line(line: bytes) -> Line:
    """A reject: its position in the input; its reason. Raises msgspec.MsgspecError."""
    reject = _reject(line)
    return Line(bytes(reject.position), reject.reason)


def compare(a: Path, b: Path, read: Callable[[bytes], Line]) -> dict[str, Counts]:
    """Counts by group, only of groups with a difference; {} when both files tell the same.

    Raises ValueError that names file and line of what cannot be read.
    """
    groups: dict[str, int] = {}
    left, right = _fingerprints(a, read, groups), _fingerprints(b, read, groups)
    only_left = ~np.isin(left[1], right[1])
    only_right = ~np.isin(right[1], left[1])
    vanished = only_left & ~np.isin(left[0], right[0])
    appeared = only_right & ~np.isin(right[0], left[0])
    # a point of both: told by a line that only one of them has
    points = np.concatenate([left[0][only_left & ~vanished], right[0][only_right & ~appeared]])
    of = np.concatenate([left[2][only_left & ~vanished], right[2][only_right & ~appeared]])
    out: dict[str, Counts] = {}
    for name, number in groups.items():
        counts = Counts(
            vanished=len(np.unique(left[0][vanished & (left[2] == number)])),
            appeared=len(np.unique(right[0][appeared & (right[2] == number)])),
            changed=len(np.unique(points[of == number])),
        )
        if counts != Counts():
            out[name] = counts
    return dict(sorted(out.items()))


def _fingerprints(
    path: Path, read: Callable[[bytes], Line], groups: dict[str, int]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(points, lines, groups) of a file: int64, int64, uint16, each as long as the file has lines."""
    points, lines, numbers = array("q"), array("q"), array("H")
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            text = raw.rstrip(b"\r\n")
            if not text:
                continue
            try:
                line = read(text)
            except (ValueError, msgspec.MsgspecError) as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            points.append(hash(line.point))
            lines.append(hash(text))
            numbers.append(groups.setdefault(line.group, len(groups)))
    return np.array(points, np.int64), np.array(lines, np.int64), np.array(numbers, np.uint16)
