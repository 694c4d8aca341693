"""The likelihood that an alert is actionable: logistic regression as a dot product.

likelihood = 1 / (1 + exp(-(intercept + sum of weight x (feature - mean)))). Features are counted from their
mean, so each product is what a feature adds, in log odds, to an average alert.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

MOST: Final = 30.0  # log odds beyond this are as good as certain


class Weight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one unit of a feature adds in log odds, and the feature's mean over the verdicts."""

    weight: float
    mean: float


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A logistic regression, and how many verdicts it was learned from."""

    intercept: float
    weights: dict[str, Weight]
    verdicts: int


def contributions(weights: Weights, features: Mapping[str, float]) -> dict[str, float]:
    """Feature -> what it adds in log odds to an average alert, this alert's absent features included."""
    return {
        name: entry.weight * (features.get(name, 0.0) - entry.mean) for name, entry in weights.weights.items()
    }


def likelihood(weights: Weights, features: Mapping[str, float]) -> float:
    """How likely an alert of these features is to be actionable, 0-1."""
    odds = weights.intercept + math.fsum(contributions(weights, features).values())
    return 1 / (1 + math.exp(-min(max(odds, -MOST), MOST)))
