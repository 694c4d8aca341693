"""From the result lines of a cohort to its calibration: variances between days, thresholds for a budget.

Only `trend` lines are read: one per patient, vital and day. A threshold is first the quantile of
patient-days that spends the channel's share of the budget, as if every day above it were an alert; then
all thresholds of a vital are scaled together until the alerts that they would have opened leave room for
chance: as many new patients shall stay within the budget too (`bound`). That learning freezes while an alert
stands, and these lines may come from other thresholds, was measured to matter less: docs/figures.md.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.calibration import LEAST_THRESHOLD, Threshold, Variance, VitalCalibration
from models.score import slow
from models.score.slow_parameters import TUNED

SCORES: Final = ("above_score", "below_score", "more_variable_score", "less_rhythm_score")
# Of the budget, by channel; above and below halve theirs when both count. Nearly all for the level: a doubled
# noise or a lost rhythm stands out so far that very little finds them.
SHARES: Final = (0.92, 0.92, 0.03, 0.05)
BUSIEST: Final = 0.05
ONE_SIDED_95: Final = 1.645  # deviations of the normal distribution
NANOSECONDS: Final = 86_400_000_000_000
Floats = NDArray[np.float64]


class Table(NamedTuple):
    """One vital of a cohort: scores (days, patients, channels), NaN = no line or not ready; variances."""

    patients: list[str]
    scores: Floats
    variance: Variance


class Spent(NamedTuple):
    """Alerts that thresholds would have opened: per patient-week, over all and the busiest patients.

    bound: what as many new patients would spend at most, in 19 cohorts of 20.
    """

    rate: float
    bound: float
    busiest: float
    who: list[tuple[str, int]]


def tables(lines: Iterable[bytes], days: int) -> dict[str, Table]:
    """The last `days` days of each vital in result lines. Raises ValueError for a trend line that is none."""
    rows: dict[str, dict[str, dict[int, dict[str, float]]]] = {}
    for line in lines:
        if line.startswith(b"trend,"):
            patient, vital, day, fields = parse(line.decode("ascii", "replace"))
            rows.setdefault(vital, {}).setdefault(patient, {})[day] = fields
    return {vital: _table(by_patient, days) for vital, by_patient in sorted(rows.items())}


def parse(line: str) -> tuple[str, str, int, dict[str, float]]:
    """(patient, vital, day number, fields) of a trend line. Raises ValueError."""
    try:
        key, fields, time = line.split(" ")
        _, patient, vital = key.split(",")
        values = {k: float(v.removesuffix("i")) for k, v in (f.split("=") for f in fields.split(","))}
        return patient.split("=")[1], vital.split("=")[1], int(time) // NANOSECONDS, values
    except (ValueError, IndexError) as error:
        raise ValueError(f"no trend line of `vigie replay`: {line[:80]}") from error


def _table(by_patient: dict[str, dict[int, dict[str, float]]], days: int) -> Table:
    last = max(max(lines) for lines in by_patient.values())
    patients = sorted(by_patient)
    scores = np.full((days, len(patients), len(SCORES)), np.nan)
    variances: list[list[float]] = [[] for _ in slow.FEATURE_NAMES]
    for i, patient in enumerate(patients):
        for day, fields in by_patient[patient].items():
            if last - days < day <= last:
                scores[day - last - 1, i] = [fields.get(name, np.nan) for name in SCORES]
        for found, feature in zip(variances, slow.FEATURE_NAMES, strict=True):
            name = f"{feature}_variance"
            known = [day for day, fields in by_patient[patient].items() if name in fields]
            if known:
                found.append(by_patient[patient][max(known)][name])
    return Table(
        patients, scores, Variance(*(round(float(np.median(v)), 6) if v else 0.0 for v in variances))
    )


def openings(scores: Floats, thresholds: Floats) -> NDArray[np.bool_]:
    """(days, patients): whether an alert opens, by the rule of `models.score.slow.judge`."""
    counts = thresholds > 0
    shares = np.where(counts, np.nan_to_num(scores) / np.where(counts, thresholds, 1.0), 0.0).max(axis=2)
    known = ~np.isnan(scores[:, :, 0])
    out = np.zeros(shares.shape, np.bool_)
    standing = np.zeros(shares.shape[1], np.bool_)
    alerted = np.full(shares.shape[1], -slow.GUARD_DAYS)
    for d in range(len(shares)):
        share = shares[d]
        needed = np.where(d - alerted < slow.GUARD_DAYS, TUNED["guard_factor"], 1.0)
        opening = known[d] & ~standing & (share >= needed)
        clearing = known[d] & standing & (share < TUNED["clear_share"])
        alerted = np.where(opening | clearing, d, alerted)
        standing = opening | (standing & ~clearing)
        out[d] = opening
    return out


def spent(table: Table, thresholds: Floats) -> Spent:
    """What thresholds would have spent on the patient-days of a table."""
    opened = openings(table.scores, thresholds)
    ready = (~np.isnan(table.scores[:, :, 0])).sum(axis=0)
    weeks = ready.sum() / 7
    if weeks == 0:
        return Spent(0.0, math.inf, 0.0, [])
    alerts = opened.sum(axis=0)
    order = np.argsort(-alerts, kind="stable")[: max(1, round(BUSIEST * len(alerts)))]
    busy = ready[order].sum() / 7
    who = [(table.patients[i], int(alerts[i])) for i in order]
    busiest = alerts[order].sum() / busy if busy else 0.0
    return Spent(alerts.sum() / weeks, bound(alerts, weeks), busiest, who)


def bound(alerts: NDArray[np.int64], weeks: float) -> float:
    """Alerts per patient-week that another cohort like this one stays below in 19 of 20 cases.

    alerts: int (patients,), of each patient; weeks: patient-weeks of all. The prediction bound of a count by
    the normal approximation (Hahn and Meeker, Statistical Intervals, 1991, ch. 7): both this cohort and the
    next are drawn by chance, so the variance is that of a total, twice. It is taken between patients, whose
    alerts come in clusters; without any alert it is that of a single one.
    """
    variance = max(1.0, float(((alerts - alerts.mean()) ** 2).sum()))
    return float((alerts.sum() + ONE_SIDED_95 * math.sqrt(2 * variance)) / weeks)


def calibrate(table: Table, budget: float, side: str) -> tuple[VitalCalibration, Spent]:
    """A vital's calibration for a budget of alerts per patient-week, when a plan watches this side.

    The other side gets a threshold of the same share. A cohort too small to promise the budget gets high
    thresholds, and a bound beyond it. Raises ValueError when no day is ready.
    """
    ready = table.scores[~np.isnan(table.scores[:, :, 0])]
    if not len(ready):
        raise ValueError("no patient has a ready day yet; replay more days")
    present = np.asarray(~np.isnan(ready).all(axis=0))
    watched = np.array([side in ("above", "both"), side in ("below", "both"), True, True]) & present
    shares = np.where(watched, SHARES, 0.0)
    if side == "both":
        shares[:2] /= 2
    shares = shares / shares.sum()
    each = np.where(watched, shares, shares[:2].max()) * budget / 7
    start = np.array(
        [np.nanquantile(ready[:, c], 1 - each[c]) if present[c] else 0.0 for c in range(len(SCORES))]
    )
    start = np.maximum(start, LEAST_THRESHOLD)
    low, high = 0.3, 3.0
    for _ in range(30):
        scale = (low * high) ** 0.5
        over = spent(table, np.where(watched, start * scale, 0.0)).bound > budget
        low, high = (scale, high) if over else (low, scale)
    final = np.maximum(np.ceil(start * high * 1000) / 1000, LEAST_THRESHOLD)
    threshold = Threshold(*np.where(present, final, Threshold().above).tolist())
    return VitalCalibration(table.variance, threshold), spent(table, np.where(watched, final, 0.0))
