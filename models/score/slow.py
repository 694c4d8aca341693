"""Change over days: has the patient left the usual level, steadiness or day-night rhythm?

A series of a frequent vital gives three features a day, told when its night ends: the level (mean of
the night), the variability (ln of the night's standard deviation around the usual course of the day)
and the rhythm (mean of the day less that of the night). A sparse vital gives the mean of its day as
level, less the course of the week, and is scored by models/score/ramp.py. Each feature of a frequent
one is compared with the patient's own last 28 such days; the distance z is summed by a one-sided CUSUM
(Page, Biometrika 1954;41:100-115), s = max(0, s + z - 1.2), for four channels: level
above, level below, more variable, less rhythm. A score counts from the second day in a row on (the
two-night rule of Alavi et al., Nat Med 2022;28:175-184), so that one odd night alerts nobody.

Learning is guarded: readings are winsorised before they are summed, a day is learned two days late and
counts at most 2 standard deviations, and nothing is learned while an alert of the vital stands. What lasts
longer than FREEZE days is the new normal, of a new device perhaps, and is learned anew: bounded learning
would take a month to get there, and alert again on the way. The variance between days is shrunk to that of
a cohort, which enters as a calibration record.
"""

import math

import numpy as np
from numba import njit

from models.record import FEATURES, TREND_CLEARED, TREND_OPENED, TRENDS
from models.score import ramp

CHANNEL_NAMES = ("above", "below", "variability", "rhythm")
FEATURE_NAMES = ("level", "variability", "rhythm")
FEATURE = np.array([0, 0, 1, 2])  # the feature that a channel watches
READY = 8  # learned days before the first score
WAIT = 2  # days between a day and its learning
WINSOR_SHARE = 0.9205  # what winsorising at 2 leaves of a normal variance: E[min(z², 4)]
GUARD_DAYS = 14  # after an alert opened or cleared, with thresholds higher by `guard_factor`
CEILING = 20.0  # of a sum without threshold
FREEZE = 14  # days
ASLEEP_AFTER = 7_200_000  # ms of the night that count to neither: a resting rate is that of 0 to 7 h (Alavi)
HALVES = 6  # half hours with readings that make a night, or a day, worth a feature
SETTLED = 7  # readings of a half hour from which on its place in the course of the day is known
LEAST_VARIANCE = 0.01  # of a night's readings, so that a flat night has a logarithm


@njit
def learned(s, f):  # type: ignore[no-untyped-def]
    """Days that a feature's baseline rests on."""
    return max(0, int(s["slow_learned"][f]) - WAIT)


@njit
def spread(s, f, rules):  # type: ignore[no-untyped-def]
    """Standard deviation of the next day's feature: own variance shrunk to the cohort's, mean uncertain."""
    p = rules["slow"]
    n = float(max(1, min(learned(s, f), int(2 * p["horizon"]))))
    variance = s["slow_variance"][f]
    if rules["cohort"][f] > 0:
        variance = (p["prior"] * rules["cohort"][f] + n * variance) / (p["prior"] + n)
    floor = p["relative_floor"] * s["slow_mean"][f] if f == 0 else 0.0
    return math.sqrt(max(variance * (1 + 1 / n), floor * floor)) + 1e-6


@njit
def departure(s, c, value, rules):  # type: ignore[no-untyped-def]
    """Standard deviations by which a feature left in the channel's direction; NaN: no value or baseline."""
    f = FEATURE[c]
    if learned(s, f) < READY:
        return math.nan
    z = (value - s["slow_mean"][f]) / spread(s, f, rules)
    return -z if c == 1 or (c == 3 and s["slow_mean"][f] >= 0) else z


@njit
def next_sum(s, c, z, p):  # type: ignore[no-untyped-def]
    """A channel's sum after a day of this departure; unchanged when there is none (NaN)."""
    if math.isnan(z):
        return s["slow_sum"][c]
    return max(0.0, s["slow_sum"][c] + min(z, p["cap"]) - p["allowance"])


@njit
def score(s, c, value, rules, frequent):  # type: ignore[no-untyped-def]
    """A channel's score with this day: its sum, once the day before had left to the same side too."""
    if not frequent:
        return float(s["slow_sum"][c])
    if s["slow_since"][c] <= 0:
        return 0.0
    return next_sum(s, c, departure(s, c, value, rules), rules["slow"])


@njit
def leading(s, day, rules, frequent):  # type: ignore[no-untyped-def]
    """(channel, score over threshold) of the one farthest beyond its threshold, or nearest to it; 0 = off."""
    channel = 0
    strongest = 0.0
    for c in range(TRENDS):
        if rules["trend"][c] > 0:
            share = score(s, c, day[FEATURE[c]], rules, frequent) / rules["trend"][c]
            if share > strongest:
                strongest = share
                channel = c
    return channel, strongest


@njit
def judge(s, day, rules, frequent):  # type: ignore[no-untyped-def]
    """Let a day open or clear the alert: TREND_OPENED (`slow_open` has its channel + 1), TREND_CLEARED or 0.

    day: the features, NaN where there is none (of a sparse vital, the day so far). The channel is the one
    farthest beyond its threshold; within GUARD_DAYS of the last alert, or of its end, it must be
    `guard_factor` times as far. The alert clears when every sum is below its threshold again: sums of nights
    are held there while it stands, so one or two calm ones are enough.
    """
    if not frequent and learned(s, 0) >= READY:
        ramp.advance(s, spread(s, 0, rules), rules["slow"]["allowance"])
    channel, strongest = leading(s, day, rules, frequent)
    guarded = s["slow_alerted"] > 0 and s["slow_day"] - s["slow_alerted"] < GUARD_DAYS
    if s["slow_open"] == 0 and strongest >= (rules["slow"]["guard_factor"] if guarded else 1.0):
        s["slow_open"] = channel + 1
        s["slow_alerted"] = s["slow_day"]
        return TREND_OPENED
    if s["slow_open"] > 0 and strongest < rules["slow"]["clear_share"]:
        s["slow_open"] = 0
        s["slow_alerted"] = s["slow_day"]
        return TREND_CLEARED
    return 0


