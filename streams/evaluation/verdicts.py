"""`vigie evaluate verdicts`: how well verdicts foretell which alerts are actionable, and order the work.

Prequential: what is said of an alert when it opens is held against the verdict that comes later; each way of
ordering sees what came before and nothing else. Simulated nurses change their mind midway; on TIHM (--data)
the verdict is whether the clinical team verified an alert of that kind.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np
from river import drift, forest, linear_model, optim

from models.triage import SEVERITIES
from models.verdicts.learner import Learner
from streams.alerts import urgency
from streams.configuration import load_catalog
from streams.evaluation import nurses, tihm_verdicts
from streams.evaluation.measures import auroc
from streams.evaluation.refit import Refit
from streams.evaluation.report import Curve, Plot, Row, Table, tell
from streams.evaluation.rounds import rounds
from streams.evaluation.verdict_seeds import ADWIN, ONLINE, REFIT, WITHOUT, compared
from streams.verdicts import Alert, Case, prequential

BINS: Final = 10
DAY: Final = 86_400_000
CLIPPED: Final = 0.001  # of a likelihood, in the log loss
SEVERITY: Final = "severity alone"
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
    """Expected calibration error over BINS bins (Naeini et al., AAAI 2015)."""
    return sum(n * abs(mean - share) for n, mean, share in calibration(said, outcome)) / len(said)


def row(name: str, said: np.ndarray, outcome: np.ndarray, likelihood: bool = True) -> Row:
    """A row of COLUMNS: areas over all alerts and each quarter in order, loss and calibration error."""
    quarters = [auroc(s, y) for s, y in zip(np.array_split(said, 4), np.array_split(outcome, 4), strict=True)]
    if not likelihood:
        return [name, auroc(said, outcome), *quarters, math.nan, math.nan]
    loss = -np.log(np.where(outcome, said, 1 - said).clip(CLIPPED, 1)).mean()
    return [name, auroc(said, outcome), *quarters, float(loss), calibration_error(said, outcome)]


def report(title: str, found: Judged, more: dict[str, np.ndarray]) -> tuple[list[Table], Plot]:
    """The table of orderings, that of calibration, and its plot. more: further likelihoods, by name."""
    outcome = np.array([case.actionable for case in found.cases])
    rows = [
        row(name, said, outcome, name not in (SEVERITY, WORK_LIST))
        for name, said in {**found.said, **more}.items()
    ]
    drifts, by_adwin = (
        ", ".join(f"at verdict {at} ({kept} kept)" for at, kept in told) or "none"
        for told in (found.drifts, found.drifts_by_adwin)
    )
    heading = f"{title}: {len(outcome)} judged alerts, {outcome.mean():.0%} actionable"
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


def simulated(patients: int, days: int, seed: int) -> tuple[list[Table], Plot]:
    """Simulated nurses whose preference changes halfway; the core's own likelihood is calibrated daily."""
    judge = nurses.Nurses(patients, nurses.START + days // 2 * nurses.DAY, seed + 1)
    ward = nurses.readings(patients, days, seed)
    found = judged(rounds(ward, nurses.plan(), load_catalog(), judge, relearn=DAY))
    core = [case.opening.get("likelihood", math.nan) for case in found.cases]
    truth = [judge.likelihood(case.opening) for case in found.cases]
    told = [i for i, value in enumerate(core) if not math.isnan(value)]
    said = {name: likelihoods[told] for name, likelihoods in found.said.items()}
    some = found._replace(cases=[found.cases[i] for i in told], said=said)
    order = sorted(told, key=lambda i: urgency({**found.cases[i].opening, "opened_at": ""}), reverse=True)
    place = {i: rank for rank, i in enumerate(order)}
    more = {
        "in the core, calibrated daily": np.array(core)[told],
        WORK_LIST: np.array([place[i] for i in told], float),
        "the nurses' own preference": np.array(truth)[told],
    }
    return report(f"Simulated nurses, seed {seed}", some, more)


@click.command(name="verdicts")
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of TIHM, too."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for JSON and plots.")
@click.option("--patients", default=60, show_default=True, help="Of the simulated ward.")
@click.option("--days", default=120, show_default=True, help="Of the simulation.")
@click.option("--seed", default=(11,), show_default=True, multiple=True, help="Of ward and nurses.")
def command(data: Path | None, out: Path | None, patients: int, days: int, seed: tuple[int, ...]) -> None:
    """Learning from verdicts: simulated nurses that change their mind, and TIHM with --data."""
    found = tihm_verdicts.transitions(data) if data else []
    tables, plots, by_seed = list[Table](), list[Plot](), {}
    for one in seed:
        more, plot = simulated(patients, days, one)
        tables, plots, by_seed[one] = tables + more, [*plots, plot], more[0].rows
    if len(by_seed) > 1:
        tables.append(compared(by_seed))
    if data:
        more, plot = report("TIHM, verified or not", judged(found), {})
        tables, plots = tables + more, [*plots, plot]
    tell("verdicts", tables, plots, out)
