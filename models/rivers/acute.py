"""The acute personal baseline, behind River's AnomalyDetector."""

from models.plan import Plan
from models.rivers.series import Series


class AcuteBaseline(Series):
    """The acute personal baseline of a frequent vital (models/score/acute.py): its score, 0 until ready.

    Parameters
    ----------
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(self, feature: str = "value", time: str = "at") -> None:
        self.feature, self.time = feature, time
        self._begin(Plan("*", "x", "1"), ("15m", "1h", "1d"))

    def _score(self, at: int, value: float) -> float:
        return float(self._series["score"][0])
