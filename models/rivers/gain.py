"""Gain over days, behind River's AnomalyDetector."""

from models.closing import DAY_MILLISECONDS
from models.plan import Gain, Plan
from models.rivers.series import WIDEST, Series
from models.score import gain


class WeightGain(Series):
    """Gain over days (models/score/gain.py): what was gained over the lowest day before, by what alerts.

    Parameters
    ----------
    amount
        The gain that alerts, in the unit of the value.
    days
        Days before, 1 to 7.
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(self, amount: float = 2.0, days: int = 3, feature: str = "value", time: str = "at") -> None:
        self.amount, self.days, self.feature, self.time = amount, days, feature, time
        rule = Gain("gain", "x", amount, 0.5 * amount, "low", days)
        self._begin(Plan("*", "x", "1", gains=(rule,)), ("1d",))

    def _score(self, at: int, value: float) -> float:
        low = gain.lowest(self._series[0], at // DAY_MILLISECONDS, self.days)
        return max(0.0, value - low) / self.amount if low < WIDEST else 0.0
