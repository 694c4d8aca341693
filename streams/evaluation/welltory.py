"""`vigie evaluate welltory`: the onset of COVID-19 symptoms in the daily resting pulse of wearables.

Unit: a person with an onset, at least 10 days of resting pulse before day -7 and one in [-7, 7]. A hit is
an alarm day in [-3, 7] of the onset, a pre-symptomatic one in [-7, 0]; false are alarm days before day -14
or after day 42, per 30 such days with a measurement. A curve over thresholds, never a point. An alarm day
is a day of measurement on which an alert of a rise stands. Formats: participants.csv, wearables.csv.gz.
"""

import csv
import gzip
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from statistics import median
from typing import Final

import click
import msgspec

from models.calibration import Calibration, Threshold, of_vital
from models.plan import Baseline, Plan
from streams.evaluation.play import play, reading
from streams.evaluation.report import Curve, Plot, Row, Table, need, options, tell

Days = dict[str, dict[date, float]]  # person -> day -> resting pulse
Alarms = dict[str, set[date]]
VITAL: Final = "resting-heart-rate"
HISTORY, KNOWN = 28, 14  # days of the median and MAD, and how many of them must be known
MAD_TO_SD: Final = 1.4826  # of a normal distribution
SUMS: Final = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)  # of the CUSUM
THRESHOLDS: Final = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0)  # of a z-score
LIMITS: Final = (60, 65, 70, 75, 80, 85, 90, 95, 100)  # per minute
METRONOME: Final = (3, 7, 14, 30)  # days
ALLOWED: Final = (0.25, 0.5, 1.0, 2.0, 4.0)  # false alarm days per 30 healthy days, to compare detectors at


def days(path: Path) -> Days:
    """The resting pulse of every person and day that has one."""
    out: Days = defaultdict(dict)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["resting_pulse"]:
                out[row["user_code"]][date.fromisoformat(row["day"])] = float(row["resting_pulse"])
    return {person: dict(sorted(values.items())) for person, values in out.items()}


def onsets(path: Path, pulse: Days) -> dict[str, date]:
    """The day of onset of each person who can be judged."""
    out = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["symptoms_onset"] and row["user_code"] in pulse:
                onset = datetime.strptime(row["symptoms_onset"], "%m/%d/%Y").date()  # noqa: DTZ007 - a day
                apart = [(day - onset).days for day in pulse[row["user_code"]]]
                if sum(d < -7 for d in apart) >= 10 and any(-7 <= d <= 7 for d in apart):
                    out[row["user_code"]] = onset
    return out


def moment(day: date) -> str:
    """When a day's resting pulse is told: its noon."""
    return f"{day.isoformat()}T12:00:00Z"


def records(pulse: Days) -> Iterator[bytes]:
    """All measurements in the order of their days."""
    rows = sorted((day, person, value) for person, values in pulse.items() for day, value in values.items())
    for day, person, value in rows:
        yield reading(f"p-{person}", VITAL, value, "/min", moment(day))


def by_pipeline(pulse: Days, threshold: float) -> Alarms:
    """Days of measurement on which the pipeline has an alert of a rise over the own normal standing."""
    baselines = (Baseline(VITAL, 0.0, "above", "low"),)
    shipped = of_vital({}, Plan("*", "", ""), VITAL)
    told = msgspec.structs.replace(shipped, threshold=Threshold(above=threshold))
    calibration = Calibration(programme="*", version="1", budget=0.0, vitals={VITAL: told})
    everything = itertools.chain([msgspec.json.encode(calibration)], records(pulse))
    changes: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for alert in play(everything, Plan("*", "welltory", "1", baselines=baselines)).alerts:
        rise = alert["event"] == "opened"
        changes[alert["patient"].removeprefix("p-")].append((alert["measured_at"], rise))
    out: Alarms = {}
    for person, values in pulse.items():
        past = {day: [rise for at, rise in changes[person] if at <= moment(day)] for day in values}
        out[person] = {day for day, known in past.items() if known and known[-1]}
    return out


def by_median(pulse: Days, threshold: float) -> Alarms:
    """Days more than `threshold` MAD-SDs over the median of the 28 days before."""
    out: Alarms = {}
    for person, values in pulse.items():
        out[person] = set()
        for day, value in values.items():
            past = [v for d, v in values.items() if 0 < (day - d).days <= HISTORY]
            if len(past) >= KNOWN:
                centre = median(past)
                spread = MAD_TO_SD * median(abs(v - centre) for v in past)
                if value - centre >= threshold * max(spread, 1.0):
                    out[person].add(day)
    return out


def by_limit(pulse: Days, threshold: float) -> Alarms:
    """Days over a fixed limit."""
    return {person: {d for d, v in values.items() if v > threshold} for person, values in pulse.items()}


def by_metronome(pulse: Days, threshold: float) -> Alarms:
    """Every so many days of measurement; the values are never read."""
    return {person: set(list(values)[:: int(threshold)]) for person, values in pulse.items()}


def judge(pulse: Days, sick: dict[str, date], alarms: Alarms) -> tuple[float, float, float, float]:
    """(false alarm days per 30 healthy days, hits, pre-symptomatic hits, median days of lead)."""
    hit = early = false = healthy = 0
    leads = []
    for person, onset in sick.items():
        apart = [(day - onset).days for day in pulse[person]]
        told = [(day - onset).days for day in alarms[person]]
        hit += any(-3 <= d <= 7 for d in told)
        early += any(-7 <= d <= 0 for d in told)
        leads += [-min(window)] if (window := [d for d in told if -7 <= d <= 7]) else []
        healthy += sum(d < -14 or d > 42 for d in apart)
        false += sum(d < -14 or d > 42 for d in told)
    lead = float(median(leads)) if leads else float("nan")
    return 30 * false / healthy if healthy else float("nan"), hit / len(sick), early / len(sick), lead


@click.command(name="welltory")
@options
def command(data: Path, out: Path | None) -> None:
    """The onset of symptoms in the daily resting pulse: hits against false alarm days, as curves."""
    pulse = days(need(data / "wearables.csv.gz"))
    sick = onsets(need(data / "participants.csv"), pulse)
    if not sick:
        raise click.UsageError("--data: nobody has an onset with enough days of resting_pulse around it")
    detectors: dict[str, tuple[Callable[[Days, float], Alarms], tuple[float, ...]]] = {
        "Vigie": (by_pipeline, SUMS),
        "28-day median/MAD z": (by_median, THRESHOLDS),
        "fixed limit": (by_limit, LIMITS),
        "blind metronome": (by_metronome, METRONOME),
    }
    rows: list[Row] = []
    curves = []
    for name, (detector, thresholds) in detectors.items():
        points = []
        for threshold in thresholds:
            figures = judge(pulse, sick, detector(pulse, threshold))
            rows.append([name, float(threshold), *figures])
            points.append((figures[0], figures[1]))
        curves.append(Curve(name, sorted(points)))
    columns = ["detector", "threshold", "false/30 d", "hits", "before onset", "lead, days"]
    title = f"Onset of symptoms, {len(sick)} persons (untuned)"
    plot = Plot(title, "false alarm days per 30 healthy days", "share of onsets found", curves)
    best: list[Row] = [
        [
            curve.name,
            *(max((hits for false, hits in curve.points if false <= most), default=0.0) for most in ALLOWED),
        ]
        for curve in curves
    ]
    compared = Table(
        "Onsets found at no more false alarm days per 30", ["detector", *map(str, ALLOWED)], best
    )
    tell("welltory", [Table(title, columns, rows), compared], [plot], out)
