"""`vigie evaluate diary`: home glucose diaries with recorded symptoms of hypoglycaemia (AIM-94).

Unit: a symptom event. It is found when an alert on glucose opens within 3 hours of it, predicted when one
opens in the 24 hours before. The symptoms are labels and never enter the pipeline. Timestamps and values
are as dirty as they come: the core names what it refuses. Format: events.csv.gz; codes in Data-Codes.txt.
"""

import csv
import gzip
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from models.plan import Baseline, Limit, Plan
from models.times import parse_times
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation.play import Played, instant, play, reading
from streams.evaluation.report import Row, Table, need, options, tell

GLUCOSE: Final = {"48", *map(str, range(57, 65))}
SYMPTOMS: Final = "65"
HOUR: Final = 3_600_000
NEAR, BEFORE = 3 * HOUR, 24 * HOUR
WEEK: Final = 7 * 24 * HOUR
METRONOME: Final = 12 * HOUR
Moments = dict[str, list[int]]  # patient -> instants in ms, ascending


class Diary:
    """A recording: glucose readings as records in the order of their times, symptoms and spans by patient."""

    def __init__(self, path: Path) -> None:
        rows: list[tuple[int, bytes]] = []
        self.symptoms: Moments = defaultdict(list)
        times: Moments = defaultdict(list)
        now = 0
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                patient, text = f"p-{row['patient']}", f"{row['date']} {row['time']}"
                try:
                    now = round(
                        datetime.strptime(text, "%m-%d-%Y %H:%M").replace(tzinfo=UTC).timestamp() * 1000
                    )
                    text = instant(now)
                except ValueError:
                    if row["code"] == SYMPTOMS:
                        continue  # an event without a time cannot be found or missed
                if row["code"] == SYMPTOMS:
                    self.symptoms[patient].append(now)
                elif row["code"] in GLUCOSE:
                    rows.append((now, reading(patient, "blood-glucose", number(row["value"]), "mg/dL", text)))
                    times[patient].append(now)
        rows.sort(key=lambda row: row[0])
        self.records = [record for _, record in rows]
        self.spans = {patient: (min(moments), max(moments)) for patient, moments in times.items()}
        for moments in self.symptoms.values():
            moments.sort()

    @property
    def weeks(self) -> float:
        """Patient-weeks from each first reading to its last."""
        return sum(last - first for first, last in self.spans.values()) / WEEK


def number(text: str) -> float | str:
    """The number of a cell, or its text where it is none."""
    try:
        return float(text)
    except ValueError:
        return text


def diary_plan(acute: float = 0.0) -> Plan:
    """The shipped default plan with hypoglycaemia level 1 at the first reading: a diary has no second."""
    plan = load_default_plan(None, load_catalog())
    level_1 = Limit("blood-glucose-below-70", "blood-glucose", "below", 70.0, 75.0, "medium")
    limits = tuple(limit for limit in plan.limits if limit.rule != level_1.rule)
    baselines = (*plan.baselines, Baseline("blood-glucose", acute, "off", "low"))
    return msgspec.structs.replace(plan, limits=(*limits, level_1), baselines=baselines)


def openings(played: Played) -> Moments:
    """When alerts on low glucose, or on an unusual one, opened."""
    out: Moments = defaultdict(list)
    for alert in played.alerts:
        low = "below" in alert["rule"] or alert["kind"] == "baseline"
        if alert["event"] == "opened" and alert["vital"] == "blood-glucose" and low:
            out[alert["patient"]].append(int(parse_times([alert["measured_at"]])[0][0]))
    return {patient: sorted(moments) for patient, moments in out.items()}


def any_in(moments: list[int], begin: int, end: int) -> bool:
    """Whether an instant lies in [begin, end]."""
    place = bisect_left(moments, begin)
    return place < len(moments) and moments[place] <= end


def judge(name: str, diary: Diary, alerts: Moments) -> Row:
    """One row: events found and predicted, alerts and false ones per patient-week."""
    events = [(patient, at) for patient, moments in diary.symptoms.items() for at in moments]

    def share(reach: Callable[[int], tuple[int, int]]) -> float:
        return sum(any_in(alerts.get(patient, []), *reach(at)) for patient, at in events) / len(events)

    told = [(patient, at) for patient, moments in alerts.items() for at in moments]
    false = sum(not any_in(diary.symptoms.get(p, []), at - NEAR, at + NEAR) for p, at in told)
    return [
        name,
        share(lambda at: (at - NEAR, at + NEAR)),
        share(lambda at: (at - BEFORE, at - 1)),
        len(told) / diary.weeks,
        false / diary.weeks,
    ]


@click.command(name="diary")
@options
def command(data: Path, out: Path | None) -> None:
    """Glucose alerts against recorded symptoms of hypoglycaemia."""
    diary = Diary(need(data / "events.csv.gz"))
    count = sum(map(len, diary.symptoms.values()))
    if not count:
        raise click.UsageError(f"--data: events.csv.gz holds no event of code {SYMPTOMS}")
    metronome = {p: list(range(first, last, METRONOME)) for p, (first, last) in diary.spans.items()}
    first = play(diary.records, diary_plan())
    rows = [
        judge("diary plan: below 70 at the first reading", diary, openings(first)),
        judge("the same, with the learned baseline", diary, openings(play(diary.records, diary_plan(6.5)))),
        judge("shipped default plan (for sensors)", diary, openings(play(diary.records))),
        judge("blind metronome, every 12 h", diary, metronome),
    ]
    columns = ["plan", "within 3 h", "24 h before", "alerts/week", "false/week"]
    ledger = first.ledger
    fates: list[Row] = [["accepted", ledger.accepted], ["duplicate", ledger.duplicate], ["late", ledger.late]]
    fates += [[f"rejected: {reason}", n] for reason, n in ledger.rejected.items()]
    title = f"{count} symptom events, {diary.weeks:.0f} patient-weeks (nothing tuned on them)"
    tell("diary", [Table(title, columns, rows), Table("Ledger", ["fate", "readings"], fates)], [], out)
