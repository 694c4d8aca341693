"""`vigie evaluate drift`: simulated cohorts through the pipeline: what drift is found for how many alerts."""

import functools
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np

from models.calibration import Calibration, VitalCalibration
from models.catalog import Catalog
from models.plan import Plan
from models.report import TREND
from models.score.slow_parameters import TUNED, perturbed
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation import budget as spending
from streams.evaluation import cohort, programme, recorded, rivals
from streams.evaluation.cohort import Cohort
from streams.evaluation.journey import Found, run
from streams.evaluation.measures import FOUND, WITHIN, in_time
from streams.evaluation.report import BUDGET, COUNT, PERCENT, SEED, Curve, Plot, Row, Table, tell

BUDGETS: Final = (0.05, 0.1)
SETTLED: Final = 21  # days before anything is counted
APART: Final = 10_000  # seeds of one --seed: no cohort of one is a cohort of the next
Alerts = list[tuple[int, float]]  # (patient, days since the cohort's start)


class Signal(NamedTuple):
    """A vital's simulation, its days, the days among which events begin, the events."""

    vital: str
    make: Callable[..., Cohort]
    days: int
    onset: tuple[int, int]
    events: tuple[str, ...]


HEART: Final = ("night +4", "ramp 1/day", "step +10", "noise x2", "rhythm lost")
TWICE: Final = ("ramp 1/3 SD/day", "step +2 SD")
DAILY: Final = (120, (60, 100))  # days, onset: what is measured once or twice a day, and begins with that
SIGNALS: Final = {
    "heart-rate": Signal("heart-rate", cohort.heart_rate, 60, (35, 45), HEART),
    "spo2": Signal("spo2", cohort.spo2, 60, (35, 45), ("ramp -0.4/day", "step -1.5")),
    "body-weight": Signal("body-weight", cohort.weight, *DAILY, ("+0.35 kg/day",)),
    "body-weight-often": Signal("body-weight", cohort.weight_often, *DAILY, ("+0.35 kg/day",)),
    "systolic-bp": Signal("systolic-bp", cohort.pressure, *DAILY, TWICE),
    "pulse": Signal("heart-rate", cohort.pulse, *DAILY, TWICE),
}


class Figure(NamedTuple):
    """An event: shares found within the horizon, 2 and 3 days; median delay in days of those found."""

    event: str
    found: float
    within_2: float
    within_3: float
    delay: float

    def cells(self) -> Row:
        """Percentages and the delay, as the columns FOUND name them."""
        return [*(round(100 * x, 1) for x in (self.found, self.within_2, self.within_3)), self.delay]


class Measured(NamedTuple):
    """A method at a budget: alerts per patient-week of fresh patients, of the busiest 5 %, the events."""

    name: str
    achieved: float
    busiest: float
    figures: list[Figure]


