"""A clinician's limit, behind River's AnomalyDetector."""

from typing import Any

from models.plan import Limit, Plan
from models.rivers.series import Series


class ClinicianLimit(Series):
    """A clinician's limit with persistence and hysteresis (models/score/limit.py): 1 while open, else 0.

    Parameters
    ----------
    value, clear
        The limit, and the safe side on which it is over.
    direction
        "above" or "below".
    readings
        Breaches in a row that open it.
    within, lasting
        Seconds that those breaches may span (0 = any), and must span.
    clear_lasting
        Seconds on the safe side until it is over.
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(
        self,
        value: float = 130.0,
        clear: float = 120.0,
        direction: str = "above",
        readings: int = 1,
        within: float = 0.0,
        lasting: float = 0.0,
        clear_lasting: float = 0.0,
        feature: str = "value",
        time: str = "at",
    ) -> None:
        self.value, self.clear, self.direction, self.readings = value, clear, direction, readings
        self.within, self.lasting, self.clear_lasting = within, lasting, clear_lasting
        self.feature, self.time = feature, time
        one: Any = direction
        hold: Any = {"readings": readings, "within": within, "lasting": lasting}
        rule = Limit("limit", "x", one, value, clear, "low", **hold, clear_lasting=clear_lasting)
        self._begin(Plan("*", "x", "1", limits=(rule,)), ("1d",))

    def _score(self, at: int, value: float) -> float:
        return float(self._series["limit_open"][0] & 1)
