"""From the `joint` result lines of a cohort to the score that a plan's [plan.joint] may alert above.

A threshold is the least at which as many new patients stay within a budget of alerts in 19 cohorts of 20
(`budget.bound`), by the rule of the product: an alert opens at the `readings`-th hour in a row beyond it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.evaluation.budget import BUSIEST, bound

EXACT: Final = 0.001  # of a threshold
HOUR_NANOSECONDS: Final = 3_600_000_000_000
Floats = NDArray[np.float64]


class Told(NamedTuple):
    """What result lines say of one patient's hours, ascending; NaN where nothing was said."""

    hours: NDArray[np.int64]  # since 1970
    departures: Floats  # (hours, vitals)
    scores: Floats


def told(lines: Iterable[bytes], vitals: tuple[str, ...]) -> dict[str, Told]:
    """By patient, the judged hours of `joint` lines; other lines are passed over. Raises ValueError."""
    found: dict[str, dict[int, list[float]]] = defaultdict(dict)
    for line in lines:
        if not line.startswith(b"joint,"):
            continue
        try:
            key, fields, time = line.decode("ascii", "replace").split(" ")
            _, patient, vital = key.split(",")
            values = {k: float(v.removesuffix("i")) for k, v in (f.split("=") for f in fields.split(","))}
            own, hour = found[patient.split("=")[1]], int(time) // HOUR_NANOSECONDS
            row = own.setdefault(hour, [math.nan] * (len(vitals) + 1))
            row[vitals.index(vital.split("=")[1])] = values["departure"]
            row[-1] = values.get("score", math.nan)
        except (ValueError, IndexError, KeyError) as error:
            raise ValueError(f"no joint line of `vigie replay`: {line[:80]!r}") from error
    out = {}
    for patient, rows in sorted(found.items()):
        hours = sorted(rows)
        table = np.array([rows[hour] for hour in hours])
        out[patient] = Told(np.array(hours), table[:, :-1], table[:, -1])
    return out


def opened(scores: Floats, threshold: float, readings: int) -> NDArray[np.int64]:
    """Places of the scores at which alerts open; an hour without a score neither opens nor clears."""
    scored = np.flatnonzero(~np.isnan(scores))
    beyond = scores[scored] > threshold
    starts = np.flatnonzero(beyond & ~np.concatenate([[False], beyond[:-1]]))
    ends = np.flatnonzero(beyond & ~np.concatenate([beyond[1:], [False]]))
    return scored[starts[ends - starts + 1 >= readings] + readings - 1]


class Spent(NamedTuple):
    """Alerts per patient-week that a threshold would have opened."""

    rate: float
    bound: float  # that as many new patients would spend at most, in 19 cohorts of 20
    busiest: float  # of the busiest 5 % of patients


def spent(cohort: Mapping[str, Floats], threshold: float, readings: int) -> Spent:
    """What a threshold would have spent on the scored hours of a cohort."""
    weeks = np.array([np.isfinite(scores).sum() / 168 for scores in cohort.values()])
    counts = np.array([len(opened(scores, threshold, readings)) for scores in cohort.values()])
    if not weeks.sum():
        return Spent(0.0, math.inf, 0.0)
    busy = np.argsort(-counts, kind="stable")[: max(1, round(BUSIEST * len(counts)))]
    busiest = counts[busy].sum() / weeks[busy].sum() if weeks[busy].sum() else 0.0
    return Spent(float(counts.sum() / weeks.sum()), bound(counts, weeks.sum()), float(busiest))


def calibrate(cohort: Mapping[str, Floats], budget: float, readings: int) -> float:
    """The threshold for a budget of alerts per patient-week; cohort: scores of each patient's hours.

    Raises ValueError when no hour is scored yet.
    """
    scored = [scores[np.isfinite(scores)] for scores in cohort.values() if np.isfinite(scores).any()]
    if not scored:
        raise ValueError("no hour of several vitals is scored yet; replay more days")
    pooled = np.concatenate(scored)
    low, high = float(pooled.min()), float(pooled.max()) + EXACT
    while high - low > EXACT:
        middle = (low + high) / 2
        over = spent(cohort, middle, readings).bound > budget
        low, high = (middle, high) if over else (low, middle)
    return high
