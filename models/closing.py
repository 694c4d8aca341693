"""A window closes, or is told again: its line, what was expected of the finest; estimators may ask for it."""

from numba import njit

from models import rollup
from models.decide import emit
from models.record import DAY, OPEN, WINDOW_CLOSED, WINDOW_MILLISECONDS
from models.score import acute
from models.wire_lines import put_baseline, put_window

DAY_MILLISECONDS = WINDOW_MILLISECONDS[DAY]
HALF_HOUR = 1_800_000


@njit
def close_window(row, received, s, w, size, patient, vital, code, p, buffer, event, out):  # type: ignore[no-untyped-def]
    """Tell a closed window, and with the finest one what was expected; hand it on where the plan asks."""
    out[1] = put_window(buffer, out[1], patient, code, size, w, vital)
    first = w["revision"] == 0
    rollup.emitted(w)
    if not first:
        return
    at = rollup.start_of(w, size)
    if vital["frequent"] and size == vital["finest"]:
        if acute_ready(s):
            local = (at + int(w["offset"]) * 60_000) % DAY_MILLISECONDS
            centre, half = acute.band(s, local // HALF_HOUR, p)
            out[1] = put_baseline(
                buffer, out[1], patient, code, at, centre, half, int(s["n"]), s["peak"], vital
            )
        s["peak"] = 0.0
    if (patient["told_windows"] >> size) & 1:
        offset = int(w["offset"]) * 60
        e = emit(out, event, WINDOW_CLOSED, row, size, 0, s, offset, at, received, at, w["mean"])
        e["window"][0] = w["mean"]
        e["window"][1] = rollup.standard_deviation(w)
        e["window"][2] = w["min"]
        e["window"][3] = w["max"]
        e["window"][4] = w["first"]
        e["window"][5] = w["last"]
        e["window"][6] = w["count"]


@njit
def acute_ready(s):  # type: ignore[no-untyped-def]
    """Whether the acute baseline has seen enough to score."""
    return s["n"] > acute.WARM


@njit
def close_before(row, received, s, size, index, patient, vital, code, p, buffer, event, out):  # type: ignore[no-untyped-def]
    """Close the windows of one size whose number is less than `index`, in order of time."""
    newest = int(s["current"][size])
    for number in range(newest - vital["slots"][size] + 1, min(newest + 1, index)):
        w = s["windows"][rollup.slot(vital, size, number)]
        if w["state"] == OPEN and w["start"] == number:
            close_window(row, received, s, w, size, patient, vital, code, p, buffer, event, out)
