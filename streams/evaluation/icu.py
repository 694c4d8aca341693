"""`vigie evaluate icu`: NEWS2 on intensive-care stays of the PhysioNet/CinC Challenge 2012 (one set).

Unit: a stay. Outcome: death in hospital. Each stay's vitals run through the pipeline under a plan with
NEWS2 on scale 1 and measured oxygen; what is judged is the score between 24 and 48 hours. Nothing is
fitted. Formats, plain or gzipped: vitals_set_*.csv (RecordID, minute, param, value), outcomes_set_*.csv
(RecordID, In-hospital_death; SAPS-I and SOFA where known); Silva et al., Comput Cardiol 2012;39:245-8.
"""

import math
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec
import numpy as np

from models.news2 import News2
from models.plan import Plan
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation.measures import auroc, best_event_1, roc
from streams.evaluation.play import Played, fields_of, instant, not_taken, play, reading
from streams.evaluation.recording import Skipped, every, number, rows
from streams.evaluation.report import Curve, Plot, Row, Table, options, perturbations, tell

ADMISSION: Final = 1_325_376_000_000  # 2012-01-01T00:00:00Z, for every stay: only minutes are known
FROM, UNTIL = 24 * 3_600_000, 48 * 3_600_000
LONGEST: Final = 2880  # minutes of a stay that the recording holds
COMA: Final = (3, 15)  # what a Glasgow coma score can be
DIED: Final = "In-hospital_death"
FIXED: Final = (
    "NEWS2 is a published chart and the limits are a clinician's: nothing learned or tuned decides here, so "
    "--perturb has nothing to move."
)
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


def records(paths: list[Path], skipped: Skipped) -> Iterator[bytes]:
    """All readings of the stays in the order of their minutes; -1 (not measured) is left out."""
    found: list[tuple[int, str, str, float]] = []
    for path in paths:
        for row in rows(path, ("RecordID", "minute", "param", "value"), skipped):
            if row["param"] in VITALS:
                minute, value = number(row["minute"]), number(row["value"])
                if minute is None or value is None or not 0 <= minute <= LONGEST:
                    skipped["vitals without a minute of 0 to 2880 or a number"] += 1
                elif row["param"] == "GCS" and value != -1 and not COMA[0] <= value <= COMA[1]:
                    skipped["coma scores outside 3 to 15"] += 1
                elif value != -1:
                    found.append((int(minute), row["RecordID"], row["param"], value))
    found.sort(key=itemgetter(0))
    for minute, stay, name, value in found:
        vital, unit = VITALS[name]
        shown = acvpu(value) if name == "GCS" else 100 * value if name == "FiO2" else value
        yield reading(f"p-{stay}", vital, shown, unit, instant(ADMISSION + minute * 60_000))


def outcomes(paths: list[Path], skipped: Skipped) -> dict[str, dict[str, str]]:
    """The stays whose outcome is known: 0 survived, 1 died in hospital."""
    out = {}
    for path in paths:
        for row in rows(path, ("RecordID", DIED), skipped):
            if number(row[DIED]) in (0, 1):
                out[row["RecordID"]] = row
            else:
                skipped["stays without an outcome"] += 1
    return out


def given(stay: dict[str, str], name: str) -> float:
    """A score that the outcomes carry; NaN where it is missing, which -1 stands for."""
    value = number(stay.get(name, ""))
    return value if value is not None and value >= 0 else math.nan


def plan() -> Plan:
    """The shipped default plan with NEWS2 for adults, oxygen as measured, every risk told."""
    news2 = News2(population="adult", scale=1, oxygen="measured", alert_from="low-medium")
    return msgspec.structs.replace(load_default_plan(None, load_catalog()), news2=news2)


class Stay(NamedTuple):
    """What was told of a stay between 24 and 48 hours."""

    totals: list[float]
    parts: list[float]
    limits: int


def between(played: Played) -> dict[str, Stay]:
    """By stay: the scores in that time, how many parts each had, the alerts on limits that opened."""
    begin, end = instant(ADMISSION + FROM), instant(ADMISSION + UNTIL)
    opened = Counter(
        alert["patient"]
        for alert in played.alerts
        if alert["kind"] == "limit" and alert["event"] == "opened" and begin <= alert["measured_at"] <= end
    )
    out: dict[str, Stay] = {}
    for line in played.lines:
        tags, fields, at = fields_of(line)
        if FROM <= at - ADMISSION <= UNTIL:
            patient = tags["patient"]
            stay = out.setdefault(patient.removeprefix("p-"), Stay([], [], opened[patient]))
            stay.totals.append(fields["total"])
            stay.parts.append(fields["parts"])
    return out


@click.command(name="icu")
@options
@perturbations
def command(data: Path, out: Path | None, perturb: float | None, repeats: int, seed: int) -> None:
    """NEWS2 between 24 and 48 hours against death in hospital."""
    skipped = Skipped()
    vitals, files = every(data, "vitals_set_*.csv"), every(data, "outcomes_set_*.csv")
    stays = outcomes(files, skipped)
    played = play(records(vitals, skipped), plan(), keep=("score",))
    told = between(played)
    if strangers := told.keys() - stays.keys():
        skipped["stays with a score that no outcome names"] = len(strangers)
    judged = sorted(stay for stay in stays if stay in told)
    died = np.array([number(stays[stay][DIED]) == 1 for stay in judged], bool)
    columns: dict[str, list[float]] = {
        "NEWS2, mean of the scores": [float(np.mean(told[stay].totals)) for stay in judged],
        "NEWS2, median": [float(np.median(told[stay].totals)) for stay in judged],
        "NEWS2, highest": [max(told[stay].totals) for stay in judged],
        "NEWS2, last": [told[stay].totals[-1] for stay in judged],
        "fixed limits, alerts opened": [float(told[stay].limits) for stay in judged],
        "SAPS-I (given)": [given(stays[stay], "SAPS-I") for stay in judged],
        "SOFA (given)": [given(stays[stay], "SOFA") for stay in judged],
        "blind metronome": [0.0 for _ in judged],
    }
    figures: list[Row] = []
    curves = []
    for name, column in columns.items():
        scores = np.array(column, float)
        known = np.isfinite(scores)
        some, outcome = scores[known], died[known]
        figures.append([name, len(some), auroc(some, outcome), best_event_1(some, outcome)])
        curves.append(Curve(name, roc(some, outcome)))
    ledger, parts = played.ledger, [part for stay in told.values() for part in stay.parts]
    facts: list[Row] = [
        ["stays in the outcomes", len(stays)],
        ["stays with a score between 24 and 48 h", len(judged)],
        ["of them died in hospital", int(died.sum())],
        ["readings received", ledger.received],
        ["accepted", ledger.accepted],
        ["scores between 24 and 48 h", len(parts)],
        ["parts in a score, mean (of 7)", float(np.mean(parts)) if parts else math.nan],
    ]
    facts += [[f"not accepted: {why}", n] for why, n in not_taken(ledger).items()]
    facts += [[what, n] for what, n in sorted(skipped.items())]
    title = "Death in hospital, scores between 24 and 48 h"
    tables = [
        Table(title, ["score", "stays", "AUROC", "event 1"], figures),
        Table("Recording (nothing tuned on it)", ["what", "how many"], facts),
    ]
    notes = [FIXED] if perturb is not None else []
    tell("icu", tables, [Plot(title, "1 - specificity", "sensitivity", curves)], out, notes)
