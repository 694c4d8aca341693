"""RFC 3339 times, many at once, compiled; and back."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numba import njit

WIDTH: Final = 35  # the longest spelling: nanoseconds and an offset
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@njit
def _two(text, i):  # type: ignore[no-untyped-def]
    """Two digits as a number, or -1000."""
    a = int(text[i]) - 48
    b = int(text[i + 1]) - 48
    return a * 10 + b if 0 <= a <= 9 and 0 <= b <= 9 else -1000


@njit
def _days(year, month, day):  # type: ignore[no-untyped-def]
    """Days since 1970-01-01 of a Gregorian date (Hinnant, "chrono-compatible low-level date algorithms")."""
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@njit
def parse_one(text, length):  # type: ignore[no-untyped-def]
    """(milliseconds, offset in seconds, good): years 1971 to 2105, an offset or Z is needed."""
    if length < 20:
        return 0, 0, False
    for i, c in ((4, 45), (7, 45), (13, 58), (16, 58)):
        if text[i] != c:
            return 0, 0, False
    if text[10] != 84 and text[10] != 116 and text[10] != 32:
        return 0, 0, False
    year = _two(text, 0) * 100 + _two(text, 2)
    month = _two(text, 5)
    day = _two(text, 8)
    hour = _two(text, 11)
    minute = _two(text, 14)
    second = _two(text, 17)
    if not (1971 <= year <= 2105 and 1 <= month <= 12 and 1 <= day <= 31):
        return 0, 0, False
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60):
        return 0, 0, False
    if day > 28:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        last = 29 if month == 2 and leap else 28 if month == 2 else 31
        if month == 4 or month == 6 or month == 9 or month == 11:
            last = 30
        if day > last:
            return 0, 0, False
    i = 19
    milliseconds = 0
    if text[i] == 46:
        i += 1
        scale = 100
        digits = 0
        while i < length and 48 <= text[i] <= 57:
            milliseconds += (int(text[i]) - 48) * scale
            scale //= 10
            digits += 1
            i += 1
        if digits == 0 or digits > 9:
            return 0, 0, False
    if i >= length:
        return 0, 0, False
    offset = 0
    if text[i] == 90 or text[i] == 122:
        if i + 1 != length:
            return 0, 0, False
    else:
        if (text[i] != 43 and text[i] != 45) or i + 6 != length or text[i + 3] != 58:
            return 0, 0, False
        hours = _two(text, i + 1)
        minutes = _two(text, i + 4)
        if not (0 <= hours <= 23 and 0 <= minutes <= 59):
            return 0, 0, False
        offset = hours * 3600 + minutes * 60
        if text[i] == 45:
            offset = -offset
    seconds = _days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
    return seconds * 1000 + milliseconds, offset, True


@njit(cache=True)
def parse(texts, lengths, milliseconds, offsets, good):  # type: ignore[no-untyped-def]
    """Parse texts uint8 (n, WIDTH) of the given lengths into int64, int64 and bool arrays (n,)."""
    for n in range(len(texts)):
        milliseconds[n], offsets[n], good[n] = parse_one(texts[n], lengths[n])


def parse_times(texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(milliseconds int64, offset seconds int64, good bool) of RFC 3339 texts; never raises."""
    n = len(texts)
    lengths = np.fromiter(map(len, texts), np.int64, n)
    joined = "".join([text[:WIDTH].ljust(WIDTH) for text in texts]).encode("ascii", "replace")
    matrix = np.frombuffer(joined, np.uint8).reshape(n, WIDTH)
    out = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.bool_)
    lengths[lengths > WIDTH] = 0
    parse(matrix, lengths, *out)
    return out


def rfc3339(milliseconds: int, offset: int = 0) -> str:
    """The instant in RFC 3339: UTC as Z, or local time with its offset (seconds east of UTC)."""
    local = EPOCH + timedelta(milliseconds=milliseconds, seconds=offset)
    spec = "seconds" if milliseconds % 1000 == 0 else "milliseconds"
    text = local.replace(tzinfo=None).isoformat(timespec=spec)
    if offset == 0:
        return text + "Z"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{text}{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"
