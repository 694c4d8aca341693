"""Simulated patients with labelled deteriorations, and their journey through the product's pipeline.

Heart rate, every 15 min: base N(68, 8) in 50-90 per minute; day course of amplitude U(4, 9) with its
lowest point about 04:00 and a second harmonic of 30 %; day effect AR(1) of coefficient 0.5 and SD 1.3;
AR(1) noise 0.85, SD 2.5; measurement noise t(3); four bursts of activity a day of 12-35 per minute; a
base that walks 0.12 per square root of a day; weekends +1; 0.2 % artefacts of 25-60; 6 % missing.
SpO2, every 15 min: base N(96.3, 0.9), nightly dip 0.6, day effect SD 0.25, AR(1) 0.8 SD 0.5, 1.2 % of
motion artefacts of 3-10 %, whole numbers up to 100, 6 % missing. Weight, daily: base N(82, 15), AR(1)
0.3 SD 0.35, weekly cycle 0.25, walk 0.03; 5 % missing.

The noise is the same in every patient, which favours rules in absolute units; real artefacts are worse.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibration
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from models.times import parse_times, rfc3339
from streams.zones import zone

Floats = NDArray[np.float64]
START: Final = 1_767_571_200_000  # 2026-01-05, a Monday
DAY: Final = 86_400_000
QUARTERS: Final = 96
MORNING: Final = 7 * 3_600_000


class Cohort(NamedTuple):
    """Readings of one vital: values (times, patients), NaN = missing; `every` ms apart from `first` on."""

    vital: str
    unit: str
    values: Floats
    every: int
    first: int


def wave(rng: np.random.Generator, shape: tuple[int, int], phi: float, deviation: float) -> Floats:
    """AR(1) noise along the first axis, of coefficient `phi` and marginal deviation `deviation`."""
    shocks = rng.standard_normal(shape) * deviation * np.sqrt(1 - phi * phi)
    out = np.empty(shape)
    out[0] = rng.standard_normal(shape[1]) * deviation
    for t in range(1, shape[0]):
        out[t] = phi * out[t - 1] + shocks[t]
    return out


def heart_rate(patients: int, days: int, seed: int, event: str = "", onset: Floats | None = None) -> Cohort:
    """Heart rates; `event` begins at `onset` (days, one per patient)."""
    rng = np.random.default_rng(seed)
    shape = days * QUARTERS, patients
    clock = np.arange(shape[0]) % QUARTERS / QUARTERS
    day = np.arange(shape[0]) // QUARTERS
    base = np.clip(rng.normal(68, 8, patients), 50, 90)
    amplitude = rng.uniform(4, 9, patients)
    angle = 2 * np.pi * (clock[:, None] - 4 / 24 - rng.normal(0, 0.04, patients))
    course = amplitude * (np.cos(angle) + 0.3 * np.cos(2 * angle))
    weekend = ((day % 7 >= 5) & (clock > 0.35) & (clock < 0.95))[:, None]
    x = base - course + weekend + wave(rng, (days, patients), 0.5, 1.3)[day]
    x += np.cumsum(rng.normal(0, 0.12, (days, patients)), axis=0)[day]
    noise, measurement = wave(rng, shape, 0.85, 2.5), rng.standard_t(3, shape)
    bursts = (rng.random(shape) < 1 / 60) & ((clock > 7 / 24) & (clock < 22 / 24))[:, None]
    activity, strength = np.zeros(shape), bursts * rng.uniform(12, 35, shape)
    for lag in range(4):
        activity[lag:] += strength[: shape[0] - lag] * 0.75**lag
    if onset is not None:
        since = np.arange(shape[0])[:, None] / QUARTERS - onset
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
    return Cohort("heart-rate", "/min", x, DAY // QUARTERS, 0)


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
    x = np.clip(rng.normal(82, 15, patients), 45, 160) + 0.25 * np.cos(2 * np.pi * (day % 7) / 7)
    x = x + wave(rng, shape, 0.3, 0.35) + np.cumsum(rng.normal(0, 0.03, shape), axis=0)
    if onset is not None:
        gains = {"+0.35 kg/day": np.clip(day - np.floor(onset) + 1, 0, 7) * 0.35}
        x += gains[event]
    x = np.round(x, 1)
    x[rng.random(shape) < 0.05] = np.nan
    return Cohort("body-weight", "kg", x, DAY, MORNING)


class Found(NamedTuple):
    """What the pipeline told of a cohort: (patient, days since START) of each alert opened; trend lines."""

    opened: list[tuple[int, float]]
    lines: list[bytes]
    readings: int


class Transition(msgspec.Struct):
    """What matters of an alert's transition."""

    event: str
    kind: str
    rule: str
    patient: str
    received_at: str


def run(
    cohort: Cohort,
    catalog: Catalog,
    plan: Plan,
    calibration: Calibration | None,
    rule: str,
    slow: np.ndarray | None = None,
) -> Found:
    """Take a cohort through a fresh pipeline, day by day; alerts of kind trend and this rule are told.

    slow: PARAMETERS (1,) of change over days other than the shipped ones.
    """
    pipeline = Pipeline(catalog, plan, zone, capacity=cohort.values.shape[1], slow=slow)
    if calibration is not None:
        pipeline.process([msgspec.json.encode(calibration)], [START], [0])
    opened: list[tuple[int, float]] = []
    lines: list[bytes] = []
    template = b'{"patient":"p-%d","device":"d","vital":"%s","value":%g,"unit":"%s","measured_at":"%s"}'
    vital, unit = cohort.vital.encode(), cohort.unit.encode()
    offset = 1
    chunk = max(1, DAY // cohort.every)
    for begin in range(0, len(cohort.values), chunk):
        values, stamps = [], []
        for t in range(begin, min(begin + chunk, len(cohort.values))):
            at = START + cohort.first + t * cohort.every
            time = rfc3339(at).encode()
            present = np.flatnonzero(~np.isnan(cohort.values[t])).tolist()
            row = cohort.values[t].tolist()
            values += [template % (i, vital, row[i], unit, time) for i in present]
            stamps += [at] * len(present)
        outputs = pipeline.process(values, stamps, range(offset, offset + len(values)))
        offset += len(values)
        lines += [line for line in outputs.results.splitlines() if line.startswith(b"trend,")]
        for alert in outputs.alerts:
            told = msgspec.json.decode(alert.body, type=Transition)
            if told.event == "opened" and told.kind == "trend" and told.rule == rule:
                received = int(parse_times([told.received_at])[0][0])
                opened.append((int(told.patient.removeprefix("p-")), (received - START) / DAY))
    return Found(opened, lines, pipeline.ledger.accepted)
