"""Where compiled code puts a decision, for models/decisions.py to take up in its order."""

from numba import njit

from models.record import POINTS


@njit
def emit(out, event, kind, row, rule, late, s, offset, measured, received, since, value):  # type: ignore[no-untyped-def]
    """Append one decision; `out[0]` counts the events, `out[1]` the bytes of the buffer.

    What the alert will quote is copied now: later readings of the batch must not show in it.
    """
    e = event[out[0]]
    e["kind"] = kind
    e["row"] = row
    e["rule"] = rule
    e["late"] = late
    e["measured"] = measured
    e["received"] = received
    e["since"] = since
    e["value"] = value
    e["score"] = 0.0
    e["low"] = 0.0
    e["high"] = 0.0
    e["readings"] = 0
    e["side"] = 0
    e["days"] = 0
    e["nights"] = 0
    e["offset"] = offset
    e["written"] = out[1]
    e["points"] = s["point_next"]
    for i in range(POINTS):
        e["point_value"][i] = s["point_value"][i]
        e["point_seconds"][i] = s["point_seconds"][i]
    out[0] += 1
    return e
