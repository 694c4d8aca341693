"""Recorded deteriorations for `vigie evaluate drift --data`: other people's readings, and when each began.

readings.csv: patient, vital, value, unit, measured_at, as a reading has them, each patient's in order of
time. onsets.csv: patient, vital, at (RFC 3339), event; who has no row was well all the time. Each may be
gzipped.

Every second patient makes the thresholds of the others, from days before an onset; the figures are those of
both halves together. Alerts are counted on such days alone, events are found in the week from their onset.
"""

import math
from collections import Counter
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
from streams.evaluation.measures import FOUND, WITHIN, in_time
from streams.evaluation.play import not_taken, play, reading
from streams.evaluation.recording import Skipped, either, number, rows
from streams.evaluation.report import Row, Table

READINGS: Final = ("patient", "vital", "value", "unit", "measured_at")
ONSETS: Final = ("patient", "vital", "at", "event")
LONGEST: Final = 3_660  # days of a recording
Series = tuple[str, str]  # patient, vital


class Onset(NamedTuple):
    """When an event of a patient's vital began (ms)."""

    series: Series
    event: str
    at: int


class Heard(NamedTuple):
    """What the pipeline told of patients: trend lines of their calm days, instants (ms) of their alerts.

    refused: how many of their readings were not accepted, by why.
    """

    lines: list[bytes]
    alerts: dict[Series, list[int]]
    refused: Counter[str]


class Recording(NamedTuple):
    """Each patient's readings; the onsets; a sentence on each kind of thing that was set aside."""

    readings: dict[str, list[bytes]]
    onsets: list[Onset]
    notes: list[str]


def load(folder: Path) -> Recording:
    """The two files. Raises click.UsageError for what is missing or no time."""
    skipped, series = Skipped(), set[Series]()
    readings: dict[str, list[bytes]] = {}
    for row in rows(either(folder / "readings.csv"), READINGS, skipped):
        value = number(row["value"])
        shown = row["value"] if value is None else value  # for the core to name
        readings.setdefault(row["patient"], []).append(
            reading(row["patient"], row["vital"], shown, row["unit"], row["measured_at"])
        )
        series.add((row["patient"], row["vital"]))
    onsets: list[Onset] = []
    path = either(folder / "onsets.csv")
    for row in rows(path, ONSETS, skipped):
        at, _, good = parse_times([row["at"]])
        if not good[0]:
            raise click.UsageError(f"--data: {path.name}: {row['at']!r} is no RFC 3339 time with an offset")
        onset = Onset((row["patient"], row["vital"]), row["event"], int(at[0]))
        if onset.series not in series:
            skipped["onsets of a patient without a reading of that vital are left out"] += 1
        elif onset in onsets:
            skipped["onsets are told twice and count once"] += 1
        else:
            onsets.append(onset)
    return Recording(readings, onsets, [f"{count} {what}" for what, count in skipped.items()])


def hear(
    readings: dict[str, list[bytes]],
    who: list[str],
    plan: Plan,
    calibration: Calibration | None,
    calm: dict[Series, int],
) -> Heard:
    """Take some patients through pipelines of their own; days from `calm` (ms) on are none that are calm."""
    first = [msgspec.json.encode(calibration)] if calibration else []
    out = Heard([], {}, Counter())
    for patient in who:
        played = play([*first, *readings[patient]], plan, keep=("trend",))
        out.refused.update(not_taken(played.ledger))
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


def calibrate(lines: list[bytes], plan: Plan, budget: float) -> tuple[Calibration, set[str]]:
    """Every vital's thresholds for a budget of its own; the vitals for which the lines had some."""
    tables, vitals, made = spending.tables(lines, LONGEST), {}, set[str]()
    for baseline in plan.baselines:
        if baseline.trend != "off":
            vitals[baseline.vital], parts = programme.vital(tables, None, baseline, budget)
            if any(part.spent for part in parts):
                made.add(baseline.vital)
    return Calibration(programme="*", version="recorded", budget=budget, vitals=vitals), made


def measure(folder: Path, plan: Plan, budget: float) -> tuple[Table, list[str]]:
    """What a plan's changes over days find of the recorded onsets, one vital and event a row; and notes."""
    readings, onsets, notes = load(folder)
    calm: dict[Series, int] = {}
    for series, _, at in onsets:
        calm[series] = min(at, calm.get(series, at))
    halves = [sorted(readings)[i::2] for i in range(2)]
    heard: list[Heard] = []
    refused, shipped = Counter[str](), set[str]()
    for learned_from, judged in (halves, halves[::-1]):
        basis = hear(readings, learned_from, plan, None, calm)
        calibration, made = calibrate(basis.lines, plan, budget)
        heard.append(hear(readings, judged, plan, calibration, calm))
        refused.update(heard[-1].refused)
        shipped |= {told.vital for told in ready(heard[-1])} - made
    notes += [f"{count} readings are not taken by the pipeline: {why}" for why, count in refused.items()]
    notes += [
        f"{vital}: too few patients, a half of them is judged by the shipped thresholds, not the budget's"
        for vital in sorted(shipped)
    ]
    alerts = {series: times for half in heard for series, times in half.alerts.items()}
    days = Counter(told.vital for half in heard for told in ready(half))
    out: list[Row] = []
    for vital in sorted({onset.series[1] for onset in onsets} | set(days)):
        weeks = days[vital] / 7
        healthy = sum(
            at < calm.get(series, at + 1)
            for series, times in alerts.items()
            for at in times
            if series[1] == vital
        )
        rate = healthy / weeks if weeks else math.nan
        for event in sorted({onset.event for onset in onsets if onset.series[1] == vital}) or [""]:
            begun = [onset for onset in onsets if (onset.series[1], onset.event) == (vital, event)]
            out.append([vital, rate, weeks, event, len(begun), *delays(begun, alerts)])
    columns = ["vital", "alerts a week", "calm weeks", "event", "onsets"]
    title = f"{folder.name}: {len(readings)} patients, budget {budget} per patient-week and vital"
    return Table(title, [*columns, *FOUND], out), notes


def ready(heard: Heard) -> list[spending.Line]:
    """The calm days on which a baseline is ready."""
    told = (spending.parse(line.decode()) for line in heard.lines)
    return [line for line in told if "above_score" in line.fields]


def delays(begun: list[Onset], alerts: dict[Series, list[int]]) -> Row:
    """How soon events were told: percentages within 7, 2 and 3 days, the median delay of those found."""
    found = np.full(len(begun), np.inf)
    for i, onset in enumerate(begun):
        days = [(at - onset.at) / 86_400_000 for at in alerts.get(onset.series, ())]
        found[i] = min((d for d in days if 0 <= d < WITHIN), default=np.inf)
    *shares, median = in_time(found)
    return [*(100 * share for share in shares), median]
