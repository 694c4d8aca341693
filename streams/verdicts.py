"""What the alerts topic teaches: predict when an alert opens, learn when its verdict comes."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from models.triage import ACTIONABLE, SAYS_NOTHING
from models.verdicts.features import vector
from models.verdicts.learner import Learner

Alert = dict[str, Any]
"""The body of a transition, see models/triage.py."""


class Case(NamedTuple):
    """An alert that was judged: what was said of it when it opened (None: too early), and the verdict."""

    opening: Alert
    features: dict[str, float]
    said: float | None
    actionable: bool


class Prequential:
    """A learner that follows transitions in their order; the judged alerts in the order of their verdicts."""

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.cases: list[Case] = []
        self._opened: dict[str, tuple[Alert, dict[str, float], float | None]] = {}

    def take(self, alert: Alert) -> None:
        """One transition.

        Alerts that opened before features were told, and verdicts that say nothing, are left out.
        """
        if alert["event"] == "opened" and "features" in alert:
            features = vector(alert, alert["features"])
            self._opened[alert["alert_id"]] = alert, features, self.learner.likelihood(features)
        elif alert["event"] == "closed" and alert["alert_id"] in self._opened:
            opening, features, said = self._opened.pop(alert["alert_id"])
            if alert["verdict"] != SAYS_NOTHING:
                self.cases.append(Case(opening, features, said, alert["verdict"] == ACTIONABLE))
                self.learner.learn(features, alert["verdict"] == ACTIONABLE)


def prequential(transitions: Iterable[Alert], learner: Learner) -> list[Case]:
    """The judged alerts of transitions in their order, each with what was said of it when it opened."""
    following = Prequential(learner)
    for alert in transitions:
        following.take(alert)
    return following.cases
