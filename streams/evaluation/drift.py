"""`vigie evaluate drift`: simulated cohorts through the pipeline: what drift is found for how many alerts."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np

from models.calibration import Calibration, VitalCalibration
from models.catalog import Catalog
from models.plan import Plan
from models.report import TREND
from models.score.slow_parameters import perturbed
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation import budget as spending
from streams.evaluation import cohort
from streams.evaluation.cohort import Cohort, Found, run
from streams.evaluation.report import Curve, Plot, Row, Table, tell

BUDGETS: Final = (0.05, 0.1)
WITHIN: Final = 7.0  # days in which an event must be found
SETTLED: Final = 21  # days before anything is counted


class Signal(NamedTuple):
    """A vital's simulation, its days, the days among which events begin, the events."""

    make: Callable[..., Cohort]
    days: int
    onset: tuple[int, int]
    events: tuple[str, ...]


HEART: Final = ("night +4", "ramp 1/day", "step +10", "noise x2", "rhythm lost")
SIGNALS: Final = {
    "heart-rate": Signal(cohort.heart_rate, 60, (35, 45), HEART),
    "spo2": Signal(cohort.spo2, 60, (35, 45), ("ramp -0.4/day", "step -1.5")),
    "body-weight": Signal(cohort.weight, 120, (60, 100), ("+0.35 kg/day",)),
}


class Figure(NamedTuple):
    """An event: shares found within the horizon, 2 and 3 days; median delay in days of those found."""

    event: str
    found: float
    within_2: float
    within_3: float
    delay: float


class Measured(NamedTuple):
    """A vital at a budget: alerts per patient-week of fresh patients, of the busiest 5 %, chance, events."""

    vital: str
    budget: float
    achieved: float
    busiest: float
    chance: float
    calibration: VitalCalibration
    figures: list[Figure]


class Trial:
    """One vital's cohorts: `seed` for thresholds, `seed` + 1 for alerts, `seed` + 100 … for events.

    slow: PARAMETERS (1,) of change over days other than the shipped ones.
    """

    def __init__(
        self,
        vital: str,
        patients: int,
        seed: int,
        catalog: Catalog,
        plan: Plan,
        slow: np.ndarray | None = None,
    ) -> None:
        self.slow = slow
        self.vital, self.patients, self.seed = vital, patients, seed
        self.signal, self.catalog, self.plan = SIGNALS[vital], catalog, plan
        self.side = next(b.trend for b in plan.baselines if b.vital == vital)

    def found(self, seed: int, calibration: Calibration | None, event: str = "") -> tuple[Found, np.ndarray]:
        """What the pipeline finds in a cohort, and when its event began (days)."""
        onset = np.random.default_rng(seed + 900).uniform(*self.signal.onset, self.patients)
        if self.signal.days > 60:  # daily measurements: an event begins with one
            onset = np.floor(onset) + cohort.MORNING / cohort.DAY
        made = self.signal.make(self.patients, self.signal.days, seed, event, onset if event else None)
        return run(made, self.catalog, self.plan, calibration, TREND, self.slow), onset

    def calibrate(self, budget: float) -> Calibration:
        """Variances and thresholds from the first cohort, run with the shipped ones."""
        lines = self.found(self.seed, None)[0].lines
        table = spending.tables(lines, self.signal.days - SETTLED)[self.vital]
        entry, _ = spending.calibrate(table, budget, self.side)
        return Calibration(
            programme="*", version=f"seed-{self.seed}", budget=budget, vitals={self.vital: entry}
        )

    def measure(self, budget: float) -> Measured:
        """Everything about one budget."""
        calibration = self.calibrate(budget)
        counts = np.zeros(self.patients)
        for who, at in self.found(self.seed + 1, calibration)[0].opened:
            counts[who] += at >= SETTLED
        weeks = (self.signal.days - SETTLED) / 7
        busy = np.sort(counts)[::-1][: max(1, round(spending.BUSIEST * self.patients))].mean() / weeks
        rate = float(counts.mean() / weeks)
        figures = [
            self.event(event, self.seed + 100 + i, calibration) for i, event in enumerate(self.signal.events)
        ]
        entry = calibration.vitals[self.vital]
        return Measured(self.vital, budget, rate, float(busy), 1 - math.exp(-rate), entry, figures)

    def event(self, event: str, seed: int, calibration: Calibration) -> Figure:
        """How soon an event is found: the first alert opened in the week from its beginning on."""
        found, onset = self.found(seed, calibration, event)
        delays = np.full(self.patients, np.inf)
        for who, at in found.opened:
            if 0 <= at - onset[who] < WITHIN:
                delays[who] = min(delays[who], at - onset[who])
        seen = delays[np.isfinite(delays)]
        median = float(np.median(seen)) if len(seen) else math.nan
        found_in = [float((delays < limit).mean()) for limit in (WITHIN, 2.01, 3.01)]
        return Figure(event, found_in[0], found_in[1], found_in[2], median)


