"""Logistic regression fitted anew to all cases at once: what learning case by case is held against."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from models.verdicts.features import NUMBERS
from models.verdicts.learner import dense
from models.verdicts.regression import KalmanLogisticRegression, sigmoid

STEPS: Final = 25
ENOUGH: Final = 1e-6  # a Newton step this short ends the fit


class Refit:
    """Newton's method (iteratively reweighted least squares); the ridge is the learner's prior."""

    def __init__(self, cases: Sequence[tuple[Mapping[str, float], bool]]) -> None:
        """cases: (features, actionable) of models/verdicts/features.py, one at least."""
        rows = [dense(features) for features, _ in cases]
        self.names = sorted({name for row in rows for name in row})
        x = np.array([[row.get(name, 0.0) for name in self.names] for row in rows])
        y = np.array([actionable for _, actionable in cases], float)
        numbers = np.array([name in NUMBERS for name in self.names])
        spread = np.where(numbers, x.std(axis=0), 1.0)
        self.centre = np.where(numbers, x.mean(axis=0), 0.0)
        self.scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
        design = np.hstack([np.ones((len(y), 1)), (x - self.centre) * self.scale])
        like = KalmanLogisticRegression()
        ridge = np.full(design.shape[1], 1 / like.prior)
        ridge[0] = 1 / like.prior_intercept
        self.values = np.zeros(design.shape[1])
        for _ in range(STEPS):
            p = 1 / (1 + np.exp(-design @ self.values))
            gradient = design.T @ (y - p) - ridge * self.values
            step = np.linalg.solve((design.T * (p * (1 - p))) @ design + np.diag(ridge), gradient)
            self.values += step
            if np.abs(step).max() < ENOUGH:
                break

    def likelihood(self, features: Mapping[str, float]) -> float:
        """How likely an alert is to be actionable, 0-1."""
        row = dense(features)
        x = (np.array([row.get(name, 0.0) for name in self.names]) - self.centre) * self.scale
        return sigmoid(float(self.values[0] + x @ self.values[1:]))
