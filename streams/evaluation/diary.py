"""`vigie evaluate diary`: home glucose diaries with recorded symptoms of hypoglycaemia (AIM-94).

Unit: a symptom event. It is found when an alert on glucose opens within 3 hours of it, predicted when one
opens in the 24 hours before. The symptoms are labels and never enter the pipeline. Timestamps and values
are as dirty as they come: the core names what it refuses. Format, plain or gzipped: events.csv (patient,
date, time, code, value); codes in Data-Codes.txt.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec
import numpy as np
from river import anomaly, stats

from models.plan import Baseline, Limit, Plan
from models.score.acute_parameters import perturbed
from models.times import parse_times
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation.play import Played, instant, play, reading
from streams.evaluation.recording import Skipped, either, moment, number, rows
from streams.evaluation.report import Curve, Plot, Row, Table, options, perturbations, repeated, tell

GLUCOSE: Final = {"48", *map(str, range(57, 65))}
SYMPTOMS: Final = "65"
HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
NEAR, BEFORE = 3 * HOUR, 24 * HOUR
WEEK: Final = 7 * 24 * HOUR
METRONOME: Final = 12 * HOUR
LEARNED: Final = 6.5  # threshold of the acute baseline, as in the shipped plan
KNOWN: Final = 20  # readings before River's detector says anything
# What the curves are made of: limits in mg/dL, thresholds, hours of the metronome
LOWS: Final = (50.0, 54.0, 60.0, 65.0, 70.0, 75.0, 80.0, 90.0, 100.0)
ACUTE: Final = (3.0, 4.0, 5.0, 6.5, 8.0)
DEVIATIONS_TRIED: Final = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5)
HOURS: Final = (6, 12, 24, 48, 96)
Moments = dict[str, list[int]]  # patient -> instants in ms, ascending


class Diary:
    """A recording: glucose readings as records in the order of their times, symptoms and spans by patient.

    An entry without a readable time is of no patient's day: a symptom cannot be found or missed, a reading
    stands behind its patient's last one, for the core to name, and is in nobody's span.
    """

    def __init__(self, path: Path) -> None:
        entries: list[tuple[int, bytes]] = []
        self.skipped = Skipped()
        self.symptoms: Moments = defaultdict(list)
        self.readings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        last: dict[str, int] = {}
        for row in rows(path, ("patient", "date", "time", "code", "value"), self.skipped):
            patient, text = f"p-{row['patient']}", f"{row['date']} {row['time']}"
            local = moment(text, "%m-%d-%Y %H:%M")
            at = None if local is None else round(local.replace(tzinfo=UTC).timestamp() * 1000)
            if at is not None:
                last[patient], text = at, instant(at)
            if row["code"] == SYMPTOMS:
                if at is None:
                    self.skipped["symptoms without a time"] += 1
                else:
                    self.symptoms[patient].append(at)
            elif row["code"] in GLUCOSE:
                value = number(row["value"])
                shown = row["value"] if value is None else value
                entries.append(
                    (last.get(patient, 0), reading(patient, "blood-glucose", shown, "mg/dL", text))
                )
                if at is not None and value is not None:
                    self.readings[patient].append((at, value))
        entries.sort(key=lambda entry: entry[0])
        self.records = [record for _, record in entries]
        for own in self.readings.values():
            own.sort()
        self.spans = {patient: (own[0][0], own[-1][0]) for patient, own in self.readings.items()}
        for moments in self.symptoms.values():
            moments.sort()

    @property
    def weeks(self) -> float:
        """Patient-weeks from each first reading to its last."""
        return sum(last - first for first, last in self.spans.values()) / WEEK


def diary_plan(acute: float = 0.0, low: float = 70.0) -> Plan:
    """The shipped default plan with a low limit told at the first reading: a diary has no second.

    low: mg/dL; 70 is hypoglycaemia level 1. acute: threshold of the learned baseline, 0 = off.
    """
    plan = load_default_plan(None, load_catalog())
    level_1 = Limit("blood-glucose-below-70", "blood-glucose", "below", low, low + 5.0, "medium")
    limits = tuple(limit for limit in plan.limits if limit.rule != level_1.rule)
    baselines = (*plan.baselines, Baseline("blood-glucose", acute, "off", "low"))
    return msgspec.structs.replace(plan, limits=(*limits, level_1), baselines=baselines)


def played(diary: Diary, plan: Plan | None = None, acute: np.ndarray | None = None) -> Played:
    """The diary through the pipeline; no rule of it waits for a tick between two readings."""
    return play(diary.records, plan, tick=DAY, acute=acute)


def openings(told: Played) -> Moments:
    """When alerts on low glucose, or on an unusual one, opened."""
    out: Moments = defaultdict(list)
    for alert in told.alerts:
        low = "below" in alert["rule"] or alert["kind"] == "baseline"
        if alert["event"] == "opened" and alert["vital"] == "blood-glucose" and low:
            out[alert["patient"]].append(int(parse_times([alert["measured_at"]])[0][0]))
    return {patient: sorted(moments) for patient, moments in out.items()}


def any_in(moments: list[int], begin: int, end: int) -> bool:
    """Whether an instant lies in [begin, end]."""
    place = bisect_left(moments, begin)
    return place < len(moments) and moments[place] <= end


class Figures(NamedTuple):
    """Shares of the events found within 3 hours and foretold in the 24 before; alerts per patient-week."""

    near: float
    before: float
    alerts: float
    false: float


def judge(diary: Diary, alerts: Moments) -> Figures:
    """How alerts meet the symptom events; NaN where there is no event, or no time in which to alert."""
    events = [(patient, at) for patient, moments in diary.symptoms.items() for at in moments]

    def share(reach: Callable[[int], tuple[int, int]]) -> float:
        found = sum(any_in(alerts.get(patient, []), *reach(at)) for patient, at in events)
        return found / len(events) if events else math.nan

    told = [(patient, at) for patient, moments in alerts.items() for at in moments]
    false = sum(not any_in(diary.symptoms.get(p, []), at - NEAR, at + NEAR) for p, at in told)
    weeks = diary.weeks or math.nan
    return Figures(
        share(lambda at: (at - NEAR, at + NEAR)),
        share(lambda at: (at - BEFORE, at - 1)),
        len(told) / weeks,
        false / weeks,
    )


def by_river(diary: Diary) -> dict[str, list[tuple[int, float]]]:
    """River's StandardAbsoluteDeviation of each reading from its patient's earlier ones; 0 above their mean.

    Only low sugar gives such symptoms. 0 until KNOWN readings came.
    """
    out: dict[str, list[tuple[int, float]]] = {}
    for patient, own in diary.readings.items():
        model, mean = anomaly.StandardAbsoluteDeviation(), stats.Mean()
        out[patient] = []
        for n, (at, value) in enumerate(own):
            low = n >= KNOWN and value < mean.get()
            out[patient].append((at, model.score_one({}, value) if low else 0.0))
            model.learn_one({}, value)
            mean.update(value)
    return out


def at_threshold(scores: dict[str, list[tuple[int, float]]], threshold: float) -> Moments:
    """When a score first reached a threshold: an alert that stands until a reading is under it."""
    out: Moments = {}
    for patient, own in scores.items():
        beyond = [score >= threshold for _, score in own]
        out[patient] = [
            at for (at, _), now, was in zip(own, beyond, [False, *beyond], strict=False) if now > was
        ]
    return out


def as_many(scores: dict[str, list[tuple[int, float]]], alerts: Moments) -> Moments:
    """The alerts of a score at the lowest threshold that tells no more than some others do."""
    most = sum(map(len, alerts.values()))
    distinct = sorted({score for own in scores.values() for _, score in own if score > 0}, reverse=True)
    low, high = 0, len(distinct)  # the first `low` thresholds tell no more
    while low < high:
        middle = (low + high + 1) // 2
        more = sum(map(len, at_threshold(scores, distinct[middle - 1]).values())) > most
        low, high = (low, middle - 1) if more else (middle, high)
    return at_threshold(scores, distinct[low - 1]) if low else {}


def metronome(diary: Diary, every: int) -> Moments:
    """An alert each `every` ms of a patient's span; the values are never read."""
    return {patient: list(range(first, last, every)) for patient, (first, last) in diary.spans.items()}


