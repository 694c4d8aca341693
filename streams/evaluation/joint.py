"""`vigie evaluate joint`: vitals that leave together, each within its own band, on simulated patients.

Cohorts run through the product's pipeline. The threshold of each way is that of the first cohort for the
budget, with room for chance (`joint_budget.calibrate`); alerts are counted on fresh patients, and found are
shifts of a day of others, all of different seeds. Beside the joint score: the best single vital (the largest
of the smoothed departures that the pipeline tells, each in its own deviations) and River's detectors on the
same departures; for these, hours count by the same rule, but nothing freezes while an alert stands.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import numpy as np
from river import anomaly, compose, preprocessing

from models.score.joint_parameters import perturbed
from streams.configuration import load_catalog
from streams.evaluation.cohort import DAY, START, Floats
from streams.evaluation.joint_budget import Scored, Told, calibrate, opened, told
from streams.evaluation.joint_cohort import VITALS, plan, run, values
from streams.evaluation.report import BUDGET, COUNT, Curve, Plot, Row, Table, perturbations, repeated, tell

SHIFTS: Final = (0.5, 1.0, 1.5, 2.0)  # deviations
CURVE: Final = 1.5  # the shift of the curve, and of --perturb
DAYS: Final = 45
SETTLED: Final = 21  # days before anything is counted
ONSET: Final = (35, 43)  # days among which a shift begins; it lasts one
PERSISTENCE: Final = 2  # hours in a row
NEVER: Final = 1e6  # a score that nothing reaches
HORIZON: Final = 28 * 24  # hours that a single vital's deviation remembers
OURS: Final = "joint"
MOST: Final = 1.0  # alerts per patient-week, where the curve ends
Scores = dict[str, Floats]


def single(hours: Told) -> Floats:
    """The largest departure of each hour in deviations of its vital so far; where the joint score is, too."""
    variance, out = np.zeros(len(VITALS)), np.full(len(hours.scores), np.nan)
    for i, row in enumerate(hours.departures):
        known = ~np.isnan(row)
        if np.isfinite(hours.scores[i]):
            out[i] = np.max(np.abs(row[known]) / np.sqrt(variance[known] + 1e-9))
        variance[known] += (row[known] ** 2 - variance[known]) / min(i + 1, HORIZON)
    return out


def by_river(make: Callable[[], Any]) -> Callable[[Told], Floats]:
    """An estimator of River, new for each patient, on the departures of its hours; asked, then taught."""

    def scores(hours: Told) -> Floats:
        model, out = make(), np.full(len(hours.scores), np.nan)
        for i, row in enumerate(hours.departures.tolist()):
            x = {vital: value for vital, value in zip(VITALS, row, strict=True) if value == value}
            if np.isfinite(hours.scores[i]):
                out[i] = model.score_one(x)
            model.learn_one({**dict.fromkeys(VITALS, 0.0), **x})
        return out

    return scores


def trees() -> Any:
    """River's HalfSpaceTrees behind a scaler, of the week before."""
    model = anomaly.HalfSpaceTrees(n_trees=25, height=6, window_size=168, seed=1)
    return compose.Pipeline(preprocessing.MinMaxScaler(), model)


def projections() -> Any:
    """River's LODA behind a scaler."""
    return compose.Pipeline(preprocessing.StandardScaler(), anomaly.LODA(seed=1))


WAYS: Final[dict[str, Callable[[Told], Floats]]] = {
    OURS: lambda hours: hours.scores,
    "best single vital": single,
    "River HalfSpaceTrees": by_river(trees),
    "River LODA": by_river(projections),
}


def settled(by_patient: dict[str, Told], way: Callable[[Told], Floats]) -> Scores:
    """Scores of the hours that count, by patient."""
    first = START // 3_600_000 + 24 * SETTLED
    return {patient: way(hours)[hours.hours >= first] for patient, hours in by_patient.items()}


