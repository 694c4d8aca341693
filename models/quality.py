"""Is this reading new, in time and possible? One of the FATES of models/record.py, in that order."""

from numba import njit

from models.record import (
    ACCEPTED,
    CLOCK_TOLERANCE_MILLISECONDS,
    DUPLICATE,
    FUTURE,
    IMPLAUSIBLE,
    LATE,
    RECENT,
)


@njit
def mark(at, x):  # type: ignore[no-untyped-def]
    """16 bits of the reading's instant (ms) and value, to tell a repeat from its neighbours."""
    h = (at * 2654435761 + int(round(x * 10_000.0)) * 40503 + 0x9E3779B9) & 0x7FFFFFFFFFFF
    h ^= h >> 17
    h = (h * 2246822519) & 0x7FFFFFFFFFFF
    h ^= h >> 23
    return h & 0xFFFF


@njit
def fate(s, vital, at, received, x):  # type: ignore[no-untyped-def]
    """The fate of a reading of value `x` measured at `at` and received at `received` (ms).

    A reading that is newer than its whole series cannot be a repeat. One that is not is compared with
    the RECENT readings that are remembered exactly; one that is older than that memory, or further
    behind than the vital allows, is late: it could not be told from a repeat.
    """
    if not vital["minimum"] <= x <= vital["maximum"]:
        return IMPLAUSIBLE
    if at > received + CLOCK_TOLERANCE_MILLISECONDS:
        return FUTURE
    if s["seen"] == 0 or at > s["newest"]:
        return ACCEPTED
    second = at // 1000
    m = mark(at, x)
    for i in range(RECENT):
        if s["recent_seconds"][i] == second and s["recent_mark"][i] == m:
            return DUPLICATE
    if at <= s["floor"] or at < s["newest"] - vital["lateness"]:
        return LATE
    return ACCEPTED


@njit
def remember(s, at, x):  # type: ignore[no-untyped-def]
    """Keep an accepted reading in the exact memory; what leaves it raises the floor of lateness."""
    i = s["recent_next"]
    left = s["recent_seconds"][i]
    if left > 0:
        s["floor"] = max(s["floor"], left * 1000 + 999)
    s["recent_seconds"][i] = at // 1000
    s["recent_mark"][i] = mark(at, x)
    s["recent_breach"][i] = 0
    s["recent_next"] = (i + 1) % RECENT