@njit
def learn(s, f, value, rules):  # type: ignore[no-untyped-def]
    """Let one day's feature move the baseline."""
    n = learned(s, f)
    if n <= 1:
        s["slow_mean"][f] = value
        return
    rate = max(1 / rules["slow"]["horizon"], 1 / n)
    d = value - s["slow_mean"][f]
    correction = 1.0
    if n > READY:
        bound = rules["slow"]["winsor"] * spread(s, f, rules)
        d = min(max(d, -bound), bound)
        correction = 1 / WINSOR_SHARE
    s["slow_mean"][f] += rate * d
    s["slow_variance"][f] += rate * (d * d * correction - s["slow_variance"][f])


@njit
def close(s, day, rules, frozen, frequent):  # type: ignore[no-untyped-def]
    """A judged day is over: advance the sums and learn the day before yesterday, unless it is frozen.

    While the alert stands a sum is held at its threshold, so that it clears soon and never piles up.
    """
    for c in range(TRENDS if frequent else 0):
        z = departure(s, c, day[FEATURE[c]], rules)
        if math.isnan(z):
            continue
        before = s["slow_sum"][c]
        total = next_sum(s, c, z, rules["slow"])
        limit = rules["trend"][c] if s["slow_open"] > 0 and rules["trend"][c] > 0 else CEILING
        s["slow_sum"][c] = min(total, limit)
        if total <= 0:
            s["slow_since"][c] = s["slow_day"] if z > rules["slow"]["odd"] else 0
        elif before <= 0:
            s["slow_since"][c] = s["slow_day"]
    s["slow_frozen"] = min(s["slow_frozen"] + 1, 255) if frozen else 0
    learning = not frozen or s["slow_frozen"] > FREEZE
    if s["slow_open"] > 0 and s["slow_frozen"] == FREEZE + 1:
        s["slow_learned"][FEATURE[s["slow_open"] - 1]] = 0
    if learning and not frequent and learned(s, 0) > READY:
        bound = rules["slow"]["winsor"] * spread(s, 0, rules)
        deviation = min(max(day[0] - s["slow_mean"][0], -bound), bound)
        rate = 2 / max(rules["slow"]["horizon"], float(learned(s, 0)))
        ramp.learn_week(s, int(s["slow_day"]), deviation, rate)
    for f in range(FEATURES):
        if math.isnan(day[f]):
            continue
        old = s["slow_waiting"][f, 0]
        s["slow_waiting"][f, 0] = s["slow_waiting"][f, 1]
        s["slow_waiting"][f, 1] = day[f]
        if learning:
            s["slow_learned"][f] = min(s["slow_learned"][f] + 1, 65535)
            if s["slow_learned"][f] > WAIT:
                learn(s, f, old, rules)


@njit
def miss(s, days, p):  # type: ignore[no-untyped-def]
    """Days of a frequent vital passed without a feature: they count as usual ones.

    So that two odd nights with weeks between them are not two in a row. While an alert stands its sum is
    kept: a device that lies idle clears nothing.
    """
    if s["slow_open"] > 0:
        return
    for c in range(TRENDS):
        s["slow_sum"][c] = max(0.0, s["slow_sum"][c] - days * p["allowance"])
        if s["slow_sum"][c] <= 0:
            s["slow_since"][c] = 0


@njit
def add(s, x, centre, half, night, new_half_hour):  # type: ignore[no-untyped-def]
    """Count a reading into the day or the night that is being collected.

    centre, half: what the acute baseline expects, ± 3 scales: a reading beyond counts as one at the bound,
    so that artefacts and bursts of activity hardly move a night.
    """
    x = min(max(x, centre - half), centre + half)
    if night:
        s["night_count"] += 1.0
        s["night_sum"] += x
        s["night_residual"] += x - centre
        s["night_square"] += (x - centre) * (x - centre)
        s["night_halves"] = min(s["night_halves"] + new_half_hour, 255)
    else:
        s["day_count"] += 1.0
        s["day_sum"] += x
        s["day_halves"] = min(s["day_halves"] + new_half_hour, 255)


@njit
def features(s, frequent, day):  # type: ignore[no-untyped-def]
    """Write what was collected to `day` (level, variability, rhythm; NaN where too little is known)."""
    day[:] = np.nan
    n = s["night_count"]
    if not frequent:
        if n > 0:
            day[0] = s["night_sum"] / n - ramp.week(s, int(s["slow_day"]))
        return
    if s["night_halves"] < HALVES:
        return
    level = s["night_sum"] / n
    residual = s["night_residual"] / n
    day[0] = level
    day[1] = 0.5 * math.log(max(s["night_square"] / n - residual * residual, LEAST_VARIANCE))
    if s["day_halves"] >= HALVES:
        day[2] = s["day_sum"] / s["day_count"] - level


@njit
def begin(s, number):  # type: ignore[no-untyped-def]
    """Collect another day."""
    s["slow_day"] = number
    s["night_count"] = 0.0
    s["night_sum"] = 0.0
    s["night_residual"] = 0.0
    s["night_square"] = 0.0
    s["night_halves"] = 0
    s["day_count"] = 0.0
    s["day_sum"] = 0.0
    s["day_halves"] = 0


@njit
def not_ready(s, f):  # type: ignore[no-untyped-def]
    """Days still missing before a feature is scored; 0 when it is ready."""
    return max(0, READY + WAIT - int(s["slow_learned"][f]))
