"""Calibrations: what a cohort teaches each patient's own baseline. They enter as records of the log.

A record, for every partition, in force from its place in the log on:

    {"kind":"calibration","programme":"*","version":"2026-03","budget":0.3,"vitals":{"heart-rate":{
      "variance":{"level":4.1,"variability":0.06,"rhythm":5.8},
      "threshold":{"above":1.6,"below":3.0,"variability":1.7,"rhythm":1.5},
      "daily":{"variance":21.0,"above":3.1,"below":3.2},
      "acute":6.9}},"joint":3.4}

`variance`: of each feature of models/score/slow.py between the days of a usual patient (bpm², ln², bpm²
here); 0 = not known, the patient's own alone counts. `threshold`: of each channel; 0 = off. `daily`: the
same of the level of days, where no nights are followed. `acute`: threshold of the acute score, instead of
the plan's where that has one; 0 = the plan's. `joint`: the same of the score of several vitals together,
instead of the plan's `score_above`. `budget`: alerts per patient-week that the thresholds were made for; it
decides nothing. The programme "*" holds for all programmes without a record of their own. `vigie calibrate`
makes records.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final, Protocol, TypeVar

import msgspec

from models import strict
from models.catalog import Catalog
from models.joint import LEAST, Joint
from models.plan import Plan
from models.strict import nearest

EVERYONE: Final = "*"
LEAST_THRESHOLD: Final = 0.1  # less than that would alert on nearly every day


class Variance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Variance between days of each feature, in squared units of it."""

    level: float = 0.0
    variability: float = 0.0
    rhythm: float = 0.0


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Threshold of each channel's score."""

    above: float = 2.0
    below: float = 2.0
    variability: float = 2.0
    rhythm: float = 2.0


class Daily(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for the level of days where no nights are followed: variance, threshold of each side.

    A score of days is a logarithm of a likelihood ratio (models/score/ramp.py), that of nights a sum.
    """

    variance: float = 0.0
    above: float = 4.0
    below: float = 4.0


class VitalCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cohort says of one vital. Without `daily` the shipped one holds."""

    variance: Variance = Variance()
    threshold: Threshold = Threshold()
    daily: Daily | None = None
    acute: float = 0.0

    def of_days(self) -> Daily:
        """What holds for the level of days."""
        return self.daily or Daily()


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One calibration record, whole in itself: a vital that it leaves out has the shipped values."""

    kind: str = "calibration"
    patient: str = EVERYONE
    programme: str
    version: str
    budget: float
    vitals: dict[str, VitalCalibration]
    joint: float = 0.0


# Until a calibration comes: printed by `vigie evaluate drift` from its first simulated cohort.
SHIPPED: Final = {
    "heart-rate": VitalCalibration(Variance(4.1, 0.061, 6.2), daily=Daily(21.0)),
    "spo2": VitalCalibration(Variance(0.13, 0.052, 0.18)),
    "body-weight": VitalCalibration(daily=Daily(0.134)),
    "systolic-bp": VitalCalibration(daily=Daily(50.0)),
    "resting-heart-rate": VitalCalibration(daily=Daily(4.1)),  # as that of a night
}
UNKNOWN: Final = VitalCalibration()


class OfProgramme(Protocol):
    """A record of the log that holds for a programme."""

    @property
    def programme(self) -> str:
        """Whom it holds for."""


Held = TypeVar("Held", bound=OfProgramme)
History = list[tuple[int, Calibration]]
"""(offset, calibration) in log order."""


def decode_calibration(data: bytes, catalog: Catalog) -> Calibration:
    """A calibration out of the log. Raises ValueError with field, problem and remedy."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"not a calibration: {error}; make one with `vigie calibrate`") from error
    calibration, complaints = strict.decode(raw, Calibration, "")
    if complaints:
        raise ValueError("; ".join(f"{key}: {problem} ({remedy})" for key, problem, remedy in complaints))
    if calibration.patient != EVERYONE:
        raise ValueError('patient: a calibration is for everyone; leave it out or send "*"')
    if not (calibration.budget >= 0 and math.isfinite(calibration.budget)):
        raise ValueError("budget: is no rate of alerts; give alerts per patient-week, 0 or more")
    for code, entry in calibration.vitals.items():
        if code not in catalog.index:
            raise ValueError(f"vitals: unknown vital {code}; {nearest(code, catalog.index)}")
        _check(f"vitals.{code}", entry)
    if calibration.joint != 0 and calibration.joint < LEAST:
        raise ValueError(f"joint: {calibration.joint:g}; give 0 (the plan's) or {LEAST:g} and more")
    return calibration


def _check(where: str, entry: VitalCalibration) -> None:
    """Raises ValueError for a variance or a threshold that is none."""
    days = entry.of_days()
    variances = {f"variance.{k}": v for k, v in msgspec.structs.asdict(entry.variance).items()}
    thresholds = {f"threshold.{k}": v for k, v in msgspec.structs.asdict(entry.threshold).items()}
    thresholds |= {"daily.above": days.above, "daily.below": days.below, "acute": entry.acute}
    for name, value in (variances | {"daily.variance": days.variance}).items():
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"{where}.{name}: {value} is no variance; give 0 or more")
    for name, value in thresholds.items():
        if value != 0 and not (value >= LEAST_THRESHOLD and math.isfinite(value)):
            raise ValueError(f"{where}.{name}: {value}; give 0 (off) or {LEAST_THRESHOLD} and more")


def in_force(history: Iterable[tuple[int, Held]], offset: int) -> dict[str, Held]:
    """By programme, the calibrations that hold behind the record of this offset."""
    return {calibration.programme: calibration for at, calibration in history if at <= offset}


def needed(history: Iterable[tuple[int, Held]], saved: int) -> list[tuple[int, Held]]:
    """The history without what no block of state can need any more.

    saved: an offset up to which every change is in some saved block. A calibration changes all blocks, so
    none is left that reflects less: of each programme the newest record up to there stays, and all later.
    """
    entries = list(history)
    newest = {calibration.programme: at for at, calibration in entries if at <= saved}
    return [(at, held) for at, held in entries if at >= newest.get(held.programme, 0)]


def of_programme(calibrations: Mapping[str, Held], programme: str) -> Held | None:
    """What holds for a programme: its own record, else everyone's, else nothing."""
    return calibrations.get(programme) or calibrations.get(EVERYONE)


def of_vital(calibrations: dict[str, Calibration], plan: Plan, vital: str) -> VitalCalibration:
    """What holds for one vital under a plan: its programme's calibration, everyone's, or the shipped one."""
    shipped = SHIPPED.get(vital, UNKNOWN)
    calibration = of_programme(calibrations, plan.programme)
    entry = calibration.vitals.get(vital, shipped) if calibration else shipped
    return entry if entry.daily else msgspec.structs.replace(entry, daily=shipped.of_days())


def of_joint(calibrations: dict[str, Calibration], plan: Plan) -> Joint | None:
    """What a plan watches together, if anything, with the threshold that holds for it."""
    calibration = of_programme(calibrations, plan.programme)
    if plan.joint is None or calibration is None or not calibration.joint:
        return plan.joint
    return msgspec.structs.replace(plan.joint, score_above=calibration.joint)
