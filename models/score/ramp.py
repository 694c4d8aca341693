"""Change of a vital measured a few times a day: a weight that creeps up, a pulse that stays up.

The last SPAN days, less the usual level and the course of the week, are compared with straight rises of
`slope` standard deviations a day that began one to LONGEST days ago: the score is the largest logarithm of
the likelihood ratio of such a rise against none (Page's test with an unknown beginning; Basseville &
Nikiforov, Detection of Abrupt Changes, 1993, ch. 2 and 4). Residuals of neighbouring days resemble each
other, so both sides are whitened by `correlation` first; and all of them share the error of the usual level,
whose variance is `doubt` times that of a day: the days before the beginning tell how much of it there is
(Sherman and Morrison's inverse of the sum). A score is 0 unless the day before was off to the same side, so
that one odd day alerts nobody. A missing day is left out of the sums, and lessens it.
"""

import math

import numpy as np
from numba import njit

from models.record import DAYS

SPAN = 7  # days that are looked at
LONGEST = 5  # days of the rises that are tried
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
def residual(s, day, spread, cap):  # type: ignore[no-untyped-def]
    """Standard deviations by which a kept day was off; NaN when it had no reading."""
    if day <= s["day_newest"] - DAYS or day > s["day_newest"]:
        return math.nan
    z = (s["day_mean"][day % DAYS] - week(s, day) - s["slow_mean"][0]) / spread
    return z if math.isnan(z) else min(max(z, -cap), cap)


@njit
def strongest(z, sign, p):  # type: ignore[no-untyped-def]
    """(log-likelihood ratio, length) of the rise, or for sign -1 the fall, that explains the last days best.

    z: residuals of the last SPAN days in standard deviations, today's last, NaN = missing; p: PARAMETERS of
    models/score/slow_parameters.py.
    """
    best, length = 0.0, 0
    correlation = p["correlation"]
    for days in range(1, LONGEST + 1):
        begin = SPAN - days
        product = power = level_product = level_ramp = level_power = 0.0
        before = ramp_before = level_before = 0.0
        whiten = 1.0
        for i in range(SPAN):
            if math.isnan(z[i]):
                continue
            ramp = float(max(0, i - begin + 1))
            x = (sign * z[i] - correlation * before) * whiten
            t = (ramp - correlation * ramp_before) * whiten
            one = (1.0 - correlation * level_before) * whiten
            product += x * t
            power += t * t
            level_product += x * one
            level_ramp += t * one
            level_power += one * one
            before, ramp_before, level_before = sign * z[i], ramp, 1.0
            whiten = 1 / math.sqrt(1 - correlation * correlation)
        share = p["doubt"] / (1 + p["doubt"] * level_power)
        product -= share * level_ramp * level_product
        power -= share * level_ramp * level_ramp
        ratio = p["slope"] * product - p["slope"] * p["slope"] * power / 2
        if ratio > best:
            best, length = ratio, days
    return best, length


@njit
def advance(s, today, spread, p):  # type: ignore[no-untyped-def]
    """Score the newest day: `slow_sum` holds the day's highest, `slow_since` the day on which it began.

    today: its departure in standard deviations; spread: of the days before.
    """
    day = int(s["slow_day"])
    z = np.empty(SPAN)
    for i in range(SPAN - 1):
        z[i] = residual(s, day - SPAN + 1 + i, spread, p["cap"])
    z[SPAN - 1] = min(max(today, -p["cap"]), p["cap"])
    before = math.nan
    for i in range(SPAN - 1):
        if not math.isnan(z[i]):
            before = z[i]
    for side in range(2):
        sign = 1.0 if side == 0 else -1.0
        if sign * before > 0:
            score, days = strongest(z, sign, p)
            if score > s["slow_sum"][side]:
                s["slow_sum"][side] = score
                s["slow_since"][side] = day - days + 1
