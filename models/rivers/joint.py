"""Several vitals of one patient, behind River's AnomalyDetector."""

import math
from typing import Final

import numpy as np

from models.joint import HOUR
from models.rivers.detector import Detector, Reading
from models.score import joint
from models.score.joint_parameters import parameters

_SHIPPED: Final = parameters()[0]


class JointDeparture(Detector):
    """Several vitals of one patient (models/score/joint.py): the score of an hour of their means.

    Parameters
    ----------
    vitals
        Keys of `x`: 2 to 6 vitals whose interplay is learned.
    time
        Name of the hour's local instant (ms since 1970) in `x`.

    """

    def __init__(
        self,
        vitals: tuple[str, ...] = ("heart-rate", "respiratory-rate", "spo2", "skin-temperature"),
        time: str = "at",
    ) -> None:
        self.vitals, self.time = vitals, time
        self._state = np.zeros(1, joint.JOINT)

    def _take(self, x: Reading) -> float:
        at, k = x.get(self.time), len(self.vitals)
        if at is None:
            return 0.0
        hour = int(at) // HOUR
        joint.begin(self._state, hour)
        for j, name in enumerate(self.vitals):
            if x.get(name) is not None:
                joint.collect(self._state, k, j, hour, float(x[name]))
        m, shares = np.empty(k), np.empty(k)
        _, score = joint.assess(self._state, k, hour % joint.HOURS, _SHIPPED, m, shares)
        joint.learn(self._state, k, hour % joint.HOURS, _SHIPPED, m, score)
        return 0.0 if math.isnan(score) else score
