"""`vigie evaluate tihm`: home telemonitoring of people with dementia, alerts verified by a clinical team.

Unit: a patient-day with a reading of the channel. A day counts as alerted when an alert stands at one of
its readings; workload is alerts that open per patient-week of such days. Blood pressure and pulse labels
behave like absolute limits; agitation has none, and is judged by the scores of the day. Areas are of how
each way ranks the days: a plan of limits by how far the day's readings are beyond them, one without by its
alerts.
"""

from pathlib import Path
from typing import Any, Final, Literal

import click
import numpy as np

from models.plan import Baseline, Limit, Plan
from models.score.slow_parameters import perturbed
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation import tihm_days as by_day
from streams.evaluation.measures import agreement, auroc, average_precision, precision_recall
from streams.evaluation.play import Played, play
from streams.evaluation.recording import Skipped
from streams.evaluation.report import Curve, Plot, Row, Table, options, perturbations, repeated, shown, tell
from streams.evaluation.tihm_days import Day, Reading

CHANNELS: Final = {
    "Blood pressure": ("systolic-bp", "diastolic-bp"),
    "Pulse": ("heart-rate",),
    "Body water": ("body-water",),
    "Weight": ("body-weight",),
    "Body temperature": ("body-temperature",),
}
Bounds = dict[str, tuple[float, float]]
# Sci Data 2023;10:606, table of rules; its 5 % loss of weight is no limit.
PUBLISHED: Final[Bounds] = {"systolic-bp": (80, 190), "diastolic-bp": (50, 110), "heart-rate": (55, 100)}
PUBLISHED_MORE: Final[Bounds] = {"body-water": (40, 70), "body-temperature": (35, 37.6)}
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
PULSE: Final = {"heart-rate": "resting-heart-rate"}  # one a day: followed by days, not by nights
KINDS: Final[dict[str, tuple[str, ...]]] = {**CHANNELS, "Agitation": (*LEARNED, *PULSE)}
METRONOME: Final = 7  # an alert each so many patient-days
DEVIATIONS: Final = 3.0  # from which on a baseline beside ours alerts: the usual rule
DAYS_AFTER: Final = 4 * 86_400_000  # ms until the last days are told
AREAS: Final = ["AUROC", "AP"]
COLUMNS: Final = ["plan or score", "alerted", "verified", "precision", "recall", "F1", "per week", *AREAS]


def limits(bounds: Bounds) -> Plan:
    """A plan of nothing but a limit on each side of some vitals, without persistence or hysteresis."""
    sides: tuple[Literal["below", "above"], ...] = ("below", "above")
    rules = [
        Limit(f"{vital}-{side}", vital, side, value, value, "medium")
        for vital, pair in bounds.items()
        for side, value in zip(sides, pair, strict=True)
    ]
    return Plan("*", "tihm", "1", time_zone="Europe/London", limits=tuple(rules))


def learned(vitals: tuple[str, ...] = LEARNED) -> Plan:
    """A plan of nothing but the patient's own normal, day by day."""
    baselines = tuple(Baseline(vital, 0.0, "both", "low") for vital in vitals)
    return Plan("*", "tihm", "1", time_zone="Europe/London", baselines=baselines)


def plans() -> dict[str, Plan]:
    """The plans of limits that are compared."""
    return {
        "limits tuned on the visible part": limits(TUNED),
        "published rules": limits({**PUBLISHED, **PUBLISHED_MORE}),
        "shipped default plan": load_default_plan(None, load_catalog()),
    }


