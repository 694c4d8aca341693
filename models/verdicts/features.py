"""What is known of an alert when it opens, as numbers. Nothing in it tells who the patient is.

The numbers leave with the alert's first transition, so that the job that learns sees exactly what the core
saw, whatever was configured then. Words (severity, kind, rule, vital) become one feature each: 1 or absent.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

WORDS: Final = ("severity", "kind", "rule", "vital")
NUMBERS: Final = (
    "beyond",  # share of the limit, or of half the expected band, by which the value lies outside
    "score",  # of the detector, or the total of NEWS2
    "age",  # ln(1 + hours) that the condition held before the alert opened
    "delay",  # ln(1 + hours) from measurement to receipt
    "hour_sin",  # of the patient's local day
    "hour_cos",
    "recent",  # ln(1 + alerts of the patient in the 7 days before)
    "again",  # ln(1 + those of the same cause)
    "judged",  # log odds of the verdicts on the patient's earlier alerts; 0 = none yet
    "judged_cause",  # of those of the same cause
    "suspect",  # 1 = a device of the patient is under suspicion (clock, battery, impossible values)
)
WEEK_MILLISECONDS: Final = 7 * 86_400_000
OPENINGS: Final = 256  # remembered of one patient; more in a week are counted as so many
CAUSES: Final = 64  # whose verdicts are remembered of one patient
MEMORY: Final = 0.9  # a verdict counts this much less with each later one on the same cause
FARTHEST: Final = 5.0  # `beyond` is cut here: one wild value must not outweigh all else


class Past(msgspec.Struct):
    """Earlier alerts of one patient, part of its block of state."""

    opened: list[tuple[int, str]] = []  # (received_at in ms, cause) of the last 7 days
    judged: dict[str, tuple[float, float]] = {}  # cause ("" = any) -> (actionable, judged), faded


def remember_opening(past: Past, cause: str, received: int) -> None:
    """An alert opens: count it for those that follow within 7 days."""
    past.opened = [entry for entry in past.opened if entry[0] > received - WEEK_MILLISECONDS]
    past.opened = [*past.opened[1 - OPENINGS :], (received, cause)]


def remember_verdict(past: Past, cause: str, actionable: bool) -> None:
    """A nurse's verdict on an alert: it speaks for the next ones of the same patient."""
    for key in ("", cause):
        good, count = past.judged.pop(key, (0.0, 0.0))  # put back as the newest
        past.judged[key] = (MEMORY * good + actionable, MEMORY * count + 1.0)
    if len(past.judged) > CAUSES:
        del past.judged[next(iter(past.judged))]


def at_opening(
    past: Past,
    cause: str,
    facts: Mapping[str, Any],
    received: int,
    measured: int | None,
    since: int,
    offset: int,
    suspect: bool,
) -> dict[str, float]:
    """The numbers of an alert that opens now; a name of NUMBERS that does not apply is left out.

    received, measured, since: ms; offset: seconds east of UTC of the patient's local time; facts: what the
    alert quotes (models/report.py).
    """
    recent = [told for at, told in past.opened if at > received - WEEK_MILLISECONDS]
    turn = 2 * math.pi * ((received // 1000 + offset) % 86_400) / 86_400
    out = {
        "beyond": _beyond(facts),
        "score": float(facts.get("score", facts["value"] if "risk" in facts else 0.0)),
        "age": _log_hours(received - since) if since > 0 else 0.0,
        "delay": _log_hours(received - measured) if measured is not None else 0.0,
        "hour_sin": math.sin(turn),
        "hour_cos": math.cos(turn),
        "recent": math.log1p(len(recent)),
        "again": math.log1p(recent.count(cause)),
        "judged": _log_odds(past, ""),
        "judged_cause": _log_odds(past, cause),
        "suspect": float(suspect),
    }
    rounded = {name: round(value, 4) for name, value in out.items()}
    return {name: value for name, value in rounded.items() if value}


def vector(alert: Mapping[str, Any], numbers: Mapping[str, float]) -> dict[str, float]:
    """All features of an alert: its words as one feature each, and its numbers; what is absent is 0."""
    return {**{f"{word}={alert[word]}": 1.0 for word in WORDS}, **numbers}


def _beyond(facts: Mapping[str, Any]) -> float:
    """How far the value lies outside what it should keep to; 0 where the alert names no such bound."""
    value, limit, expected = facts.get("value"), facts.get("limit"), facts.get("expected")
    if value is None:
        return 0.0
    if expected is not None:
        half = (expected["high"] - expected["low"]) / 2
        outside = max(value - expected["high"], expected["low"] - value, 0.0)
    elif limit is not None:
        half, outside = abs(limit), abs(value - limit)
    else:
        return 0.0
    return float(min(outside / half, FARTHEST)) if half > 0 else 0.0


def _log_hours(milliseconds: int) -> float:
    return math.log1p(max(milliseconds, 0) / 3_600_000)


def _log_odds(past: Past, cause: str) -> float:
    """Log odds of the faded counts, one verdict of each kind added (Laplace's rule of succession)."""
    good, count = past.judged.get(cause, (0.0, 0.0))
    return math.log((good + 1) / (count - good + 1))
