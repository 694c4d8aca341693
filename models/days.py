"""A series is followed from day to day (models/score/slow.py, ramp.py): collected, judged, told, learned."""

import numpy as np
from numba import njit

from models.closing import DAY_MILLISECONDS
from models.decide import emit
from models.record import FEATURES, TREND_CLEARED, TREND_SCORED
from models.score import ramp, slow
from models.wire_lines import put_trend


@njit
def judge_day(row, at, received, offset, s, day, rules, frequent, event, out):  # type: ignore[no-untyped-def]
    """Let the features of a day open or clear the trend alert, and say what was expected."""
    turn = slow.judge(s, day, rules, frequent)
    if turn == 0 and not rules["trend_beside"]:
        return
    usual = ramp.week(s, int(s["slow_day"]))
    if turn == TREND_CLEARED:
        emit(out, event, turn, row, 0, 0, s, offset, at, received, at, day[0] + usual)
        return
    c = int(s["slow_open"]) - 1 if turn else slow.leading(s, day, rules, frequent)[0]
    f = slow.FEATURE[c]
    usual = usual if f == 0 else 0.0
    since = int(s["slow_since"][c])
    begun = (
        since * DAY_MILLISECONDS - offset * 1000 + (rules["day_until"] + slow.ASLEEP_AFTER if frequent else 0)
    )
    kind = turn if turn else TREND_SCORED
    e = emit(out, event, kind, row, c, 0, s, offset, at, received, begun, day[f] + usual)
    half = 2.0 * slow.spread(s, f, rules)
    expected = s["slow_mean"][f] + usual
    e["low"] = expected - half
    e["high"] = expected + half
    e["expected"] = expected
    e["score"] = slow.score(s, c, day[f], rules, frequent)
    e["readings"] = slow.learned(s, f)
    e["days"] = s["slow_day"] - since + 1


@njit
def follow(  # type: ignore[no-untyped-def]
    row,
    at,
    received,
    offset,
    x,
    centre,
    half,
    settled,
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

    A frequent vital is followed from morning to morning and judged when its night is over; a sparse one
    over local days, judged with each reading. Readings count once the course of the day is `settled`.
    """
    frequent = vital["frequent"]
    local = at + offset * 1000
    number = (local - (rules["day_from"] if frequent else 0)) // DAY_MILLISECONDS
    if number > s["slow_day"] or not frequent:
        day = np.empty(FEATURES)
        if number > s["slow_day"]:
            slow.features(s, frequent, day)
            if s["slow_day"] > 0:
                if frequent and not np.isnan(day[0]):
                    judge_day(row, at, received, offset, s, day, rules, frequent, event, out)
                start = s["slow_day"] * DAY_MILLISECONDS - offset * 1000
                start += rules["day_from"] if frequent else 0
                out[1] = put_trend(buffer, out[1], patient, code, start, s, day, rules, vital)
            if not np.isnan(day[0]):
                frozen = s["slow_open"] > 0 or s["limit_open"] > 0
                slow.close(s, day, rules, frozen, frequent)
            missed = number - s["slow_day"] - (0 if np.isnan(day[0]) else 1)
            if frequent and missed > 0:
                slow.miss(s, missed, rules["slow"])
            slow.begin(s, number)
            new_half_hour = 1
        if not frequent:
            slow.add(s, x, x, 0.0, True, new_half_hour)
            slow.features(s, frequent, day)
            judge_day(row, at, received, offset, s, day, rules, frequent, event, out)
            return
    if not settled:
        return
    awake = local % DAY_MILLISECONDS - rules["day_from"]
    if awake < 0:
        awake += DAY_MILLISECONDS
    length = rules["day_until"] - rules["day_from"]
    if awake < length or awake >= length + slow.ASLEEP_AFTER:
        slow.add(s, x, centre, half, awake >= length, new_half_hour)
