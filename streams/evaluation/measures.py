"""Measures of an evaluation, from scores and outcomes alone."""

import math
from typing import Final, NamedTuple

import numpy as np

WITHIN: Final = 7.0  # days in which an event must be found
FOUND: Final = ["in 7 days %", "in 2 %", "in 3 %", "median days"]


def auroc(scores: np.ndarray, outcome: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a case scores above a control, ties counted half.

    scores: float (n,); outcome: bool (n,). NaN when there is no case or no control (Hanley & McNeil 1982).
    """
    cases = int(outcome.sum())
    controls = len(outcome) - cases
    if not cases or not controls:
        return float("nan")
    values, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    del values
    return float((ranks[place][outcome].sum() - cases * (cases + 1) / 2) / (cases * controls))


def average_precision(scores: np.ndarray, outcome: np.ndarray) -> float:
    """Area under the precision-recall steps, ties taken together; NaN without a case."""
    if not outcome.any():
        return float("nan")
    hits, told = _steps(scores, outcome)
    return float((np.diff(hits, prepend=0) * hits / told).sum() / outcome.sum())


def best_event_1(scores: np.ndarray, outcome: np.ndarray) -> float:
    """The greatest min(sensitivity, positive predictivity) over thresholds (CinC 2012, event 1).

    NaN without a case.
    """
    if not outcome.any():
        return float("nan")
    best = 0.0
    for threshold in np.unique(scores):
        told = scores >= threshold
        hits = float((told & outcome).sum())
        best = max(best, min(hits / outcome.sum(), hits / told.sum()))
    return best


Points = list[tuple[float, float]]


def roc(scores: np.ndarray, outcome: np.ndarray) -> Points:
    """(1 - specificity, sensitivity) from the strictest threshold on; empty without a case or a control."""
    hits, told = _steps(scores, outcome)
    cases, controls = outcome.sum(), (~outcome).sum()
    if not cases or not controls:
        return []
    return [(0.0, 0.0), *_thinned((told - hits) / controls, hits / cases)]


def precision_recall(scores: np.ndarray, outcome: np.ndarray) -> Points:
    """(recall, precision) from the strictest threshold on; empty without a case."""
    hits, told = _steps(scores, outcome)
    return _thinned(hits / outcome.sum(), hits / told) if outcome.any() else []


def _steps(scores: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(cases told, all told) at each threshold, from the highest score down, ties taken together."""
    values, place = np.unique(-scores, return_inverse=True)
    return (
        np.bincount(place, outcome, len(values)).cumsum(),
        np.bincount(place, minlength=len(values)).cumsum(),
    )


def _thinned(x: np.ndarray, y: np.ndarray, most: int = 200) -> Points:
    """The points of a curve, evenly thinned to `most` at most, the last one kept."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), most)).round().astype(int))
    return list(zip(x[kept].tolist(), y[kept].tolist(), strict=True))


class Agreement(NamedTuple):
    """How a set of alerts agrees with a set of labels."""

    alerts: int
    labels: int
    precision: float
    recall: float
    f1: float


def agreement(alerts: set[tuple[str, str]], labels: set[tuple[str, str]]) -> Agreement:
    """Precision, recall and F1 of two sets of the same units (such as patient-days).

    Precision is NaN without an alert, recall and F1 are NaN without a label.
    """
    hits = len(alerts & labels)
    precision = hits / len(alerts) if alerts else math.nan
    recall = hits / len(labels) if labels else math.nan
    f1 = 2 * hits / (len(alerts) + len(labels)) if labels else math.nan
    return Agreement(len(alerts), len(labels), precision, recall, f1)


def in_time(delays: np.ndarray) -> tuple[float, float, float, float]:
    """How soon events were found: shares within 7, 2 and 3 days, the median delay of those found.

    delays: days float (n,), inf = not within 7. NaN where there is no event, or none was found.
    """
    seen = delays[np.isfinite(delays)]
    found, within_2, within_3 = (
        float((delays < limit).mean()) if len(delays) else math.nan for limit in (WITHIN, 2.01, 3.01)
    )
    return found, within_2, within_3, float(np.median(seen)) if len(seen) else math.nan