@click.command(name="diary")
@options
@perturbations
def command(data: Path, out: Path | None, perturb: float | None, repeats: int, seed: int) -> None:
    """Glucose alerts against recorded symptoms of hypoglycaemia."""
    diary = Diary(either(data / "events.csv"))
    count = sum(map(len, diary.symptoms.values()))
    river = by_river(diary)
    first = played(diary, diary_plan())
    detectors = {
        "diary plan: below 70 at the first reading": openings(first),
        "the same, with the learned baseline": openings(played(diary, diary_plan(LEARNED))),
        "shipped default plan (for sensors)": openings(played(diary)),
        "River StandardAbsoluteDeviation, as many alerts": as_many(river, openings(first)),
        "blind metronome, every 12 h": metronome(diary, METRONOME),
    }
    figures: list[Row] = [[name, *judge(diary, alerts)] for name, alerts in detectors.items()]
    columns = ["plan", "within 3 h", "24 h before", "alerts/week", "false/week"]
    sweeps = {
        "diary plan, other limits": [openings(played(diary, diary_plan(low=low))) for low in LOWS],
        "with the learned baseline, other thresholds": [
            openings(played(diary, diary_plan(acute))) for acute in ACUTE
        ],
        "River StandardAbsoluteDeviation": [at_threshold(river, threshold) for threshold in DEVIATIONS_TRIED],
        "blind metronome": [metronome(diary, hours * HOUR) for hours in HOURS],
    }
    curves = []
    for name, told in sweeps.items():
        points = [(found.false, found.near) for found in (judge(diary, alerts) for alerts in told)]
        curves.append(Curve(name, sorted(points)))
    ledger = first.ledger
    fates: list[Row] = [["accepted", ledger.accepted], ["duplicate", ledger.duplicate], ["late", ledger.late]]
    fates += [[f"rejected: {reason}", n] for reason, n in ledger.rejected.items()]
    fates += [[what, n] for what, n in sorted(diary.skipped.items())]
    title = f"{count} symptom events, {diary.weeks:.0f} patient-weeks (nothing tuned on them)"
    tables = [Table(title, columns, figures), Table("Ledger", ["fate", "readings"], fates)]
    notes = []
    if perturb is not None:
        tables.append(perturbation(diary, perturb, repeats, seed))
        notes.append("The limits are a clinician's: only the learned baseline's row can move.")
    plot = Plot(title, "false alerts per patient-week", "share of events found within 3 h", curves)
    tell("diary", tables, [plot], out, notes)


def perturbation(diary: Diary, percent: float, repeats: int, seed: int) -> Table:
    """The row of the learned baseline with its parameters and threshold moved at once."""
    chance = np.random.default_rng(seed)
    figures = []
    for _ in range(repeats):
        threshold = LEARNED * chance.uniform(1 - percent / 100, 1 + percent / 100)
        told = played(diary, diary_plan(threshold), perturbed(chance, percent))
        figures.append(judge(diary, openings(told)))
    title = f"With the learned baseline: all its parameters ±{percent:g} %, {repeats} times, seed {seed}"
    return repeated(title, ["within 3 h", "24 h before", "alerts/week", "false/week"], figures)
