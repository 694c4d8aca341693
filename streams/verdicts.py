"""What the alerts topic teaches: predict when an alert opens, learn when its verdict comes."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from models.calibration import EVERYONE
from models.triage import ACTIONABLE, SAYS_NOTHING
from models.verdicts.calibration import LikelihoodCalibration
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


def prequential(transitions: Iterable[Alert], learner: Learner) -> list[Case]:
    """The judged alerts in the order of their verdicts, each with the likelihood told when it opened.

    Alerts that opened before features were told, and verdicts that say nothing of the alert, are left out.
    """
    opened: dict[str, tuple[Alert, dict[str, float], float | None]] = {}
    cases = []
    for alert in transitions:
        if alert["event"] == "opened" and "features" in alert:
            features = vector(alert, alert["features"])
            opened[alert["alert_id"]] = alert, features, learner.likelihood(features)
        elif alert["event"] == "closed" and alert["alert_id"] in opened:
            opening, features, said = opened.pop(alert["alert_id"])
            if alert["verdict"] != SAYS_NOTHING:
                case = Case(opening, features, said, alert["verdict"] == ACTIONABLE)
                learner.learn(features, case.actionable)
                cases.append(case)
    return cases


def learn(
    transitions: Iterable[Alert], version: str, programme: str = EVERYONE
) -> LikelihoodCalibration | None:
    """The calibration record of all verdicts; None while there are too few."""
    learner = Learner()
    own = (alert for alert in transitions if programme in (EVERYONE, alert["programme"]))
    prequential(own, learner)
    try:
        weights = learner.weights()
    except ValueError:
        return None
    return LikelihoodCalibration(programme=programme, version=version, likelihood=weights)
