"""NEWS2, behind River's AnomalyDetector."""

import numpy as np

from models import record as R
from models.rivers.detector import Detector, Reading
from models.score import news2


class EarlyWarningScore(Detector):
    """NEWS2 (models/score/news2.py): the total of the latest vitals, each key of `x` being a vital's code.

    Parameters
    ----------
    scale
        Of oxygen saturation: 1 or 2.
    age
        Seconds up to which a part counts.
    time
        Name of the instant (ms since 1970) in `x`.

    """

    def __init__(self, scale: int = 1, age: float = 43_200.0, time: str = "at") -> None:
        self.scale, self.age, self.time = scale, age, time
        self._patient = np.zeros(1, R.PATIENT)

    def _take(self, x: Reading) -> float:
        at = x.get(self.time)
        if at is None:
            return 0.0
        for code, (part, zero) in news2.SOURCES.items():
            if x.get(code) is not None:
                news2.measure(self._patient[0], part, float(x[code]) - zero, int(at))
        values, instants = self._patient["part_value"][0], self._patient["part_at"][0]
        oxygen = news2.MEASURED if instants[news2.OXYGEN] else news2.AIR
        allowed = np.full(R.PARTS, round(self.age * 1000))
        points = np.zeros(R.PARTS, np.int8)
        total, _, _ = news2.assess(
            values, instants, news2.newest(self._patient[0]), allowed, self.scale, oxygen, points
        )
        return float(total)
