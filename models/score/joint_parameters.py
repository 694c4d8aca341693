"""The parameters of several vitals together, as one record that is handed to its functions.

The values are the one set that is used everywhere; an evaluation may hand in others, to show how flat the
optimum is. None was tuned on a recording: each is the usual one of its method, or this project's choice.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

TUNED: Final[Mapping[str, float]] = {
    "horizon": 28.0,  # days of memory
    "prior": 7.0,  # days that the shrinkage is worth
    "smoothing": 0.25,  # of the moving average of hours: a shift is seen after about four
    "winsor": 3.0,  # deviations beyond which an hour teaches the profile no more
    "huber": 2.0,  # score beyond which a vector moves the covariance less
    "cap": 20.0,  # of the squared smoothed residual over its variance, in learning
    "floor": 1e-3,  # of a vital's mean: the least deviation that is believed
}
PARAMETERS: Final = np.dtype([(name, "f8") for name in TUNED])


def parameters() -> np.ndarray:
    """The shipped set as PARAMETERS (1,)."""
    return np.array([tuple(TUNED.values())], PARAMETERS)


def perturbed(chance: np.random.Generator, percent: float) -> np.ndarray:
    """A set in which each parameter was moved by its own factor, uniform in ±percent %."""
    share = percent / 100.0
    moved = tuple(value * chance.uniform(1 - share, 1 + share) for value in TUNED.values())
    return np.array([moved], PARAMETERS)
