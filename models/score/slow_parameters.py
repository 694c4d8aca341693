"""The parameters of change over days, as one record that every compiled rule set carries.

The values are the one set that is used everywhere; an evaluation may hand in others, to show how flat the
optimum is. They were chosen on simulated cohorts of other seeds than those reported (docs/figures.md).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

TUNED: Final[Mapping[str, float]] = {
    "horizon": 28.0,  # days of memory
    "prior": 56.0,  # days that the cohort's variance is worth: neighbouring days resemble each other
    "winsor": 2.0,  # standard deviations beyond which a day teaches no more
    "allowance": 1.2,  # of the CUSUM: half the shift in standard deviations that it is best at
    "odd": 0.5,  # standard deviations from which on the day before counts as off to the same side
    "cap": 3.5,  # standard deviations that one day counts at most
    "clear_share": 0.9,  # of the threshold: the hysteresis; the guard keeps an alert from coming back
    "guard_factor": 1.7,  # by which thresholds are higher for a time after an alert: no patient spends the
    # budget of many, and what has really grown is told again
    "relative_floor": 0.002,  # of the level: the least standard deviation that is believed
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
