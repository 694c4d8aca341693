"""What the acute baseline is compared with on Numenta's benchmark: plain rules and detectors of River.

Each gives a score per reading, online; the episode rule of the product is added to all of them, and the
one threshold that scores best on the very files that are scored: they are shown at their best.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from river import anomaly, compose, preprocessing

from models.score.acute import READY
from models.score.acute_parameters import TUNED
from streams.evaluation.numenta import File, score

METRONOME: Final = 400
QUANTILES: Final = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)
SHORT: Final = 8  # readings of a mean that LODA is given
ENVELOPE_RATES: Final = (1.0, 1 / 18, 1 / 7)  # of the means whose extremes are kept
LEAK: Final = 2e-5  # of an envelope's width, by which each side gives way per reading
SETTLED: Final = 60  # readings before a detector of few numbers is believed

Detector = Callable[[File], np.ndarray]


def episodes(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Indices where a score passes the threshold, with the refractory rule of the product."""
    out: list[int] = []
    free = READY
    for i in np.flatnonzero(scores >= threshold).tolist():
        if i >= free:
            out.append(i)
            share = float(np.asarray(TUNED["refractory_share"]))
            free = i + max(int(np.asarray(TUNED["refractory_readings"])), math.ceil(share * i))
    return np.array(out, int)


def fixed_limits(file: File) -> np.ndarray:
    """Distance from the mean of the first READY readings in their standard deviations; no learning after."""
    basis = file.values[:READY]
    if not len(basis):
        return basis
    return np.abs(file.values - basis.mean()) / (basis.std() + 1e-9)


def envelope(file: File) -> np.ndarray:
    """How far the value and two short means lie outside their own extremes so far, which leak a little."""
    out = np.zeros(len(file.values))
    if not len(out):
        return out
    means = np.full(len(ENVELOPE_RATES), file.values[0])
    low, high = means.copy(), means.copy()
    rates = np.array(ENVELOPE_RATES)
    for i, value in enumerate(file.values):
        means += rates * (value - means)
        width = high - low
        outside = np.maximum(means - high, low - means)
        if i > SETTLED:
            out[i] = np.where(width > 0, np.maximum(outside, 0) / np.where(width > 0, width, 1), 0).max()
        high, low = np.maximum(high - LEAK * width, means), np.minimum(low + LEAK * width, means)
    return out


def by_deviation(file: File) -> np.ndarray:
    """River's StandardAbsoluteDeviation."""
    model = anomaly.StandardAbsoluteDeviation()
    out = np.zeros(len(file.values))
    for i, value in enumerate(file.values.tolist()):
        out[i] = model.score_one({}, value)
        model.learn_one({}, value)
    return out


def by_gaussian(file: File) -> np.ndarray:
    """River's GaussianScorer, which calls every reading of a constant series as odd as can be: guarded."""
    model: Any = anomaly.GaussianScorer()
    out = np.zeros(len(file.values))
    for i, value in enumerate(file.values.tolist()):
        if i > SETTLED and model.gaussian.sigma > 0:
            out[i] = model.score_one({}, value)
        model.learn_one({}, value)
    return out


def by_trees(file: File) -> np.ndarray:
    """River's HalfSpaceTrees behind a MinMaxScaler, as its documentation shows."""
    model: Any = compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1))
    out = np.zeros(len(file.values))
    for i, value in enumerate(file.values.tolist()):
        out[i] = model.score_one({"x": value})
        model.learn_one({"x": value})
    return out


def by_projections(file: File) -> np.ndarray:
    """River's LODA on the value, its change, a short mean and the hour."""
    model = anomaly.LODA(seed=1)
    out = np.zeros(len(file.values))
    mean = last = float(file.values[0]) if len(out) else 0.0
    for i, (value, second) in enumerate(zip(file.values.tolist(), file.seconds.tolist(), strict=True)):
        mean += (value - mean) / min(i + 1, SHORT)
        x = {"value": value, "change": value - last, "mean": mean, "hour": second % 86_400 / 3600}
        last = value
        out[i] = model.score_one(x)
        model.learn_one(x)
    return out


DETECTORS: Final[dict[str, Detector]] = {
    "fixed limits (first 288 readings)": fixed_limits,
    "leaky extremes": envelope,
    "River StandardAbsoluteDeviation": by_deviation,
    "River GaussianScorer, guarded": by_gaussian,
    "River HalfSpaceTrees": by_trees,
    "River LODA": by_projections,
}


def at_its_best(files: list[File], detector: Detector) -> list[np.ndarray]:
    """Detections at the one threshold that scores best on these very files."""
    scores = [detector(file) for file in files]
    pooled = np.concatenate([s[READY:] for s in scores])
    thresholds = np.unique(np.quantile(pooled, QUANTILES)) if len(pooled) else np.array([math.inf])
    choices = [[episodes(s, t) for s in scores] for t in thresholds[thresholds > 0]]
    none = [np.array([], int) for _ in files]
    return max([none, *choices], key=lambda found: score(files, found, "standard"))


def metronome(file: File) -> np.ndarray:
    """An alert every METRONOME readings; the data are never read."""
    return np.arange(METRONOME, len(file.values), METRONOME)
