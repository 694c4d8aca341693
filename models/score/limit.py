"""The clinician's limits: persistence before opening, hysteresis before clearing."""

from numba import njit

from models.record import LIMIT_CLEARED, LIMIT_OPENED


@njit
def applies(rule, local, day_from, day_until):  # type: ignore[no-untyped-def]
    """Whether a limit holds at this local millisecond of the day (always, by day or by night)."""
    if rule["when"] == 0:
        return True
    day = day_from <= local < day_until
    return day if rule["when"] == 1 else not day


@njit
def step(state, rule, x, at, in_order, in_hours):  # type: ignore[no-untyped-def]
    """Advance one limit by one reading: LIMIT_OPENED, LIMIT_CLEARED or 0.

    Opens at the `readings`-th breach in a row, all within `within` ms when that is not 0, once the breach
    has lasted `lasting` ms: the 15-minute rule of sensors (Danne et al., Diabetes Care 2017;40:1631).
    Clears when a reading in order is on the safe side of `clear`. A reading out of order may open, never
    clear.
    """
    above = rule["direction"] > 0
    breach = in_hours and (x > rule["value"] if above else x < rule["value"])
    if breach:
        if state["open"]:
            return 0
        second = at // 1000
        expired = rule["within"] > 0 and at - int(state["since"]) * 1000 > rule["within"]
        if state["pending"] == 0 or expired:
            state["pending"] = 0
            state["since"] = second
        state["since"] = min(int(state["since"]), second)
        state["pending"] = min(int(state["pending"]) + 1, 255)
        lasted = at - int(state["since"]) * 1000
        if state["pending"] >= rule["readings"] and lasted >= rule["lasting"]:
            state["open"] = 1
            state["pending"] = 0
            return LIMIT_OPENED
        return 0
    if not in_order:
        return 0
    state["pending"] = 0
    if state["open"] and (x <= rule["clear"] if above else x >= rule["clear"]):
        state["open"] = 0
        return LIMIT_CLEARED
    return 0


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
