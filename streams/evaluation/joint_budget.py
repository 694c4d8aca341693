"""From the `joint` result lines of a cohort to the score that a plan's [plan.joint] may alert above.

A threshold is the least at which as many new patients stay within a budget of alerts in 19 cohorts of 20
(`budget.bound`), by the rule of the product: an alert opens at the `readings`-th hour in a row beyond it.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.evaluation.budget import Spent, account

EXACT: Final = 0.001  # of a threshold
HOUR_NANOSECONDS: Final = 3_600_000_000_000
Floats = NDArray[np.float64]


class Line(NamedTuple):
    """A joint line."""

    patient: str
    vital: str
    hour: int  # since 1970
    departure: float
    score: float  # of all vitals of the hour; NaN while they cannot be judged


def parse(line: bytes) -> Line:
    """A joint line. Raises ValueError."""
    try:
        key, fields, time = line.decode("ascii", "replace").split(" ")
        _, patient, vital = (tag.rpartition("=")[2] for tag in key.split(","))
        values = dict(field.split("=") for field in fields.split(","))
        departure, score = float(values["departure"]), float(values.get("score", "nan"))
        if not 0 <= int(time) < 2**63 or math.isinf(score):
            raise ValueError("a number out of range")
        return Line(patient, vital, int(time) // HOUR_NANOSECONDS, departure, score)
    except (ValueError, KeyError) as error:
        raise ValueError(f"no joint line of `vigie replay`: {line[:80]!r}") from error


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
        one = parse(line)
        row = found[one.patient].setdefault(one.hour, [math.nan] * (len(vitals) + 1))
        row[vitals.index(one.vital)], row[-1] = one.departure, one.score
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


class Scored(NamedTuple):
    """One patient's scores, hour by hour, NaN = none; from the place `first` on they count."""

    scores: Floats
    first: int = 0


class Hours:
    """The scored hours of joint lines as they come, in 12 bytes each: there may be millions."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[array[int], array[float]]] = {}

    def add(self, line: bytes) -> None:
        """Take up a joint line. Raises ValueError when it is none."""
        one = parse(line)
        hours, scores = self._found.setdefault(one.patient, (array("i"), array("d")))
        if math.isnan(one.score):
            return
        if hours and hours[-1] == one.hour:  # the lines of an hour's vitals all tell its score
            scores[-1] = one.score
        else:
            hours.append(one.hour)
            scores.append(one.score)

    def cohort(self, days: int) -> dict[str, Scored]:
        """By patient, the scores in order of time, each hour's newest; the last `days` days count."""
        last = max((max(hours) for hours, _ in self._found.values() if hours), default=0)
        since = 24 * (last // 24 - days + 1)
        out = {}
        for patient, (hours, scores) in sorted(self._found.items()):
            known, newest = np.unique(np.asarray(hours)[::-1], return_index=True)
            out[patient] = Scored(np.asarray(scores)[::-1][newest], int(np.searchsorted(known, since)))
        return out


def spent(cohort: Mapping[str, Scored], threshold: float, readings: int) -> Spent:
    """What a threshold would have spent on the scored hours of a cohort that count."""
    weeks = [np.isfinite(own.scores[own.first :]).sum() / 168 for own in cohort.values()]
    alerts = [(opened(own.scores, threshold, readings) >= own.first).sum() for own in cohort.values()]
    return account(list(cohort), np.array(alerts, np.int64), np.array(weeks))


def calibrate(cohort: Mapping[str, Scored], budget: float, readings: int) -> float:
    """The threshold for a budget of alerts per patient-week. Raises ValueError when no hour is scored yet."""
    pooled = np.concatenate([np.empty(0), *(own.scores[own.first :] for own in cohort.values())])
    pooled = pooled[np.isfinite(pooled)]
    if not len(pooled):
        raise ValueError("no hour of several vitals is scored yet; replay more days")
    low, high = float(pooled.min()), float(pooled.max()) + EXACT
    while high - low > EXACT:
        middle = (low + high) / 2
        over = spent(cohort, middle, readings).bound > budget
        low, high = (middle, high) if over else (low, middle)
    return high