class Recording:
    """The readings in time, the labels, and what the pipeline tells of them under each plan."""

    def __init__(self, folder: Path) -> None:
        self.skipped = Skipped()
        found = by_day.records(folder)
        self.labels = by_day.labels(folder, self.skipped)
        self.records = [record for _, record in found]
        self.readings = by_day.readings(found)
        self.plans = plans()
        self.played = {name: play(self.records, plan) for name, plan in self.plans.items()}
        self.own = self.learn()
        self.personal = by_day.deviation(self.readings, lambda r: (r.patient, r.vital))
        self.common = by_day.deviation(self.readings, lambda r: (r.vital,))

    def learn(self, slow: np.ndarray | None = None) -> Played:
        """The patient's own normal of every vital; the pulse of the cuff as one a day."""
        told = self.records
        for name, once in PULSE.items():
            before, after = (b'"vital":"%s"' % code.encode() for code in (name, once))
            told = [record.replace(before, after) for record in told]
        plan = learned((*LEARNED, *PULSE.values()))
        return play(told, plan, keep=("trend",), then=DAYS_AFTER, slow=slow)

    def verified(self, kind: str, days: dict[Day, Any]) -> set[Day]:
        """The labels of a kind on days that can be judged."""
        return self.labels.get(kind, set()) & set(days)


def daily(vitals: tuple[str, ...]) -> tuple[str, ...]:
    """The vitals as the learned plan names them."""
    return tuple(PULSE.get(vital, vital) for vital in vitals)


def areas(scores: dict[Day, float], days: dict[Day, Any], verified: set[Day]) -> tuple[float, float]:
    """(AUROC, average precision) of scores over days; a day without one has the lowest of all."""
    ranked, outcome = ranking(scores, days, verified)
    return auroc(ranked, outcome), average_precision(ranked, outcome)


def ranking(
    scores: dict[Day, float], days: dict[Day, Any], verified: set[Day]
) -> tuple[np.ndarray, np.ndarray]:
    """(scores, whether verified) of the days in their order, as arrays of float and bool."""
    lowest, order = min(scores.values(), default=0.0), sorted(days)
    ranked = np.array([scores.get(unit, lowest) for unit in order], float)
    return ranked, np.array([unit in verified for unit in order], bool)


def channel(recording: Recording, kind: str) -> tuple[Table, Plot]:
    """Precision, recall, F1, workload and areas of plans and scores on one kind of label; their curves."""
    vitals = CHANNELS[kind]
    days = by_day.units(recording.readings, vitals)
    verified = recording.verified(kind, days)
    rows: list[Row] = []
    curves: list[Curve] = []

    def add(name: str, told: set[Day], week: float, scores: dict[Day, float]) -> None:
        rows.append([name, *agreement(told, verified), week, *areas(scores, days, verified)])
        curves.append(Curve(name, precision_recall(*ranking(scores, days, verified))))

    def by_alerts(name: str, played: Played, names: tuple[str, ...], scores: dict[Day, float]) -> None:
        told = by_day.alerted(played.alerts, names, days)
        scores = scores or {unit: float(unit in told) for unit in days}
        add(name, told, by_day.workload(played.alerts, names, days), scores)

    for name, plan in recording.plans.items():
        rules = [limit for limit in plan.limits if limit.vital in vitals and not limit.of]
        if rules or any(gain.vital in vitals for gain in plan.gains):
            ranked = by_day.highest(days, by_day.beyond(rules)) if rules else {}
            by_alerts(name, recording.played[name], vitals, ranked)
    own = by_day.learned(recording.own.lines, daily(vitals))
    by_alerts("own normal over days (Vigie)", recording.own, daily(vitals), own)
    beside: dict[str, dict[Reading, float]] = {
        "personal z-score (River, causal)": recording.personal,
        "everyone's z-score (River, causal)": recording.common,
    }
    for name, of in beside.items():
        scores = by_day.highest(days, of.__getitem__)
        told = {unit for unit, score in scores.items() if score >= DEVIATIONS}
        add(name, told, 7 * len(told) / len(days) if days else float("nan"), scores)
    blind = set(sorted(days)[::METRONOME])
    rows.append(["blind metronome", *agreement(blind, verified), 7 / METRONOME if days else float("nan")])
    rows[-1] += areas({unit: float(unit in blind) for unit in days}, days, verified)
    plot = Plot(f"TIHM, {kind}", "recall", "precision", curves)
    return Table(f"{kind}: {len(days)} patient-days", list(COLUMNS), rows), plot


