"""Simulated patients of four vitals that go together, and their journey through the product's pipeline.

Every 15 minutes: heart rate, respiratory rate, saturation and skin temperature, each of a level of its own, a
course of the day of its own amplitude and phase, a day effect AR(1) of coefficient 0.5, noise AR(1) of
coefficient 0.85, bursts of activity that move pulse and breathing, 6 % of the values missing and 3 % of the
hours without any. Noise and, half as strongly, day effects of the four are correlated. A deterioration
moves each vital for a day by a share of its deviation, against the sign of that correlation. All of it is
this simulation's own, in the sizes of `cohort.heart_rate` and `cohort.spo2`.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from models.catalog import Catalog
from models.joint import Joint
from models.pipeline import Pipeline
from models.plan import Plan
from models.times import rfc3339
from streams.evaluation.cohort import DAY, QUARTERS, START, Floats, wave
from streams.evaluation.journey import Found, take
from streams.zones import zone

VITALS: Final = ("heart-rate", "respiratory-rate", "spo2", "skin-temperature")
TOGETHER: Final = np.array(
    [[1, 0.7, -0.5, 0.3], [0.7, 1, -0.5, 0.3], [-0.5, -0.5, 1, -0.2], [0.3, 0.3, -0.2, 1]]
)
LEVEL: Final = np.array([70.0, 16.0, 96.0, 33.0])
BETWEEN: Final = np.array([8.0, 2.0, 0.9, 0.5])  # deviation of the level between patients
NOISE: Final = np.array([2.5, 1.0, 0.6, 0.25])  # deviation within an hour
OF_DAY: Final = np.array([1.3, 0.5, 0.25, 0.12])  # deviation between days
COURSE: Final = np.array([6.0, 1.2, 0.4, 0.4])  # amplitude of the day
ACTIVE: Final = np.array([1.0, 0.25, 0.0, 0.0])  # share of a burst
DEVIATION: Final = np.sqrt(NOISE**2 + OF_DAY**2)
AGAINST: Final = np.array([1.0, -1.0, 1.0, 0.5])  # of one shift, by vital


def mixed(waves: list[Floats], correlation: np.ndarray) -> Floats:
    """Waves of the same shape, correlated: (times, patients, vitals)."""
    return np.stack(waves, axis=-1) @ np.linalg.cholesky(correlation).T


def values(patients: int, days: int, seed: int, shift: float = 0.0, onset: Floats | None = None) -> Floats:
    """(times, patients, vitals), NaN = missing; from `onset` on (days, one per patient) a day's shift."""
    rng = np.random.default_rng(seed)
    shape = days * QUARTERS, patients
    clock, day = np.arange(shape[0]) % QUARTERS / QUARTERS, np.arange(shape[0]) // QUARTERS
    half = (TOGETHER + np.eye(4)) / 2
    x = rng.normal(LEVEL, BETWEEN, (patients, 4)) + np.zeros((shape[0], 1, 1))
    phase = 2 * np.pi * (clock[:, None, None] - 4 / 24 - rng.normal(0, 0.04, (patients, 4)))
    x -= COURSE * rng.uniform(0.6, 1.4, (patients, 4)) * np.cos(phase)
    x += OF_DAY * mixed([wave(rng, (days, patients), 0.5, 1.0) for _ in VITALS], half)[day]
    x += NOISE * mixed([wave(rng, shape, 0.85, 1.0) for _ in VITALS], TOGETHER)
    bursts = (rng.random(shape) < 1 / 60) & ((clock > 7 / 24) & (clock < 22 / 24))[:, None]
    strength, activity = bursts * rng.uniform(12, 35, shape), np.zeros(shape)
    for lag in range(4):
        activity[lag:] += strength[: shape[0] - lag] * 0.75**lag
    x += activity[:, :, None] * ACTIVE
    if onset is not None:
        since = np.arange(shape[0])[:, None] / QUARTERS - onset
        x += ((since >= 0) & (since < 1))[:, :, None] * shift * AGAINST * DEVIATION
    x[:, :, 2] = np.minimum(x[:, :, 2], 100)
    x = np.round(x, 1)
    x[rng.random(x.shape) < 0.06] = np.nan
    x[np.repeat(rng.random((days * 24, patients)) < 0.03, 4, axis=0)] = np.nan
    return x


def plan(score_above: float, readings: int) -> Plan:
    """A plan of nothing but several vitals together."""
    return Plan("*", "joint", "1", joint=Joint(VITALS, score_above, readings))


def batches(cohort: Floats, catalog: Catalog) -> Iterator[tuple[list[bytes], list[int]]]:
    """The readings of each day: records, and when each was received (ms)."""
    template = b'{"patient":"p-%d","device":"d","vital":"%s","value":%.1f,"unit":"%s","measured_at":"%s"}'
    names = [(vital.encode(), catalog[vital].unit.encode()) for vital in VITALS]
    for begin in range(0, len(cohort), QUARTERS):
        records, stamps = list[bytes](), list[int]()
        for t in range(begin, begin + QUARTERS):
            at = START + t * DAY // QUARTERS
            time, rows = rfc3339(at).encode(), cohort[t].tolist()
            before = len(records)
            for i, row in enumerate(rows):
                for (vital, unit), x in zip(names, row, strict=True):
                    if x == x:
                        records.append(template % (i, vital, x, unit, time))
            stamps += [at] * (len(records) - before)
        yield records, stamps


def run(cohort: Floats, catalog: Catalog, of: Plan, together: np.ndarray | None = None) -> Found:
    """Take a cohort through a fresh pipeline; its joint lines are kept.

    together: PARAMETERS (1,) of several vitals other than the shipped ones.
    """
    pipeline = Pipeline(catalog, of, zone, capacity=4 * cohort.shape[1], together=together)
    return take(pipeline, batches(cohort, catalog), b"joint,")
