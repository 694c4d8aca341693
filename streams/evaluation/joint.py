"""`vigie evaluate joint`: vitals that leave together, each within its own band, on simulated patients.

Correlated hourly means with a course of the day; for one day each vital is moved by a share of its own
deviation, against the sign of their correlation. The joint score is compared with the best single vital
(the same moving average, the same profile, of each vital alone), each at the threshold that one cohort gives
for the budget, with room for chance as `vigie calibrate` leaves it; rates and events are measured on patients
of other seeds. What is counted are alerts that open. The threshold is what a plan of such vitals may name as
`score_above` of its `[plan.joint]`.
"""

from pathlib import Path
from typing import Final

import click
import numpy as np

from models.score import joint
from streams.evaluation.budget import bound
from streams.evaluation.report import Row, Table, tell

TOGETHER: Final = (
    np.array(  # heart rate, respiratory rate, saturation, skin temperature: this simulation's own
        [[1, 0.7, -0.5, 0.3], [0.7, 1, -0.5, 0.3], [-0.5, -0.5, 1, -0.2], [0.3, 0.3, -0.2, 1]]
    )
)
MEAN: Final = np.array([70.0, 16.0, 96.0, 33.0])
DEVIATION: Final = np.array([4.0, 1.5, 0.8, 0.4])
AGAINST: Final = np.array([1.0, -1.0, 1.0, 0.5])  # of one shift, by vital
SHIFTS: Final = (0.4, 0.6, 0.8, 1.0)  # deviations
DAYS: Final = 60
SETTLED: Final = 21  # days before anything is counted
PERSISTENCE: Final = 2  # hours in a row


def hours(days: int, shift: float, seed: int) -> np.ndarray:
    """Hourly means float64 (24 * days, 4); the last 24 are moved by `shift` deviations."""
    chance = np.random.default_rng(seed)
    z = chance.multivariate_normal(np.zeros(4), TOGETHER, 24 * days)
    z[-24:] += shift * AGAINST
    clock = 1.2 * np.sin(2 * np.pi * (np.arange(24 * days) % 24 - 10) / 24)
    return MEAN + DEVIATION * (z + clock[:, None] * np.array([1, 0.5, 0, 0.5]))


def scores(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(joint, best single) score of each hour, NaN until ready; both by the kernel, learned unguarded."""
    k = values.shape[1]
    s, out, single = np.zeros(1, joint.JOINT)[0], np.zeros(len(values)), np.zeros(len(values))
    for i, row in enumerate(values):
        joint.start(s, i)
        s["known"][:k], s["value"][:k] = 1, row
        m, _, out[i], _ = joint.assess(s, k, i % 24)
        with np.errstate(invalid="ignore", divide="ignore"):
            single[i] = np.abs(m / np.sqrt(np.diag(s["covariance"])[:k])).max()
        joint.learn(s, k, i % 24, m, out[i])
    return lasting(out), lasting(single)


def lasting(score: np.ndarray) -> np.ndarray:
    """The score that PERSISTENCE hours in a row reach."""
    windows = np.lib.stride_tricks.sliding_window_view(score, PERSISTENCE)
    return np.concatenate([np.full(PERSISTENCE - 1, np.nan), windows.min(axis=1)])


def opened(score: np.ndarray, threshold: float) -> int:
    """Alerts that open on the days counted: lasting scores beyond the threshold that the last was not."""
    beyond = score[24 * SETTLED :] > threshold
    return int((beyond[1:] & ~beyond[:-1]).sum() + beyond[0])


def threshold_for(healthy: list[np.ndarray], budget: float) -> float:
    """The least threshold at which as many new patients stay within the budget (`budget.bound`)."""
    weeks = len(healthy) * (DAYS - SETTLED) / 7
    low, high = 1.0, max(float(np.nanmax(score)) for score in healthy) + 1
    while high - low > 0.001:
        middle = (low + high) / 2
        over = bound(np.array([opened(score, middle) for score in healthy]), weeks) > budget
        low, high = (middle, high) if over else (low, middle)
    return high


@click.command(name="joint")
@click.option("--patients", default=100, show_default=True, help="Patients of each cohort.")
@click.option("--budget", default=0.1, show_default=True, help="False alarms per patient-week.")
@click.option("--seed", default=1, show_default=True, help="Seed of the first cohort; the others follow.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the figures as JSON."
)
def command(patients: int, budget: float, seed: int, out: Path | None) -> None:
    """Joint shifts of vitals that each stay in their own band, beside the best single vital."""
    first, second = 10_000 * seed, 10_000 * seed + 5_000
    healthy = [scores(hours(DAYS, 0.0, first + i)) for i in range(patients)]
    fresh = [scores(hours(DAYS, 0.0, second + i)) for i in range(patients)]
    rows: list[Row] = []
    weeks = patients * (DAYS - SETTLED) / 7
    bounds = [threshold_for([both[kind] for both in healthy], budget) for kind in range(2)]
    rates = [sum(opened(both[kind], bounds[kind]) for both in fresh) / weeks for kind in range(2)]
    for number, shift in enumerate(SHIFTS):
        events = [scores(hours(DAYS, shift, first + 2_000 * (number + 1) + 500 + i)) for i in range(patients)]
        found = [np.mean([both[k][-24:].max() > bounds[k] for both in events]) for k in range(2)]
        rows.append([f"{shift:.1f} deviations", 100 * float(found[0]), 100 * float(found[1])])
    rows.append(["false alarms per patient-week, fresh patients", rates[0], rates[1]])
    rows.append(["threshold (score)", bounds[0], bounds[1]])
    title = f"joint shift found within its day, %: {patients} patients, budget {budget} per patient-week"
    tell("joint", [Table(title, ["shift", "joint", "best single vital"], rows)], [], out)
