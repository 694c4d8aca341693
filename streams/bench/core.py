"""The core alone, decode to wire: readings per second for several shapes of the same load."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from models.pipeline import Pipeline
from models.record import PATIENT, SERIES
from models.times import rfc3339
from streams.configuration import load_catalog, load_default_plan
from streams.packing import pack
from streams.zones import zone

START = 1_772_409_600_000  # a Monday
BATCH = 2000
VITALS = (  # vital, unit, level and standard deviation of a patient who is well
    ("heart-rate", "/min", 75, 3.0),
    ("spo2", "%", 96, 0.8),
    ("respiratory-rate", "/min", 15, 1.0),
)


class Shape(NamedTuple):
    """A load: `series` series, one reading each every `every` ms, in order or scattered."""

    name: str
    series: int
    every: int
    scattered: bool = False


SHAPES = (
    Shape("4,000 series", 4000, 10_000),
    Shape("one hot series", 1, 1000),
    Shape("40,000 series, scattered", 40_000, 10_000, True),
)


def readings(
    shape: Shape, count: int, patient: Callable[[int], str] = "p-{}".format
) -> Iterator[tuple[bytes, int]]:
    """(record, received_at in ms) of a load, of patients by number; seeded."""
    rng = np.random.default_rng(1)
    made = 0
    second = 0
    while made < count:
        at = START + second * shape.every
        order = rng.permutation(shape.series) if shape.scattered else np.arange(shape.series)
        noise = rng.normal(0, 1, shape.series)
        for i in order[: count - made]:
            vital, unit, level, spread = VITALS[i % len(VITALS)]
            reading = {
                "patient": patient(i // len(VITALS)),
                "device": f"d-{i // len(VITALS)}",
                "vital": vital,
                "value": round(level + spread * noise[i]),
                "unit": unit,
                "measured_at": rfc3339(at, 3600),
            }
            yield msgspec.json.encode(reading), at
        made += len(order)
        second += 1


class Figure(NamedTuple):
    """Readings per second, bytes of result lines per reading, bytes of state per series."""

    rate: float
    line_bytes: float
    state_bytes: float


def measure(shape: Shape, count: int) -> Figure:
    """Feed a load through one pipeline in batches; only the second half is timed."""
    catalog = load_catalog()
    pipeline = Pipeline(catalog, load_default_plan(None, catalog), zone, capacity=shape.series)
    records = list(readings(shape, count))
    spent, timed, lines = 0.0, 0, 0
    for i in range(0, count, BATCH):
        part = records[i : i + BATCH]
        values, stamps = [value for value, _ in part], [at for _, at in part]
        begin = time.perf_counter()
        outputs = pipeline.process(values, stamps, range(i, i + len(part)))
        took = time.perf_counter() - begin
        if i >= count // 2:
            spent, timed, lines = spent + took, timed + len(part), lines + len(outputs.results)
    accepted = pipeline.ledger.accepted
    if accepted != count:
        raise AssertionError(f"{count - accepted} readings of the load were not accepted")
    saved = sum(len(pack(block)) for block in pipeline.snapshot().values())
    fixed = SERIES.itemsize + PATIENT.itemsize / min(len(VITALS), shape.series)
    return Figure(timed / spent, lines / timed, max(fixed, saved / shape.series))
