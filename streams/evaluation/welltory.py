"""`vigie evaluate welltory`: the onset of COVID-19 symptoms in the daily resting pulse of wearables.

Unit: a person with an onset, at least 10 days of resting pulse before day -7 and one in [-7, 7]. A hit is
an alarm day in [-3, 7] of the onset, a pre-symptomatic one in [-7, 0]; false are alarm days before day -14
or after day 42, per 30 such days with a measurement. A curve over thresholds, never a point. An alarm day
is a day of measurement on which an alert of a rise stands. Detectors are compared with thresholds as fine as
their scores are, on all days and on the days on which each of them knows enough to alert: who knows a person
sooner finds more on the first, the second tells what is known apart from what is done with it.
Formats, plain or gzipped: participants.csv (user_code, symptoms_onset), wearables.csv (user_code, day,
resting_pulse).
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import click
import msgspec
import numpy as np
from river import anomaly, stats

from models.calibration import LEAST_THRESHOLD, Calibration, of_vital
from models.plan import Baseline, Plan
from models.score.slow_parameters import perturbed
from streams.evaluation.play import Played, fields_of, not_taken, play, reading
from streams.evaluation.recording import Skipped, day, either, moment, number, rows
from streams.evaluation.report import Curve, Plot, Row, Table, options, perturbations, repeated, tell

Days = dict[str, dict[date, float]]
"""Person -> day -> resting pulse, or a score."""
Alarms = dict[str, set[date]]
VITAL: Final = "resting-heart-rate"
DAY: Final = 86_400_000
NEVER: Final = 99.0  # a threshold that nothing reaches
HISTORY, KNOWN = 28, 14  # days of the median and MAD, and how many of them must be known
MAD_TO_SD: Final = 1.4826  # of a normal distribution
SHOWN: Final = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)  # thresholds of the long table
SHOWN_Z: Final = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0)  # those of a z-score
LIMITS: Final = (60, 65, 70, 75, 80, 85, 90, 95, 100)  # per minute
METRONOME: Final = (3, 7, 14, 30)  # days
ALLOWED: Final = (0.25, 0.5, 1.0, 2.0, 4.0)  # false alarm days per 30 healthy days, to compare detectors at


def days(path: Path, skipped: Skipped) -> Days:
    """The resting pulse of every person and day that has one."""
    out: Days = defaultdict(dict)
    for row in rows(path, ("user_code", "day", "resting_pulse"), skipped):
        if row["resting_pulse"]:
            at, value = day(row["day"]), number(row["resting_pulse"])
            if at is None or value is None:
                skipped["resting pulses without a day or a number"] += 1
            else:
                out[row["user_code"]][at] = value
    return {person: dict(sorted(values.items())) for person, values in out.items()}


def onsets(path: Path, pulse: Days, skipped: Skipped) -> dict[str, date]:
    """The day of onset of each person who can be judged."""
    out = {}
    for row in rows(path, ("user_code", "symptoms_onset"), skipped):
        if not row["symptoms_onset"]:
            continue
        at = moment(row["symptoms_onset"], "%m/%d/%Y")
        if at is None:
            skipped["onsets without a day"] += 1
        elif row["user_code"] in pulse:
            onset = at.date()
            apart = [(known - onset).days for known in pulse[row["user_code"]]]
            if sum(d < -7 for d in apart) >= 10 and any(-7 <= d <= 7 for d in apart):
                out[row["user_code"]] = onset
    return out


def noon(at: date) -> str:
    """When a day's resting pulse is told."""
    return f"{at.isoformat()}T12:00:00Z"


def records(pulse: Days) -> Iterator[bytes]:
    """All measurements in the order of their days."""
    found = sorted((at, person, value) for person, values in pulse.items() for at, value in values.items())
    for at, person, value in found:
        yield reading(f"p-{person}", VITAL, value, "/min", noon(at))


