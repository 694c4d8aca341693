"""Change over days: has the patient left the usual level, steadiness or day-night rhythm?

A series that is measured through the night gives three features a day, told when its night ends: the level
(mean of the night), the variability (ln of the night's standard deviation around the usual course of the
day) and the rhythm (mean of the day less that of the night). One that is measured a few times a day gives
the mean of its day as level, less the course of the week, and is scored by models/score/ramp.py; so is a
vital that could be frequent until its nights have proved that it is (`prove`). Each feature of a night is
compared with the patient's own last 28 such nights; the distance z is summed by a one-sided CUSUM
(Page, Biometrika 1954;41:100-115), s = max(0, s + z - 1.2), for four channels: level
above, level below, more variable, less rhythm. A score counts from the second night in a row on (the
two-night rule of Alavi et al., Nat Med 2022;28:175-184), so that one odd night alerts nobody.

Learning is guarded: readings are winsorised before they are summed, a day is learned two days late and
counts at most 2 standard deviations, and nothing is learned of days on which an alert of the vital stood.
What lasts longer than two weeks is the new normal, of a new device perhaps, and is learned anew: bounded
learning would take a month to get there, and alert again on the way. The variance between days is shrunk
to that of a cohort, which enters as a calibration record.
"""

import math

import numpy as np
from numba import njit

from models.record import FEATURES, TREND_CLEARED, TREND_GROWN, TREND_OPENED, TRENDS
from models.score import ramp

CHANNEL_NAMES = ("above", "below", "variability", "rhythm")
FEATURE_NAMES = ("level", "variability", "rhythm")
FEATURE = np.array([0, 0, 1, 2])  # the feature that a channel watches
LEAD = 1  # the feature of days that stands in the place of variability: see `early`
SIDES = 2  # channels of a vital that is followed by days: above and below
READY = 8  # learned days before the first score
FREEZE = 14  # days in a row that are not learned; what lasts longer is the new normal
WAIT = 2  # days between a day and its learning
HALVES = 6  # half hours with readings that make a night, or a day, worth a feature
PROVEN = 4  # nights, beyond the days without one, after which a series is followed by nights
DOUBT = 14  # days without a night, beyond the nights, after which it is followed by days again
TENTHS = 10.0  # in which small numbers are kept in a byte
USUAL_RATE = 0.2  # of the readings that a patient takes a day: about a week


@njit
def nightly(s):  # type: ignore[no-untyped-def]
    """Whether a series is followed by nights; else by days, as what is measured once or twice a day is."""
    return s["slow_nights"] >= PROVEN


@njit
def horizon(s, p):  # type: ignore[no-untyped-def]
    """Days of a baseline's memory."""
    return p["horizon"] if nightly(s) else p["daily_horizon"]


@njit
def learned(s, f):  # type: ignore[no-untyped-def]
    """Days that a feature's baseline rests on."""
    return max(0, int(s["slow_learned"][f]) - WAIT)


@njit
def spread(s, f, rules):  # type: ignore[no-untyped-def]
    """Standard deviation of the next day's feature: own variance shrunk to the cohort's, mean uncertain."""
    p = rules["slow"]
    n = float(max(1, min(learned(s, f), int(2 * horizon(s, p)))))
    variance = s["slow_variance"][f]
    cohort = rules["cohort"][f] if nightly(s) else (rules["cohort_daily"] if f == 0 else 0.0)
    if cohort > 0:
        variance = (p["prior"] * cohort + n * variance) / (p["prior"] + n)
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
def score(s, c, value, rules):  # type: ignore[no-untyped-def]
    """A channel's score with this night: its sum, once the night before had left to the same side too.

    Of a series that is followed by days: the highest score of the day so far.
    """
    if not nightly(s):
        return float(s["slow_sum"][c])
    if s["slow_since"][c] <= 0:
        return 0.0
    return next_sum(s, c, departure(s, c, value, rules), rules["slow"])


@njit
def threshold(s, c, rules):  # type: ignore[no-untyped-def]
    """Score from which on a channel alerts; 0 = it is not watched."""
    if nightly(s):
        return rules["trend"][c]
    return rules["trend_daily"][c] if c < SIDES else 0.0


@njit
def leading(s, day, rules):  # type: ignore[no-untyped-def]
    """(channel, score over threshold) of the one farthest beyond its threshold, or nearest to it; 0 = off."""
    channel = 0
    strongest = 0.0
    for c in range(TRENDS):
        bound = threshold(s, c, rules)
        if bound > 0:
            share = score(s, c, day[FEATURE[c]], rules) / bound
            if share > strongest:
                strongest = share
                channel = c
    return channel, strongest


