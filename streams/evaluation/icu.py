"""`vigie evaluate icu`: NEWS2 on intensive-care stays of the PhysioNet/CinC Challenge 2012 (one set).

Unit: a stay. Outcome: death in hospital. Each stay's vitals run through the pipeline under a plan with
NEWS2 on scale 1 and measured oxygen; what is judged is the score between 24 and 48 hours. Nothing is
fitted. Formats: vitals_set_*.csv.gz, outcomes_set_*.csv; Silva et al., Comput Cardiol 2012;39:245-8.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final

import click
import msgspec
import numpy as np

from models.news2 import News2
from models.plan import Plan
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation.measures import auroc, best_event_1
from streams.evaluation.play import fields_of, instant, play, reading
from streams.evaluation.report import Row, Table, options, tell

ADMISSION: Final = 1_325_376_000_000  # 2012-01-01T00:00:00Z, for every stay: only minutes are known
FROM, UNTIL = 24 * 3_600_000, 48 * 3_600_000
VITALS: Final = {
    "HR": ("heart-rate", "/min"),
    "RespRate": ("respiratory-rate", "/min"),
    "SaO2": ("spo2", "%"),
    "SysABP": ("systolic-bp", "mm[Hg]"),
    "NISysABP": ("systolic-bp", "mm[Hg]"),
    "Temp": ("body-temperature", "Cel"),
    "FiO2": ("inspired-oxygen", "%"),
    "GCS": ("consciousness", "{score}"),
}


def acvpu(coma: float) -> float:
    """ACVPU of a Glasgow coma score: 15 alert, 14 confused, then voice, pain, none."""
    return 0.0 if coma >= 15 else 1.0 if coma >= 14 else 2.0 if coma >= 9 else 3.0 if coma >= 4 else 4.0


def records(paths: list[Path]) -> Iterator[bytes]:
    """All readings of the stays in the order of their minutes; -1 (not measured) is left out."""
    rows: list[tuple[int, str, str, float]] = []
    for path in paths:
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                value = float(row["value"])
                if row["param"] in VITALS and value != -1:
                    rows.append((int(row["minute"]), row["RecordID"], row["param"], value))
    rows.sort(key=itemgetter(0))
    for minute, stay, name, value in rows:
        vital, unit = VITALS[name]
        shown = acvpu(value) if name == "GCS" else 100 * value if name == "FiO2" else value
        yield reading(f"p-{stay}", vital, shown, unit, instant(ADMISSION + minute * 60_000))


def given(stay: dict[str, str], name: str) -> float:
    """A score that the outcomes carry; NaN for -1, which stands for missing."""
    value = float(stay[name])
    return value if value >= 0 else float("nan")


def plan() -> Plan:
    """The shipped default plan with NEWS2 for adults, oxygen as measured, every risk told."""
    news2 = News2(population="adult", scale=1, oxygen="measured", alert_from="low-medium")
    return msgspec.structs.replace(load_default_plan(None, load_catalog()), news2=news2)


@click.command(name="icu")
@options
def command(data: Path, out: Path | None) -> None:
    """NEWS2 between 24 and 48 hours against death in hospital."""
    vitals, outcomes = sorted(data.glob("vitals_set_*.csv.gz")), sorted(data.glob("outcomes_set_*.csv"))
    if not vitals or not outcomes:
        raise click.UsageError(f"--data: no vitals_set_*.csv.gz and outcomes_set_*.csv in {data}")
    stays: dict[str, dict[str, str]] = {}
    for path in outcomes:
        with path.open(newline="") as file:
            stays |= {row["RecordID"]: row for row in csv.DictReader(file)}
    played = play(records(vitals), plan(), keep=("score",))
    totals: dict[str, list[float]] = defaultdict(list)
    parts: list[float] = []
    for line in played.lines:
        tags, fields, at = fields_of(line)
        if FROM <= at - ADMISSION <= UNTIL:
            totals[tags["patient"].removeprefix("p-")].append(fields["total"])
            parts.append(fields["parts"])
    limits: dict[str, int] = defaultdict(int)
    begin, end = instant(ADMISSION + FROM), instant(ADMISSION + UNTIL)
    for alert in played.alerts:
        at = alert.get("measured_at", "")
        if alert["kind"] == "limit" and alert["event"] == "opened" and begin <= at <= end:
            limits[alert["patient"].removeprefix("p-")] += 1
    judged = sorted(stay for stay in stays if stay in totals)
    died = np.array([stays[stay]["In-hospital_death"] == "1" for stay in judged])
    columns: dict[str, list[float]] = {
        "NEWS2, mean of the scores": [float(np.mean(totals[stay])) for stay in judged],
        "NEWS2, median": [float(np.median(totals[stay])) for stay in judged],
        "NEWS2, highest": [max(totals[stay]) for stay in judged],
        "NEWS2, last": [totals[stay][-1] for stay in judged],
        "fixed limits, alerts opened": [float(limits[stay]) for stay in judged],
        "SAPS-I (given)": [given(stays[stay], "SAPS-I") for stay in judged],
        "SOFA (given)": [given(stays[stay], "SOFA") for stay in judged],
        "blind metronome": [0.0 for _ in judged],
    }
    rows: list[Row] = []
    for name, column in columns.items():
        scores = np.array(column)
        known = np.isfinite(scores)
        rows.append(
            [
                name,
                int(known.sum()),
                auroc(scores[known], died[known]),
                best_event_1(scores[known], died[known]),
            ]
        )
    ledger = played.ledger
    facts: list[Row] = [
        ["stays in the outcomes", len(stays)],
        ["stays with a score between 24 and 48 h", len(judged)],
        ["of them died in hospital", int(died.sum())],
        ["readings received", ledger.received],
        ["accepted", ledger.accepted],
        ["scores between 24 and 48 h", len(parts)],
        ["parts in a score, mean (of 7)", float(np.mean(parts)) if parts else 0.0],
    ]
    tables = [
        Table("Death in hospital, scores between 24 and 48 h", ["score", "stays", "AUROC", "event 1"], rows),
        Table("Recording (nothing tuned on it)", ["what", "how many"], facts),
    ]
    tell("icu", tables, [], out)
