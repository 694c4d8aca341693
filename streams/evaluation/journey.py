"""The journey of a simulated cohort through the product's pipeline: what it told, and when."""

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
    """What the pipeline told of a cohort: alerts, trend lines."""

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


def run(
    cohort: Cohort,
    catalog: Catalog,
    plan: Plan,
    calibration: Calibration | None,
    slow: np.ndarray | None = None,
) -> Found:
    """Take a cohort through a fresh pipeline, day by day.

    slow: PARAMETERS (1,) of change over days other than the shipped ones.
    """
    pipeline = Pipeline(catalog, plan, zone, capacity=cohort.values.shape[1], slow=slow)
    if calibration is not None:
        pipeline.process([msgspec.json.encode(calibration)], [START], [0])
    told: list[Told] = []
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
            told_of = msgspec.json.decode(alert.body, type=Transition)
            if told_of.event == "opened" or told_of.reason == GROWN:
                received = int(parse_times([told_of.received_at])[0][0])
                who = int(told_of.patient.removeprefix("p-"))
                told.append(Told(who, (received - START) / DAY, told_of.kind, told_of.rule))
    return Found(told, lines, pipeline.ledger.accepted)
