"""For how many days was no reading as high, or as low, as this one?

The highest and lowest reading of the local day, and of the 1, 2, 4, 8 and 16 days before it, one span behind
the other: a binary counter of days, so that the end of a day costs a merge or two and memory is SPANS pairs.
Days without readings count. Of more than 31 days the newest 16 are kept. What is told is never too long; it
may be too short, since a span is passed as a whole or not at all.
"""

import numpy as np
from numba import njit

from models.record import SPANS

NOTHING = 3.0e38  # the lowest, and with a minus the highest reading of a span that has none
FULL = (1 << (SPANS - 1)) - 1  # days before the current one when every span is filled


@njit
def pass_day(s, day):  # type: ignore[no-untyped-def]
    """Let the local day of the next reading be `day`, if that is a later one."""
    if s["extreme_day"] == 0 or day - s["extreme_day"] > FULL:
        s["extreme_days"] = 0
        s["highest"][0] = -NOTHING
        s["lowest"][0] = NOTHING
        s["extreme_day"] = day
    while s["extreme_day"] < day:
        days = s["extreme_days"]
        high = s["highest"][0]
        low = s["lowest"][0]
        i = 1
        while i < SPANS - 1 and days >> (i - 1) & 1:
            high = max(high, s["highest"][i])
            low = min(low, s["lowest"][i])
            i += 1
        s["highest"][i] = high
        s["lowest"][i] = low
        s["extreme_days"] = days + 1 if days < FULL else (FULL + 1) // 2
        s["highest"][0] = -NOTHING
        s["lowest"][0] = NOTHING
        s["extreme_day"] += 1


@njit
def days_beyond(s, x, side):  # type: ignore[no-untyped-def]
    """Whole days before the current one, in which, and in it, x exceeds every reading on its `side`.

    side: +1 above, -1 below. Returns -1 when the current day has as extreme a reading already.
    """
    value = np.float32(x)  # as the extremes are kept
    span = -1
    length = 0
    for i in range(SPANS):
        if i > 0:
            if not s["extreme_days"] >> (i - 1) & 1:
                continue
            length = 1 << (i - 1)
        if (value <= s["highest"][i]) if side > 0 else (value >= s["lowest"][i]):
            break
        span = span + length if i > 0 else 0
    return span


@njit
def take(s, x):  # type: ignore[no-untyped-def]
    """Count a reading of the current day."""
    s["highest"][0] = max(s["highest"][0], x)
    s["lowest"][0] = min(s["lowest"][0], x)
