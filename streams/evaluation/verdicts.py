"""`vigie evaluate verdicts`: how well verdicts foretell which alerts are actionable, and order the work.

Prequential: what is said of an alert when it opens is held against the verdict that comes later; each way of
ordering sees what came before and nothing else. Simulated nurses change their mind midway; on TIHM (--data)
the verdict is whether the clinical team verified an alert of that kind.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np
from river import drift, forest, linear_model, optim

from models.triage import SEVERITIES
from models.verdicts.learner import FADING, LEAST, THRESHOLD, Learner
from models.verdicts.regression import KalmanLogisticRegression
from streams.alerts import urgency
from streams.configuration import load_catalog
from streams.evaluation import nurses, tihm_verdicts
from streams.evaluation.measures import auroc
from streams.evaluation.refit import Refit
from streams.evaluation.report import COUNT, PERCENT, SEED, Curve, Plot, Row, Table, repeated, tell
from streams.evaluation.rounds import rounds
from streams.evaluation.verdict_seeds import ADWIN, ONLINE, REFIT, WITHOUT, compared
from streams.verdicts import Alert, Case, prequential

BINS: Final = 10
DAY: Final = 86_400_000
CLIPPED: Final = 0.001  # of a likelihood, in the log loss
SEVERITY: Final = "severity alone"
TIHM: Final = "TIHM, verified or not"
PRIOR, PRIOR_INTERCEPT = 0.2, 4.0  # variances of the regression before anything was learned
WORK_LIST: Final = "work list: high first, then likelihood"
COLUMNS: Final = ["ordered by", "AUC", "1st quarter", "2nd", "3rd", "4th", "log loss", "calibration error"]


class RefitLearner(Learner):
    """A batch fit, at every alert that opens, of the labels that the online learner holds at that moment."""

    _fit: tuple[int, Refit] | None = None

    def likelihood(self, features: Mapping[str, float]) -> float | None:
        """As the learner says it, by the batch fit; when to forget stays the online learner's decision."""
        if not self.ready:
            return None
        if self._fit is None or self._fit[0] != self.learned:
            self._fit = self.learned, Refit(list(self.memory))
        return self._fit[1].likelihood(features)


class AdwinLearner(Learner):
    """The same learner, whose memory is shortened by River's ADWIN on its log loss instead."""

    def __init__(self) -> None:
        super().__init__(math.inf)
        self._watch = drift.ADWIN()

    def learn(self, features: Mapping[str, float], actionable: bool) -> None:
        """As the learner does; a loss that rose for good cuts the memory to ADWIN's window."""
        said, before = self.likelihood(features), self._watch.estimation
        super().learn(features, actionable)
        if said is not None:
            self._watch.update(-math.log(max(said if actionable else 1 - said, CLIPPED)))
            if self._watch.drift_detected and self._watch.estimation > before:
                self.forget(int(self._watch.width))


class Judged(NamedTuple):
    """The judged alerts that the learner said something of, and what each ordering said, by its name."""

    cases: list[Case]
    said: dict[str, np.ndarray]
    drifts: list[tuple[int, int]]
    drifts_by_adwin: list[tuple[int, int]]


def judged(transitions: list[Alert]) -> Judged:
    """Every learner over the same transitions."""
    online, adwin = Learner(), AdwinLearner()
    learners = {
        ONLINE: online,
        REFIT: RefitLearner(),
        ADWIN: adwin,
        WITHOUT: Learner(math.inf),
        "River's LogisticRegression (Adam 0.02)": Learner(
            classifier=lambda: linear_model.LogisticRegression(optim.Adam(0.02), l2=0.001)
        ),
        "River's ARFClassifier": Learner(classifier=lambda: forest.ARFClassifier(seed=1)),
    }
    found = {name: prequential(transitions, learner) for name, learner in learners.items()}
    kept = [i for i, case in enumerate(found[ONLINE]) if case.said is not None]
    cases = [found[ONLINE][i] for i in kept]
    said = {name: np.array([told[i].said for i in kept], float) for name, told in found.items()}
    grave = np.array([SEVERITIES.index(case.opening["severity"]) for case in cases], float)
    return Judged(cases, {**said, SEVERITY: grave}, online.drifts, adwin.drifts)


