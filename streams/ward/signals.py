"""One simulated day of one vital, as physiology would draw it: pure functions of a generator and a day.

Levels, day curves and noise are round figures of plausible size, chosen so that charts look like those
of a telemonitoring ward; they are no clinical reference.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

QUARTERS: Final = np.arange(96) / 96  # a wearable's day: one reading every 15 min, as fraction of a day
FIVES: Final = np.arange(288) / 288  # a continuous glucose monitor's day: one every 5 min
HOURS: Final = (np.arange(24) + 0.98) / 24  # a pedometer tells what the last hour brought
WALK_DAYS: Final = 512  # length of the slow walks; a ward that lives longer begins them again


@dataclass(frozen=True)
class Body:
    """What stays the same of a patient: levels, and how they wander from day to day (one entry a day)."""

    heart_rate: float
    amplitude: float
    spo2: float
    breaths: float
    glucose: float
    weight: float
    systolic: float
    diastolic: float
    peak_flow: float
    pain: float
    wander: Floats
    mood: Floats


def body(rng: np.random.Generator) -> Body:
    """Draw one patient's levels."""
    steps = rng.standard_normal(WALK_DAYS)
    mood = np.empty(WALK_DAYS)
    mood[0] = steps[0]
    for day in range(1, WALK_DAYS):  # AR(1), marginal deviation 1
        mood[day] = 0.5 * mood[day - 1] + 0.866 * steps[day]
    return Body(
        heart_rate=float(np.clip(rng.normal(68, 6), 56, 80)),
        amplitude=float(rng.uniform(4, 8)),
        spo2=float(np.clip(rng.normal(96.4, 0.6), 95.3, 97.6)),
        breaths=float(np.clip(rng.normal(15, 1), 13, 17)),
        glucose=float(np.clip(rng.normal(128, 9), 112, 145)),
        weight=float(np.clip(rng.normal(79, 12), 52, 115)),
        systolic=float(np.clip(rng.normal(126, 5), 116, 134)),
        diastolic=float(np.clip(rng.normal(76, 4), 68, 82)),
        peak_flow=float(np.clip(rng.normal(400, 40), 320, 480)),
        pain=float(rng.integers(1, 4)),
        wander=np.cumsum(rng.normal(0, 1, WALK_DAYS)),
        mood=mood,
    )


def wave(rng: np.random.Generator, size: int, phi: float, deviation: float) -> Floats:
    """Noise with a memory: AR(1) of coefficient `phi` and marginal deviation `deviation`."""
    noise = rng.standard_normal(size) * deviation * np.sqrt(1 - phi * phi)
    out = np.empty(size)
    out[0] = rng.standard_normal() * deviation
    for i in range(1, size):
        out[i] = phi * out[i - 1] + noise[i]
    return out


def heart_rate(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """A wearable's pulse in beats/min: slow at 4 in the morning, with bursts of activity by day."""
    phase = 2 * np.pi * (QUARTERS - 4 / 24)
    x = who.heart_rate - who.amplitude * np.cos(phase) - 0.3 * who.amplitude * np.cos(2 * phase)
    x += 1.2 * who.mood[day] + wave(rng, 96, 0.8, 2.0) + np.clip(rng.standard_t(4, 96), -4, 4) * 0.8
    for start in rng.integers(32, 84, size=3):
        burst = rng.uniform(8, 20) * 0.6 ** np.arange(4)
        x[start : start + 4] += burst
    return QUARTERS, x


def spo2(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """A worn oximeter's oxygen saturation in %, a little lower at night."""
    night = 0.6 * (np.cos(2 * np.pi * (QUARTERS - 4 / 24)) > 0.3)
    x = who.spo2 - night + 0.2 * who.mood[day] + wave(rng, 96, 0.8, 0.4)
    return QUARTERS, np.clip(x, 60, 100)


def breaths(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """Breaths per minute from a chest strap."""
    x = who.breaths - 1.2 * np.cos(2 * np.pi * (QUARTERS - 4 / 24)) + 0.3 * who.mood[day]
    return QUARTERS, x + wave(rng, 96, 0.7, 0.9)


def glucose(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """A continuous monitor's glucose in mg/dL: three meals, each a rise of about an hour and a slow fall."""
    x = who.glucose + 4 * who.mood[day] + wave(rng, 288, 0.97, 7.0)
    for hour in (7.5, 12.5, 19.5):
        since = (FIVES - hour / 24 - rng.normal(0, 0.01)) * 24
        since = np.clip(since, 0, None)
        x += rng.uniform(30, 65) * since * np.exp(1 - since)
    return FIVES, np.maximum(x, 84)


def steps(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """Steps of each hour, none at night."""
    awake = (HOURS > 7.5 / 24) & (HOURS < 21.5 / 24)
    return HOURS, np.where(awake, rng.gamma(2.0, 140.0, 24), 0.0)


def weight(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """The morning's weight in kg."""
    return np.array([morning(rng)]), np.array([who.weight + 0.02 * who.wander[day] + rng.normal(0, 0.18)])


def cuff(rng: np.random.Generator, who: Body, day: int, upper: bool) -> tuple[Floats, Floats]:
    """Blood pressure in mm[Hg], morning and evening, on the cuff's own minutes."""
    at = np.array([morning(rng) + 0.004, 19.5 / 24 + rng.normal(0, 0.004)])
    level, spread = (who.systolic, 5.0) if upper else (who.diastolic, 3.5)
    return at, level + 2.0 * who.mood[day] + rng.normal(0, spread, 2)


def systolic(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """The upper pressure; see `cuff`."""
    return cuff(rng, who, day, upper=True)


def diastolic(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """The lower pressure; see `cuff`."""
    return cuff(rng, who, day, upper=False)


def temperature(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """Body temperature in Cel, morning and evening."""
    at = np.array([morning(rng) + 0.002, 19.4 / 24])
    return at, np.array([36.5, 36.8]) + rng.normal(0, 0.15, 2)


def peak_flow(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """The morning's best of three blows in L/min."""
    return np.array([morning(rng) + 0.006]), np.array([who.peak_flow + 9 * who.mood[day] + rng.normal(0, 7)])


def pain(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """Pain from 0 to 10, asked each morning."""
    return np.array([morning(rng) + 0.01]), np.array([np.clip(who.pain + rng.integers(-1, 2), 0, 4)])


def breathlessness(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """Breathlessness from 0 to 10, asked each morning."""
    return np.array([morning(rng) + 0.011]), np.array([float(rng.random() < 0.3)])


def symptom(rng: np.random.Generator, who: Body, day: int) -> tuple[Floats, Floats]:
    """A check-list item, 0 or 1, asked each morning; the ward's stories say when it is 1."""
    return np.array([morning(rng) + 0.012]), np.array([0.0])


SIGNALS: Final = {
    "heart-rate": heart_rate,
    "spo2": spo2,
    "respiratory-rate": breaths,
    "blood-glucose": glucose,
    "steps": steps,
    "body-weight": weight,
    "systolic-bp": systolic,
    "diastolic-bp": diastolic,
    "body-temperature": temperature,
    "peak-flow": peak_flow,
    "pain": pain,
    "breathlessness": breathlessness,
    "symptom-swelling": symptom,
    "symptom-cough": symptom,
    "symptom-wound": symptom,
}


def morning(rng: np.random.Generator) -> float:
    """When the morning's measurements are taken: around 7:10, as fraction of a day."""
    return float(np.clip(rng.normal(7.17, 0.1), 6.8, 7.6) / 24)