class Trial(NamedTuple):
    """Cohorts of some patients; `seed` for thresholds, others for alerts and for each shift."""

    patients: int
    budget: float
    seed: int
    together: np.ndarray | None = None  # PARAMETERS (1,) other than the shipped ones

    def thresholds(self, ways: dict[str, Callable[[Told], Floats]]) -> dict[str, float]:
        """For the budget, from patients without a shift and a plan that never alerts."""
        lines = run(
            values(self.patients, DAYS, self.seed), load_catalog(), plan(NEVER, PERSISTENCE), self.together
        )
        hours = told(lines.lines, VITALS)
        cohorts = {
            name: {patient: Scored(scores) for patient, scores in settled(hours, way).items()}
            for name, way in ways.items()
        }
        return {name: calibrate(cohort, self.budget, PERSISTENCE) for name, cohort in cohorts.items()}

    def rates(
        self, ways: dict[str, Callable[[Told], Floats]], bounds: dict[str, float]
    ) -> tuple[dict[str, float], dict[str, Scores]]:
        """Alerts per patient-week of fresh patients, by way; and the scores that they come from."""
        weeks = self.patients * (DAYS - SETTLED) / 7
        found = run(
            values(self.patients, DAYS, self.seed + 1),
            load_catalog(),
            plan(bounds[OURS], PERSISTENCE),
            self.together,
        )
        hours = told(found.lines, VITALS)
        scores = {name: settled(hours, way) for name, way in ways.items()}
        rates = {name: alerts(scores[name], bounds[name]) / weeks for name in ways}
        rates[OURS] = sum(alert.at >= SETTLED for alert in found.told) / weeks
        return rates, scores

    def shares(
        self, ways: dict[str, Callable[[Told], Floats]], bounds: dict[str, float], shift: float
    ) -> tuple[dict[str, float], dict[str, list[float]]]:
        """The share of shifts found within their day, by way; and the highest lasting score of each day."""
        seed = self.seed + 100 + round(10 * shift)
        onset = np.random.default_rng(seed + 900).integers(*ONSET, self.patients).astype(float)
        cohort = values(self.patients, DAYS, seed, shift, onset)
        found = run(cohort, load_catalog(), plan(bounds[OURS], PERSISTENCE), self.together)
        # an hour is told when it is over
        seen = {alert.patient for alert in found.told if 1 / 24 <= alert.at - onset[alert.patient] < 1.05}
        best: dict[str, list[float]] = {name: [] for name in ways}
        for patient, hours in told(found.lines, VITALS).items():
            begin = (START + round(onset[int(patient.removeprefix("p-"))] * DAY)) // 3_600_000
            within = (hours.hours >= begin) & (hours.hours < begin + 24)
            for name, way in ways.items():
                best[name].append(lasting(way(hours)[within]))
        shares = {name: float(np.mean(np.array(best[name]) > bounds[name])) for name in ways}
        shares[OURS] = len(seen) / self.patients
        return shares, best


def alerts(scores: Scores, threshold: float) -> int:
    """Alerts that open on the scored hours."""
    return sum(len(opened(own, threshold, PERSISTENCE)) for own in scores.values())


def lasting(scores: Floats) -> float:
    """The highest score that PERSISTENCE scored hours in a row reach; NaN for fewer."""
    known = scores[~np.isnan(scores)]
    if len(known) < PERSISTENCE:
        return float("nan")
    return float(np.lib.stride_tricks.sliding_window_view(known, PERSISTENCE).min(axis=1).max())


def curve(scores: Scores, best: list[float], patients: int) -> list[tuple[float, float]]:
    """(alerts per patient-week of fresh patients, share of shifts found) at many thresholds."""
    weeks = patients * (DAYS - SETTLED) / 7
    pooled = np.concatenate([own[~np.isnan(own)] for own in scores.values()])
    points = []
    for threshold in np.quantile(pooled, 1 - np.geomspace(1e-5, 0.2, 40)):
        rate = alerts(scores, float(threshold)) / weeks
        if rate <= MOST:
            points.append((rate, float(np.mean(np.array(best) > threshold))))
    return sorted(points)


def perturbation(trial: Trial, percent: float, repeats: int) -> Table:
    """Figures of the joint score with all its parameters moved at once, thresholds made anew for each set."""
    chance, ours = np.random.default_rng(trial.seed), {OURS: WAYS[OURS]}
    figures = []
    for _ in range(repeats):
        moved = trial._replace(together=perturbed(chance, percent))
        bounds = moved.thresholds(ours)
        rate = moved.rates(ours, bounds)[0][OURS]
        figures.append([bounds[OURS], rate, 100 * moved.shares(ours, bounds, CURVE)[0][OURS]])
    title = f"joint: all parameters ±{percent:g} %, {repeats} times, seed {trial.seed}"
    return repeated(title, ["threshold", "alerts", f"{CURVE:.1f} deviations %"], figures)


@click.command(name="joint")
@click.option("--patients", type=COUNT, default=40, show_default=True, help="Patients of each cohort.")
@click.option("--budget", type=BUDGET, default=0.1, show_default=True, help="False alarms per patient-week.")
@perturbations
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figures as JSON and plots.",
)
def command(
    patients: int, budget: float, seed: int, perturb: float | None, repeats: int, out: Path | None
) -> None:
    """Joint shifts of vitals that each stay in their own band, beside the best single vital."""
    trial = Trial(patients, budget, 10_000 * seed)
    bounds = trial.thresholds(WAYS)
    rates, fresh = trial.rates(WAYS, bounds)
    rows: list[Row] = []
    curves = []
    for shift in SHIFTS:
        shares, best = trial.shares(WAYS, bounds, shift)
        rows.append([f"{shift:.1f} deviations", *(100 * shares[name] for name in WAYS)])
        if shift == CURVE:
            curves = [Curve(name, curve(fresh[name], best[name], patients)) for name in WAYS]
    rows.append(["alerts per patient-week, fresh patients", *(rates[name] for name in WAYS)])
    rows.append(["threshold (score)", *(bounds[name] for name in WAYS)])
    title = f"joint shift found within its day, %: {patients} patients, budget {budget} per patient-week"
    tables = [Table(title, ["shift", *WAYS], rows)]
    if perturb is not None:
        tables.append(perturbation(trial, perturb, repeats))
    plot = Plot(f"shift of {CURVE:.1f} deviations", "alerts per patient-week", "share found in a day", curves)
    tell("joint", tables, [plot], out)