@njit
def judge(s, day, doubt, rules):  # type: ignore[no-untyped-def]
    """Let a day open, renew or clear the alert: TREND_OPENED, TREND_GROWN, TREND_CLEARED or 0.

    day: the features, NaN where there is none (of a series followed by days, the day so far). `slow_open`
    has the channel + 1: the one farthest beyond its threshold. Within `guard_days` of the last alert, or of
    its end, it must be `guard_factor` times as far; a standing one is told again when the day itself left
    `grown_factor` times as far as the day that was told last. The alert clears when every sum is below its
    threshold again: sums of nights are held there while it stands, so one or two calm ones are enough.
    doubt: standard deviation of what the day's level is not known by yet, 0 once the day is complete.
    """
    p = rules["slow"]
    if not nightly(s):
        if learned(s, 0) < READY:
            return 0
        usual = spread(s, 0, rules)
        ramp.advance(s, (day[0] - s["slow_mean"][0]) / math.hypot(usual, doubt), usual, p)
    channel, strongest = leading(s, day, rules)
    far = departure(s, channel, day[FEATURE[channel]], rules)
    if s["slow_open"] == 0:
        guarded = s["slow_alerted"] > 0 and s["slow_day"] - s["slow_alerted"] < p["guard_days"]
        factor = p["guard_factor"] if nightly(s) else p["daily_guard_factor"]
        if strongest < (factor if guarded else 1.0):
            return 0
        s["slow_alerted"] = s["slow_day"]
        turn = TREND_OPENED
    elif doubt == 0 and strongest >= 1.0 and far * TENTHS >= p["grown_factor"] * s["slow_told"]:
        turn = TREND_GROWN
    elif doubt == 0 and strongest < p["clear_share"]:
        s["slow_open"] = 0
        s["slow_alerted"] = s["slow_day"]
        return TREND_CLEARED
    else:
        return 0
    s["slow_open"] = channel + 1
    s["slow_told"] = min(255, round((far if far > p["winsor"] else p["winsor"]) * TENTHS))
    return turn


@njit
def learn(s, f, value, rules):  # type: ignore[no-untyped-def]
    """Let one day's feature move the baseline."""
    n = learned(s, f)
    if n <= 1:
        s["slow_mean"][f] = value
        return
    p = rules["slow"]
    rate = max(1 / horizon(s, p), 1 / n)
    d = value - s["slow_mean"][f]
    correction = 1.0
    if n > READY:
        bound = p["winsor"] * spread(s, f, rules)
        d = min(max(d, -bound), bound)
        correction = 1 / p["winsor_share"]
    s["slow_mean"][f] += rate * d
    s["slow_variance"][f] += rate * (d * d * correction - s["slow_variance"][f])


@njit
def close(s, day, rules):  # type: ignore[no-untyped-def]
    """A judged day is over: advance the sums and learn the day before yesterday, unless it is frozen.

    Frozen: an alert of the vital stands, or stood at one of the day's readings (`slow_troubled`). Such a day
    does not even wait to be learned, and those that do go on waiting. While the alert stands a sum is held
    at its threshold, so that it clears soon and never piles up.
    """
    p = rules["slow"]
    for c in range(TRENDS if nightly(s) else 0):
        z = departure(s, c, day[FEATURE[c]], rules)
        if math.isnan(z):
            continue
        before = s["slow_sum"][c]
        total = next_sum(s, c, z, p)
        limit = rules["trend"][c] if s["slow_open"] > 0 and rules["trend"][c] > 0 else p["ceiling"]
        s["slow_sum"][c] = min(total, limit)
        if total <= 0:
            s["slow_since"][c] = s["slow_day"] if z > p["odd"] else 0
        elif before <= 0:
            s["slow_since"][c] = s["slow_day"]
    frozen = s["slow_open"] > 0 or s["slow_troubled"] > 0
    s["slow_frozen"] = min(s["slow_frozen"] + 1, 255) if frozen else 0
    if not nightly(s):
        count = min(s["night_count"] * TENTHS, 255.0)
        known = s["slow_usual"] if s["slow_usual"] > 0 else count
        s["slow_usual"] = round(known + USUAL_RATE * (count - known))
    if frozen and s["slow_frozen"] <= FREEZE:
        return
    if s["slow_open"] > 0 and s["slow_frozen"] == FREEZE + 1:
        s["slow_learned"][FEATURE[s["slow_open"] - 1]] = 0
    if not nightly(s) and learned(s, 0) > READY:
        bound = p["winsor"] * spread(s, 0, rules)
        deviation = min(max(day[0] - s["slow_mean"][0], -bound), bound)
        rate = 2 / max(p["week_horizon"], float(learned(s, 0)))
        ramp.learn_week(s, int(s["slow_day"]), deviation, rate)
    for f in range(FEATURES):
        if math.isnan(day[f]):
            continue
        old = s["slow_waiting"][f, 0]
        s["slow_waiting"][f, 0] = s["slow_waiting"][f, 1]
        s["slow_waiting"][f, 1] = day[f]
        s["slow_learned"][f] = min(s["slow_learned"][f] + 1, 65535)
        if s["slow_learned"][f] > WAIT:
            learn(s, f, old, rules)


