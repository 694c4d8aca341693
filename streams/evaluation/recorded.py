"""Recorded deteriorations for `vigie evaluate drift --data`: other people's readings, and when each began.

readings.csv (or .csv.gz): patient, vital, value, unit, measured_at, as a reading has them, each patient's in
order of time. onsets.csv: patient, vital, at (RFC 3339), event; who has no row was well all the time.

Every second patient makes the thresholds of the others, from days before an onset; the figures are those of
both halves together. Alerts are counted on such days alone, events are found in the week from their onset.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec
import numpy as np

from models.calibration import Calibration
from models.plan import Plan
from models.report import TREND
from models.times import parse_times
from models.triage import GROWN
from streams.evaluation import budget as spending
from streams.evaluation import programme
from streams.evaluation.play import play, reading
from streams.evaluation.report import Row, Table, need

WITHIN: Final = (7.0, 2.01, 3.01)  # days
READINGS: Final = ("patient", "vital", "value", "unit", "measured_at")
ONSETS: Final = ("patient", "vital", "at", "event")
LONGEST: Final = 3_660  # days of a recording
Series = tuple[str, str]  # patient, vital
Onsets = dict[tuple[Series, str], int]  # of which event, ms


class Heard(NamedTuple):
    """What the pipeline told of patients: trend lines of their calm days, instants (ms) of their alerts."""

    lines: list[bytes]
    alerts: dict[Series, list[int]]


def rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file. Raises click.UsageError when a column is missing."""
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise click.UsageError(
                f"--data: {path.name} has no column {missing[0]}; give {', '.join(columns)}"
            )
        yield from reader


def number(text: str) -> float | str:
    """The number that a text is, else the text, for the core to name."""
    try:
        return float(text)
    except ValueError:
        return text


def load(folder: Path) -> tuple[dict[str, list[bytes]], Onsets]:
    """Each patient's readings, and the onsets. Raises click.UsageError for what is missing or no time."""
    packed = folder / "readings.csv.gz"
    readings: dict[str, list[bytes]] = {}
    for row in rows(packed if packed.exists() else need(folder / "readings.csv"), READINGS):
        value = reading(row["patient"], row["vital"], number(row["value"]), row["unit"], row["measured_at"])
        readings.setdefault(row["patient"], []).append(value)
    onsets: Onsets = {}
    for row in rows(need(folder / "onsets.csv"), ONSETS):
        at, _, good = parse_times([row["at"]])
        if not good[0]:
            raise click.UsageError(f"--data: onsets.csv: {row['at']!r} is no RFC 3339 time with an offset")
        onsets[(row["patient"], row["vital"]), row["event"]] = int(at[0])
    return readings, onsets


def hear(
    readings: dict[str, list[bytes]],
    who: list[str],
    plan: Plan,
    calibration: Calibration | None,
    calm: dict[Series, int],
) -> Heard:
    """Take some patients through pipelines of their own; days from `calm` (ms) on are none that are calm."""
    first = [msgspec.json.encode(calibration)] if calibration else []
    out = Heard([], {})
    for patient in who:
        played = play([*first, *readings[patient]], plan, keep=("trend",))
        for line in played.lines:
            told = spending.parse(line)
            until = calm.get((patient, told.vital))
            if until is None or (told.day + 1) * spending.NANOSECONDS <= until * 1_000_000:
                out.lines.append(line.encode())
        for alert in played.alerts:
            if alert["rule"] == TREND and (alert["event"] == "opened" or alert.get("reason") == GROWN):
                at = int(parse_times([alert["received_at"]])[0][0])
                out.alerts.setdefault((patient, alert["vital"]), []).append(at)
    return out


def calibrate(lines: list[bytes], plan: Plan, budget: float) -> Calibration:
    """Every vital's thresholds for a budget of its own."""
    tables = spending.tables(lines, LONGEST)
    vitals = {
        baseline.vital: programme.vital(tables, None, baseline, budget)[0]
        for baseline in plan.baselines
        if baseline.trend != "off"
    }
    return Calibration(programme="*", version="recorded", budget=budget, vitals=vitals)


def measure(folder: Path, plan: Plan, budget: float) -> Table:
    """What a plan's changes over days find of the recorded onsets, one vital and event a row."""
    readings, onsets = load(folder)
    calm: dict[Series, int] = {}
    for (series, _), at in onsets.items():
        calm[series] = min(at, calm.get(series, at))
    halves = [sorted(readings)[i::2] for i in range(2)]
    heard = []
    for learned_from, judged in (halves, halves[::-1]):
        lines = hear(readings, learned_from, plan, None, calm).lines
        heard.append(hear(readings, judged, plan, calibrate(lines, plan, budget), calm))
    alerts = {series: times for half in heard for series, times in half.alerts.items()}
    ready = [
        told.vital
        for half in heard
        for told in (spending.parse(line.decode()) for line in half.lines)
        if "above_score" in told.fields
    ]
    out: list[Row] = []
    for vital in sorted({series[1] for series, _ in onsets} | set(ready)):
        weeks = ready.count(vital) / 7
        healthy = sum(
            at < calm.get(series, at + 1)
            for series, times in alerts.items()
            for at in times
            if series[1] == vital
        )
        events = sorted({event for series, event in onsets if series[1] == vital}) or [""]
        for event in events:
            begun = {s: at for (s, name), at in onsets.items() if (s[1], name) == (vital, event)}
            rate = healthy / weeks if weeks else 0.0
            out.append([vital, rate, weeks, event, len(begun), *delays(begun, alerts)])
    columns = ["vital", "alerts a week", "calm weeks", "event", "onsets"]
    title = f"{folder.name}: {len(readings)} patients, budget {budget} per patient-week and vital"
    return Table(title, [*columns, "in 7 days %", "in 2 %", "in 3 %", "median days"], out)


def delays(begun: dict[Series, int], alerts: dict[Series, list[int]]) -> Row:
    """How soon events were told: percentages within 7, 2 and 3 days, the median delay of those found."""
    found = np.full(len(begun), np.inf)
    for i, (series, onset) in enumerate(begun.items()):
        days = [(at - onset) / 86_400_000 for at in alerts.get(series, ())]
        found[i] = min((d for d in days if 0 <= d < WITHIN[0]), default=np.inf)
    seen = found[np.isfinite(found)]
    shares = [100 * float((found < limit).mean()) if len(found) else float("nan") for limit in WITHIN]
    return [*shares, float(np.median(seen)) if len(seen) else float("nan")]
