"""`vigie evaluate drift`: simulated cohorts through the pipeline: how much drift is found, for how many alerts."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import click
import numpy as np

from models.calibration import Calibration
from models.catalog import Catalog
from models.plan import Plan
from models.report import TREND
from streams.configuration import load_catalog, load_default_plan
from streams.evaluation import budget as spending
from streams.evaluation import cohort
from streams.evaluation.cohort import Cohort, Found, run

BUDGETS: Final = (0.05, 0.1)
WITHIN: Final = 7.0  # days in which an event must be found
SETTLED: Final = 21  # days before anything is counted
Make = Callable[..., Cohort]


class Signal(NamedTuple):
    """A vital's simulation, its length, when events begin (days), and its events with their targets."""

    make: Make
    days: int
    onset: tuple[float, float]
    events: tuple[str, ...]


SIGNALS: Final = {
    "heart-rate": Signal(
        cohort.heart_rate,
        60,
        (35.0, 45.0),
        ("night +4", "ramp 1/day", "step +10", "noise x2", "rhythm lost"),
    ),
    "spo2": Signal(cohort.spo2, 60, (35.0, 45.0), ("ramp -0.4/day", "step -1.5")),
    "body-weight": Signal(cohort.weight, 120, (60.0, 100.0), ("+0.35 kg/day",)),
}


class Figure(NamedTuple):
    """An event at a budget: shares found (within the horizon, by chance, within 2 and 3 days), median delay."""

    event: str
    found: float
    chance: float
    within_2: float
    within_3: float
    delay: float


def measure(
    signal: Signal, patients: int, seed: int, catalog: Catalog, plan: Plan, budget: float, side: str
) -> tuple[Calibration, Found, list[Figure]]:
    """Calibrate on one cohort, count alerts on another, find events in others: all of different seeds."""
    vital = signal.make(1, 1, seed).vital
    calibration = None
    for _ in range(2):  # the second time with the first one's variances in force, as it will be
        first = run(signal.make(patients, signal.days, seed), catalog, plan, calibration, TREND)
        table = spending.tables(first.lines, signal.days - SETTLED)[vital]
        entry, _ = spending.calibrate(table, budget, side)
        calibration = Calibration(programme="*", version=f"seed-{seed}", budget=budget, vitals={vital: entry})
    assert calibration is not None
    quiet = run(signal.make(patients, signal.days, seed + 1), catalog, plan, calibration, TREND)
    counted = [at for _, at in quiet.opened if at >= SETTLED]
    rate = len(counted) / patients / (signal.days - SETTLED) * 7
    figures = []
    for i, event in enumerate(signal.events):
        onset = np.random.default_rng(seed + 9).uniform(*signal.onset, patients)
        if signal.make is cohort.weight:
            onset = np.floor(onset) + cohort.MORNING / cohort.DAY
        found = run(
            signal.make(patients, signal.days, seed + 100 + i, event, onset),
            catalog,
            plan,
            calibration,
            TREND,
        )
        delays = np.full(patients, np.inf)
        for who, at in found.opened:
            if 0 <= at - onset[who] < WITHIN:
                delays[who] = min(delays[who], at - onset[who])
        seen = delays[np.isfinite(delays)]
        chance = 1 - np.exp(-rate * WITHIN / 7)
        figures.append(
            Figure(
                event,
                float(np.isfinite(delays).mean()),
                float(chance),
                float((delays <= 2).mean()),
                float((delays <= 3.01).mean()),
                float(np.median(seen)) if len(seen) else float("nan"),
            )
        )
    return calibration, quiet, figures


def busiest(found: Found, patients: int, days: int) -> float:
    """Alerts per week of the busiest 5 % of patients."""
    counts = np.zeros(patients)
    for who, at in found.opened:
        counts[who] += at >= SETTLED
    top = np.sort(counts)[::-1][: max(1, round(0.05 * patients))]
    return float(top.mean()) / (days - SETTLED) * 7


@click.command(name="drift")
@click.option("--patients", default=400, show_default=True, help="Patients of each cohort.")
@click.option("--seed", default=1, show_default=True, help="Seed of the first cohort; the others follow.")
@click.option("--vital", "vitals", multiple=True, type=click.Choice(list(SIGNALS)), help="Only these.")
def command(patients: int, seed: int, vitals: tuple[str, ...]) -> None:
    """Simulated cohorts with labelled deteriorations, for two budgets of alerts."""
    catalog = load_catalog()
    plan = load_default_plan(None, catalog)
    sides: dict[str, Any] = {b.vital: b.trend for b in plan.baselines}
    for vital in vitals or tuple(SIGNALS):
        signal = SIGNALS[vital]
        for budget in BUDGETS:
            calibration, quiet, figures = measure(signal, patients, seed, catalog, plan, budget, sides[vital])
            weeks = patients * (signal.days - SETTLED) / 7
            rate = sum(at >= SETTLED for _, at in quiet.opened) / weeks
            click.echo(
                f"\n{vital}, {patients} patients, {signal.days} days, budget {budget} alerts per patient-week: "
                f"achieved on fresh patients {rate:.3f}, busiest 5 % {busiest(quiet, patients, signal.days):.2f}"
            )
            click.echo(f"  calibration {calibration.vitals[vital]}")
            click.echo(
                f"  {'event':16}{'found %':>9}{'chance %':>10}{'in 2 d %':>10}{'in 3 d %':>10}{'median d':>10}"
            )
            for f in figures:
                click.echo(
                    f"  {f.event:16}{100 * f.found:9.1f}{100 * f.chance:10.1f}{100 * f.within_2:10.1f}"
                    f"{100 * f.within_3:10.1f}{f.delay:10.1f}"
                )
