"""From the result lines of a cohort to its calibration: variances between days, thresholds for a budget.

Change over days is read from `trend` lines, one per patient, vital and day; lines of nights and of days,
which a frequent vital may have of different patients, make tables of their own. A threshold is first the
quantile of patient-days that spends the channel's share of the budget, as if every day above it were an
alert; then all thresholds of a table are scaled together until the alerts that they would have opened, or
told again, leave room for chance: as many new patients shall stay within the budget too (`bound`). That
learning freezes while an alert stands, and these lines may come from other thresholds, was measured to
matter less: docs/figures.md.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.calibration import LEAST_THRESHOLD, Threshold, Variance
from models.score import slow
from models.score.slow_parameters import parameters

SCORES: Final = ("above_score", "below_score", "more_variable_score", "less_rhythm_score")
# Of the budget, by channel; above and below halve theirs when both count. Nearly all for the level: a doubled
# noise or a lost rhythm stands out so far that very little finds them.
SHARES: Final = (0.92, 0.92, 0.03, 0.05)
BUSIEST: Final = 0.05
ONE_SIDED_95: Final = 1.645  # deviations of the normal distribution
NANOSECONDS: Final = 86_400_000_000_000
NIGHTS, DAYS = "nights", "days"
Floats = NDArray[np.float64]
Key = tuple[str, str]  # vital, and NIGHTS or DAYS


class Table(NamedTuple):
    """One vital of a cohort: scores (days, patients, channels), NaN = no line or not ready; variances.

    kind: NIGHTS or DAYS, whichever are followed; departures: in standard deviations, in the channel's
    direction, like `scores`.
    """

    kind: str
    patients: list[str]
    scores: Floats
    departures: Floats
    variance: Variance


class Spent(NamedTuple):
    """Alerts that thresholds would have told: per patient-week, over all and the busiest patients.

    bound: what as many new patients would spend at most, in 19 cohorts of 20.
    """

    rate: float
    bound: float
    busiest: float
    who: list[tuple[str, int]]


class Line(NamedTuple):
    """A trend line: its fields by name."""

    patient: str
    vital: str
    day: int
    fields: dict[str, float]


def tables(lines: Iterable[bytes], days: int) -> dict[Key, Table]:
    """The last `days` days of each vital in result lines. Raises ValueError for a trend line that is none."""
    rows: dict[Key, dict[str, dict[int, dict[str, float]]]] = {}
    for line in lines:
        if line.startswith(b"trend,"):
            told = parse(line.decode("ascii", "replace"))
            if "level" not in told.fields:  # it only says what is missing
                continue
            key = told.vital, NIGHTS if "variability_missing_days" in told.fields else DAYS
            rows.setdefault(key, {}).setdefault(told.patient, {})[told.day] = told.fields
    return {key: _table(key[1], by_patient, days) for key, by_patient in sorted(rows.items())}


def parse(line: str) -> Line:
    """A trend line. Raises ValueError."""
    try:
        key, fields, time = line.split(" ")
        _, patient, vital = key.split(",")
        values = {k: float(v.removesuffix("i")) for k, v in (f.split("=") for f in fields.split(","))}
        if not 0 <= int(time) < 2**63 or not all(map(math.isfinite, values.values())):
            raise ValueError("a number out of range")
        return Line(patient.split("=")[1], vital.split("=")[1], int(time) // NANOSECONDS, values)
    except (ValueError, IndexError) as error:
        raise ValueError(f"no trend line of `vigie replay`: {line[:80]}") from error


def _table(kind: str, by_patient: dict[str, dict[int, dict[str, float]]], days: int) -> Table:
    last = max(max(lines) for lines in by_patient.values())
    patients = sorted(by_patient)
    scores, departures = np.full((2, days, len(patients), len(SCORES)), np.nan)
    variances: list[list[float]] = [[] for _ in slow.FEATURE_NAMES]
    for i, patient in enumerate(patients):
        for day, fields in by_patient[patient].items():
            if last - days < day <= last:
                scores[day - last - 1, i] = [fields.get(name, np.nan) for name in SCORES]
                departures[day - last - 1, i] = [departure(fields, c) for c in range(len(SCORES))]
        for found, feature in zip(variances, slow.FEATURE_NAMES, strict=True):
            name = f"{feature}_variance"
            known = [day for day, fields in by_patient[patient].items() if name in fields]
            if known:
                found.append(by_patient[patient][max(known)][name])
    return Table(
        kind,
        patients,
        scores,
        departures,
        Variance(*(round(float(np.median(v)), 6) if v else 0.0 for v in variances)),
    )


def departure(fields: dict[str, float], channel: int) -> float:
    """Standard deviations by which a line's day left in a channel's direction; NaN when it is not ready."""
    feature = slow.FEATURE_NAMES[slow.FEATURE[channel]]
    value, expected, spread = (fields.get(feature + end, np.nan) for end in ("", "_expected", "_spread"))
    away = (value - expected) / max(spread, 0.001)
    down = channel == 1 or (channel == slow.CHANNEL_NAMES.index("rhythm") and expected >= 0)
    return -away if down else away


def openings(table: Table, thresholds: Floats, p: np.ndarray) -> NDArray[np.bool_]:
    """(days, patients): whether an alert opens or is told again, by the rule of `models.score.slow.judge`.

    thresholds: of each channel, 0 = off; p: PARAMETERS (1,) of change over days.
    """
    guards = "guard_factor" if table.kind == NIGHTS else "daily_guard_factor"
    names = guards, "guard_days", "grown_factor", "clear_share", "winsor"
    factor, guard, grown, clear, least = (float(p[name][0]) for name in names)
    counts = thresholds > 0
    each = np.where(counts, np.nan_to_num(table.scores) / np.where(counts, thresholds, 1.0), 0.0)
    shares, strongest = each.max(axis=2), each.argmax(axis=2)
    far = np.take_along_axis(np.nan_to_num(table.departures), strongest[:, :, None], axis=2)[:, :, 0]
    known = ~np.isnan(table.scores[:, :, 0])
    out = np.zeros(shares.shape, np.bool_)
    standing = np.zeros(shares.shape[1], np.bool_)
    told = np.zeros(shares.shape[1])
    alerted = np.full(shares.shape[1], -math.inf)
    for d, share in enumerate(shares):
        needed = np.where(d - alerted < guard, factor, 1.0)
        opening = known[d] & ~standing & (share >= needed)
        growing = known[d] & standing & (share >= 1) & (far[d] >= grown * told)
        clearing = known[d] & standing & ~growing & (share < clear)
        alerted = np.where(opening | clearing, d, alerted)
        told = np.where(opening | growing, np.round(np.clip(far[d], least, 25.5), 1), told)
        standing = opening | (standing & ~clearing)
        out[d] = opening | growing
    return out


def spent(table: Table, thresholds: Floats, p: np.ndarray | None = None) -> Spent:
    """What thresholds would have spent on the patient-days of a table."""
    opened = openings(table, thresholds, parameters() if p is None else p)
    ready = (~np.isnan(table.scores[:, :, 0])).sum(axis=0)
    return account(table.patients, opened.sum(axis=0), ready / 7)


def account(patients: list[str], alerts: NDArray[np.int64], weeks: Floats) -> Spent:
    """What patients spent: int alerts (patients,) in float weeks (patients,) each."""
    if weeks.sum() == 0:
        return Spent(0.0, math.inf, 0.0, [])
    order = np.argsort(-alerts, kind="stable")[: max(1, round(BUSIEST * len(alerts)))]
    busy = weeks[order].sum()
    who = [(patients[i], int(alerts[i])) for i in order]
    busiest = alerts[order].sum() / busy if busy else 0.0
    return Spent(float(alerts.sum() / weeks.sum()), bound(alerts, float(weeks.sum())), float(busiest), who)


def bound(alerts: NDArray[np.int64], weeks: float) -> float:
    """Alerts per patient-week that another cohort like this one stays below in 19 of 20 cases.

    alerts: int (patients,), of each patient; weeks: patient-weeks of all. The prediction bound of a count by
    the normal approximation (Hahn and Meeker, Statistical Intervals, 1991, ch. 7): both this cohort and the
    next are drawn by chance, so the variance is that of a total, twice. It is taken between patients, whose
    alerts come in clusters; without any alert it is that of a single one.
    """
    variance = max(1.0, float(((alerts - alerts.mean()) ** 2).sum()))
    return float((alerts.sum() + ONE_SIDED_95 * math.sqrt(2 * variance)) / weeks)


def calibrate(table: Table, budget: float, side: str, p: np.ndarray | None = None) -> tuple[Threshold, Spent]:
    """A table's thresholds for a budget of alerts per patient-week, when a plan watches this side.

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
        over = spent(table, np.where(watched, start * scale, 0.0), p).bound > budget
        low, high = (scale, high) if over else (low, scale)
    final = np.maximum(np.ceil(start * high * 1000) / 1000, LEAST_THRESHOLD)
    threshold = Threshold(*np.where(present, final, Threshold().above).tolist())
    return threshold, spent(table, np.where(watched, final, 0.0), p)
