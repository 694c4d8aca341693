"""Tumbling event-time windows of one series: 1 min, 15 min, 1 h and the patient's local day.

A window closes when its series moves past it, or when received time is past it by the vital's
lateness. Closed windows stay for late readings, which re-emit them with a higher revision.
"""

import math

from numba import njit

from models.record import DAY, EMITTED, FREE, OPEN, WINDOW_MILLISECONDS

SIZES = WINDOW_MILLISECONDS


@njit
def number(at, size, offset):  # type: ignore[no-untyped-def]
    """Window number of an instant (ms); `offset` seconds east of UTC matter to local days only."""
    if size == DAY:
        return (at + offset * 1000) // SIZES[DAY]
    return at // SIZES[size]


@njit
def start_of(window, size):  # type: ignore[no-untyped-def]
    """The UTC instant (ms) at which a window starts."""
    start = int(window["start"]) * SIZES[size]
    if size == DAY:
        start -= int(window["offset"]) * 60_000
    return start


@njit
def slot(vital, size, index):  # type: ignore[no-untyped-def]
    """Where a window number lives in the series' slots."""
    return vital["slot_from"][size] + index % vital["slots"][size]


@njit
def is_new(window, index):  # type: ignore[no-untyped-def]
    """Whether a slot does not hold the window of this number yet."""
    return window["state"] == FREE or window["start"] != index


@njit
def add(window, size, index, offset, at, x, vital):  # type: ignore[no-untyped-def]
    """Put a reading into the slot of its window, which is made anew when another window held it.

    offset: seconds east of UTC of a new window: of a local day where it begins, else of the reading.
    """
    if is_new(window, index):
        window["start"] = index
        window["offset"] = offset // 60
        window["revision"] = 0
        window["state"] = OPEN
        window["mean"] = 0.0
        window["count"] = 0
        window["m2"] = 0.0
        for i in range(4):
            window["ranges"][i] = 0
    within = at - start_of(window, size)
    window["count"] += 1
    count = window["count"]
    if count == 1:
        window["min"] = x
        window["max"] = x
        window["first"] = x
        window["last"] = x
        window["first_at"] = within
        window["last_at"] = within
    else:
        window["min"] = min(window["min"], x)
        window["max"] = max(window["max"], x)
        if within < window["first_at"]:
            window["first"] = x
            window["first_at"] = within
        if within >= window["last_at"]:
            window["last"] = x
            window["last_at"] = within
    before = x - window["mean"]
    window["mean"] += before / count
    window["m2"] += before * (x - window["mean"])
    if vital["has_cuts"]:
        cuts = vital["cuts"]
        if x < cuts[0]:
            window["ranges"][0] += 1
        elif x < cuts[1]:
            window["ranges"][1] += 1
        elif x > cuts[3]:
            window["ranges"][3] += 1
        elif x > cuts[2]:
            window["ranges"][2] += 1


@njit
def standard_deviation(window):  # type: ignore[no-untyped-def]
    """Sample standard deviation (n - 1); 0 for a single reading."""
    if window["count"] < 2:
        return 0.0
    return math.sqrt(max(window["m2"], 0.0) / (window["count"] - 1))


@njit
def emitted(window):  # type: ignore[no-untyped-def]
    """Note that a window has been told; its next telling has a higher revision (at most 255)."""
    window["state"] = EMITTED
    window["revision"] = min(int(window["revision"]) + 1, 255)
