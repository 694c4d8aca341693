"""A care plan's rules for one vital, compiled to a RULE_SET record that all like series share."""

import msgspec
import numpy as np

from models.calibration import Daily, Threshold, VitalCalibration
from models.catalog import Catalog
from models.news2 import compile_news2
from models.plan import Expectation, Gain, Limit, Plan
from models.record import GAINS, LIMITS, RULE_SET, TRENDS, VITAL, WINDOW_MILLISECONDS, WINDOW_NAMES
from models.score import slow_parameters
from models.score.news2 import SOURCES
from models.triage import SEVERITIES

WHEN = {"always": 0, "day": 1, "night": 2}


def limits_of(plan: Plan, vital: str) -> tuple[Limit, ...]:
    """The limits of a plan on one vital: the index is the place in RULE_SET.

    The worst come first, so that a reading that passes two limits is told of once, at the worse.
    """
    limits = [limit for limit in plan.limits if limit.vital == vital]
    return tuple(sorted(limits, key=lambda limit: -SEVERITIES.index(limit.severity)))[:LIMITS]


def gains_of(plan: Plan, vital: str) -> tuple[Gain, ...]:
    """The gain rules of a plan on one vital, in the plan's order."""
    return tuple(gain for gain in plan.gains if gain.vital == vital)[:GAINS]


def expectation_of(plan: Plan, vital: str) -> Expectation | None:
    """What the plan expects of one vital, if anything."""
    return next((e for e in plan.expectations if e.vital == vital), None)


def allowance(expectation: Expectation) -> int:
    """Milliseconds of received time without a reading after which silence begins."""
    return round((expectation.every + expectation.grace) * 1000)


def sides(side: str, threshold: Threshold | Daily) -> tuple[float, float]:
    """Thresholds of a level above and below the usual one; 0 = not watched."""
    above = threshold.above if side in ("above", "both") else 0.0
    return above, threshold.below if side in ("below", "both") else 0.0


def trends(side: str, threshold: Threshold) -> tuple[float, ...]:
    """Thresholds of the channels of models/score/slow.py; 0 = off."""
    others = threshold.variability, threshold.rhythm
    return (0.0,) * TRENDS if side == "off" else (*sides(side, threshold), *others)


class RuleSets:
    """All distinct rule sets of a partition: `table` RULE_SET (n,), grown as plans come.

    slow: PARAMETERS (1,) of change over days, when not the shipped ones.
    """

    def __init__(self, slow: np.ndarray | None = None) -> None:
        self._slow = slow_parameters.parameters() if slow is None else slow
        self.table = np.zeros(1, RULE_SET)
        self._index: dict[bytes, int] = {}

    def index(self, plan: Plan, vital: str, calibration: VitalCalibration) -> int:
        """Row of the rule set of a vital under a plan and its cohort, compiled at first sight."""
        limits, gains = limits_of(plan, vital), gains_of(plan, vital)
        expectation = expectation_of(plan, vital)
        baseline = next((b for b in plan.baselines if b.vital == vital), None)
        hours = (plan.day_from, plan.day_until)
        bounds = [plan.bounds(limit) for limit in limits]
        key = msgspec.msgpack.encode(
            (limits, bounds, gains, plan.dry_weight, expectation, baseline, hours, plan.news2, calibration)
        )
        if key not in self._index:
            rule = np.zeros(1, RULE_SET)
            rule["day_from"], rule["day_until"] = round(hours[0] * 1000), round(hours[1] * 1000)
            rule["every"] = allowance(expectation) if expectation else 0
            side, acute = (baseline.trend, baseline.acute) if baseline else ("off", 0.0)
            days = calibration.of_days()
            rule["acute"] = (calibration.acute or acute) if acute > 0 else 0.0
            rule["trend"], rule["trend_daily"] = trends(side, calibration.threshold), sides(side, days)
            rule["trend_beside"] = bool(baseline and baseline.symptoms)
            rule["slow"] = self._slow
            rule["cohort"] = msgspec.structs.astuple(calibration.variance)
            rule["cohort_daily"] = days.variance
            for j, limit in enumerate(limits):
                direction = 1 if limit.direction == "above" else -1
                within = round(limit.within * 1000)
                lasting = round(limit.lasting * 1000)
                clearing = round(limit.clear_lasting * 1000)
                row = (*bounds[j], within, lasting, clearing, direction, limit.readings, WHEN[limit.when])
                rule["limits"][0, j] = row
            for j, gain in enumerate(gains):
                rule["gains"][0, j] = (
                    *plan.gained(gain),
                    plan.dry_weight if gain.of else 0.0,
                    gain.days,
                    bool(gain.symptoms),
                )
            rule["news2"] = compile_news2(plan.news2)
            self._index[key] = len(self.table)
            self.table = np.concatenate([self.table, rule])
        return self._index[key]


def compile_catalog(catalog: Catalog) -> tuple[np.ndarray, np.ndarray]:
    """(VITAL rows, code bytes uint8 (vitals, 1 + longest): length, then the code) of a catalogue."""
    table = np.zeros(len(catalog.vitals), VITAL)
    codes = np.zeros((len(table), 1 + max(len(v.code) for v in catalog.vitals)), np.uint8)
    for row, code, vital in zip(table, codes, catalog.vitals, strict=True):
        code[0] = len(vital.code)
        code[1 : 1 + len(vital.code)] = np.frombuffer(vital.code.encode(), np.uint8)
        row["minimum"], row["maximum"], row["decimals"] = vital.minimum, vital.maximum, vital.decimals
        row["lateness"] = round(vital.lateness * 1000)
        row["single"] = vital.windows == ("1d",)
        row["frequent"] = "1m" in vital.windows or "15m" in vital.windows
        row["part"], row["part_zero"] = SOURCES.get(vital.code, (-1, 0.0))
        row["has_cuts"] = len(vital.cuts) == 4
        if row["has_cuts"]:
            row["cuts"] = vital.cuts
        slot = 0
        sizes = [WINDOW_NAMES.index(name) for name in vital.windows]
        row["finest"] = min(sizes)
        for size in sizes:
            row["slot_from"][size] = slot
            row["slots"][size] = row["lateness"] // WINDOW_MILLISECONDS[size] + 2
            slot += int(row["slots"][size])
    return table, codes