@njit
def miss(s, days, p):  # type: ignore[no-untyped-def]
    """Days of a nightly series passed without a feature: they count as usual ones.

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
def prove(s, night):  # type: ignore[no-untyped-def]
    """Count a day of a frequent vital, with a `night` or without; True when it is followed otherwise now.

    A cuff or a finger probe never has nights; a watch that is charged by night loses them. What was learned
    of the one is no normal of the other, and is forgotten.
    """
    before = nightly(s)
    if night:
        s["slow_nights"] = min(int(s["slow_nights"]) + 1, PROVEN + DOUBT)
    else:
        s["slow_nights"] = max(int(s["slow_nights"]) - 1, 0)
    if nightly(s) == before:
        return False
    s["slow_nights"] = 0 if before else PROVEN + DOUBT
    s["slow_learned"][:] = 0
    s["slow_sum"][:] = 0.0
    s["slow_since"][:] = 0
    s["week"][:] = 0.0
    s["slow_usual"] = 0
    s["slow_frozen"] = 0
    return True


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
def add_daily(s, x, asleep, new_half_hour):  # type: ignore[no-untyped-def]
    """Count a reading of a series that is followed by days; `night_halves` are those asleep here too.

    `day_sum` keeps the first.
    """
    if s["night_count"] == 0:
        s["day_sum"] = x
    s["night_count"] += 1.0
    s["night_sum"] += x
    if asleep:
        s["night_halves"] = min(s["night_halves"] + new_half_hour, 255)


@njit
def complete(s):  # type: ignore[no-untyped-def]
    """Whether a day that is being collected has as many readings as the patient usually takes.

    What is measured morning and evening is no day before the evening: half of it would be judged by the
    usual whole. A day that stays short is judged when it is over.
    """
    return s["night_count"] * TENTHS >= s["slow_usual"] - TENTHS / 2


@njit
def early(s, rules):  # type: ignore[no-untyped-def]
    """Standard deviation of what the first reading foretells of the day's level; 0: nothing, or not alone.

    The second feature of days is by how much the first reading leads the level: a morning's weight is less
    than the day's, and always by about as much.
    """
    if s["night_count"] != 1 or learned(s, LEAD) < READY:
        return 0.0
    return spread(s, LEAD, rules)


@njit
def features(s, p, day):  # type: ignore[no-untyped-def]
    """Write what was collected to `day` (level, variability, rhythm; NaN where too little is known).

    A day with a night in it is none of a series that is followed by days: it proves to be another one.
    """
    day[:] = np.nan
    n = s["night_count"]
    night = s["night_halves"] >= HALVES
    if not nightly(s):
        if n > 0 and not night:
            level = s["night_sum"] / n
            day[0] = level - ramp.week(s, int(s["slow_day"]))
            if n > 1:
                day[LEAD] = s["day_sum"] - level
        return
    if not night:
        return
    level = s["night_sum"] / n
    residual = s["night_residual"] / n
    day[0] = level
    day[1] = 0.5 * math.log(max(s["night_square"] / n - residual * residual, p["least_variance"]))
    if s["day_halves"] >= HALVES:
        day[2] = s["day_sum"] / s["day_count"] - level


@njit
def begin(s, number):  # type: ignore[no-untyped-def]
    """Collect another day."""
    s["slow_day"] = number
    s["slow_troubled"] = 0
    s["night_count"] = 0.0
    s["night_sum"] = 0.0
    s["night_residual"] = 0.0
    s["night_square"] = 0.0
    s["night_halves"] = 0
    s["day_count"] = 0.0
    s["day_sum"] = 0.0
    s["day_halves"] = 0
    if not nightly(s):
        s["slow_sum"][:] = 0.0


@njit
def not_ready(s, f):  # type: ignore[no-untyped-def]
    """Days still missing before a feature is scored; 0 when it is ready."""
    return max(0, READY + WAIT - int(s["slow_learned"][f]))
