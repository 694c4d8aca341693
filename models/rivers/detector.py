"""What our detectors behind River's AnomalyDetector share: the pipeline's kernels, on a stream of dicts.

Each holds the state of one series (one patient for NEWS2 and several vitals), reads `x[feature]` at the
local instant `x[time]` (ms since 1970) and runs the very functions that the pipeline runs. `score_one`
scores a reading as if it came next and leaves no trace; `learn_one` takes it in. A reading without its
value or time scores 0 and teaches nothing. A score says how strange a reading is, within one detector.
"""

import copy
from typing import Any

import numpy as np
from river import base

Reading = dict[base.typing.FeatureName, Any]


class Detector(base.AnomalyDetector):
    """A detector whose whole memory is arrays: scoring is learning in a copy."""

    feature: str
    time: str

    def learn_one(self, x: Reading) -> None:
        """Take a reading in."""
        self._take(x)

    def score_one(self, x: Reading) -> float:
        """The score that this reading would have."""
        twin = copy.copy(self)
        for name, part in vars(self).items():
            if isinstance(part, np.ndarray):
                setattr(twin, name, part.copy())
        return twin._take(x)

    def _take(self, x: Reading) -> float:
        raise NotImplementedError
