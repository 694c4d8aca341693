"""A programme's budget of learned alerts, divided over what its plan watches, and the thresholds for it.

Each vital with a ready day has an equal part. Where a plan watches both a vital's moments (`acute`) and
its days (`trend`), they halve it. The patients of a vital whose nights are followed and those whose days
are spend the same part, each in their own weeks. What clinician's limits spend is not set here but told
beside (streams/evaluation/spent.py).
"""

from typing import NamedTuple

import msgspec
import numpy as np

from models.calibration import SHIPPED, UNKNOWN, Daily, VitalCalibration
from models.catalog import Catalog
from models.plan import Baseline, Plan
from streams.evaluation import budget as days
from streams.evaluation import peaks as moments


class Part(NamedTuple):
    """One vital's share of the budget and what its thresholds would have spent, or why there are none."""

    name: str
    share: float
    patients: int
    spent: days.Spent | None
    missing: str = ""


def calibrate(
    tables: dict[days.Key, days.Table],
    acute: dict[str, moments.Peaks],
    plan: Plan,
    catalog: Catalog,
    budget: float,
) -> tuple[dict[str, VitalCalibration], list[Part]]:
    """Thresholds of every vital that the plan watches and the results know; how each part was spent."""
    watched = [
        b
        for b in plan.baselines
        if b.vital in catalog.index
        and (
            (b.trend != "off" and any((b.vital, kind) in tables for kind in (days.NIGHTS, days.DAYS)))
            or (b.acute > 0 and b.vital in acute)
        )
    ]
    vitals: dict[str, VitalCalibration] = {}
    parts: list[Part] = []
    for baseline in watched:
        entry, told = vital(tables, acute.get(baseline.vital), baseline, budget / len(watched))
        parts += told
        if any(part.spent for part in told):
            vitals[baseline.vital] = entry
    return vitals, parts


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
