"""`vigie evaluate tihm`: home telemonitoring of people with dementia, alerts verified by a clinical team.

Unit: a patient-day with a reading of the channel. A day counts as alerted when an alert stands at one of
its readings. Blood pressure and pulse labels behave like absolute limits; agitation has none, and is
judged by the learned scores of the day. Format: Physiology.csv.gz, Labels.csv; Sci Data 2023;10:606.
"""

import csv
import gzip
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import click
import numpy as np

from models.plan import Baseline, Limit, Plan
from streams.configuration import INFRA, load_catalog, load_default_plan, read
from streams.evaluation.measures import agreement, auroc, average_precision
from streams.evaluation.play import Played, fields_of, instant, play
from streams.evaluation.report import Row, Table, need, options, tell
from streams.ingest.columns import parse_map
from streams.ingest.sources import read_source

ENGLAND: Final = ZoneInfo("Europe/London")
CHANNELS: Final = {"Blood pressure": ("systolic-bp", "diastolic-bp"), "Pulse": ("heart-rate",)}
Bounds = dict[str, tuple[float, float]]
PUBLISHED: Final[Bounds] = {"systolic-bp": (80, 190), "diastolic-bp": (50, 110), "heart-rate": (55, 100)}
# The best population limits found on the whole recording: in-sample, so an upper bound of what limits can.
TUNED: Final[Bounds] = {"systolic-bp": (80, 160), "diastolic-bp": (55, 100), "heart-rate": (51, 99)}
LEARNED: Final = (
    "systolic-bp",
    "diastolic-bp",
    "body-temperature",
    "body-weight",
    "body-water",
    "muscle-mass",
)
METRONOME: Final = 7  # an alert each so many patient-days
Days = dict[tuple[str, str], list[str]]  # (patient, local day) -> instants of its readings


def limits(bounds: Bounds) -> Plan:
    """A plan of nothing but a limit on each side of some vitals, without persistence or hysteresis."""
    sides: tuple[Literal["below", "above"], ...] = ("below", "above")
    rules = [
        Limit(f"{vital}-{side}", vital, side, value, value, "medium")
        for vital, pair in bounds.items()
        for side, value in zip(sides, pair, strict=True)
    ]
    return Plan("*", "tihm", "1", time_zone="Europe/London", limits=tuple(rules))


def learned() -> Plan:
    """A plan of nothing but the patient's own normal, day by day."""
    baselines = tuple(Baseline(vital, 0.0, "both", "low") for vital in LEARNED)
    return Plan("*", "tihm", "1", time_zone="Europe/London", baselines=baselines)


def readings(source: Path) -> list[bytes]:
    """The recording as readings, in its order."""
    path = INFRA / "maps" / "tihm.toml"
    return [line.value for line in read_source(str(source), parse_map(read(path), path.name))]


