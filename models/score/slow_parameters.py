"""The parameters of change over days, as one record that every compiled rule set carries.

The values are the one set that is used everywhere; an evaluation may hand in others, to show how flat the
optimum is. They were chosen on simulated cohorts of other seeds than those reported (docs/figures.md).
What counts whole days or half hours is no such parameter: see models/score/slow.py and ramp.py.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

TUNED: Final[Mapping[str, float]] = {
    "horizon": 28.0,  # nights of memory
    "daily_horizon": 18.0,  # days of memory where days are followed
    "prior": 56.0,  # days that the cohort's variance is worth: neighbouring days resemble each other
    "winsor": 2.0,  # standard deviations beyond which a day teaches no more
    "allowance": 1.2,  # of the CUSUM: half the shift in standard deviations that it is best at
    "odd": 0.5,  # standard deviations from which on the day before counts as off to the same side
    "cap": 3.5,  # standard deviations that one day counts at most
    "ceiling": 20.0,  # of a sum without threshold
    "clear_share": 0.9,  # of the threshold: the hysteresis; the guard keeps an alert from coming back
    "guard_factor": 2.0,  # by which thresholds of nights are higher for a time after an alert: no patient
    # spends the budget of many
    "daily_guard_factor": 1.7,  # by which those of days are: their score grows with the square of a change
    "guard_days": 14.0,  # that time, from the alert's opening and from its end
    "grown_factor": 1.7,  # by which a departure must exceed the one told last, to be told again
    "relative_floor": 0.002,  # of the level: the least standard deviation that is believed
    "least_variance": 0.01,  # of a night's readings, so that a flat night has a logarithm
    "asleep_after": 2.0,  # hours of the night that count to neither: rest is from 0 to 7 h (Alavi)
    "correlation": 0.3,  # of the residuals of two days in a row of a sparse vital
    "slope": 0.6,  # standard deviations a day of the rises that are looked for there
    "doubt": 0.03,  # variance of the error of the usual level, of that of a day
    "week_horizon": 28.0,  # days over which the course of the week is learned
}
DERIVED: Final = ("winsor_share",)
PARAMETERS: Final = np.dtype([(name, "f8") for name in (*TUNED, *DERIVED)])


def parameters(values: Mapping[str, float] = TUNED) -> np.ndarray:
    """One set of parameters, with what follows from them, as PARAMETERS (1,)."""
    record = np.zeros(1, PARAMETERS)
    for name in TUNED:
        record[name] = values[name]
    record["winsor_share"] = winsor_share(values["winsor"])
    return record


def winsor_share(bound: float) -> float:
    """What winsorising at `bound` standard deviations leaves of a normal variance: E[min(z², bound²)]."""
    within = math.erf(bound / math.sqrt(2))
    density = math.exp(-bound * bound / 2) / math.sqrt(2 * math.pi)
    return within - 2 * bound * density + bound * bound * (1 - within)


def perturbed(chance: np.random.Generator, percent: float) -> np.ndarray:
    """A set in which each parameter was moved by its own factor, uniform in ±percent %."""
    share = percent / 100.0
    return parameters({name: value * chance.uniform(1 - share, 1 + share) for name, value in TUNED.items()})
