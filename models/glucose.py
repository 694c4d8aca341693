"""Glucose of two weeks out of its day windows: what one day cannot say.

The glucose management indicator and the coefficient of variation stand for 14 days of which the sensor was
worn more than 70 % (Battelino et al., ATTD consensus, Diabetes Care 2019;42:1593-1603). Days are pooled from
their counts, means and standard deviations, so that nothing but the day windows is needed; how long the
sensor was worn is the share of quarter hours with a value, whatever its interval.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from models.wire_lines import GMI_INTERCEPT, GMI_SLOPE

DAYS: Final = 14
WORN: Final = 0.7  # share of the time from which on the indicator is told
QUARTERS: Final = DAYS * 96
RANGES: Final = ("time_below_54", "time_below_70", "time_in_70_180", "time_above_180", "time_above_250")


class Glucose(msgspec.Struct, frozen=True):
    """Two weeks of glucose: mean and deviation in mg/dL, the rest in %; None where too little was worn."""

    days: int
    readings: int
    worn: float
    mean: float
    standard_deviation: float
    coefficient_of_variation: float
    glucose_management_indicator: float | None
    ranges: dict[str, float]


def pooled(days: Iterable[Mapping[str, float]], quarters: int) -> Glucose | None:
    """Day windows of glucose (fields of a `window` line) as one; None without a reading.

    quarters: quarter hours of the two weeks in which there was a value.
    """
    known = [day for day in days if day["count"] > 0]
    n = sum(day["count"] for day in known)
    if n == 0:
        return None
    mean = sum(day["count"] * day["mean"] for day in known) / n
    squares = sum(
        (day["count"] - 1) * day["standard_deviation"] ** 2 + day["count"] * (day["mean"] - mean) ** 2
        for day in known
    )
    deviation = math.sqrt(squares / (n - 1)) if n > 1 else 0.0
    worn = min(1.0, quarters / QUARTERS)
    return Glucose(
        len(known),
        int(n),
        100 * worn,
        mean,
        deviation,
        100 * deviation / mean,
        GMI_INTERCEPT + GMI_SLOPE * mean if worn >= WORN else None,
        {name: sum(day["count"] * day[name] for day in known) / n for name in RANGES},
    )
