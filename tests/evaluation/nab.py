"""The score of the Numenta Anomaly Benchmark (Lavin & Ahmad 2015), for any folder of its format."""

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.record import SERIES
from models.score import acute

PROFILES = {"standard": (0.11, 1.0), "low-fp": (0.22, 1.0), "low-fn": (0.11, 2.0)}  # A_fp, A_fn


class File(NamedTuple):
    """One series: values, epoch seconds, windows as (first, last) index."""

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
        rows = list(csv.DictReader(path.open()))
        seconds = np.array([_seconds(row["timestamp"]) for row in rows])
        windows = [
            (int(np.flatnonzero(seconds == _seconds(a))[0]), int(np.flatnonzero(seconds == _seconds(b))[0]))
            for a, b in labels[name]
        ]
        out.append(File(np.array([float(row["value"]) for row in rows]), seconds, windows))
    return out


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text.partition(".")[0]).replace(tzinfo=UTC).timestamp())


def detections(file: File, threshold: float) -> np.ndarray:
    """Indices at which the acute baseline opens an alert, with nothing but what came before."""
    record = np.zeros(1, SERIES)[0]
    out = np.zeros(len(file.values))
    local = file.seconds % 86400
    weekend = ((file.seconds // 86400 + 3) % 7 >= 5) * 24
    acute.score_all(record, file.values, local // 1800, local // 3600 + weekend, out)
    fresh = np.zeros(1, SERIES)[0]
    opened = []
    for i, score in enumerate(out):
        fresh["n"] = i + 1
        if acute.episode(fresh, score, threshold) > 0:
            opened.append(i)
    return np.array(opened, int)


def _sigmoid(y: float) -> float:
    return -1.0 if y > 3 else 2 / (1 + math.exp(5 * y)) - 1


def score(files: list[File], found: list[np.ndarray], profile: str) -> float:
    """The normalised score: 0 = no detection at all, 100 = every window at its start, nothing else."""
    false, missed = PROFILES[profile]
    total, windows = 0.0, 0
    for file, indices in zip(files, found, strict=True):
        probation = min(math.floor(0.15 * len(file.values)), 750)
        windows += len(file.windows)
        best = {}
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
