"""The parameters of the acute baseline, as one record that is handed to its functions.

The values are the one set that is used everywhere; an evaluation may hand in others, to show how flat
the optimum is. Rates are 1 / readings.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

BASIS: Final = (
    "the geometric mean of a set tuned on the visible half of the Numenta benchmark (31 files) for the mean "
    "score under moves of ±15 %, and of the set of a reference detector that was tuned on all 58 files; "
    "threshold and structure on the visible half"
)
TUNED: Final[Mapping[str, float | tuple[float, float]]] = {
    "slow_rate": 1 / 3895.0,  # of the level and the spread
    "winsor": 4.2,  # scales beyond which a reading teaches no more
    "chart_rate": (1 / 8.8, 1 / 151.0),  # short and long level charts
    "surprise_rate": (1 / 54.6, 1 / 12.0),  # hour-of-day and sequence surprise
    "record_rate": (1 / 18.0, 1 / 7.0),  # means whose records are kept
    "move_rate": 1 / 29.9,  # fast mean change
    "move_floor": 0.0182,  # of the slow mean change: the least that is believed
    "profile_rate": 0.135,  # of a half hour's profile, at least
    "profile_share": 0.922,  # the profile is used where its error is under this share of the plain one's
    "profile_error_rate": 1 / 802.0,
    "calibration_rate": 1 / 2077.0,  # of the quantile tracker
    "calibration_step": 0.245,  # of its mean distance, per calibration rate
    "prior": 0.0465,  # pseudo-count of a histogram bin
    "record_scale": 0.016,  # excess over the known range that counts as one
    "record_weight": 1.668,
    "record_leak": 2e-5,  # by which the top of a known range sinks, of its width
    "record_rise": 4e-5,  # by which its bottom rises, of half its width
    "record_least": 0.001,  # of the width: a smaller excess is the range's own leak, or rounding
    "record_reach": 4.0,  # widths by which one reading can extend a known range
    "channel_floor": 1.05,  # a calibrated channel counts from here on: what never moves is at 1
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
