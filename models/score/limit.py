"""The clinician's limits: persistence before opening, hysteresis before clearing.

A limit opens at a breach when, among the breaches in a row that lie within `within` of it, there are
`readings` and the first was `lasting` ago: the window slides, so that an earlier breach too far back spoils
nothing. `lasting` is the 15-minute rule of sensors (Danne et al., Diabetes Care 2017;40:1631), whose end is
asked for by `clear_lasting`: an event is over after as long out of it. In a row means in the order in which
they were measured: a reading that comes late stands at its place; it may open, never clear.

What a series keeps of it is bounded: of the run up to the newest reading its first second within `within` and
its length, and of the RECENT readings that are remembered one by one (models/quality.py) which limits they
passed. So `within` goes with at most RECENT readings, and is at least twice `lasting`: then a run that began
too early and of which more than RECENT breaches lie within has lasted long enough (models/plan.py asks for
both). Times are compared to the second.
"""

from numba import njit

from models.record import LIMIT_CLEARED, LIMIT_OPENED, RECENT

LATEST = 1 << 32  # no second is later


@njit
def applies(rule, local, day_from, day_until):  # type: ignore[no-untyped-def]
    """Whether a limit holds at this local millisecond of the day (always, by day or by night)."""
    if rule["when"] == 0:
        return True
    day = day_from <= local < day_until
    return day if rule["when"] == 1 else not day


@njit
def step(s, j, rule, x, at, in_order, in_hours):  # type: ignore[no-untyped-def]
    """Advance limit `j` of a SERIES by one reading, remembered already: LIMIT_OPENED, LIMIT_CLEARED or 0."""
    bit = 1 << j
    second = at // 1000
    above = rule["direction"] > 0
    if s["limit_open"] & bit:
        safe = x <= rule["clear"] if above else x >= rule["clear"]
        return _clear(s, j, rule, second, safe) if in_order else 0
    if not (in_hours and (x > rule["value"] if above else x < rule["value"])):
        if in_order:
            s["limit_pending"][j] = 0
        elif s["limit_pending"][j] > 0 and second >= s["limit_since"][j]:
            _count(s, j, second + 1)
        return 0
    s["recent_breach"][(s["recent_next"] + RECENT - 1) % RECENT] |= bit
    if not (_extended(s, j, rule, second) if in_order else _inserted(s, j, rule, second)):
        return 0
    s["limit_open"] |= bit
    s["limit_pending"][j] = 0
    for i in range(RECENT):
        s["recent_breach"][i] &= 255 ^ bit
    return LIMIT_OPENED


@njit
def _clear(s, j, rule, second, safe):  # type: ignore[no-untyped-def]
    """Clear an open limit once the safe side has lasted: `pending` is 1 meanwhile, since `since`."""
    if not safe:
        s["limit_pending"][j] = 0
        return 0
    if s["limit_pending"][j] == 0:
        s["limit_pending"][j] = 1
        s["limit_since"][j] = second
    if (second - s["limit_since"][j]) * 1000 < rule["clear_lasting"]:
        return 0
    s["limit_open"] &= 255 ^ (1 << j)
    s["limit_pending"][j] = 0
    return LIMIT_CLEARED


@njit
def _count(s, j, begin):  # type: ignore[no-untyped-def]
    """Let the run be the remembered breaches from the second `begin` on; returns how many they are."""
    count = 0
    first = LATEST
    for i in range(RECENT):
        if s["recent_breach"][i] >> j & 1 and s["recent_seconds"][i] >= begin:
            count += 1
            first = min(first, s["recent_seconds"][i])
    s["limit_pending"][j] = count
    if count > 0:
        s["limit_since"][j] = first
    return count


@njit
def _extended(s, j, rule, second):  # type: ignore[no-untyped-def]
    """Whether a breach in order opens: it ends the run, whose first breaches may be too early by now."""
    if s["limit_pending"][j] == 0:
        s["limit_since"][j] = second
    s["limit_pending"][j] = min(int(s["limit_pending"][j]) + 1, 255)
    early = rule["within"] > 0 and (second - s["limit_since"][j]) * 1000 > rule["within"]
    if early and _count(s, j, second - rule["within"] // 1000) == RECENT:
        return True
    lasted = (second - s["limit_since"][j]) * 1000
    return s["limit_pending"][j] >= rule["readings"] and lasted >= rule["lasting"]


@njit
def _inserted(s, j, rule, second):  # type: ignore[no-untyped-def]
    """Whether a breach that comes late opens with those around it, up to the next readings that are none."""
    within = rule["within"] if rule["within"] > 0 else LATEST * 1000
    low = -1
    high = LATEST
    for i in range(RECENT):
        t = int(s["recent_seconds"][i])
        if t > 0 and not s["recent_breach"][i] >> j & 1:
            if t <= second:
                low = max(low, t)
            else:
                high = min(high, t)
    if high == LATEST and s["limit_pending"][j] > 0:  # it belongs to the run up to the newest reading
        newest = s["newest"] // 1000
        if second >= s["limit_since"][j] or (newest - second) * 1000 <= within:
            s["limit_since"][j] = min(int(s["limit_since"][j]), second)
            s["limit_pending"][j] = min(int(s["limit_pending"][j]) + 1, 255)
        lasted = (newest - s["limit_since"][j]) * 1000
        if s["limit_pending"][j] >= rule["readings"] and lasted >= rule["lasting"]:
            return True
    for i in range(RECENT):
        first = int(s["recent_seconds"][i])
        begins = low < first <= second and (second - first) * 1000 <= within
        if not begins or not s["recent_breach"][i] >> j & 1:
            continue
        count = 0
        last = second
        for k in range(RECENT):
            t = int(s["recent_seconds"][k])
            if s["recent_breach"][k] >> j & 1 and first <= t < high and (t - first) * 1000 <= within:
                count += 1
                last = max(last, t)
        if count >= rule["readings"] and (last - first) * 1000 >= rule["lasting"]:
            s["limit_since"][j] = first
            return True
    return False


def in_a_row(turn: dict[str, int], breach: bool, readings: int, at: int) -> int:
    """Advance a rule of windows, told in order: LIMIT_OPENED at the `readings`-th breach in a row.

    LIMIT_CLEARED at the first window that is none; else 0. turn: `since` (second), `pending`, `open`; at: ms.
    """
    if not breach:
        cleared, turn["pending"], turn["open"] = turn["open"], 0, 0
        return LIMIT_CLEARED if cleared else 0
    if turn["open"]:
        return 0
    turn["since"] = turn["since"] if turn["pending"] else at // 1000
    turn["pending"] += 1
    if turn["pending"] < readings:
        return 0
    turn["open"], turn["pending"] = 1, 0
    return LIMIT_OPENED
