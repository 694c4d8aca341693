"""TIHM by patient-days: its readings in time, its labels, and what plans and scores say of each day.

Format, plain or gzipped: Physiology.csv (patient_id, date, device_type, value, unit), Labels.csv (patient_id,
date, type); local times of England. Palermo et al., Sci Data 2023;10:606.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import click
import msgspec
import numpy as np
from river import anomaly

from models.plan import Limit
from models.times import parse_times
from streams.configuration import INFRA, read
from streams.evaluation.play import fields_of, instant
from streams.evaluation.recording import Skipped, day, either, rows
from streams.ingest.columns import parse_map
from streams.ingest.sources import read_source

ENGLAND: Final = ZoneInfo("Europe/London")
PHYSIOLOGY: Final = ("patient_id", "date", "device_type", "value", "unit")
Day = tuple[str, str]
"""(patient, local day)."""
KNOWN: Final = 5  # readings of a series before a baseline beside ours says anything of it
NOT_READINGS: Final = ("silence", "technical")  # kinds of alerts that are about no value


class Reading(NamedTuple):
    """A reading that has a time (ms) and a number."""

    at: int
    patient: str
    vital: str
    value: float

    @property
    def day(self) -> Day:
        """The patient-day that it belongs to."""
        return self.patient, datetime.fromtimestamp(self.at / 1000, ENGLAND).date().isoformat()


class _Record(msgspec.Struct):
    """What is asked of a record."""

    patient: str
    vital: str
    value: float | str
    measured_at: str


def _read(record: bytes) -> _Record:
    """A record of the recording; without a time when its bytes are no text."""
    try:
        return msgspec.json.decode(record, type=_Record)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Record("", "", "", "")


def records(folder: Path) -> list[tuple[int, bytes]]:
    """(ms, reading as JSON) in the order of their times: the file is grouped by patient, and no log.

    A reading without a readable time stands first, with the first time of all; the core refuses it by name.
    """
    path = INFRA / "maps" / "tihm.toml"
    source = either(folder / "Physiology.csv")
    next(rows(source, PHYSIOLOGY, Skipped()), None)  # an empty file has no column
    try:
        found = [line.value for line in read_source(str(source), parse_map(read(path), path.name))]
    except (OSError, EOFError) as error:
        raise click.UsageError(f"--data: {source.name} cannot be read to its end: {error}") from error
    at, _, good = parse_times([_read(record).measured_at for record in found])
    first = int(at[good].min()) if good.any() else 0
    times = np.where(good, at, first).tolist()
    return sorted(zip(times, found, strict=True))


def readings(found: Iterable[tuple[int, bytes]]) -> list[Reading]:
    """Those of the records that have a time and a number, in their order."""
    told = [_read(record) for _, record in found]
    at, _, good = parse_times([record.measured_at for record in told])
    return [
        Reading(int(ms), record.patient, record.vital, record.value)
        for ms, fine, record in zip(at, good, told, strict=True)
        if fine and isinstance(record.value, float)
    ]


def units(told: Iterable[Reading], vitals: tuple[str, ...]) -> dict[Day, list[Reading]]:
    """The patient-days with a reading of some vitals, and those readings."""
    out: dict[Day, list[Reading]] = defaultdict(list)
    for reading in told:
        if reading.vital in vitals:
            out[reading.day].append(reading)
    return dict(out)


def labels(folder: Path, skipped: Skipped) -> dict[str, set[Day]]:
    """By type of alert, the patient-days on which the clinical team verified one."""
    out: dict[str, set[Day]] = defaultdict(set)
    path = either(folder / "Labels.csv")
    for row in rows(path, ("patient_id", "date", "type"), skipped):
        local = day(row["date"])
        if local is None:
            skipped["labels without a day"] += 1
        else:
            out[row["type"]].add((f"p-{row['patient_id']}", local.isoformat()))
    return out


def alerted(
    alerts: list[dict[str, Any]], vitals: tuple[str, ...], days: dict[Day, list[Reading]]
) -> set[Day]:
    """The patient-days at one of whose readings an alert on the values of these vitals stands.

    Silence is no value: a measurement that did not come has no day among these.
    """
    changes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for alert in alerts:
        told = alert["vital"] in vitals and alert["kind"] not in NOT_READINGS
        if told and alert["event"] in ("opened", "resolved"):
            change = 1 if alert["event"] == "opened" else -1
            changes[alert["patient"]].append((alert["measured_at"] or alert["received_at"], change))
    return {
        (patient, local)
        for (patient, local), own in days.items()
        if any(sum(change for at, change in changes[patient] if at <= instant(r.at)) > 0 for r in own)
    }


def workload(alerts: list[dict[str, Any]], vitals: tuple[str, ...], days: dict[Day, list[Reading]]) -> float:
    """Alerts opened on the values of some vitals, per patient-week of days with such a reading."""
    opened = sum(
        alert["event"] == "opened" and alert["vital"] in vitals and alert["kind"] not in NOT_READINGS
        for alert in alerts
    )
    return 7 * opened / len(days) if days else math.nan


def beyond(limits: Iterable[Limit]) -> Callable[[Reading], float]:
    """How far a reading is beyond the nearest of some limits, as a share of it; negative: short of it."""
    by_vital: dict[str, list[Limit]] = defaultdict(list)
    for limit in limits:
        by_vital[limit.vital].append(limit)

    def score(reading: Reading) -> float:
        sides = [
            (reading.value - limit.value) * (1 if limit.direction == "above" else -1) / abs(limit.value)
            for limit in by_vital[reading.vital]
            if limit.value
        ]
        return max(sides, default=-1.0)

    return score


def highest(days: dict[Day, list[Reading]], score: Callable[[Reading], float]) -> dict[Day, float]:
    """The highest score of each day's readings."""
    return {unit: max(map(score, own)) for unit, own in days.items()}


def deviation(told: Iterable[Reading], whose: Callable[[Reading], tuple[str, ...]]) -> dict[Reading, float]:
    """River's StandardAbsoluteDeviation of each reading from those before it: of a patient, or of everyone.

    Of one patient's vital it is the causal personal z-score. whose: what the readings of one series share.
    0 until KNOWN readings of it came, and while they were all the same.
    """
    models: dict[tuple[str, ...], anomaly.StandardAbsoluteDeviation] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    out: dict[Reading, float] = {}
    for reading in told:
        series = whose(reading)
        model = models.setdefault(series, anomaly.StandardAbsoluteDeviation())
        ready = seen[series] >= KNOWN and model.variance.get() > 0
        out[reading] = model.score_one({}, reading.value) if ready else 0.0
        model.learn_one({}, reading.value)
        seen[series] += 1
    return out


def learned(lines: Iterable[str], vitals: tuple[str, ...]) -> dict[Day, float]:
    """The pipeline's score of each day on which a vital's baseline is ready: the highest of some vitals."""
    out: dict[Day, float] = {}
    for line in lines:
        tags, fields, at = fields_of(line)
        if tags["vital"] in vitals and "above_score" in fields:
            unit = tags["patient"], datetime.fromtimestamp(at / 1000, ENGLAND).date().isoformat()
            out[unit] = max(out.get(unit, 0.0), fields["above_score"], fields["below_score"])
    return out
