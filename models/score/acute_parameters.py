"""The parameters of the acute baseline, as one record that is handed to its functions.

The values are the one set that is used everywhere; an evaluation may hand in others, to show how flat
the optimum is. They were tuned on the visible half of the Numenta benchmark, at last for the mean score
while all of them are moved by ±15 %: a flat place instead of the highest one. Rates are 1 / readings.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

TUNED: Final[Mapping[str, float | tuple[float, float]]] = {
    "slow_rate": 1 / 4100.0,  # of the level and the spread
    "winsor": 4.2,  # scales beyond which a reading teaches no more
    "chart_rate": (1 / 8.6, 1 / 135.0),  # short and long level charts
    "surprise_rate": (1 / 62.0, 1 / 12.0),  # hour-of-day and sequence surprise
    "record_rate": (1 / 18.0, 1 / 7.0),  # means whose records are kept
    "move_rate": 1 / 32.0,  # fast mean change
    "move_floor": 0.0165,  # of the slow mean change: the least that is believed
    "profile_rate": 0.13,  # of a half hour's profile, at least
    "profile_share": 1.0,  # the profile is used where its error is under this share of the plain one's
    "profile_error_rate": 1 / 920.0,
    "calibration_rate": 1 / 2300.0,  # of the quantile tracker
    "calibration_step": 0.2,  # of its mean distance, per calibration rate
    "prior": 0.036,  # pseudo-count of a histogram bin
    "record_scale": 0.016,  # excess over the known range that counts as one
    "record_weight": 1.74,
    "record_leak": 2e-5,  # by which the top of a known range sinks, of its width
    "record_rise": 4e-5,  # by which its bottom rises, of half its width
    "channel_cap": 8.0,
    "refractory_readings": 30.0,  # at least, and
    "refractory_share": 0.03,  # of all readings seen: no second alert within
}
PARAMETERS: Final = np.dtype([(name, "f8", np.shape(value)) for name, value in TUNED.items()])


def parameters(values: Mapping[str, float | tuple[float, float]] = TUNED) -> np.ndarray:
    """One set of parameters as PARAMETERS (1,)."""
    record = np.zeros(1, PARAMETERS)
    for name in TUNED:
        record[name] = values[name]
    return record


def perturbed(chance: np.random.Generator, percent: float) -> np.ndarray:
    """A set in which each parameter was moved by its own factor, uniform in ±percent %."""
    share = percent / 100.0

    def move(value: float | tuple[float, float]) -> np.ndarray:
        return np.asarray(value) * chance.uniform(1 - share, 1 + share, np.shape(value))

    record = np.zeros(1, PARAMETERS)
    for name, value in TUNED.items():
        record[name] = move(value)
    return record