def report(m: Measured, trial: Trial) -> Table:
    """A measurement as a table: what was asked and spent in its title, one event a row."""
    title = (
        f"{m.vital}: {trial.patients} patients, {trial.signal.days} days, "
        f"budget {m.budget} per patient-week\n"
        f"  alerts of fresh patients {m.achieved:.3f} per week, busiest 5 % {m.busiest:.2f} "
        f"({m.busiest / m.budget:.1f} x budget), found by chance {100 * m.chance:.0f} %\n"
        f"  {m.calibration.variance}\n"
        f"  {m.calibration.threshold}"
    )
    rows: list[Row] = [
        [f.event, *(round(100 * share, 1) for share in (f.found, f.within_2, f.within_3)), f.delay]
        for f in m.figures
    ]
    return Table(title, ["event", "in 7 days %", "in 2 %", "in 3 %", "median days"], rows)


def plots(told: list[Measured]) -> list[Plot]:
    """A plot for each vital: the share of each event found within 2, 3 and 7 days, one curve per budget."""
    curves: dict[str, list[Curve]] = {}
    for m in told:
        for f in m.figures:
            points = [(0.0, 0.0), (2.0, 100 * f.within_2), (3.0, 100 * f.within_3), (WITHIN, 100 * f.found)]
            curves.setdefault(m.vital, []).append(Curve(f"{f.event}, budget {m.budget}", points))
    return [Plot(f"{vital}: found", "days", "%", found) for vital, found in curves.items()]


def perturbation(trial: Trial, budget: float, percent: float, repeats: int) -> Table:
    """The figures with all parameters of change over days moved at once, each by its own factor.

    Thresholds are made anew for each set, as a deployment would; cohorts stay the same.
    """
    chance = np.random.default_rng(trial.seed)
    figures = []
    for _ in range(repeats):
        moved = Trial(
            trial.vital, trial.patients, trial.seed, trial.catalog, trial.plan, perturbed(chance, percent)
        )
        m = moved.measure(budget)
        figures.append([m.achieved, *(100 * f.found for f in m.figures)])
    table = np.array(figures)
    measures = {"mean": table.mean(axis=0), "sd": table.std(axis=0, ddof=1), "min": table.min(axis=0)}
    rows: list[Row] = [[name, *values.tolist()] for name, values in measures.items()]
    title = (
        f"{trial.vital}, {trial.patients} patients, budget {budget}: all parameters ±{percent:g} %, "
        f"{repeats} times, seed {trial.seed}"
    )
    return Table(title, ["figure", "alerts", *(f"{event} %" for event in trial.signal.events)], rows)


@click.command(name="drift")
@click.option("--patients", default=400, show_default=True, help="Patients of each cohort.")
@click.option("--seed", default=1, show_default=True, help="Seed of the first cohort; the others follow.")
@click.option("--vital", "vitals", multiple=True, type=click.Choice(list(SIGNALS)), help="Only these.")
@click.option("--budget", "budgets", multiple=True, type=float, default=BUDGETS, show_default=True)
@click.option("--perturb", type=click.FloatRange(0, 90), help="Repeat, parameters moved by up to ± %.")
@click.option("--repeats", type=click.IntRange(2), default=15, help="How often --perturb repeats.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figures as JSON and plots.",
)
def command(
    patients: int,
    seed: int,
    vitals: tuple[str, ...],
    budgets: tuple[float, ...],
    perturb: float | None,
    repeats: int,
    out: Path | None,
) -> None:
    """Simulated deteriorations: found within a week, for a budget of alerts per patient-week."""
    catalog = load_catalog()
    plan = load_default_plan(None, catalog)
    told, tables = [], []
    for vital in vitals or tuple(SIGNALS):
        trial = Trial(vital, patients, seed, catalog, plan)
        for budget in budgets:
            told.append(trial.measure(budget))
            tables.append(report(told[-1], trial))
            if perturb is not None:
                tables.append(perturbation(trial, budget, perturb, repeats))
    tell("drift", tables, plots(told), out)
