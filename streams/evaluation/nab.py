"""`vigie evaluate nab`: the acute baseline on the Numenta Anomaly Benchmark, or any folder of its format.

Each file is one patient's series of a vital without bounds, all through one pipeline with one threshold
and one parameter set; what is scored are the alerts that open.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import numpy as np

from models.catalog import Catalog, Vital
from models.plan import Baseline, Plan
from models.score.acute_parameters import perturbed
from streams.evaluation.nab_baselines import DETECTORS, METRONOME, at_its_best, metronome
from streams.evaluation.numenta import (
    PROFILES,
    File,
    hits,
    labels_of,
    load,
    normalised,
    resampled,
    score,
    tally,
)
from streams.evaluation.play import instant, not_taken, play, reading
from streams.evaluation.report import (
    PERCENT,
    SEED,
    Curve,
    Plot,
    Row,
    Table,
    options,
    repeated,
    tell,
)

THRESHOLD: Final = 4.2
SWEEP: Final = tuple(np.arange(3.0, 7.01, 0.25).tolist())  # thresholds of the curve and of the halves
HALVES: Final = 200  # random ones
DRAWS: Final = 1000  # of the bootstrap
DECIMALS: Final = 4
DAY: Final = 86_400_000
SERIES: Final = Catalog(
    (
        Vital(
            code="series",
            loinc="-",
            unit="1",
            minimum=-1e12,
            maximum=1e12,
            decimals=DECIMALS,
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


class Detections(NamedTuple):
    """Indices of the readings at which alerts open, for each file; readings not taken, by why."""

    found: list[np.ndarray]
    refused: dict[str, int]


def detections(
    files: list[File], told: list[bytes], threshold: float = THRESHOLD, acute: np.ndarray | None = None
) -> Detections:
    """Run all readings through the pipeline; acute: PARAMETERS (1,) other than the shipped ones."""
    plan = Plan("*", "nab", "1", baselines=(Baseline("series", threshold, "off", "low"),))
    played = play(told, plan, catalog=SERIES, tick=DAY, acute=acute)
    # Of readings at one instant each is known by its value; the pipeline takes the same one once.
    places = [
        {(instant(int(s) * 1000), round(float(v), DECIMALS)): n for n, s, v in rows}
        for rows in (
            reversed(list(zip(range(len(f.values)), f.seconds, f.values, strict=True))) for f in files
        )
    ]
    found: list[list[int]] = [[] for _ in files]
    for alert in played.alerts:
        if alert["event"] == "opened":
            file = int(alert["patient"].removeprefix("p-"))
            found[file].append(places[file][alert["measured_at"], alert["value"]])
    return Detections([np.array(sorted(indices), int) for indices in found], not_taken(played.ledger))


@click.command(name="nab")
@options
@click.option("--perturb", type=PERCENT, help="Repeat, parameters moved by up to ± %.")
@click.option("--repeats", type=click.IntRange(2), default=40, help="How often --perturb repeats.")
@click.option("--seed", type=SEED, default=1, help="Of --perturb, of random halves and of the bootstrap.")
def command(data: Path, out: Path | None, perturb: float | None, repeats: int, seed: int) -> None:
    """The acute baseline on the Numenta Anomaly Benchmark (combined_windows.json, data/) or a part of it."""
    files, notes = load(data)
    if not files:
        raise click.UsageError(f"--data: {labels_of(data).name} names no file below {data / 'data'}")
    told = records(files)
    ours = detections(files, told)
    notes += [f"{count} rows are not taken by the pipeline: {why}" for why, count in ours.refused.items()]
    found = {
        f"Vigie, threshold {THRESHOLD}": ours.found,
        **{name: at_its_best(files, detector) for name, detector in DETECTORS.items()},
        f"blind metronome, every {METRONOME}": [metronome(file) for file in files],
    }
    rows: list[Row] = []
    for name, indices in found.items():
        hit, windows, false = hits(files, indices)
        spread = resampled(files, indices, "standard", DRAWS, seed)
        rows.append([name, *(score(files, indices, p) for p in PROFILES), spread, f"{hit}/{windows}", false])
    rows += [[f"{name} (published, 58 files)", *scores, "", "", ""] for name, scores in PUBLISHED.items()]
    columns = ["detector", *PROFILES, "sd", "windows", "outside"]
    title = f"NAB, {len(files)} files (baselines at the best threshold for these; sd: bootstrap over files)"
    swept = [detections(files, told, threshold).found for threshold in SWEEP]
    tables = [Table(title, columns, rows), halves(files, swept, seed)]
    if perturb is not None:
        tables.append(perturbation(files, told, perturb, repeats, seed))
    tell("nab", tables, [curves(files, swept)], out, notes)


def curves(files: list[File], swept: list[list[np.ndarray]]) -> Plot:
    """The score of each profile over the threshold."""
    lines = [
        Curve(profile, [(t, score(files, found, profile)) for t, found in zip(SWEEP, swept, strict=True)])
        for profile in PROFILES
    ]
    return Plot("NAB: the threshold", "threshold", "score", lines)


def halves(files: list[File], swept: list[list[np.ndarray]], seed: int) -> Table:
    """Scores of one half of the files at the threshold that is best on the other half."""
    windows = np.array([len(file.windows) for file in files])
    places = np.array([place % 2 == 0 for place in _places(files)])
    chance = np.random.default_rng(seed)
    splits = [places, ~places]
    splits += [chance.permutation(len(files)) < len(files) // 2 for _ in range(HALVES)]
    columns, scores = [], []
    for profile in PROFILES:
        # float (thresholds, files)
        totals = np.array(
            [[tally(f, i, profile) for f, i in zip(files, found, strict=True)] for found in swept]
        )
        scores.append([_other_half(totals, windows, half, profile) for half in splits])
        columns.append(profile)
    values = np.array(scores)
    rows: list[Row] = [
        ["first, third, … of a group → the others", *values[:, 0].tolist()],
        ["the others → first, third, …", *values[:, 1].tolist()],
        [f"{HALVES} random halves, mean", *_over(np.mean, values[:, 2:])],
        ["sd", *_over(np.std, values[:, 2:])],
    ]
    return Table("Threshold chosen on one half of the files, scored on the other", ["halves", *columns], rows)


def _places(files: list[File]) -> list[int]:
    """Each file's place among those of its group."""
    groups = [file.name.partition("/")[0] for file in files]
    return [groups[:i].count(group) for i, group in enumerate(groups)]


def _other_half(totals: np.ndarray, windows: np.ndarray, half: np.ndarray, profile: str) -> float:
    """Score of the files outside `half` at the threshold that is best inside; NaN without windows there."""
    best = int(np.argmax(totals[:, half].sum(axis=1)))
    return normalised(float(totals[best, ~half].sum()), int(windows[~half].sum()), profile)


def _over(figure: Any, values: np.ndarray) -> list[float]:
    """A figure of each row, without what is not defined."""
    return [float(figure(row[np.isfinite(row)])) if np.isfinite(row).any() else np.nan for row in values]


def perturbation(files: list[File], told: list[bytes], percent: float, repeats: int, seed: int) -> Table:
    """Scores with all parameters and the threshold moved at once, each by its own factor."""
    chance = np.random.default_rng(seed)
    scores = []
    for _ in range(repeats):
        threshold = THRESHOLD * chance.uniform(1 - percent / 100, 1 + percent / 100)
        moved = detections(files, told, threshold, perturbed(chance, percent)).found
        scores.append([score(files, moved, profile) for profile in PROFILES])
    return repeated(f"All parameters ±{percent:g} %, {repeats} times, seed {seed}", [*PROFILES], scores)
