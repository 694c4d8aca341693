"""Weight gain over days: a reading against the lowest daily mean of the days before it.

The rule of more than 2 kg within 3 days is that of the ESC heart-failure guidelines (McDonagh et al.,
Eur Heart J 2021;42:3599-3726); amount and days come from the care plan. A rule may count from the dry
weight of a dialysis patient instead, over which several kilograms are gained and taken off a week. With
days, it is then the lowest daily mean of the last ones that counts, today's too: the saw-tooth of the
sessions has its low points there, and where even they stay high, no session reached the dry weight.
"""

import math

from numba import njit

from models.record import DAYS, GAIN_CLEARED, GAIN_HOLDS, GAIN_OPENED


@njit
def keep_day(s, day, mean):  # type: ignore[no-untyped-def]
    """Keep the running mean of a local day; days between that had no reading are NaN."""
    newest = int(s["day_newest"])
    if day <= newest - DAYS:
        return
    for missing in range(max(newest + 1, day - DAYS + 1), day):
        s["day_mean"][missing % DAYS] = math.nan
    s["day_newest"] = max(newest, day)
    s["day_mean"][day % DAYS] = mean


@njit
def lowest(s, day, days):  # type: ignore[no-untyped-def]
    """Lowest daily mean of the `days` days before `day`; +inf when none is known."""
    low = 1e300
    newest = int(s["day_newest"])
    for known in range(max(day - days, newest - DAYS + 1), min(day, newest + 1)):
        mean = s["day_mean"][known % DAYS]
        if not math.isnan(mean):
            low = min(low, mean)
    return low


@njit
def weighed(s, day, days):  # type: ignore[no-untyped-def]
    """How many of the `days` days before `day` have a reading."""
    count = 0
    newest = int(s["day_newest"])
    for known in range(max(day - days, newest - DAYS + 1), min(day, newest + 1)):
        if not math.isnan(s["day_mean"][known % DAYS]):
            count += 1
    return count


@njit
def base(s, rule, day):  # type: ignore[no-untyped-def]
    """What the gain is counted from; +inf when it is not known."""
    return rule["base"] if rule["base"] > 0 else lowest(s, day, rule["days"])


@njit
def counted(s, rule, x, day):  # type: ignore[no-untyped-def]
    """What is compared with the base: a reading or, of days over a dry weight, the lowest; NaN: unknown."""
    if rule["base"] <= 0 or rule["days"] == 0:
        return x
    if weighed(s, day + 1, rule["days"]) < rule["days"] - 1:
        return math.nan  # the low point may be among the missing ones
    return lowest(s, day + 1, rule["days"])


@njit
def step(s, j, rule, x, day):  # type: ignore[no-untyped-def]
    """Advance one gain rule by one reading: GAIN_OPENED, GAIN_HOLDS, GAIN_CLEARED or 0."""
    low = base(s, rule, day)
    if low > 1e299:
        return 0
    gain = counted(s, rule, x, day) - low
    if math.isnan(gain):
        return 0
    if s["gain_open"][j]:
        if gain <= rule["clear"]:
            s["gain_open"][j] = 0
            return GAIN_CLEARED
        return GAIN_HOLDS if rule["beside"] else 0
    if gain > rule["amount"] + 1e-9:
        s["gain_open"][j] = 1
        return GAIN_OPENED
    return 0
