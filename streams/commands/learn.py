"""`vigie learn`: what nurses' verdicts teach about alerts, as one calibration record for the input log."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import click
import msgspec
import numpy as np

from models.calibration import EVERYONE
from models.plan import Severity
from models.triage import SEVERITIES, VERDICTS
from models.verdicts.calibration import LikelihoodCalibration
from models.verdicts.learner import Learner
from models.verdicts.likelihood import Weights
from streams.alerts import transitions
from streams.evaluation.measures import auroc
from streams.evaluation.recording import lines
from streams.evaluation.report import shown
from streams.input import send_to_all
from streams.settings import load_settings
from streams.verdicts import Alert, Case, prequential

HEAVIEST = 5  # weights told on standard error
Number = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


class Transition(msgspec.Struct):
    """What learning reads of a transition (docs/contracts/records.md)."""

    event: str
    alert_id: str
    sequence: int
    programme: str
    severity: Severity
    kind: str
    rule: str
    vital: str
    received_at: str
    features: dict[str, Number] | msgspec.UnsetType = msgspec.UNSET
    verdict: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for an alert that is closed without a verdict."""
        if self.event == "closed" and self.verdict not in VERDICTS:
            raise ValueError(f"Invalid verdict {self.verdict!r} of a closed alert")


@click.command(name="learn")
@click.argument("alerts", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--programme", default=EVERYONE, show_default=True, help="Learn from and for this one alone.")
@click.option("--version", "version", help="Name of the calibration [time of the last verdict].")
@click.option("--send", is_flag=True, help="Append the record to every partition of the deployment's log.")
@click.option("--to", "broker", help="Broker, instead of the settings' one.")
def command(
    alerts: tuple[Path, ...], programme: str, version: str | None, send: bool, broker: str | None
) -> None:
    """Learn from verdicts how likely an alert is to be actionable: a record with the weights.

    Reads files of alerts (alerts.jsonl of `vigie replay`) or, without one, the alerts topic. The record goes
    to standard output; alerts that open after it is in the log carry their likelihood and its reasons.
    """
    settings = load_settings(**({"broker": broker} if broker else {}))
    bodies = lines(alerts) if alerts else transitions(settings)
    learner = Learner()
    cases = prequential(in_time(bodies, programme), learner)
    try:
        weights = learner.weights()
    except ValueError as error:
        raise click.ClickException(
            f"nothing can be learned yet: {error}; close alerts with `vigie alert verdict`"
        ) from error
    name = version or cases[-1].opening["received_at"]
    record = msgspec.json.encode(LikelihoodCalibration(programme=programme, version=name, likelihood=weights))
    click.echo(summary(cases, learner, weights), err=True)
    click.echo(record.decode())
    if send:
        click.echo(f"sent: {send_to_all(settings, record)}", err=True)


def in_time(bodies: Iterable[bytes], programme: str) -> list[Alert]:
    """The transitions of a programme in the order of their receipt, whatever partition they come from.

    Raises click.ClickException for what is no transition.
    """
    told: list[Alert] = []
    for body in bodies:
        try:
            alert = msgspec.json.decode(body, type=Alert)
            msgspec.convert(alert, Transition)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise click.ClickException(
                f"alerts cannot be read: {error} in {body[:80]!r}; give alerts.jsonl files"
            ) from error
        told.append(alert)
    told.sort(key=lambda alert: (alert["received_at"], alert["alert_id"], alert["sequence"]))
    return [alert for alert in told if programme in (EVERYONE, alert["programme"])]


def summary(cases: list[Case], learner: Learner, weights: Weights) -> str:
    """What was learned, how good it was before each verdict was known, and the heaviest weights."""
    judged = [case for case in cases if case.said is not None]
    outcome = np.array([case.actionable for case in judged], bool)
    said = np.array([case.said for case in judged], float)
    grave = np.array([SEVERITIES.index(case.opening["severity"]) for case in judged], float)
    one_kind = "" if 0 < outcome.sum() < len(outcome) else "; those foretold were all of one kind"
    heaviest = sorted(weights.weights.items(), key=lambda item: -abs(item[1].weight))[:HEAVIEST]
    return "\n".join(
        [
            f"{len(cases)} verdicts, {sum(case.actionable for case in cases)} actionable; "
            f"{len(learner.memory)} still count, memory was shortened {len(learner.drifts)} times",
            f"area under the curve, each alert foretold before its verdict: {shown(auroc(said, outcome))} "
            f"(severity alone {shown(auroc(grave, outcome))}{one_kind})",
            "heaviest: " + ", ".join(f"{name} {entry.weight:+.2f}" for name, entry in heaviest),
        ]
    )