def calibration(said: np.ndarray, outcome: np.ndarray) -> list[tuple[int, float, float]]:
    """(alerts, mean said, share actionable) of each tenth of likelihoods that has any."""
    place = np.clip((said * BINS).astype(int), 0, BINS - 1)
    return [
        (int(own.sum()), float(said[own].mean()), float(outcome[own].mean()))
        for own in (place == i for i in range(BINS))
        if own.any()
    ]


def calibration_error(said: np.ndarray, outcome: np.ndarray) -> float:
    """Expected calibration error over BINS bins (Naeini et al., AAAI 2015); NaN of no alert."""
    apart = sum(n * abs(mean - share) for n, mean, share in calibration(said, outcome))
    return apart / len(said) if len(said) else math.nan


def row(name: str, said: np.ndarray, outcome: np.ndarray, likelihood: bool = True) -> Row:
    """A row of COLUMNS: areas over all alerts and each quarter in order, loss and calibration error."""
    quarters = [auroc(s, y) for s, y in zip(np.array_split(said, 4), np.array_split(outcome, 4), strict=True)]
    if not likelihood or not len(outcome):
        return [name, auroc(said, outcome), *quarters, math.nan, math.nan]
    loss = -np.log(np.where(outcome, said, 1 - said).clip(CLIPPED, 1)).mean()
    return [name, auroc(said, outcome), *quarters, float(loss), calibration_error(said, outcome)]


def report(title: str, found: Judged, more: dict[str, np.ndarray]) -> tuple[list[Table], Plot]:
    """The table of orderings, that of calibration, and its plot. more: further likelihoods, by name."""
    outcome = np.array([case.actionable for case in found.cases], bool)
    rows = [
        row(name, said, outcome, name not in (SEVERITY, WORK_LIST))
        for name, said in {**found.said, **more}.items()
    ]
    drifts, by_adwin = (
        ", ".join(f"at verdict {at} ({kept} kept)" for at, kept in told) or "none"
        for told in (found.drifts, found.drifts_by_adwin)
    )
    heading = f"{title}: {len(outcome)} judged alerts"
    heading += f", {outcome.mean():.0%} actionable" if len(outcome) else f" after the first {LEAST} verdicts"
    heading += f"; drift told: {drifts}; by ADWIN: {by_adwin}"
    online = calibration(found.said[ONLINE], outcome)
    tenths: list[Row] = [[f"{n}", said, share] for n, said, share in online]
    curves = [
        Curve(ONLINE, [(said, share) for _, said, share in online]),
        Curve("as it should be", [(0.0, 0.0), (1.0, 1.0)]),
    ]
    tables = [
        Table(heading, COLUMNS, rows),
        Table(f"{title}: calibration, learned online", ["alerts", "said", "actionable"], tenths),
    ]
    return tables, Plot(f"{title}: calibration", "likelihood told", "share actionable", curves)


def refit_apart(title: str, rows: Sequence[Row]) -> str:
    """How far the online learner is from the batch refit, in plain words."""
    areas = {str(row[0]): [float(area) for area in row[1:6]] for row in rows if row[0] in (ONLINE, REFIT)}
    apart = [online - refit for online, refit in zip(areas[ONLINE], areas[REFIT], strict=True)]
    known = [
        (abs(d), place, d) for place, d in zip(COLUMNS[2:6], apart[1:], strict=True) if not math.isnan(d)
    ]
    if not known:
        return f"{title}: too few verdicts to compare the online learner with a batch refit."
    most, place, d = max(known)
    side = "over" if d > 0 else "under"
    told = (
        f"{title}: the online learner's AUC is {apart[0]:+.3f} from the batch refit's over all alerts and at "
    )
    return told + f"most {most:.3f} {side} it in a quarter ({place}); 0.02 was asked."


class Ward(NamedTuple):
    """A simulated ward, judged: its transitions in the order of the log, and its nurses."""

    seed: int
    transitions: list[Alert]
    judge: nurses.Nurses


