"""Simulated patients with labelled deteriorations.

Heart rate, every 15 min unless told otherwise: base N(68, 8) in 50-90 per minute; day course of amplitude
U(4, 9) with its lowest point about 04:00 and a second harmonic of 30 %; day effect AR(1) of coefficient 0.5
and SD 1.3; AR(1) noise 0.85 from one quarter of an hour to the next, SD 2.5; measurement noise t(3); four
bursts of activity a day of 12-35 per minute; a base that walks 0.12 per square root of a day; weekends +1;
0.2 % artefacts of 25-60; 6 % missing.
SpO2, every 15 min: base N(96.3, 0.9), nightly dip 0.6, day effect SD 0.25, AR(1) 0.8 SD 0.5, 1.2 % of
motion artefacts of 3-10 %, whole numbers up to 100, 6 % missing.
Weight, daily: base N(82, 15), AR(1) 0.3 SD 0.35, weekly cycle 0.25, walk 0.03; 5 % missing.
Weight, often: the same, on some of those days again at 11, 15 or 19 h, when it is 0.3, 0.5 and 0.7 more,
each with SD 0.15 of its own.
Systolic pressure, morning and evening: base N(132, 12), AR(1) 0.3 SD 6 between days, SD 6 within, evenings
lower by N(3, 4); 15 % missing. Pulse by cuff, likewise: base N(72, 8), AR(1) 0.3 SD 3.5 between days, SD 4
within, evenings higher by N(4, 3); 15 % missing.

The noise is the same in every patient, which favours rules in absolute units; real artefacts are worse.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
START: Final = 1_767_571_200_000  # 2026-01-05, a Monday
DAY: Final = 86_400_000
QUARTERS: Final = 96
MORNING: Final = 7 * 3_600_000
MISSED: Final = 0.15  # of the measurements of those who measure twice a day


class Cohort(NamedTuple):
    """Readings of one vital: values (times, patients), NaN = missing; `every` ms apart from `first` on.

    level: what the values are without noise and event, where the simulation tells.
    """

    vital: str
    unit: str
    values: Floats
    every: int
    first: int
    level: Floats | None = None


def wave(rng: np.random.Generator, shape: tuple[int, int], phi: float, deviation: float) -> Floats:
    """AR(1) noise along the first axis, of coefficient `phi` and marginal deviation `deviation`."""
    shocks = rng.standard_normal(shape) * deviation * np.sqrt(1 - phi * phi)
    out = np.empty(shape)
    out[0] = rng.standard_normal(shape[1]) * deviation
    for t in range(1, shape[0]):
        out[t] = phi * out[t - 1] + shocks[t]
    return out


def heart_rate(
    patients: int,
    days: int,
    seed: int,
    event: str = "",
    onset: Floats | None = None,
    minutes: int = 15,
) -> Cohort:
    """Heart rates every so many minutes; `event` begins at `onset` (days, one per patient)."""
    rng = np.random.default_rng(seed)
    a_day = 24 * 60 // minutes
    shape = days * a_day, patients
    clock = np.arange(shape[0]) % a_day / a_day
    day = np.arange(shape[0]) // a_day
    base = np.clip(rng.normal(68, 8, patients), 50, 90)
    amplitude = rng.uniform(4, 9, patients)
    angle = 2 * np.pi * (clock[:, None] - 4 / 24 - rng.normal(0, 0.04, patients))
    course = amplitude * (np.cos(angle) + 0.3 * np.cos(2 * angle))
    weekend = ((day % 7 >= 5) & (clock > 0.35) & (clock < 0.95))[:, None]
    x = base - course + weekend + wave(rng, (days, patients), 0.5, 1.3)[day]
    x += np.cumsum(rng.normal(0, 0.12, (days, patients)), axis=0)[day]
    noise, measurement = wave(rng, shape, 0.85 ** (minutes / 15), 2.5), rng.standard_t(3, shape)
    quarters = days * QUARTERS, patients
    waking = np.arange(quarters[0]) % QUARTERS / QUARTERS
    bursts = (rng.random(quarters) < 1 / 60) & ((waking > 7 / 24) & (waking < 22 / 24))[:, None]
    activity, strength = np.zeros(quarters), bursts * rng.uniform(12, 35, quarters)
    for lag in range(4):
        activity[lag:] += strength[: quarters[0] - lag] * 0.75**lag
    activity = activity[np.arange(shape[0]) * minutes // 15]
    if onset is not None:
        since = np.arange(shape[0])[:, None] / a_day - onset
        begun, night = since >= 0, (clock < 7 / 24)[:, None]
        if event == "night +4":
            x += np.where(begun, np.where(night, 4.0, 1.5), 0.0)
        elif event == "ramp 1/day":
            x += np.clip(since, 0, 7)
        elif event == "step +10":
            x += np.where(begun, 10.0, 0.0)
        elif event == "noise x2":
            noise = np.where(begun, 2 * noise, noise)
        elif event == "rhythm lost":
            x += np.where(begun, 0.8 * course, 0.0)
        else:
            raise ValueError(f"no such event: {event}")
    x += noise + measurement + activity
    artefact = rng.random(shape) < 0.002
    x += artefact * rng.choice([-1, 1], shape) * rng.uniform(25, 60, shape)
    x = np.clip(np.round(x), 30, 210)
    x[rng.random(shape) < 0.06] = np.nan
    return Cohort("heart-rate", "/min", x, minutes * 60_000, 0)


def spo2(patients: int, days: int, seed: int, event: str = "", onset: Floats | None = None) -> Cohort:
    """Oxygen saturations; `event` begins at `onset` (days, one per patient)."""
    rng = np.random.default_rng(seed)
    shape = days * QUARTERS, patients
    clock = np.arange(shape[0]) % QUARTERS / QUARTERS
    base = np.clip(rng.normal(96.3, 0.9, patients), 93.5, 98.5)
    x = base - 0.6 * (np.cos(2 * np.pi * (clock[:, None] - 4 / 24)) > 0.3)
    x = x + wave(rng, (days, patients), 0.4, 0.25)[np.arange(shape[0]) // QUARTERS]
    x += wave(rng, shape, 0.8, 0.5)
    if onset is not None:
        since = np.arange(shape[0])[:, None] / QUARTERS - onset
        falls = {"ramp -0.4/day": np.clip(since, 0, 7) * 0.4, "step -1.5": np.where(since >= 0, 1.5, 0.0)}
        x -= falls[event]
    x -= (rng.random(shape) < 0.012) * rng.uniform(3, 10, shape)
    x = np.clip(np.round(x), 60, 100)
    x[rng.random(shape) < 0.06] = np.nan
    return Cohort("spo2", "%", x, DAY // QUARTERS, 0)


def weight(patients: int, days: int, seed: int, event: str = "", onset: Floats | None = None) -> Cohort:
    """Morning weights; +0.35 kg a day for a week from the measurement of day `onset` on."""
    rng = np.random.default_rng(seed)
    shape = days, patients
    day = np.arange(days)[:, None]
    level = np.clip(rng.normal(82, 15, patients), 45, 160) + 0.25 * np.cos(2 * np.pi * (day % 7) / 7)
    noise = wave(rng, shape, 0.3, 0.35)
    level = level + np.cumsum(rng.normal(0, 0.03, shape), axis=0)
    x = level + noise
    if onset is not None:
        gains = {"+0.35 kg/day": np.clip(day - np.floor(onset) + 1, 0, 7) * 0.35}
        x += gains[event]
    x = np.round(x, 1)
    x[rng.random(shape) < 0.05] = np.nan
    return Cohort("body-weight", "kg", x, DAY, MORNING, level)


def weight_often(patients: int, days: int, seed: int, event: str = "", onset: Floats | None = None) -> Cohort:
    """Weights of mornings, and of some later hours of the day too."""
    rng = np.random.default_rng(seed + 500)
    mornings = weight(patients, days, seed, event, onset).values
    chance, more = np.array([1.0, 0.3, 0.15, 0.4, 0.0, 0.0]), np.array([0.0, 0.3, 0.5, 0.7, 0.0, 0.0])
    x = mornings[:, None, :] + more[:, None] + rng.normal(0, 0.15, (days, 6, patients))
    x[rng.random(x.shape) >= chance[:, None]] = np.nan
    return Cohort("body-weight", "kg", np.round(x.reshape(-1, patients), 1), DAY // 6, MORNING)


def twice_daily(
    vital: str,
    unit: str,
    base: tuple[float, float],
    between: float,
    within: float,
    evening: tuple[float, float],
) -> Callable[..., Cohort]:
    """A simulation of what is measured at 7 and at 19 h; see above for what its numbers are."""

    def make(patients: int, days: int, seed: int, event: str = "", onset: Floats | None = None) -> Cohort:
        rng = np.random.default_rng(seed)
        shape = days, 2, patients
        x = rng.normal(*base, patients) + wave(rng, (days, patients), 0.3, between)[:, None, :]
        x = x + rng.normal(0, within, shape)
        x[:, 1] += rng.normal(*evening, patients)
        if onset is not None:
            since = np.clip(np.arange(days)[:, None] - np.floor(onset) + 1, 0, 7)
            deviations = {"ramp 1/3 SD/day": since / 3, "step +2 SD": 2.0 * (since > 0)}[event]
            x += between * deviations[:, None, :]
        x = np.round(x)
        x[rng.random(shape) < MISSED] = np.nan
        return Cohort(vital, unit, x.reshape(-1, patients), DAY // 2, MORNING)

    return make


pressure = twice_daily("systolic-bp", "mm[Hg]", (132, 12), 6.0, 6.0, (-3, 4))
pulse = twice_daily("heart-rate", "/min", (72, 8), 3.5, 4.0, (4, 3))
