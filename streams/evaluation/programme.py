"""A programme's budget of learned alerts, divided over what its plan watches, and the thresholds for it.

Each vital with a ready day has an equal part, and so have the vitals that a plan watches together (`joint`).
Where a plan watches both a vital's moments (`acute`) and its days (`trend`), they halve it. The patients of
a vital whose nights are followed and those whose days are spend the same part, each in their own weeks. What
clinician's limits spend is not set here but told beside (streams/evaluation/spent.py).
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from models.calibration import SHIPPED, UNKNOWN, Daily, VitalCalibration
from models.catalog import Catalog
from models.joint import LEAST, Joint
from models.plan import Baseline, Plan
from streams.evaluation import budget as days
from streams.evaluation import joint_budget as together
from streams.evaluation import peaks as moments


class Part(NamedTuple):
    """A share of the budget, of one vital or several, and what thresholds would have spent, or why none."""

    name: str
    share: float
    patients: int
    spent: days.Spent | None
    missing: str = ""


class Made(NamedTuple):
    """Thresholds of every vital that a plan watches and the results know, and of several together (0 = none).

    parts: how each part of the budget was spent.
    """

    vitals: dict[str, VitalCalibration]
    joint: float
    parts: list[Part]


def calibrate(
    tables: dict[days.Key, days.Table],
    acute: dict[str, moments.Peaks],
    joint: Mapping[str, together.Scored],
    plan: Plan,
    catalog: Catalog,
    budget: float,
) -> Made:
    """The thresholds for a budget (alerts per patient-week), of days, moments and hours of a cohort."""
    watched = [
        b
        for b in plan.baselines
        if b.vital in catalog.index
        and (
            (b.trend != "off" and any((b.vital, kind) in tables for kind in (days.NIGHTS, days.DAYS)))
            or (b.acute > 0 and b.vital in acute)
        )
    ]
    several = plan.joint if joint else None
    share = budget / max(1, len(watched) + (several is not None))
    vitals: dict[str, VitalCalibration] = {}
    parts: list[Part] = []
    for baseline in watched:
        entry, told = vital(tables, acute.get(baseline.vital), baseline, share)
        parts += told
        if any(part.spent for part in told):
            vitals[baseline.vital] = entry
    threshold = 0.0
    if several is not None:
        threshold, part = vitals_together(joint, several, share)
        parts.append(part)
    return Made(vitals, threshold, parts)


def vitals_together(cohort: Mapping[str, together.Scored], plan: Joint, share: float) -> tuple[float, Part]:
    """The threshold of several vitals' score, 0 without a scored hour; how their share was spent."""
    name = "several vitals, joint"
    try:
        found = together.calibrate(cohort, share, plan.readings)
    except ValueError as error:
        return 0.0, Part(name, share, len(cohort), None, str(error))
    threshold = max(LEAST, math.ceil(found * 1000) / 1000)
    return threshold, Part(name, share, len(cohort), together.spent(cohort, threshold, plan.readings))


def vital(
    tables: dict[days.Key, days.Table],
    acute: moments.Peaks | None,
    baseline: Baseline,
    share: float,
    slow: np.ndarray | None = None,
) -> tuple[VitalCalibration, list[Part]]:
    """One vital's calibration, on the shipped one where the results know nothing; how its share was spent.

    slow: PARAMETERS (1,) of change over days other than the shipped ones.
    """
    code, entry, parts = baseline.vital, SHIPPED.get(baseline.vital, UNKNOWN), []
    both = baseline.trend != "off" and baseline.acute > 0 and acute is not None and acute.weeks.sum() > 0
    share = share / 2 if both else share
    for kind in (days.NIGHTS, days.DAYS):
        table = tables.get((code, kind))
        if table is None or baseline.trend == "off":
            continue
        name = f"{code}, {kind}"
        try:
            threshold, spent = days.calibrate(table, share, baseline.trend, slow)
        except ValueError as error:
            parts.append(Part(name, share, len(table.patients), None, str(error)))
            continue
        parts.append(Part(name, share, len(table.patients), spent))
        if kind == days.DAYS:
            daily = Daily(table.variance.level, threshold.above, threshold.below)
            entry = msgspec.structs.replace(entry, daily=daily)
        else:
            entry = msgspec.structs.replace(entry, variance=table.variance, threshold=threshold)
    if acute is not None and baseline.acute > 0:
        name = f"{code}, acute"
        try:
            bar, spent = moments.calibrate(acute, share)
        except ValueError as error:
            parts.append(Part(name, share, len(acute.patients), None, str(error)))
        else:
            parts.append(Part(name, share, len(acute.patients), spent))
            entry = msgspec.structs.replace(entry, acute=bar)
    return entry, parts
