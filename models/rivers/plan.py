"""River estimators in a care plan: what runs on which windows, and when its score alerts."""

import math
from typing import Any, Final, Literal

import msgspec

from models.catalog import Catalog
from models.record import WINDOW_FEATURES
from models.rivers.build import LARGEST_STATE, assemble, on_trial
from models.strict import Complaint, nearest

MOST: Final = 4  # estimators of one plan: each has a state of its own
STEPS: Final = 16  # of one pipeline


class Estimator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A River pipeline on the closed windows of one vital; opens when `readings` windows in a row score so.

    Each window is scored before it is learned. A window that a late reading corrects is not learned again.
    """

    name: str
    vital: str
    window: Literal["1m", "15m", "1h", "1d"]
    score_above: float
    severity: Literal["low", "medium", "high"]
    pipeline: tuple[dict[str, Any], ...]  # of { estimator = "module.Class", parameter = … }, in order
    features: tuple[str, ...] = ("mean", "standard_deviation")
    readings: int = 1  # windows in a row
    ready: int = 96  # windows learned before the first score counts


def check_estimators(estimators: tuple[Estimator, ...], catalog: Catalog) -> list[Complaint]:
    """(key, problem, remedy) of whatever well-typed estimators may not say; each is tried on windows."""
    out: list[Complaint] = []
    if len(estimators) > MOST:
        out.append(("estimators", f"more than {MOST}", f"keep the {MOST} that matter"))
    together = 0
    for one in estimators[:MOST]:  # each is tried, which takes a while
        where = f"estimators[{one.name}]"
        if one.vital in catalog.index and one.window not in catalog[one.vital].windows:
            remedy = f"its windows are {', '.join(catalog[one.vital].windows)}"
            out.append((f"{where}.window", f"{one.vital} has no window of {one.window}", remedy))
        unknown = [name for name in one.features if name not in WINDOW_FEATURES]
        out += [(f"{where}.features", f"unknown {name}", nearest(name, WINDOW_FEATURES)) for name in unknown]
        if not one.features or len(set(one.features)) < len(one.features):
            out.append((f"{where}.features", "are none, or come twice", "name each once"))
        if not math.isfinite(one.score_above):
            out.append((f"{where}.score_above", "is no finite number", "give the score that alerts"))
        for key, given, most in (("readings", one.readings, 100), ("ready", one.ready, 100_000)):
            if not 1 <= given <= most:
                out.append((f"{where}.{key}", f"{given} is out of range", f"give 1 to {most}"))
        if len(one.pipeline) > STEPS:
            out.append((f"{where}.pipeline", f"has more than {STEPS} steps", "join some"))
            continue
        model, faults = assemble(one.pipeline, f"{where}.pipeline")
        out += faults
        if model is not None and not unknown and one.features and one.ready >= 1:
            size, problem, remedy = on_trial(one.pipeline, one.features, one.ready)
            together += size
            out += [(f"{where}.pipeline", problem, remedy)] if problem else []
    if together > LARGEST_STATE:
        problem = f"their state takes {together // 1024} KB of a patient"
        remedy = f"give fewer trees or neighbours: at most {LARGEST_STATE // 1024} KB of all of them together"
        out.append(("estimators", problem, remedy))
    return out
