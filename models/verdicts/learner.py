"""Learning from verdicts, one at a time as they come: a River pipeline with a memory that drift shortens.

An alert's features are known when it opens, its verdict comes later: the caller asks `likelihood` at opening
and calls `learn` when the verdict is there (prequential: Gama et al., Mach Learn 2013;90:317).
"""

import math
from collections import deque
from collections.abc import Mapping
from typing import Final

from river import compose, drift, linear_model, optim, preprocessing

from models.verdicts.features import NUMBERS
from models.verdicts.likelihood import Weight, Weights

MEMORY: Final = 2000  # verdicts from which a forgotten model is made anew
LEAST: Final = 30  # verdicts before anything is said
DRIFT_DELTA: Final = 0.002  # ADWIN's chance of a false alarm (Bifet & Gavaldà 2007, and River's default)
CLIPPED: Final = 0.01  # likelihoods are kept this far from 0 and 1 when a surprise is measured

Features = Mapping[str, float]


def dense(features: Features) -> dict[str, float]:
    """Features with every number given: the scaler must see the zeros."""
    return {**dict.fromkeys(NUMBERS, 0.0), **features}


class Model:
    """Numbers scaled, words as they are; logistic regression by AdaGrad (Duchi et al. 2011)."""

    def __init__(self) -> None:
        self.scaler = preprocessing.StandardScaler()
        self.regression = linear_model.LogisticRegression(optim.AdaGrad(0.3), l2=0.001, intercept_lr=0.05)
        numbers = compose.Select(*NUMBERS) | self.scaler
        self.pipeline = (numbers + compose.Discard(*NUMBERS)) | self.regression

    def likelihood(self, features: Features) -> float:
        """How likely an alert is to be actionable, 0-1."""
        return float(self.pipeline.predict_proba_one(dense(features))[True])

    def learn(self, features: Features, actionable: bool) -> None:
        """Take one verdict."""
        self.pipeline.learn_one(dense(features), actionable)


class Learner:
    """The state of learning: model, drift detector, and the verdicts that still count."""

    def __init__(self) -> None:
        self.memory: deque[tuple[Features, bool]] = deque(maxlen=MEMORY)
        self.drifts: list[int] = []  # numbers of the verdicts at which memory was shortened
        self.learned = 0
        self._model = Model()
        self._watch = drift.ADWIN(DRIFT_DELTA)

    def likelihood(self, features: Features) -> float | None:
        """How likely an alert is to be actionable; None until LEAST verdicts, of both kinds, are known."""
        if len(self.memory) < LEAST or len({verdict for _, verdict in self.memory}) < 2:
            return None
        return self._model.likelihood(features)

    def learn(self, features: Features, actionable: bool) -> None:
        """Take one verdict; when surprise has risen for good, forget what is older than that."""
        said = self.likelihood(features)
        self.learned += 1
        self.memory.append((features, actionable))
        self._model.learn(features, actionable)
        if said is None:
            return
        before = self._watch.estimation
        right = max(said if actionable else 1 - said, CLIPPED)
        self._watch.update(math.log(right) / math.log(CLIPPED))
        # less surprise is no drift, it is learning
        if self._watch.drift_detected and self._watch.estimation > before:
            self._forget(int(self._watch.width))

    def _forget(self, kept: int) -> None:
        """A new model of the newest verdicts only."""
        self.drifts.append(self.learned)
        self.memory = deque(list(self.memory)[-max(kept, LEAST) :], MEMORY)
        self._model = Model()
        for features, actionable in self.memory:
            self._model.learn(features, actionable)

    def weights(self) -> Weights:
        """The model as one dot product, for a calibration record. Raises ValueError before LEAST verdicts."""
        if self.likelihood({}) is None:
            raise ValueError(f"{len(self.memory)} verdicts; {LEAST} are needed, and of both kinds")
        told = self._model.regression.weights
        seen = [dense(features) for features, _ in self.memory]
        weights = {}
        intercept = float(self._model.regression.intercept)
        for name, weight in sorted(told.items()):
            mean = math.fsum(features.get(name, 0.0) for features in seen) / len(seen)
            if name in NUMBERS:
                spread = math.sqrt(self._model.scaler.vars[name])
                weight = weight / spread if spread > 0 else 0.0
                intercept += weight * (mean - self._model.scaler.means[name])
            else:
                intercept += weight * mean
            weights[name] = Weight(round(weight, 5), round(mean, 5))
        return Weights(round(intercept, 5), weights, self.learned)