def agitation(recording: Recording) -> tuple[Table, Plot]:
    """How the day's highest learned score ranks the days on which agitation was verified."""
    vitals = KINDS["Agitation"]
    days = by_day.units(recording.readings, vitals)
    verified = recording.verified("Agitation", days)
    own = by_day.learned(recording.own.lines, daily(vitals))
    ready = {unit: told for unit, told in days.items() if unit in own}
    personal = by_day.highest(days, lambda r: recording.personal[r])
    rows: list[Row] = []
    curves: list[Curve] = []
    for name, scores, judged in (
        ("Vigie, all days (0 before the baseline is ready)", own, days),
        ("Vigie, days with a ready baseline", own, ready),
        ("personal z-score (River, causal)", personal, days),
    ):
        cases = verified & set(judged)
        rows.append([name, len(judged), len(cases), *areas(scores, judged, cases)])
        curves.append(Curve(name, precision_recall(*ranking(scores, judged, cases))))
    share = len(verified) / len(days) if days else float("nan")
    rows.append(["chance", len(days), len(verified), 0.5, share])
    load = by_day.workload(recording.own.alerts, daily(vitals), days)
    title = f"Agitation from vitals alone (untuned; {shown(load)} alerts per patient-week)"
    table = Table(title, ["highest score of the day", "days", "agitation", *AREAS], rows)
    return table, Plot("TIHM, agitation from vitals alone", "recall", "precision", curves)


def facts(recording: Recording) -> Table:
    """What became of the readings, and what the shipped plan tells beside values."""
    played = recording.played["shipped default plan"]
    opened = [alert for alert in played.alerts if alert["event"] == "opened"]
    ledger = played.ledger
    rows: list[Row] = [[fate, getattr(ledger, fate)] for fate in ("accepted", "duplicate", "late")]
    rows += [[f"rejected: {reason}", n] for reason, n in ledger.rejected.items()]
    rows += [[what, n] for what, n in sorted(recording.skipped.items())]
    rows += [[what, n] for what, n in not_judged(recording).items() if n]
    rows.append(["shipped plan: alerts", len(opened)])
    rows.append(["of them silence", sum(alert["kind"] == "silence" for alert in opened)])
    rows.append(["of them retrospective", sum(alert["retrospective"] for alert in opened)])
    return Table("Recording", ["what", "how many"], rows)


def not_judged(recording: Recording) -> dict[str, int]:
    """The labels that no table counts, by why."""
    days = {kind: by_day.units(recording.readings, vitals) for kind, vitals in KINDS.items()}
    return {
        f"labels of other kinds than {', '.join(KINDS)}": sum(
            len(labels) for kind, labels in recording.labels.items() if kind not in KINDS
        ),
        "labels on days without a reading of their kind": sum(
            len(recording.labels.get(kind, set()) - set(known)) for kind, known in days.items()
        ),
    }


def perturbation(recording: Recording, percent: float, repeats: int, seed: int) -> Table:
    """Areas of the patient's own normal with all parameters of change over days moved at once."""
    chance = np.random.default_rng(seed)
    figures = []
    for _ in range(repeats):
        lines = recording.learn(perturbed(chance, percent)).lines
        row: list[float] = []
        for kind, vitals in KINDS.items():
            days = by_day.units(recording.readings, vitals)
            row += areas(by_day.learned(lines, daily(vitals)), days, recording.verified(kind, days))
        figures.append(row)
    columns = [f"{kind}, {area}" for kind in KINDS for area in AREAS]
    title = f"Own normal: all parameters of change over days ±{percent:g} %, {repeats} times, seed {seed}"
    return repeated(title, columns, figures)


@click.command(name="tihm")
@options
@perturbations
def command(data: Path, out: Path | None, perturb: float | None, repeats: int, seed: int) -> None:
    """Limits and learned baselines against the alerts that TIHM's clinical team verified."""
    recording = Recording(data)
    told: list[tuple[Table, Plot]] = [channel(recording, kind) for kind in CHANNELS]
    told.append(agitation(recording))
    tables, notes = [table for table, _ in told] + [facts(recording)], []
    if perturb is not None:
        tables.append(perturbation(recording, perturb, repeats, seed))
        notes.append("The limits are a clinician's: nothing learned decides them, so they were not moved.")
    tell("tihm", tables, [plot for _, plot in told], out, notes)