class Trial:
    """One signal's cohorts: `seed` times APART and on are those of thresholds, alerts and each event.

    slow: PARAMETERS (1,) of change over days other than the shipped ones; minutes: between heart rates.
    """

    def __init__(
        self,
        name: str,
        patients: int,
        seed: int,
        catalog: Catalog,
        plan: Plan,
        slow: np.ndarray | None = None,
        minutes: int = 15,
    ) -> None:
        self.name, self.patients, self.first, self.slow = name, patients, seed * APART, slow
        self.signal, self.catalog, self.plan = SIGNALS[name], catalog, plan
        self.make, self.minutes = self.signal.make, minutes
        if name == "heart-rate":
            self.make = functools.partial(self.make, minutes=minutes)
        self.baseline = next(b for b in plan.baselines if b.vital == self.signal.vital)

    def cohort(self, number: int, event: str = "") -> tuple[Cohort, np.ndarray]:
        """The cohort of a number, and when its event began (days)."""
        seed = self.first + 1_000 * number
        onset = np.random.default_rng(seed + 900).uniform(*self.signal.onset, self.patients)
        if self.signal.days == DAILY[0]:  # an event begins with a measurement
            onset = np.floor(onset) + cohort.MORNING / cohort.DAY
        return self.make(self.patients, self.signal.days, seed, event, onset if event else None), onset

    def found(self, made: Cohort, calibration: Calibration | None) -> Found:
        """What the pipeline tells of a cohort."""
        return run(made, self.catalog, self.plan, calibration, self.slow)

    def calibrate(self, budget: float) -> Calibration:
        """Variances and thresholds from the first cohort, run with the shipped ones, then with those.

        The first ones change what the lines say: spreads by the variances, what is learned by the alerts.
        """
        made, calibration = self.cohort(0)[0], None
        for _ in range(2):
            lines = self.found(made, calibration).lines
            tables = spending.tables(lines, self.signal.days - SETTLED)
            entry, _ = programme.vital(tables, None, self.baseline, budget, self.slow)
            vitals = {self.signal.vital: entry}
            calibration = Calibration(
                programme="*", version=f"seed-{self.first}", budget=budget, vitals=vitals
            )
        assert calibration is not None
        return calibration

    def measure(self, calibration: Calibration) -> list[Measured]:
        """Vigie with a calibration, and the clinician's limits of its plan, which need none."""
        healthy = self.found(self.cohort(1)[0], calibration)
        events = []
        for number, event in enumerate(self.signal.events):
            made, onset = self.cohort(2 + number, event)
            events.append((event, self.found(made, calibration), onset))
        out = []
        limited = any(limit.vital == self.signal.vital for limit in self.plan.limits)
        kinds = [("Vigie", "trend", TREND), *([("limits of the shipped plan", "limit", None)] * limited)]
        for name, kind, rule in kinds:
            figures = [figure(event, of_kind(told, kind, rule), onset) for event, told, onset in events]
            out.append(self.measured(name, of_kind(healthy, kind, rule), figures))
        return out

    def others(self, budget: float) -> list[Measured]:
        """Methods of the literature on the same cohorts, with thresholds for the same budget."""
        calm, fresh = self.cohort(0)[0], self.cohort(1)[0]
        events = [(event, *self.cohort(2 + n, event)) for n, event in enumerate(self.signal.events)]
        out = []
        for rival in rivals.RIVALS.get(self.name, ()):
            bar = rival.bar
            if bar is None:
                bar = rivals.threshold(rival.scores(calm), SETTLED, budget)
            figures = [
                figure(event, rivals.alerts(rival.scores(made), bar), onset) for event, made, onset in events
            ]
            out.append(self.measured(rival.name, rivals.alerts(rival.scores(fresh), bar), figures))
        blind = [
            rivals.metronome(self.patients, self.signal.days, budget, self.first + n)
            for n in range(1 + len(events))
        ]
        figures = [
            figure(event, found, onset) for (event, _, onset), found in zip(events, blind[1:], strict=True)
        ]
        return [*out, self.measured("blind metronome", blind[0], figures)]

    def measured(self, name: str, alerts: Alerts, figures: list[Figure]) -> Measured:
        """What healthy patients were told, per patient-week once settled."""
        counts = np.zeros(self.patients)
        for who, at in alerts:
            counts[who] += at >= SETTLED
        weeks = (self.signal.days - SETTLED) / 7
        busy = np.sort(counts)[::-1][: max(1, round(spending.BUSIEST * self.patients))].mean() / weeks
        return Measured(name, float(counts.mean() / weeks), float(busy), figures)


def of_kind(found: Found, kind: str, rule: str | None) -> Alerts:
    """The alerts of a kind, and of a rule where one is named."""
    return [(t.patient, t.at) for t in found.told if t.kind == kind and rule in (None, t.rule)]


def figure(event: str, alerts: Iterable[tuple[int, float]], onset: np.ndarray) -> Figure:
    """How soon an event is told: the first alert in the week from its beginning on."""
    delays = np.full(len(onset), np.inf)
    for who, at in alerts:
        if 0 <= at - onset[who] < WITHIN:
            delays[who] = min(delays[who], at - onset[who])
    return Figure(event, *in_time(delays))


def report(m: Measured, trial: Trial, budget: float, entry: VitalCalibration) -> Table:
    """Vigie's measurement as a table: what was asked and spent in its title, one event a row."""
    days = entry.of_days() if trial.signal.days == DAILY[0] else None
    title = (
        f"{trial.name}: {trial.patients} patients, {trial.signal.days} days, "
        f"budget {budget} per patient-week\n"
        f"  alerts of fresh patients {m.achieved:.3f} per week, busiest 5 % {m.busiest:.2f} "
        f"({m.busiest / budget:.1f} x budget), found by chance {100 * (1 - math.exp(-m.achieved)):.0f} %\n"
        f"  {days or f'{entry.variance} {entry.threshold}'}"
    )
    return Table(title, ["event", *FOUND], [[f.event, *f.cells()] for f in m.figures])