def days(source: Path, vitals: tuple[str, ...]) -> Days:
    """The patient-days with a reading of some vitals, and the instants of those readings."""
    path = INFRA / "maps" / "tihm.toml"
    codes = parse_map(read(path), path.name).vitals
    out: Days = defaultdict(list)
    with gzip.open(source, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if codes.get(row["device_type"]) in vitals:
                local = datetime.fromisoformat(row["date"]).replace(tzinfo=ENGLAND)
                out[f"p-{row['patient_id']}", row["date"][:10]].append(
                    instant(round(local.timestamp() * 1000))
                )
    return out


def labels(path: Path, kind: str) -> set[tuple[str, str]]:
    """The patient-days on which the clinical team verified an alert of a kind."""
    with path.open(newline="") as file:
        return {(f"p-{r['patient_id']}", r["date"][:10]) for r in csv.DictReader(file) if r["type"] == kind}


def alerted(alerts: list[dict[str, Any]], vitals: tuple[str, ...], units: Days) -> set[tuple[str, str]]:
    """The patient-days at one of whose readings an alert on these vitals stands."""
    changes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for alert in alerts:
        if alert["vital"] in vitals and alert["event"] in ("opened", "resolved") and "measured_at" in alert:
            change = 1 if alert["event"] == "opened" else -1
            changes[alert["patient"]].append((alert["measured_at"], change))
    return {
        (patient, day)
        for (patient, day), instants in units.items()
        if any(sum(change for at, change in changes[patient] if at <= moment) > 0 for moment in instants)
    }


def workload(played: Played, vitals: tuple[str, ...], units: Days) -> float:
    """Alerts opened on some vitals per patient-week of days with such a reading."""
    opened = sum(alert["event"] == "opened" and alert["vital"] in vitals for alert in played.alerts)
    return 7 * opened / len(units)


def channel_table(source: Path, told: list[bytes], kind: str) -> Table:
    """Precision, recall, F1 and workload of several plans on one kind of label."""
    vitals = CHANNELS[kind]
    units = days(source, vitals)
    verified = labels(source.parent / "Labels.csv", kind) & set(units)
    plans = {
        "limits tuned on the visible part": limits(TUNED),
        "published rules": limits(PUBLISHED),
        "shipped default plan": load_default_plan(None, load_catalog()),
    }
    rows: list[Row] = []
    for name, plan in plans.items():
        played = play(told, plan)
        rows.append(
            [
                name,
                *agreement(alerted(played.alerts, vitals, units), verified),
                workload(played, vitals, units),
            ]
        )
    blind = set(sorted(units)[::METRONOME])
    rows.append(["blind metronome", *agreement(blind, verified), 7 * len(blind) / len(units)])
    columns = ["plan", "alerted", "verified", "precision", "recall", "F1", "per week"]
    return Table(f"{kind}: {len(units)} patient-days", columns, rows)


def agitation_table(source: Path, told: list[bytes]) -> Table:
    """How the day's highest learned score ranks the days on which agitation was verified."""
    units = days(source, LEARNED)
    played = play(told, learned(), keep=("trend",), then=4 * 86_400_000)
    highest: dict[tuple[str, str], float] = defaultdict(float)
    for line in played.lines:
        tags, fields, at = fields_of(line)
        if tags["vital"] not in LEARNED:
            continue  # a vital that is not learned day by day
        if "above_score" not in fields:
            continue  # not ready
        day = (tags["patient"], datetime.fromtimestamp(at / 1000, ENGLAND).date().isoformat())
        highest[day] = max(highest[day], fields["above_score"], fields["below_score"])
    judged = sorted(units)
    verified = labels(source.parent / "Labels.csv", "Agitation")
    outcome = np.array([unit in verified for unit in judged])
    scores = np.array([highest.get(unit, 0.0) for unit in judged])
    ready = np.array([unit in highest for unit in judged])
    rows: list[Row] = []
    for name, kept in (
        ("all days, 0 before the baseline is ready", ready | True),
        ("days with a ready one", ready),
    ):
        some, cases = scores[kept], outcome[kept]
        rows.append([name, len(some), int(cases.sum()), auroc(some, cases), average_precision(some, cases)])
    rows.append(["chance", len(judged), int(outcome.sum()), 0.5, float(outcome.mean())])
    columns = ["highest learned score", "days", "agitation", "AUROC", "AP"]
    load = workload(played, LEARNED, units)
    return Table(f"Agitation from vitals alone (untuned; {load:.3f} alerts per patient-week)", columns, rows)


@click.command(name="tihm")
@options
def command(data: Path, out: Path | None) -> None:
    """Limits and learned baselines against the alerts that TIHM's clinical team verified."""
    source = need(data / "Physiology.csv.gz")
    need(data / "Labels.csv")
    told = readings(source)
    tables = [channel_table(source, told, kind) for kind in CHANNELS] + [agitation_table(source, told)]
    tell("tihm", tables, [], out)
