"""The journey of a simulated cohort through the product's pipeline: what it told, and when."""

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from models.calibration import Calibration
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from models.times import parse_times, rfc3339
from models.triage import GROWN
from streams.evaluation.cohort import DAY, START, Cohort
from streams.zones import zone


class Told(NamedTuple):
    """An alert that reached a nurse, opened or told again: of whom, days since START, kind and rule."""

    patient: int
    at: float
    kind: str
    rule: str


class Found(NamedTuple):
    """What the pipeline told of a cohort: alerts, the kept result lines, how many readings it accepted."""

    told: list[Told]
    lines: list[bytes]
    readings: int


class Transition(msgspec.Struct):
    """What matters of an alert's transition."""

    event: str
    kind: str
    rule: str
    patient: str
    received_at: str
    reason: str = ""


def take(pipeline: Pipeline, days: Iterable[tuple[list[bytes], list[int]]], keep: bytes) -> Found:
    """Take records of patients p-0, p-1, … through a pipeline: of each day, and when each was received (ms).

    keep: how the result lines begin that are kept.
    """
    told: list[Told] = []
    lines: list[bytes] = []
    offset = 0
    for records, stamps in days:
        outputs = pipeline.process(records, stamps, range(offset, offset + len(records)))
        offset += len(records)
        lines += [line for line in outputs.results.splitlines() if line.startswith(keep)]
        for alert in outputs.alerts:
            told_of = msgspec.json.decode(alert.body, type=Transition)
            if told_of.event == "opened" or told_of.reason == GROWN:
                received = int(parse_times([told_of.received_at])[0][0])
                who = int(told_of.patient.removeprefix("p-"))
                told.append(Told(who, (received - START) / DAY, told_of.kind, told_of.rule))
    return Found(told, lines, pipeline.ledger.accepted)


def run(
    cohort: Cohort,
    catalog: Catalog,
    plan: Plan,
    calibration: Calibration | None,
    slow: np.ndarray | None = None,
) -> Found:
    """Take a cohort of one vital through a fresh pipeline; its trend lines are kept.

    slow: PARAMETERS (1,) of change over days other than the shipped ones.
    """
    pipeline = Pipeline(catalog, plan, zone, capacity=cohort.values.shape[1], slow=slow)
    first = [] if calibration is None else [([msgspec.json.encode(calibration)], [START])]
    return take(pipeline, itertools.chain(first, batches(cohort)), b"trend,")


def batches(cohort: Cohort) -> Iterator[tuple[list[bytes], list[int]]]:
    """The readings of each day: records, and when each was received (ms)."""
    template = b'{"patient":"p-%d","device":"d","vital":"%s","value":%g,"unit":"%s","measured_at":"%s"}'
    vital, unit = cohort.vital.encode(), cohort.unit.encode()
    a_day = max(1, DAY // cohort.every)
    for begin in range(0, len(cohort.values), a_day):
        records, stamps = list[bytes](), list[int]()
        for t in range(begin, min(begin + a_day, len(cohort.values))):
            at = START + cohort.first + t * cohort.every
            time = rfc3339(at).encode()
            present = np.flatnonzero(~np.isnan(cohort.values[t])).tolist()
            row = cohort.values[t].tolist()
            records += [template % (i, vital, row[i], unit, time) for i in present]
            stamps += [at] * len(present)
        yield records, stamps