def beside(methods: list[Measured], trial: Trial, budget: float) -> list[Table]:
    """All methods on each event, with the alerts that they told healthy patients."""
    return [
        Table(
            f"{trial.name}, {event}: beside other methods, budget {budget}",
            ["method", "alerts a week", *FOUND],
            [[m.name, m.achieved, *m.figures[i].cells()] for m in methods],
        )
        for i, event in enumerate(trial.signal.events)
    ]


def plots(told: list[tuple[str, float, Measured]]) -> list[Plot]:
    """A plot for each signal: the share of each event found within 2, 3 and 7 days, one curve per budget."""
    curves: dict[str, list[Curve]] = {}
    for name, budget, m in told:
        for f in m.figures:
            points = [(0.0, 0.0), (2.0, 100 * f.within_2), (3.0, 100 * f.within_3), (WITHIN, 100 * f.found)]
            curves.setdefault(name, []).append(Curve(f"{f.event}, budget {budget}", points))
    return [Plot(f"{name}: found", "days", "%", found) for name, found in curves.items()]


def perturbation(trial: Trial, budget: float, percent: float, repeats: int) -> Table:
    """The figures with all real-valued parameters of change over days moved at once, each by its own factor.

    Thresholds are made anew for each set, as a deployment would; cohorts stay the same.
    """
    chance = np.random.default_rng(trial.first)
    figures = []
    for _ in range(repeats):
        slow = perturbed(chance, percent)
        moved = Trial(
            trial.name, trial.patients, trial.first // APART, trial.catalog, trial.plan, slow, trial.minutes
        )
        m = moved.measure(moved.calibrate(budget))[0]
        figures.append([m.achieved, *(100 * f.found for f in m.figures)])
    table = np.array(figures)
    measures = {"mean": table.mean(axis=0), "sd": table.std(axis=0, ddof=1), "min": table.min(axis=0)}
    rows: list[Row] = [[name, *values.tolist()] for name, values in measures.items()]
    title = (
        f"{trial.name}, {trial.patients} patients, budget {budget}: the {len(TUNED)} real-valued parameters\n"
        f"  of change over days ±{percent:g} %, {repeats} times, seed {trial.first // APART}"
    )
    return Table(title, ["figure", "alerts", *(f"{event} %" for event in trial.signal.events)], rows)


@click.command(name="drift")
@click.option("--patients", type=COUNT, default=400, show_default=True, help="Patients of each cohort.")
@click.option(
    "--seed", type=SEED, default=1, show_default=True, help="Which cohorts; no two seeds share one."
)
@click.option("--vital", "names", multiple=True, type=click.Choice(list(SIGNALS)), help="Only these.")
@click.option("--budget", "budgets", multiple=True, type=BUDGET, default=BUDGETS, show_default=True)
@click.option(
    "--minutes",
    type=click.Choice(["1", "5", "15", "60"]),
    default="15",
    show_default=True,
    help="Between two heart rates.",
)
@click.option("--perturb", type=PERCENT, help="Repeat, parameters moved by up to ± %.")
@click.option("--repeats", type=click.IntRange(2), default=15, help="How often --perturb repeats.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of recorded readings.csv and onsets.csv, instead of simulations.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figures as JSON and plots.",
)
def command(
    patients: int,
    seed: int,
    names: tuple[str, ...],
    budgets: tuple[float, ...],
    minutes: str,
    perturb: float | None,
    repeats: int,
    data: Path | None,
    out: Path | None,
) -> None:
    """Deteriorations, simulated or recorded: told within a week, for a budget of alerts per patient-week.

    A recording is two CSV files: readings.csv with patient, vital, value, unit, measured_at (as a reading
    has them), onsets.csv with patient, vital, at (RFC 3339), event.
    """
    catalog = load_catalog()
    plan = load_default_plan(None, catalog)
    if data is not None:
        measured = [recorded.measure(data, plan, budget) for budget in budgets]
        notes = dict.fromkeys(note for _, told_of in measured for note in told_of)
        tell("drift", [table for table, _ in measured], [], out, list(notes))
        return
    told, tables = [], []
    for name in names or tuple(SIGNALS):
        trial = Trial(name, patients, seed, catalog, plan, minutes=int(minutes))
        for budget in budgets:
            calibration = trial.calibrate(budget)
            ours, *limits = trial.measure(calibration)
            told.append((name, budget, ours))
            tables.append(report(ours, trial, budget, calibration.vitals[trial.signal.vital]))
            tables += beside([ours, *trial.others(budget), *limits], trial, budget)
            if perturb is not None:
                tables.append(perturbation(trial, budget, perturb, repeats))
    tell("drift", tables, plots(told), out)
