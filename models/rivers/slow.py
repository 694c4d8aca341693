"""Change over days, behind River's AnomalyDetector."""

from models.plan import Baseline, Plan
from models.rivers.series import Series


class ChangeOverDays(Series):
    """Change over days (models/score/slow.py): the highest of its CUSUMs over the days that are closed.

    Parameters
    ----------
    frequent
        Whether the vital may be measured through the night: nights are followed once there were four. Else,
        and until then, days are (a weight).
    cohort
        The vital whose usual variance between days is believed at first, as shipped; "" = none.
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(
        self, frequent: bool = True, cohort: str = "heart-rate", feature: str = "value", time: str = "at"
    ) -> None:
        self.frequent, self.cohort, self.feature, self.time = frequent, cohort, feature, time
        watched = Baseline("x", 0.0, "both", "low")
        windows = ("15m", "1h", "1d") if frequent else ("1d",)
        self._begin(Plan("*", "x", "1", baselines=(watched,)), windows, cohort)

    def _score(self, at: int, value: float) -> float:
        return float(self._series["slow_sum"].max())
