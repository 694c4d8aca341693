"""Logistic regression learned one case at a time, exact to second order: a River classifier.

The static extended Kalman filter of logistic regression (de Vilmarest & Wintenberger, JMLR 2021;22(223)):
with a Gaussian prior of the weights each case makes a Newton step. There is no learning rate; after n cases
it is, to second order, where a batch fit with the same ridge would be.
"""

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from river import base

MOST = 30.0  # log odds beyond this are as good as certain
FLATTEST = 1e-6  # curvature that even a case foretold for certain has


class KalmanLogisticRegression(base.Classifier):
    """Features that come later join with the prior alone; an absent feature is 0."""

    def __init__(self, prior: float = 0.2, prior_intercept: float = 4.0, forgetting: float = 1.0) -> None:
        """Variances, in squared log odds, of each weight and of the intercept before anything was learned.

        forgetting: how much a case counts once another came; 0.99 remembers about the last hundred.
        """
        self.prior, self.prior_intercept, self.forgetting = prior, prior_intercept, forgetting
        self.places: dict[str, int] = {}  # feature -> place; place 0 is the intercept
        self.values = np.zeros(1)
        self.covariance = np.full((1, 1), prior_intercept)

    @property
    def intercept(self) -> float:
        """Log odds of a case without features."""
        return float(self.values[0])

    @property
    def weights(self) -> dict[str, float]:
        """Log odds that one unit of each feature adds."""
        return {name: float(self.values[place]) for name, place in self.places.items()}

    def learn_one(self, x: dict[Hashable, Any], y: bool | str | int) -> None:
        """One case: a Newton step along what is still uncertain."""
        for name in sorted(map(str, x)):  # River's Select has no order of its own
            if name not in self.places:
                self._add(name)
        if self.forgetting < 1:
            self._forget()
        row = self._row(x)
        p = sigmoid(float(row @ self.values))
        along = self.covariance @ row
        curvature = max(p * (1 - p), FLATTEST)
        self.covariance -= np.outer(along, along) * (curvature / (1 + curvature * float(row @ along)))
        self.values += self.covariance @ row * (float(y) - p)

    def predict_proba_one(self, x: dict[Hashable, Any], **kwargs: Any) -> dict[bool | str | int, float]:
        """The likelihood of each class; a feature never met says nothing."""
        p = sigmoid(float(self._row(x) @ self.values))
        return {False: 1 - p, True: p}

    def _row(self, x: dict[Hashable, Any]) -> np.ndarray:
        row = np.zeros(len(self.values))
        row[0] = 1.0
        for name, value in x.items():
            if name in self.places:
                row[self.places[str(name)]] = value
        return row

    def _forget(self) -> None:
        """Let uncertainty grow, but no weight's beyond its prior."""
        self.covariance /= self.forgetting
        ceiling = np.full(len(self.values), self.prior)
        ceiling[0] = self.prior_intercept
        shrink = np.sqrt(np.minimum(1.0, ceiling / np.diag(self.covariance)))
        self.covariance *= np.outer(shrink, shrink)

    def _add(self, name: str) -> None:
        size = len(self.values)
        self.places[name] = size
        self.values = np.append(self.values, 0.0)
        grown = np.zeros((size + 1, size + 1))
        grown[:size, :size] = self.covariance
        grown[size, size] = self.prior
        self.covariance = grown


def sigmoid(odds: float) -> float:
    """The likelihood of log odds."""
    return 1 / (1 + math.exp(-min(max(odds, -MOST), MOST)))
