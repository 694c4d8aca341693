"""Learning from verdicts, one at a time as they come: two River pipelines, and a memory that drift shortens.

An alert's features are known when it opens, its verdict comes later: the caller asks `likelihood` at opening
and calls `learn` when the verdict is there (prequential: Gama et al., Mach Learn 2013;90:317).

Drift is found by paired learners (Bach & Maloof, ICDM 2008): one that remembers all, one that fades. Page's
cumulative sum (Biometrika 1954;41:100) of how much better the fading one foretold each verdict, in log
likelihood, passes a threshold when the past has become a burden; where the sum left 0, the change began.
`vigie evaluate verdicts` tells River's ADWIN in its place beside it.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from river import base, compose, preprocessing

from models.verdicts.features import NUMBERS
from models.verdicts.likelihood import Weight, Weights
from models.verdicts.regression import KalmanLogisticRegression

MEMORY: Final = 2000  # verdicts that a new model can be made of
LEAST: Final = 30  # verdicts before anything is said
FADING: Final = 0.98  # of the learner that fades: about the last fifty verdicts
THRESHOLD: Final = 5.0  # log likelihood by which fading must have been better: odds of 150 to 1
CLIPPED: Final = 0.02  # one verdict that nobody foretold must not decide

Features = Mapping[str, float]


def dense(features: Features) -> dict[str, float]:
    """Features with every number given: the scaler must see the zeros."""
    return {**dict.fromkeys(NUMBERS, 0.0), **features}


class Model:
    """A River pipeline: numbers scaled, words as they are, then a classifier of River."""

    def __init__(self, classifier: base.Classifier) -> None:
        self.classifier = classifier
        numbers = compose.Select(*NUMBERS) | preprocessing.StandardScaler()
        self.pipeline = (numbers + compose.Discard(*NUMBERS)) | classifier
        self.scaler = self.pipeline["TransformerUnion"]["Pipeline"]["StandardScaler"]  # River copies parts

    def likelihood(self, features: Features) -> float:
        """How likely an alert is to be actionable, 0-1."""
        return float(self.pipeline.predict_proba_one(dense(features)).get(True, 0.5))

    def learn(self, features: Features, actionable: bool) -> None:
        """Take one verdict."""
        self.pipeline.learn_one(dense(features), actionable)


class Learner:
    """The state of learning: both models, the sum that finds drift, the verdicts that still count."""

    def __init__(
        self,
        threshold: float = THRESHOLD,
        classifier: Callable[[], base.Classifier] = KalmanLogisticRegression,
        fading: float = FADING,
    ) -> None:
        """threshold: of drift, in log likelihood; math.inf = memory is never shortened."""
        self.memory: deque[tuple[Features, bool]] = deque(maxlen=MEMORY)
        self.drifts: list[tuple[int, int]] = []  # (verdicts learned, verdicts kept) when memory was shortened
        self.learned = 0
        self._threshold = threshold
        self._kinds: set[bool] = set()
        self._classifier = classifier
        self._model = Model(classifier())
        self._fading = Model(KalmanLogisticRegression(forgetting=fading))
        self._burden, self._since = 0.0, 0

    @property
    def ready(self) -> bool:
        """Whether LEAST verdicts, of both kinds, are known."""
        return self.learned >= LEAST and len(self._kinds) == 2

    def likelihood(self, features: Features) -> float | None:
        """How likely an alert is to be actionable; None until the learner is ready."""
        return self._model.likelihood(features) if self.ready else None

    def learn(self, features: Features, actionable: bool) -> None:
        """Take one verdict; when the past has become a burden, forget what is older than that."""
        ready, said, faded = self.ready, self._model.likelihood(features), self._fading.likelihood(features)
        self.learned += 1
        self._kinds.add(actionable)
        self.memory.append((features, actionable))
        self._model.learn(features, actionable)
        self._fading.learn(features, actionable)
        if not ready:
            return
        self._burden += _support(faded, actionable) - _support(said, actionable)
        if self._burden <= 0:
            self._burden, self._since = 0.0, self.learned
        elif self._burden > self._threshold:
            self.forget(self.learned - self._since)

    def forget(self, newest: int) -> None:
        """A new model of the newest verdicts only."""
        self.memory = deque(list(self.memory)[-max(newest, LEAST) :], MEMORY)
        self.drifts.append((self.learned, len(self.memory)))
        self._burden, self._since = 0.0, self.learned
        self._model = Model(self._classifier())
        for features, actionable in self.memory:
            self._model.learn(features, actionable)

    def weights(self) -> Weights:
        """The model as one dot product, for a calibration record. Raises ValueError before LEAST verdicts."""
        regression = self._model.classifier
        if not isinstance(regression, KalmanLogisticRegression):
            raise TypeError("only a regression is a dot product")
        if not self.ready:
            raise ValueError(f"{self.learned} verdicts; {LEAST} are needed, and of both kinds")
        seen = [dense(features) for features, _ in self.memory]
        scaler = self._model.scaler
        weights = {}
        intercept = regression.intercept
        for name, weight in sorted(regression.weights.items()):
            mean = math.fsum(features.get(name, 0.0) for features in seen) / len(seen)
            spread, centre = 1.0, 0.0
            if name in NUMBERS:
                spread, centre = math.sqrt(scaler.vars[name]), scaler.means[name]
            if spread == 0:  # never anything else: the scaler makes 0 of it
                continue
            intercept += weight / spread * (mean - centre)
            weights[name] = Weight(round(weight / spread, 5), round(mean, 5))
        return Weights(round(intercept, 5), weights, self.learned)


def _support(said: float, actionable: bool) -> float:
    """Log likelihood of a verdict under what was said of it."""
    return math.log(max(said if actionable else 1 - said, CLIPPED))
