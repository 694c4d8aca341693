"""The readings that every peer gets: four vitals of each patient every 10 s, slightly shuffled; seeded."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from kafka.partitioner.default import murmur2

from models.times import rfc3339

START = 1_772_409_600_000  # ms, a Monday, at a full minute
EVERY = 10  # seconds between the readings of a series
JITTER = 2  # seconds by which a reading is measured sooner or later
DELAY = 9.5  # seconds by which a reading arrives late at most: less than the lateness that all allow
SPIKES = 0.01  # share of the readings that leave the patient's normal
PARTITIONS = 4


class Vital(NamedTuple):
    """A vital: its level and standard deviation, and how far a spike leaves it."""

    code: str
    unit: str
    level: float
    spread: float
    spike: float
    decimals: int


VITALS = (
    Vital("heart-rate", "/min", 75, 2.0, 40, 0),
    Vital("spo2", "%", 97, 0.6, -15, 0),
    Vital("respiratory-rate", "/min", 16, 1.0, 16, 0),
    Vital("skin-temperature", "Cel", 33, 0.2, 4, 1),
)


class Reading(NamedTuple):
    """One record of the log; `at` in ms is its timestamp and its measured_at."""

    partition: int
    patient: str
    vital: str
    value: float
    at: int
    body: bytes


def load(count: int, patients: int) -> Iterator[Reading]:
    """`count` readings or a few more (whole rounds), then one of each series that closes its last window."""
    series = patients * len(VITALS)
    rounds = -(-count // series)
    rng = np.random.default_rng(1)
    shape = (rounds, series)
    seconds = np.arange(1, rounds + 1)[:, None] * EVERY + rng.integers(-JITTER, JITTER + 1, shape)
    order = np.argsort((seconds + rng.uniform(0, DELAY, shape)).ravel(), kind="stable")
    noise, spike = rng.normal(0, 1, shape), rng.random(shape) < SPIKES
    partitions = [(murmur2(_patient(p).encode()) & 0x7FFFFFFF) % PARTITIONS for p in range(patients)]
    last = (rounds + 1) * EVERY + 180

    def reading(column: int, second: int, noise: float, spike: bool) -> Reading:
        number, vital = column // len(VITALS), VITALS[column % len(VITALS)]
        value = round(vital.level + vital.spread * noise + vital.spike * spike, vital.decimals)
        patient, at = _patient(number), START + second * 1000
        fields = {
            "patient": patient,
            "device": f"d-{number}",
            "vital": vital.code,
            "value": value,
            "unit": vital.unit,
            "measured_at": rfc3339(at, 3600),
        }
        return Reading(partitions[number], patient, vital.code, value, at, msgspec.json.encode(fields))

    for i in order:
        row, column = divmod(int(i), series)
        yield reading(column, int(seconds[row, column]), float(noise[row, column]), bool(spike[row, column]))
    for column in range(series):
        yield reading(column, last, 0.0, False)


def _patient(number: int) -> str:
    return f"p-{number}"
