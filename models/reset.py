"""A new treatment makes another normal: the learning of a vital begins anew, from a record of the log.

    {"kind":"action","patient":"p-7f3a","action":"reset-learning","vital":"heart-rate","by":"n-4"}

What was learned is forgotten, the alerts that rest on it resolve, and until enough days came again the vital
is not ready; its trend lines say how many days are missing. Limits, windows and gains go on.
"""

from typing import Final

import numpy as np

FIRST: Final = "slow_day"  # of SERIES, from which on everything is learned


def forget(series: np.void) -> None:
    """Put all that a series of SERIES learned back to what it was before its first reading."""
    names = series.dtype.names or ()
    for name in names[names.index(FIRST) :]:
        series[name] = np.zeros_like(series[name])
