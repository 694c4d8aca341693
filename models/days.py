"""A series is followed from day to day (models/score/slow.py, ramp.py): collected, judged, told, learned."""

import math

import numpy as np
from numba import njit

from models import rollup
from models.closing import DAY_MILLISECONDS, acute_ready
from models.decide import emit
from models.record import DAY, FEATURES, TREND_CLEARED, TREND_SCORED
from models.score import ramp, slow
from models.wire_lines import put_trend

HOUR_MILLISECONDS = 3_600_000


@njit
def judge_day(row, at, received, offset, s, day, doubt, rules, event, out):  # type: ignore[no-untyped-def]
    """Let the features of a day open, renew or clear the trend alert, and say what was expected.

    doubt: of a day of which only the first reading is known, the standard deviation of what it foretells;
    such a day ends nothing that stands beside a symptom.
    """
    turn = slow.judge(s, day, doubt, rules)
    if turn == 0 and (doubt > 0 or not rules["trend_beside"]):
        return
    usual = ramp.week(s, int(s["slow_day"])) + (s["slow_mean"][slow.LEAD] if doubt > 0 else 0.0)
    if turn == TREND_CLEARED:
        emit(out, event, turn, row, 0, 0, s, offset, at, received, at, day[0] + usual)
        return
    c = int(s["slow_open"]) - 1 if turn else slow.leading(s, day, rules)[0]
    f = slow.FEATURE[c]
    usual = usual if f == 0 else 0.0
    since = int(s["slow_since"][c])
    begun = since * DAY_MILLISECONDS - offset * 1000
    if slow.nightly(s):
        begun += rules["day_until"] + int(rules["slow"]["asleep_after"] * HOUR_MILLISECONDS)
    kind = turn if turn else TREND_SCORED
    e = emit(out, event, kind, row, c, 0, s, offset, at, received, begun, day[f] + usual)
    half = 2.0 * math.hypot(slow.spread(s, f, rules), doubt)
    expected = s["slow_mean"][f] + usual
    e["low"] = expected - half
    e["high"] = expected + half
    e["expected"] = expected
    e["score"] = slow.score(s, c, day[f], rules)
    e["readings"] = slow.learned(s, f)
    e["days"] = s["slow_day"] - since + 1
    e["nights"] = slow.nightly(s)


@njit
def end_day(row, at, received, offset, s, patient, rules, vital, code, number, buffer, event, out):  # type: ignore[no-untyped-def]
    """The day that was collected is over: judge it, unless that was done, tell it and let it be learned."""
    day = np.empty(FEATURES)
    slow.features(s, rules["slow"], day)
    nightly = slow.nightly(s)
    known = not np.isnan(day[0])
    if known and (nightly or not slow.complete(s)):
        judge_day(row, at, received, offset, s, day, 0.0, rules, event, out)
    begins = offset
    if vital["slots"][DAY] > 0:  # as the window of that day began, were the clocks changed since
        w = s["windows"][rollup.slot(vital, DAY, int(s["slow_day"]))]
        begins = int(w["offset"]) * 60 if w["start"] == s["slow_day"] else offset
    start = s["slow_day"] * DAY_MILLISECONDS - begins * 1000
    start += rules["day_from"] if nightly else 0
    out[1] = put_trend(buffer, out[1], patient, code, start, s, day, rules, vital)
    if known:
        slow.close(s, day, rules)
    if nightly:
        missed = number - s["slow_day"] - (1 if known else 0)
        if missed > 0:
            slow.miss(s, missed, rules["slow"])
    if vital["frequent"] and slow.prove(s, known == nightly) and s["slow_open"] > 0:
        s["slow_open"] = 0
        emit(out, event, TREND_CLEARED, row, 0, 0, s, offset, at, received, at, s["slow_mean"][0])


@njit
def troubled(s):  # type: ignore[no-untyped-def]
    """Whether an alert of a limit, a trend or a gain of the vital stands, or a gain waits for a symptom."""
    return s["slow_open"] > 0 or s["limit_open"] > 0 or s["gain_open"].max() > 0


@njit
def number_of(local, s, rules):  # type: ignore[no-untyped-def]
    """The day that a local instant belongs to: from morning to morning when nights are followed."""
    return (local - (rules["day_from"] if slow.nightly(s) else 0)) // DAY_MILLISECONDS


@njit
def follow(  # type: ignore[no-untyped-def]
    row,
    at,
    received,
    offset,
    x,
    centre,
    half,
    new_half_hour,
    s,
    patient,
    rules,
    vital,
    code,
    buffer,
    event,
    out,
):
    """Follow a series over days.

    Nights are judged when they are over. A series that is followed by local days is judged by what the first
    reading foretells, and with each one from that on which makes its day complete; nights are only counted.
    """
    local = at + offset * 1000
    number = number_of(local, s, rules)
    if number > s["slow_day"]:
        if s["slow_day"] > 0:
            end_day(row, at, received, offset, s, patient, rules, vital, code, number, buffer, event, out)
            number = number_of(local, s, rules)
        slow.begin(s, number)
        new_half_hour = 1
    if s["acute_open"] > 0 or troubled(s):
        s["slow_troubled"] = 1
    awake = local % DAY_MILLISECONDS - rules["day_from"]
    if awake < 0:
        awake += DAY_MILLISECONDS
    length = rules["day_until"] - rules["day_from"]
    asleep = awake >= length + int(rules["slow"]["asleep_after"] * HOUR_MILLISECONDS)
    if slow.nightly(s):
        if acute_ready(s) and (asleep or awake < length):
            slow.add(s, x, centre, half, asleep, new_half_hour)
        return
    slow.add_daily(s, x, asleep and vital["frequent"], new_half_hour)
    if s["slow_nights"] > 0:
        return
    day = np.empty(FEATURES)
    slow.features(s, rules["slow"], day)
    if np.isnan(day[0]):
        return
    if slow.complete(s):
        judge_day(row, at, received, offset, s, day, 0.0, rules, event, out)
        return
    doubt = slow.early(s, rules)
    if doubt > 0:
        day[0] -= s["slow_mean"][slow.LEAD]
        judge_day(row, at, received, offset, s, day, doubt, rules, event, out)
