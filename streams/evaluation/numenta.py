"""The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015), for any folder of its format.

combined_windows.json, or labels/combined_windows.json     {"group/name.csv": [[first, last], …]}
data/group/name.csv, or name.csv.gz                        timestamp,value
"""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec
import numpy as np

from streams.evaluation.recording import YEARS, Skipped, number, rows
from streams.evaluation.report import need

PROFILES: Final = {"standard": (0.11, 1.0), "low-FP": (0.22, 1.0), "low-FN": (0.11, 2.0)}  # A_fp, A_fn
LABELS: Final = ("combined_windows.json", "labels/combined_windows.json")


class File(NamedTuple):
    """One series: values float (n,), epoch seconds int (n,), windows as (first, last) index, ascending."""

    name: str
    values: np.ndarray
    seconds: np.ndarray
    windows: list[tuple[int, int]]


class Folder(NamedTuple):
    """The files that can be scored, and a sentence on each kind of thing that was set aside."""

    files: list[File]
    notes: list[str]


def labels_of(root: Path) -> Path:
    """Where the windows of a folder stand; the usual place when there are none."""
    return next((root / name for name in LABELS if (root / name).exists()), root / LABELS[0])


def load(root: Path) -> Folder:
    """All files below `root`/data that have labels, by name.

    Raises a usage error that names a file that is not of the format.
    """
    labels = _labels(labels_of(root))
    paths = {_name(path, root): path for suffix in (".csv.gz", ".csv") for path in _below(root, suffix)}
    files, skipped = [], Skipped()
    for name in sorted(labels.keys() & paths.keys()):
        seconds, values = _read(paths[name], skipped)
        windows = [_window(seconds, begin, end) for begin, end in labels[name]]
        skipped["windows hold no row and are left out"] += windows.count(None)
        files.append(File(name, values, seconds, sorted(window for window in windows if window is not None)))
    missing, unlabelled = sorted(labels.keys() - paths.keys()), sorted(paths.keys() - labels.keys())
    notes = [f"{count} {what}" for what, count in skipped.items() if count]
    if missing:
        notes.append(f"{len(missing)} labelled files are not there: {_some(missing)}")
    if unlabelled:
        notes.append(f"{len(unlabelled)} files have no labels and are not scored: {_some(unlabelled)}")
    return Folder(files, notes)


def _labels(path: Path) -> dict[str, list[tuple[int, int]]]:
    """The windows of each file, from second to second. Raises a usage error that says what is none."""
    try:
        told = msgspec.json.decode(need(path).read_text("utf-8-sig"), type=dict[str, list[tuple[str, str]]])
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        wanted = '{"group/name.csv": [["first time", "last time"], ...]}'
        raise click.UsageError(f"--data: {path.name}: {error}; it wants {wanted}") from error
    try:
        return {
            name: [(_second(begin), _second(end)) for begin, end in windows] for name, windows in told.items()
        }
    except ValueError as error:
        raise click.UsageError(f"--data: {path.name}: {error}; write times as 2014-04-10 07:15:00") from error


def _below(root: Path, suffix: str) -> list[Path]:
    return sorted((root / "data").rglob(f"*{suffix}"))


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root / "data").as_posix().removesuffix(".gz")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _read(path: Path, skipped: Skipped) -> tuple[np.ndarray, np.ndarray]:
    """(epoch seconds int64 (n,), values float64 (n,)) of the rows of a file that have both, in time."""
    seconds, values = [], []
    for row in rows(path, ("timestamp", "value"), skipped):
        value = number(row["value"])
        try:
            second = _second(row["timestamp"])
        except ValueError:
            skipped["rows have no time and are left out"] += 1
            continue
        if value is None:
            skipped["rows have no number and are left out"] += 1
            continue
        seconds.append(second)
        values.append(value)
    order = np.argsort(np.array(seconds, np.int64), kind="stable")
    skipped["rows stand before an earlier one and are put in order"] += int((np.diff(seconds) < 0).sum())
    return np.array(seconds, np.int64)[order], np.array(values, float)[order]


def _second(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ValueError(f"{text!r} is not in the years {YEARS[0]} to {YEARS[1]}")
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _window(seconds: np.ndarray, begin: int, end: int) -> tuple[int, int] | None:
    """First and last index of a window; None when no row lies in it.

    The last row is the first one of the end's own second, as Numenta's scorer leaves a window there.
    """
    first, last = (int(i) for i in np.searchsorted(seconds, (begin, end)))
    last -= last == len(seconds) or seconds[last] != end
    return (first, last) if first <= last else None


def _sigmoid(y: float) -> float:
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


def probation(file: File) -> int:
    """Readings at a file's beginning in which detections do not count: 15 %, of 5,000 at most."""
    return min(math.floor(0.15 * len(file.values)), 750)


def tally(file: File, indices: np.ndarray, profile: str) -> float:
    """What a file adds to the score before it is normalised; indices: of the detections, ascending."""
    false, missed = PROFILES[profile]
    total = -missed * len(file.windows)
    best: dict[tuple[int, int], float] = {}
    for i in indices[indices >= probation(file)].tolist():
        inside = next(((a, b) for a, b in file.windows if a <= i <= b), None)
        before = [(a, b) for a, b in file.windows if b < i]
        if inside is not None:
            a, b = inside
            gain = _sigmoid(-(b - i + 1) / (b - a + 1)) / _sigmoid(-1.0)
            best[inside] = max(best.get(inside, -math.inf), gain)
        elif before:
            a, b = before[-1]
            total += false * _sigmoid((i - b) / max(b - a, 1))
        else:
            total -= false
    return total + missed * len(best) + sum(best.values())


def normalised(total: float, windows: int, profile: str) -> float:
    """0 = no detection at all, 100 = every window at its start, nothing else; NaN without any window."""
    missed = PROFILES[profile][1]
    return 100 * (total + missed * windows) / (windows + missed * windows) if windows else math.nan


def score(files: list[File], found: list[np.ndarray], profile: str) -> float:
    """The normalised score of all files; found: for each the indices of its detections, ascending."""
    total = sum(tally(file, indices, profile) for file, indices in zip(files, found, strict=True))
    return normalised(total, sum(len(file.windows) for file in files), profile)


def hits(files: list[File], found: list[np.ndarray]) -> tuple[int, int, int]:
    """(windows with a detection, all windows, detections outside any window); none counts in probation."""
    hit = false = 0
    for file, indices in zip(files, found, strict=True):
        counted = indices[indices >= probation(file)].tolist()
        hit += sum(any(a <= i <= b for i in counted) for a, b in file.windows)
        false += sum(not any(a <= i <= b for a, b in file.windows) for i in counted)
    return hit, sum(len(file.windows) for file in files), false


def resampled(files: list[File], found: list[np.ndarray], profile: str, draws: int, seed: int) -> float:
    """Standard deviation of the score over `draws` samples of the files with replacement (bootstrap)."""
    totals = np.array([tally(file, indices, profile) for file, indices in zip(files, found, strict=True)])
    windows = np.array([len(file.windows) for file in files])
    chosen = np.random.default_rng(seed).integers(0, len(files), (draws, len(files)))
    sums = zip(totals[chosen].sum(axis=1), windows[chosen].sum(axis=1), strict=True)
    scores = [normalised(total, count, profile) for total, count in sums if count]
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan
