"""`vigie evaluate nab`: the acute baseline on the Numenta Anomaly Benchmark, or any part of it.

Each file is one patient's series of a vital without bounds, all through one pipeline with one threshold
and one parameter set; what is scored are the alerts that open. Tuned on the visible half (31 files).
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from river import anomaly, compose, preprocessing

from models.catalog import Catalog, Vital
from models.plan import Baseline, Plan
from models.score.acute_parameters import perturbed
from streams.evaluation.numenta import PROFILES, File, hits, load, score
from streams.evaluation.play import instant, play, reading
from streams.evaluation.report import Row, Table, need, options, tell

THRESHOLD: Final = 4.5
BASIS: Final = 288  # first readings of a file: fixed limits are set on them, no detector alerts in them
REFRACTORY: Final = (30, 0.03)  # readings at least, and share of those seen: the episode rule of the product
METRONOME: Final = 400
QUANTILES: Final = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)
DAY: Final = 86_400_000
SERIES: Final = Catalog(
    (
        Vital(
            code="series",
            loinc="-",
            unit="1",
            minimum=-1e12,
            maximum=1e12,
            decimals=4,
            lateness=300.0,
            windows=("15m", "1d"),
            names={"en": "Series", "fr": "Série"},
            conversions={"1": (1.0, 0.0)},
        ),
    )
)
# Published for all 58 files (README of NAB v1.1): an anchor only, where a part of them is scored.
PUBLISHED: Final = {
    "ARTime": (74.9, 65.2, 80.4),
    "Numenta HTM": (70.1, 63.1, 74.3),
    "CAD OSE": (69.9, 67.0, 73.2),
}


def records(files: list[File]) -> list[bytes]:
    """All readings of all files in the order of their times; file i is patient p-i."""
    rows = [
        (int(s), i, float(v)) for i, f in enumerate(files) for s, v in zip(f.seconds, f.values, strict=True)
    ]
    rows.sort(key=lambda row: row[0])
    return [reading(f"p-{i}", "series", value, "1", instant(second * 1000)) for second, i, value in rows]


def detections(
    files: list[File], told: list[bytes], threshold: float = THRESHOLD, acute: np.ndarray | None = None
) -> list[np.ndarray]:
    """Indices of the readings at which the pipeline opens an alert, for each file."""
    plan = Plan("*", "nab", "1", baselines=(Baseline("series", threshold, "off", "low"),))
    played = play(told, plan, catalog=SERIES, tick=DAY, acute=acute)
    found: list[list[int]] = [[] for _ in files]
    places = [{instant(int(s) * 1000): n for n, s in reversed(list(enumerate(f.seconds)))} for f in files]
    for alert in played.alerts:
        if alert["event"] == "opened":
            file = int(alert["patient"].removeprefix("p-"))
            found[file].append(places[file][alert["measured_at"]])
    return [np.array(indices, int) for indices in found]


def episodes(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Indices where a score passes the threshold, with the refractory rule of the product."""
    out: list[int] = []
    free = BASIS
    for i in np.flatnonzero(scores >= threshold).tolist():
        if i >= free:
            out.append(i)
            free = i + max(REFRACTORY[0], math.ceil(REFRACTORY[1] * i))
    return np.array(out, int)


def fixed_limits(values: np.ndarray) -> np.ndarray:
    """Distance from the mean of the first BASIS readings in their standard deviations; no learning after."""
    basis = values[:BASIS]
    return np.abs(values - basis.mean()) / (basis.std() + 1e-9)


def by_deviation(values: np.ndarray) -> np.ndarray:
    """River's StandardAbsoluteDeviation, online."""
    model = anomaly.StandardAbsoluteDeviation()
    out = np.zeros(len(values))
    for i, value in enumerate(values.tolist()):
        out[i] = model.score_one({}, value)
        model.learn_one({}, value)
    return out


def by_trees(values: np.ndarray) -> np.ndarray:
    """River's HalfSpaceTrees behind a MinMaxScaler, as its documentation shows, online."""
    model: Any = compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1))
    out = np.zeros(len(values))
    for i, value in enumerate(values.tolist()):
        out[i] = model.score_one({"x": value})
        model.learn_one({"x": value})
    return out


def best_threshold(files: list[File], detector: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """Detections of a baseline at the one threshold that scores best on these very files."""
    scores = [detector(file.values) for file in files]
    pooled = np.concatenate([s[BASIS:] for s in scores])
    choices = [[episodes(s, t) for s in scores] for t in np.unique(np.quantile(pooled, QUANTILES))]
    return max(choices, key=lambda found: score(files, found, "standard"))


def metronome(file: File) -> np.ndarray:
    """An alert every METRONOME readings; the data are never read."""
    return np.arange(METRONOME, len(file.values), METRONOME)


@click.command(name="nab")
@options
@click.option("--perturb", type=click.FloatRange(0, 90), help="Repeat, parameters moved by up to ± %.")
@click.option("--repeats", type=click.IntRange(2), default=40, help="How often --perturb repeats.")
@click.option("--seed", type=int, default=1, help="Of --perturb.")
def command(data: Path, out: Path | None, perturb: float | None, repeats: int, seed: int) -> None:
    """The acute baseline on the Numenta Anomaly Benchmark (combined_windows.json beside data/)."""
    need(data / "combined_windows.json")
    files = load(data)
    if not files:
        raise click.UsageError(f"--data: combined_windows.json names no file below {data / 'data'}")
    told = records(files)
    found = {
        f"Vigie, threshold {THRESHOLD}": detections(files, told),
        "fixed limits (first 288 readings)": best_threshold(files, fixed_limits),
        "River StandardAbsoluteDeviation": best_threshold(files, by_deviation),
        "River HalfSpaceTrees": best_threshold(files, by_trees),
        "blind metronome": [metronome(file) for file in files],
    }
    rows: list[Row] = []
    for name, indices in found.items():
        hit, windows, false = hits(files, indices)
        rows.append([name, *(score(files, indices, p) for p in PROFILES), f"{hit}/{windows}", false])
    rows += [[f"{name} (published, 58 files)", *scores, "", ""] for name, scores in PUBLISHED.items()]
    columns = ["detector", *PROFILES, "windows", "outside"]
    tables = [Table(f"NAB, {len(files)} files (tuned on the visible 31; baselines on these)", columns, rows)]
    if perturb is not None:
        tables.append(perturbation(files, told, perturb, repeats, seed))
    tell("nab", tables, [], out)


def perturbation(files: list[File], told: list[bytes], percent: float, repeats: int, seed: int) -> Table:
    """Scores with all parameters and the threshold moved at once, each by its own factor."""
    chance = np.random.default_rng(seed)
    scores = []
    for _ in range(repeats):
        threshold = THRESHOLD * chance.uniform(1 - percent / 100, 1 + percent / 100)
        moved = detections(files, told, threshold, perturbed(chance, percent))
        scores.append([score(files, moved, profile) for profile in PROFILES])
    table = np.array(scores)
    rows: list[Row] = [
        ["mean", *table.mean(axis=0).tolist()],
        ["sd", *table.std(axis=0, ddof=1).tolist()],
        ["min", *table.min(axis=0).tolist()],
    ]
    return Table(f"All parameters ±{percent:g} %, {repeats} times, seed {seed}", ["figure", *PROFILES], rows)
