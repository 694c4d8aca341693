"""The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015), for any folder of its format."""

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

PROFILES: Final = {"standard": (0.11, 1.0), "low-FP": (0.22, 1.0), "low-FN": (0.11, 2.0)}  # A_fp, A_fn


class File(NamedTuple):
    """One series: values float (n,), epoch seconds int (n,), windows as (first, last) index."""

    name: str
    values: np.ndarray
    seconds: np.ndarray
    windows: list[tuple[int, int]]


def load(root: Path) -> list[File]:
    """All files below `root`/data that have labels in `root`/combined_windows.json."""
    labels = json.loads((root / "combined_windows.json").read_text())
    out = []
    for name in sorted(labels):
        path = root / "data" / name
        if not path.exists():
            continue
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        seconds = np.array([_seconds(row["timestamp"]) for row in rows])
        windows = [
            (int(np.flatnonzero(seconds == _seconds(a))[0]), int(np.flatnonzero(seconds == _seconds(b))[0]))
            for a, b in labels[name]
        ]
        out.append(File(name, np.array([float(row["value"]) for row in rows]), seconds, windows))
    return out


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text.partition(".")[0]).replace(tzinfo=UTC).timestamp())


def _sigmoid(y: float) -> float:
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


def score(files: list[File], found: list[np.ndarray], profile: str) -> float:
    """The normalised score: 0 = no detection at all, 100 = every window at its start, nothing else.

    found: for each file the indices of its detections, ascending. Those in the probation period
    min(15 % of the file, 750) are ignored.
    """
    false, missed = PROFILES[profile]
    total, windows = 0.0, 0
    for file, indices in zip(files, found, strict=True):
        probation = min(math.floor(0.15 * len(file.values)), 750)
        windows += len(file.windows)
        best: dict[tuple[int, int], float] = {}
        for i in indices:
            if i < probation:
                continue
            inside = next(((a, b) for a, b in file.windows if a <= i <= b), None)
            before = [(a, b) for a, b in file.windows if b < i]
            if inside is not None:
                a, b = inside
                gain = _sigmoid(-(b - i + 1) / (b - a + 1)) / _sigmoid(-1.0)
                best[inside] = max(best.get(inside, -math.inf), gain)
            elif before:
                a, b = before[-1]
                total += false * _sigmoid((i - b) / (b - a))
            else:
                total -= false
        total += sum(best.values()) - missed * (len(file.windows) - len(best))
    return 100 * (total + missed * windows) / (windows + missed * windows)


def hits(files: list[File], found: list[np.ndarray]) -> tuple[int, int, int]:
    """(windows with a detection, all windows, detections outside any window)."""
    hit = false = 0
    for file, indices in zip(files, found, strict=True):
        hit += sum(any(a <= i <= b for i in indices) for a, b in file.windows)
        false += sum(not any(a <= i <= b for a, b in file.windows) for i in indices)
    return hit, sum(len(file.windows) for file in files), false