class ByPipeline(NamedTuple):
    """The days on which the pipeline has an alert of a rise over the own normal standing."""

    pulse: Days
    slow: np.ndarray | None = None  # PARAMETERS (1,) of change over days, other than the shipped ones

    def alarms(self, threshold: float) -> Alarms:
        """At a threshold of the score, as a calibration would set it."""
        changes: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        for alert in self._play(threshold).alerts:
            changes[alert["patient"]].append((alert["measured_at"], alert["event"] == "opened"))
        out: Alarms = {}
        for person, values in self.pulse.items():
            told = changes[f"p-{person}"]
            past = {at: [rise for moment, rise in told if moment <= noon(at)] for at in values}
            out[person] = {at for at, known in past.items() if known and known[-1]}
        return out

    def scores(self) -> Days:
        """The score of each day on which the baseline is ready."""
        out: Days = {person: {} for person in self.pulse}
        for line in self._play(NEVER).lines:
            tags, fields, at = fields_of(line)
            if "above_score" in fields:
                person = tags["patient"].removeprefix("p-")
                out[person][datetime.fromtimestamp(at / 1000, UTC).date()] = fields["above_score"]
        return out

    def refused(self) -> dict[str, int]:
        """How many measurements the pipeline does not accept, by why."""
        return not_taken(self._play(NEVER).ledger)

    def _play(self, threshold: float) -> Played:
        baselines = (Baseline(VITAL, 0.0, "above", "low"),)
        shipped = of_vital({}, Plan("*", "", ""), VITAL)
        days = msgspec.structs.replace(shipped.of_days(), above=threshold)
        told = msgspec.structs.replace(shipped, daily=days)
        calibration = Calibration(programme="*", version="1", budget=0.0, vitals={VITAL: told})
        everything = itertools.chain([msgspec.json.encode(calibration)], records(self.pulse))
        plan = Plan("*", "welltory", "1", baselines=baselines)
        return play(everything, plan, keep=("trend",), then=4 * DAY, tick=DAY, slow=self.slow)


def by_median(pulse: Days) -> Days:
    """How many MAD-SDs each day is over the median of the 28 days before, where 14 of them are known."""
    out: Days = {}
    for person, values in pulse.items():
        out[person] = {}
        for at, value in values.items():
            past = [v for d, v in values.items() if 0 < (at - d).days <= HISTORY]
            if len(past) >= KNOWN:
                centre = median(past)
                spread = MAD_TO_SD * median(abs(v - centre) for v in past)
                out[person][at] = (value - centre) / max(spread, 1.0)
    return out


def by_river(pulse: Days) -> Days:
    """River's StandardAbsoluteDeviation of each day over the mean of those before, where 14 are known."""
    out: Days = {}
    for person, values in pulse.items():
        model, mean, out[person] = anomaly.StandardAbsoluteDeviation(), stats.Mean(), {}
        for n, (at, value) in enumerate(values.items()):
            if n >= KNOWN:
                score = min(model.score_one({}, value), NEVER)  # 1e10 deviations of a pulse that never moved
                out[person][at] = score if value > mean.get() else 0.0
            model.learn_one({}, value)
            mean.update(value)
    return out


def at_least(scores: Days, threshold: float) -> Alarms:
    """The days whose score reaches a threshold."""
    return {person: {at for at, score in own.items() if score >= threshold} for person, own in scores.items()}


def by_metronome(pulse: Days, every: int) -> Alarms:
    """Every so many days of measurement; the values are never read."""
    return {person: set(list(values)[::every]) for person, values in pulse.items()}


class Figures(NamedTuple):
    """False alarm days per 30 healthy days, hits, pre-symptomatic hits, median days of lead; NaN: of none."""

    false: float
    hits: float
    early: float
    lead: float


def judge(judged: Days, sick: dict[str, date], alarms: Alarms) -> Figures:
    """What alarms are worth on the days of `judged`."""
    hit = early = false = healthy = 0
    leads = []
    for person, onset in sick.items():
        known = judged[person]
        apart = [(at - onset).days for at in known]
        told = [(at - onset).days for at in alarms[person] if at in known]
        hit += any(-3 <= d <= 7 for d in told)
        early += any(-7 <= d <= 0 for d in told)
        leads += [-min(window)] if (window := [d for d in told if -7 <= d <= 7]) else []
        healthy += sum(d < -14 or d > 42 for d in apart)
        false += sum(d < -14 or d > 42 for d in told)
    persons = len(sick) or math.nan
    lead = float(median(leads)) if leads else math.nan
    return Figures(30 * false / (healthy or math.nan), hit / persons, early / persons, lead)


def thresholds(scores: Days, least: float = -math.inf) -> list[float]:
    """Every score there is, from the least that may be a threshold on: as fine as a curve can be."""
    return sorted({max(score, least) for own in scores.values() for score in own.values()})


def common(pulse: Days, *known: Days) -> Days:
    """The days on which every one of some detectors knows enough to alert."""
    return {
        person: {at: value for at, value in values.items() if all(at in scores[person] for scores in known)}
        for person, values in pulse.items()
    }


def most_hits(figures: list[Figures], allowed: float) -> float:
    """The greatest share of onsets found at no more false alarm days; NaN where no day is healthy."""
    if all(math.isnan(found.false) for found in figures):
        return math.nan
    return max((found.hits for found in figures if found.false <= allowed), default=0.0)


def curves(pulse: Days, sick: dict[str, date]) -> tuple[list[Table], list[Plot]]:
    """The long table, and the detectors compared with their curves, on all days and on the same ones."""
    ours, median_z, river = ByPipeline(pulse), by_median(pulse), by_river(pulse)
    scores = ours.scores()
    long: dict[str, tuple[Callable[[float], Alarms], tuple[float, ...]]] = {
        "Vigie": (ours.alarms, SHOWN),
        "28-day median/MAD z": (lambda threshold: at_least(median_z, threshold), SHOWN_Z),
        "River StandardAbsoluteDeviation": (lambda threshold: at_least(river, threshold), SHOWN_Z),
        "fixed limit": (lambda threshold: at_least(pulse, threshold), LIMITS),
        "blind metronome": (lambda threshold: by_metronome(pulse, int(threshold)), METRONOME),
    }
    rows: list[Row] = [
        [name, float(threshold), *judge(pulse, sick, detector(threshold))]
        for name, (detector, chosen) in long.items()
        for threshold in chosen
    ]
    columns = ["detector", "threshold", "false/30 d", "hits", "before onset", "lead, days"]
    table = Table(f"Onset of symptoms, {len(sick)} persons (untuned), all their days", columns, rows)
    same = common(pulse, scores, median_z, river)
    fine = {
        "Vigie": [ours.alarms(threshold) for threshold in thresholds(scores, LEAST_THRESHOLD)],
        "28-day median/MAD z": [at_least(median_z, threshold) for threshold in thresholds(median_z)],
        "River StandardAbsoluteDeviation": [at_least(river, threshold) for threshold in thresholds(river)],
        "fixed limit": [at_least(pulse, threshold) for threshold in thresholds(pulse)],
        "blind metronome": [by_metronome(pulse, every) for every in METRONOME],
    }
    compared = [
        compare("all days", pulse, sick, fine),
        compare(f"the {sum(map(len, same.values()))} days that all detectors know", same, sick, fine),
    ]
    return [table, *(told for told, _ in compared)], [plot for _, plot in compared]


def compare(
    which: str, judged: Days, sick: dict[str, date], fine: dict[str, list[Alarms]]
) -> tuple[Table, Plot]:
    """The onsets found at the same false alarm days, and the curves, of the alarms of many thresholds."""
    found = {name: [judge(judged, sick, alarms) for alarms in told] for name, told in fine.items()}
    best: list[Row] = [[name, *(most_hits(told, most) for most in ALLOWED)] for name, told in found.items()]
    title = f"Onsets found at no more false alarm days per 30, on {which}"
    lines = [Curve(name, sorted((f.false, f.hits) for f in told)) for name, told in found.items()]
    plot = Plot(title, "false alarm days per 30 healthy days", "share of onsets found", lines)
    return Table(title, ["detector", *map(str, ALLOWED)], best), plot


def perturbation(pulse: Days, sick: dict[str, date], percent: float, repeats: int, seed: int) -> Table:
    """Onsets found by Vigie, with all parameters of change over days moved at once."""
    chance = np.random.default_rng(seed)
    figures = []
    for _ in range(repeats):
        ours = ByPipeline(pulse, perturbed(chance, percent))
        fine = thresholds(ours.scores(), LEAST_THRESHOLD)
        told = [judge(pulse, sick, ours.alarms(threshold)) for threshold in fine]
        figures.append([most_hits(told, most) for most in ALLOWED])
    title = (
        f"Vigie, all days: all parameters of change over days ±{percent:g} %, {repeats} times, seed {seed}"
    )
    return repeated(title, [*map(str, ALLOWED)], figures)


@click.command(name="welltory")
@options
@perturbations
def command(data: Path, out: Path | None, perturb: float | None, repeats: int, seed: int) -> None:
    """The onset of symptoms in the daily resting pulse: hits against false alarm days, as curves."""
    skipped = Skipped()
    wearables, participants = either(data / "wearables.csv"), either(data / "participants.csv")
    everyone = days(wearables, skipped)
    sick = onsets(participants, everyone, skipped)
    pulse = {person: everyone[person] for person in sick}  # nobody's alerts depend on another's readings
    tables, plots = curves(pulse, sick)
    if perturb is not None:
        tables.append(perturbation(pulse, sick, perturb, repeats, seed))
    facts: list[Row] = [["persons with a resting pulse", len(everyone)], ["of them judged", len(sick)]]
    facts += [[f"days not accepted: {why}", n] for why, n in ByPipeline(pulse).refused().items()]
    facts += [[what, n] for what, n in sorted(skipped.items())]
    tell("welltory", [*tables, Table("Recording", ["what", "how many"], facts)], plots, out)
