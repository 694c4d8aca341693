"""The daily baseline of sparse vitals: a robust mean and spread of daily means, learned a day at a time.

z is the distance of a value from the mean of past days in their standard deviations. Two days in a
row must be beyond the threshold (the two-night rule of Alavi et al., Nat Med 2021;28:175-184), so
that one odd measurement alerts nobody. Not ready before READY_DAYS closed days.
"""

import math

import numpy as np
from numba import njit

from models.record import DAILY_CLEARED, DAILY_OPENED

HORIZON = 28.0  # days of memory
READY_DAYS = 14
WINSOR = 2.0  # standard deviations beyond which a day teaches no more
CLEAR_SHARE = 0.6  # of the threshold: the hysteresis
RELATIVE_FLOOR = 0.005  # of the mean: the least standard deviation that is believed


@njit
def spread(s):  # type: ignore[no-untyped-def]
    """Standard deviation of the daily means, never under 0.5 % of the mean."""
    return max(math.sqrt(s["daily_variance"]), RELATIVE_FLOOR * abs(s["daily_mean"]) + 1e-6)


@njit
def z_score(s, x):  # type: ignore[no-untyped-def]
    """Distance from the baseline in standard deviations; 0 until READY_DAYS days are known."""
    if s["daily_days"] < READY_DAYS:
        return 0.0
    return (x - s["daily_mean"]) / spread(s)


@njit
def close_day(s, mean):  # type: ignore[no-untyped-def]
    """Learn a closed day's mean; returns its z against the days before it."""
    z = z_score(s, mean)
    s["daily_z"] = z
    s["daily_days"] = min(int(s["daily_days"]) + 1, 65535)
    days = s["daily_days"]
    if days == 1:
        s["daily_mean"] = mean
        return z
    rate = max(1 / HORIZON, 1 / days)
    d = mean - s["daily_mean"]
    if days > READY_DAYS:
        bound = WINSOR * spread(s)
        d = min(max(d, -bound), bound)
    s["daily_mean"] += rate * d
    s["daily_variance"] += rate * (d * d - s["daily_variance"])
    return z


@njit
def step(s, x, threshold):  # type: ignore[no-untyped-def]
    """Judge a reading with yesterday's z: DAILY_OPENED, DAILY_CLEARED or 0."""
    if threshold <= 0 or s["daily_days"] < READY_DAYS:
        return 0
    z = z_score(s, x)
    last = s["daily_z"]
    if s["daily_open"]:
        if abs(z) < CLEAR_SHARE * threshold:
            s["daily_open"] = 0
            return DAILY_CLEARED
        return 0
    if min(z, last) >= threshold or max(z, last) <= -threshold:
        s["daily_open"] = 1
        return DAILY_OPENED
    return 0


def not_ready(s: np.void) -> int:
    """Closed days still missing before the daily baseline scores; 0 when it is ready."""
    return max(0, READY_DAYS - int(s["daily_days"]))
