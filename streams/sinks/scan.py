"""The grammar of Vigie's lines, compiled: places instead of objects.

    measurement,patient=NAME,vital=NAME[,window=SIZE] field=NUMBER[,field=NUMBER]… NANOSECONDS

No escapes, tags in a fixed order; what each word may hold stands below.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

REFUSED, RAW, YEARS = 0, 1, 2  # of a line: none of ours; kept for months; hourly, daily or a day's trend
MEASUREMENTS: Final = (b"trend", b"window", b"reading", b"baseline", b"score", b"joint")
PATIENT, VITAL, WINDOW = b",patient=", b",vital=", b",window="
SIZES: Final = (b"1m", b"15m", b"1h", b"1d")
TREND, FIRST_FOR_YEARS = 0, 2  # of the two tuples
REVISION: Final = b"revision="
LONGEST_WORD: Final = 64
DIGITS, DECIMALS = 19, 18  # at most, of a number; a whole one is of 64 bits

NAME, DIGIT, LOWER, KEY = 1, 2, 4, 8
_CLASSES: Final = np.zeros(256, np.uint8)
for _characters, _class in (
    (b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", NAME),
    (b"0123456789", DIGIT),
    (b"abcdefghijklmnopqrstuvwxyz", LOWER),
    (b"abcdefghijklmnopqrstuvwxyz0123456789_", KEY),
):
    _CLASSES[list(_characters)] |= _class


class Places(NamedTuple):
    """Of n lines, int64 (n,) each: begin and end, end of series and of fields, time in ns, revision, kind."""

    begin: np.ndarray
    end: np.ndarray
    series_end: np.ndarray
    fields_end: np.ndarray
    time: np.ndarray
    revision: np.ndarray
    kind: np.ndarray


@njit
def _behind(data, at, end, word):  # type: ignore[no-untyped-def]
    """The place behind a word that stands here, -1 when it does not."""
    if at < 0 or at + len(word) > end:
        return -1
    for i in range(len(word)):
        if data[at + i] != word[i]:
            return -1
    return at + len(word)


@njit
def _run(data, at, end, wanted, most):  # type: ignore[no-untyped-def]
    """The place behind 1 to `most` characters of a class, -1 when there are none or too many."""
    if at < 0:
        return -1
    begin = at
    while at < end and _CLASSES[data[at]] & wanted:
        at += 1
    return at if 0 < at - begin <= most else -1


@njit
def _series(data, begin, end):  # type: ignore[no-untyped-def]
    """The place behind measurement and tags, or -1, and what kind the line is then."""
    at, kind = -1, RAW
    for i in range(len(MEASUREMENTS)):
        at = _behind(data, begin, end, MEASUREMENTS[i])
        if at >= 0:
            kind = YEARS if i == TREND else RAW
            break
    at = _run(data, _behind(data, at, end, PATIENT), end, NAME, LONGEST_WORD)
    at = _run(data, _behind(data, at, end, VITAL), end, NAME, LONGEST_WORD)
    window = _behind(data, at, end, WINDOW)
    if window < 0:
        return at, kind
    for i in range(len(SIZES)):
        after = _behind(data, window, end, SIZES[i])
        if after >= 0:
            return after, YEARS if i >= FIRST_FOR_YEARS else kind
    return -1, kind


@njit
def _whole(data, at, end):  # type: ignore[no-untyped-def]
    """A whole number and the place behind it, -1 when there is none or it has over 63 bits."""
    negative = at >= 0 and at < end and data[at] == ord("-")
    if negative:
        at += 1
    after = _run(data, at, end, DIGIT, DIGITS)
    value = np.uint64(0)
    for i in range(at, after):
        value = value * np.uint64(10) + np.uint64(data[i] - ord("0"))
    if after < 0 or value > np.uint64(9223372036854775807):
        return np.int64(0), -1
    return -np.int64(value) if negative else np.int64(value), after


@njit
def _fields(data, at, end):  # type: ignore[no-untyped-def]
    """The place behind the fields, or -1, and the revision among them, 0 without one."""
    revision = np.int64(0)
    while True:
        begin = at
        if at < 0 or at >= end or not _CLASSES[data[at]] & LOWER:
            return -1, revision
        at = _behind(data, _run(data, at, end, KEY, LONGEST_WORD), end, b"=")
        value, after = _whole(data, at, end)
        if after >= 0 and after < end and data[after] == ord("i"):
            if _behind(data, begin, end, REVISION) >= 0:
                revision = value
            after += 1
        elif after >= 0 and after < end and data[after] == ord("."):
            after = _run(data, after + 1, end, DIGIT, DECIMALS)
        if after < 0 or after >= end or data[after] != ord(","):
            return after, revision
        at = after + 1


@njit(cache=True)
def _scan(data, columns):  # type: ignore[no-untyped-def]
    n = at = 0
    while at < len(data):
        begin = at
        while at < len(data) and data[at] != ord("\n"):
            at += 1
        end = at
        at += 1
        if begin == end:
            continue
        series_end, kind = _series(data, begin, end)
        fields_end, revision = _fields(data, _behind(data, series_end, end, b" "), end)
        time, after = _whole(data, _behind(data, fields_end, end, b" "), end)
        columns[0, n], columns[1, n], columns[2, n], columns[3, n] = begin, end, series_end, fields_end
        columns[4, n], columns[5, n] = time, revision
        columns[6, n] = kind if after == end else REFUSED
        n += 1
    return n


def scan(data: bytes) -> Places:
    """The lines of a text that ends each by a line feed; empty ones do not count."""
    columns = np.empty((len(Places._fields), data.count(b"\n") + 1), np.int64)
    return Places(*columns[:, : _scan(np.frombuffer(data, np.uint8), columns)])


@njit(cache=True)
def _join(data, begins, ends, out):  # type: ignore[no-untyped-def]
    at = 0
    for i in range(len(begins)):
        size = ends[i] - begins[i]
        out[at : at + size] = data[begins[i] : ends[i]]
        out[at + size] = ord("\n")
        at += size + 1


def join(data: Any, begins: np.ndarray, ends: np.ndarray) -> bytes:
    """The spans of the data, a line feed between two."""
    out = np.empty(int((ends - begins).sum()) + len(begins), np.uint8)
    _join(data, begins, ends, out)
    return out[:-1].tobytes()
