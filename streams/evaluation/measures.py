"""Measures of an evaluation, from scores and outcomes alone."""

from typing import NamedTuple

import numpy as np


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
    values, place = np.unique(-scores, return_inverse=True)
    hits = np.bincount(place, outcome, len(values)).cumsum()
    told = np.bincount(place, minlength=len(values)).cumsum()
    return float((np.diff(hits, prepend=0) * hits / told).sum() / outcome.sum())


def best_event_1(scores: np.ndarray, outcome: np.ndarray) -> float:
    """The greatest min(sensitivity, positive predictivity) over thresholds (CinC 2012, event 1)."""
    best = 0.0
    for threshold in np.unique(scores):
        told = scores >= threshold
        hits = float((told & outcome).sum())
        best = max(best, min(hits / outcome.sum(), hits / told.sum()))
    return best


class Agreement(NamedTuple):
    """How a set of alerts agrees with a set of labels."""

    alerts: int
    labels: int
    precision: float
    recall: float
    f1: float


def agreement(alerts: set[tuple[str, str]], labels: set[tuple[str, str]]) -> Agreement:
    """Precision, recall and F1 of two sets of the same units (such as patient-days); 0 where undefined."""
    hits = len(alerts & labels)
    precision = hits / len(alerts) if alerts else 0.0
    recall = hits / len(labels) if labels else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return Agreement(len(alerts), len(labels), precision, recall, f1)
