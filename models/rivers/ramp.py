"""The matched filter for a weight that creeps up, behind River's AnomalyDetector."""

from typing import Final, Literal

from models.plan import Baseline, Plan
from models.rivers.series import Series

SIDES: Final = ("above", "below")  # the place of each in `slow_sum`


class GradualChange(Series):
    """A rise, or a fall, of a vital measured once or twice a day (models/score/ramp.py).

    The score is the logarithm of the likelihood ratio of a straight rise over the last one to five days
    against none; 0 until ten days are known, and on the first day off. It holds the
    highest score of the day so far, from the reading on that makes the day as full as usual.

    Parameters
    ----------
    direction
        "above": a rise is looked for; "below": a fall.
    cohort
        The vital whose usual variance between days is believed at first, as shipped; "" = none.
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(
        self,
        direction: Literal["above", "below"] = "above",
        cohort: str = "body-weight",
        feature: str = "value",
        time: str = "at",
    ) -> None:
        self.direction, self.cohort, self.feature, self.time = direction, cohort, feature, time
        watched = Baseline("x", 0.0, direction, "low")
        self._begin(Plan("*", "x", "1", baselines=(watched,)), ("1d",), cohort)

    def _score(self, at: int, value: float) -> float:
        return float(self._series["slow_sum"][0, SIDES.index(self.direction)])