def ward(patients: int, days: int, seed: int) -> Ward:
    """Nurses whose preference changes halfway; the core's own likelihood is calibrated daily."""
    judge = nurses.Nurses(patients, nurses.START + days // 2 * nurses.DAY, seed + 1)
    readings = nurses.readings(patients, days, seed)
    return Ward(seed, rounds(readings, nurses.plan(), load_catalog(), judge, relearn=DAY), judge)


def simulated(title: str, of: Ward) -> tuple[list[Table], Plot]:
    """The report of a ward: also of what the core said itself, and of what the nurses would have said."""
    found = judged(of.transitions)
    core = [case.opening.get("likelihood", math.nan) for case in found.cases]
    truth = [of.judge.likelihood(case.opening) for case in found.cases]
    told = [i for i, value in enumerate(core) if not math.isnan(value)]
    said = {name: likelihoods[told] for name, likelihoods in found.said.items()}
    some = found._replace(cases=[found.cases[i] for i in told], said=said)
    order = sorted(told, key=lambda i: urgency({**found.cases[i].opening, "opened_at": ""}), reverse=True)
    place = {i: rank for rank, i in enumerate(order)}
    more = {
        "in the core, calibrated daily": np.array(core, float)[told],
        WORK_LIST: np.array([place[i] for i in told], float),
        "the nurses' own preference": np.array(truth, float)[told],
    }
    return report(title, some, more)


def perturbation(title: str, transitions: list[Alert], percent: float, repeats: int, seed: int) -> Table:
    """Prequential figures of the online learner with its priors, fading and drift test moved at once."""
    chance = np.random.default_rng(seed)
    figures = []
    for _ in range(repeats):
        prior, intercept, lost, threshold = chance.uniform(1 - percent / 100, 1 + percent / 100, 4)
        learner = Learner(
            THRESHOLD * threshold,
            partial(KalmanLogisticRegression, PRIOR * prior, PRIOR_INTERCEPT * intercept),
            fading=1 - (1 - FADING) * lost,
        )
        cases = [case for case in prequential(transitions, learner) if case.said is not None]
        said = np.array([case.said for case in cases], float)
        outcome = np.array([case.actionable for case in cases], bool)
        figures.append([float(x) for x in row(ONLINE, said, outcome)[1:]])
    moved = f"priors, fading and drift test ±{percent:g} %, {repeats} times, seed {seed}"
    return repeated(f"{title}, {ONLINE}: {moved}", COLUMNS[1:], figures)


@click.command(name="verdicts")
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of TIHM, too."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for JSON and plots.")
@click.option("--patients", type=COUNT, default=60, show_default=True, help="Of the simulated ward.")
@click.option("--days", type=COUNT, default=120, show_default=True, help="Of the simulation.")
@click.option(
    "--seed", type=SEED, default=(11,), show_default=True, multiple=True, help="Of ward and nurses."
)
@click.option("--perturb", type=PERCENT, help="Repeat, parameters moved by up to ± %.")
@click.option("--repeats", type=click.IntRange(2), default=10, help="How often --perturb repeats.")
def command(
    data: Path | None,
    out: Path | None,
    patients: int,
    days: int,
    seed: tuple[int, ...],
    perturb: float | None,
    repeats: int,
) -> None:
    """Learning from verdicts: simulated nurses that change their mind, and TIHM with --data."""
    recorded = tihm_verdicts.transitions(data) if data else []
    tables, plots, notes, by_seed = list[Table](), list[Plot](), list[str](), {}
    by_title: dict[str, list[Alert]] = {}

    def add(title: str, transitions: list[Alert], told: tuple[list[Table], Plot]) -> None:
        tables.extend(told[0])
        plots.append(told[1])
        notes.append(refit_apart(title, told[0][0].rows))
        by_title[title] = transitions

    for one in seed:
        of, title = ward(patients, days, one), f"Simulated nurses, seed {one}"
        found = simulated(title, of)
        add(title, of.transitions, found)
        by_seed[one] = found[0][0].rows
    if len(by_seed) > 1:
        tables.append(compared(by_seed))
    if data:
        add(TIHM, recorded, report(TIHM, judged(recorded), {}))
    if perturb is not None:
        tables += [perturbation(title, told, perturb, repeats, seed[0]) for title, told in by_title.items()]
    tell("verdicts", tables, plots, out, notes)
