"""Change over days of a vital measured once or twice a day: a weight that creeps up, a pulse that stays up.

The last days, less the usual level and the course of the week, are compared with straight rises that began
one to LONGEST days ago: a matched filter (generalised likelihood ratio over the beginning; Basseville &
Nikiforov, Detection of Abrupt Changes, 1993, ch. 2 and 4). Residuals of neighbouring days resemble each
other, so both sides are whitened by CORRELATION first. The score is the largest filter output less slow's
ALLOWANCE, which puts it on the scale of the CUSUM of the nights; 0 unless the day before was off to the
same side, so that one odd day alerts nobody. A missing day is left out of the sum, and lessens it.
"""

import math

import numpy as np
from numba import njit

from models.record import DAYS

LONGEST = 4  # days of the rises that are tried: the shortest that finds 0.35 kg a day as soon
CORRELATION = 0.3  # of the residuals of two days in a row
CAP = 3.5  # standard deviations that one day counts at most
WEEK = 7


@njit
def week(s, day):  # type: ignore[no-untyped-def]
    """What the weekday adds to the usual level: one harmonic of seven days; 0 until it is learned."""
    angle = 2 * math.pi * (day % WEEK) / WEEK
    return s["week"][0] * math.cos(angle) + s["week"][1] * math.sin(angle)


@njit
def learn_week(s, day, deviation, rate):  # type: ignore[no-untyped-def]
    """Let a day's deviation from level and weekday move the course of the week (least mean squares)."""
    angle = 2 * math.pi * (day % WEEK) / WEEK
    s["week"][0] += rate * deviation * math.cos(angle)
    s["week"][1] += rate * deviation * math.sin(angle)


@njit
def residual(s, day, spread):  # type: ignore[no-untyped-def]
    """Standard deviations by which a kept day was off; NaN when it had no reading."""
    if day <= s["day_newest"] - DAYS or day > s["day_newest"]:
        return math.nan
    z = (s["day_mean"][day % DAYS] - week(s, day) - s["slow_mean"][0]) / spread
    return z if math.isnan(z) else min(max(z, -CAP), CAP)


@njit
def strongest(z, sign):  # type: ignore[no-untyped-def]
    """(output, length) of the rise, or for sign -1 the fall, that explains the last days best.

    z: residuals of the last LONGEST days in standard deviations, today's last, NaN = missing.
    """
    best, length = 0.0, 0
    for days in range(1, LONGEST + 1):
        product = power = before = ramp_before = 0.0
        whiten = 1.0
        for i in range(LONGEST - days, LONGEST):
            if math.isnan(z[i]):
                continue
            ramp = float(i - (LONGEST - days) + 1)
            x = (sign * z[i] - CORRELATION * before) * whiten
            t = (ramp - CORRELATION * ramp_before) * whiten
            product += x * t
            power += t * t
            before, ramp_before = sign * z[i], ramp
            whiten = 1 / math.sqrt(1 - CORRELATION * CORRELATION)
        if power > 0 and product / math.sqrt(power) > best:
            best, length = product / math.sqrt(power), days
    return best, length


@njit
def advance(s, spread, allowance):  # type: ignore[no-untyped-def]
    """Score the newest day: `slow_sum` of both sides, and in `slow_since` the day on which each began."""
    day = int(s["slow_day"])
    z = np.empty(LONGEST)
    for i in range(LONGEST):
        z[i] = residual(s, day - LONGEST + 1 + i, spread)
    before = math.nan
    for i in range(LONGEST - 1):
        if not math.isnan(z[i]):
            before = z[i]
    for side in range(2):
        sign = 1.0 if side == 0 else -1.0
        s["slow_sum"][side] = 0.0
        if sign * before > 0:
            output, days = strongest(z, sign)
            s["slow_sum"][side] = max(0.0, output - allowance)
            s["slow_since"][side] = day - days + 1
