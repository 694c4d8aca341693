"""`vigie alert`: what stands, and what a nurse does about it. Actions are records of the input log."""

from datetime import datetime
from typing import Any, Final

import click
import msgspec

from models.actions import Action
from models.decode import is_name
from models.strict import nearest
from models.triage import VERDICTS
from streams.actions import ActionRefused, send
from streams.alerts import Alert, named, standing, transitions, urgency
from streams.commands.replay import Duration
from streams.settings import Settings, load_settings

WORDS: Final = {
    "en": {
        "none": "No alert stands.", "likely": "actionable", "since": "since", "by": "by", "until": "until",
        "retrospective": "found afterwards", "high": "HIGH", "medium": "MEDIUM", "low": "LOW",
        "open": "open", "acknowledged": "acknowledged", "resolved": "resolved", "closed": "closed",
        "learning": "own normal not known yet:", "missing_days": "days missing",
        "missing_readings": "readings missing",
    },
    "fr": {
        "none": "Aucune alerte en cours.", "likely": "utile", "since": "depuis", "by": "par",
        "until": "jusqu'à",
        "retrospective": "constatée après coup", "high": "ÉLEVÉE", "medium": "MOYENNE", "low": "FAIBLE",
        "open": "ouverte", "acknowledged": "prise en compte", "resolved": "résolue", "closed": "close",
        "learning": "normale propre pas encore connue :", "missing_days": "jours manquants",
        "missing_readings": "mesures manquantes",
    },
}  # fmt: skip


class Name(click.ParamType):
    """A pseudonym, of a patient or of whoever acts."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself; a usage error when it is no pseudonym."""
        if not is_name(str(value)):
            self.fail(f"{value!r} is no pseudonym; use 1-64 of [A-Za-z0-9_-]", param, ctx)
        return str(value)


class Verdict(click.ParamType):
    """A verdict that closes an alert."""

    name = "verdict"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself; a usage error that names the nearest verdict otherwise."""
        if value not in VERDICTS:
            self.fail(f"{value!r} is no verdict; {nearest(str(value), list(VERDICTS))}", param, ctx)
        return str(value)


broker_option = click.option("--to", "broker", help="Broker, instead of the settings' one.")
by_option = click.option("--by", required=True, type=Name(), help="Who acts: a pseudonymous staff reference.")


@click.group(name="alert")
def command() -> None:
    """See the alerts, acknowledge them, close them with a verdict."""


@command.command(name="list")
@click.option("--patient", type=Name(), help="Only the alerts of this patient.")
@click.option("--all", "everything", is_flag=True, help="Resolved and closed ones too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the alerts topic has it.")
@click.option("--lang", "locale", type=click.Choice(["fr", "en"]), help="Language [that of the settings].")
@broker_option
def list_alerts(
    patient: str | None, everything: bool, as_json: bool, locale: str | None, broker: str | None
) -> None:
    """Print the alerts that stand, who needs attention first: open, high, likely to be actionable, oldest."""
    settings = load_settings(**({"broker": broker} if broker else {}))
    shown = [
        alert
        for alert in sorted(standing(transitions(settings)).values(), key=urgency)
        if (patient is None or alert["patient"] == patient)
        and (everything or alert["status"] in ("open", "acknowledged"))
    ]
    if as_json:
        for alert in shown:
            click.echo(msgspec.json.encode(alert))
        return
    for alert in shown:
        click.echo(told(alert, locale or settings.locale))
    if not shown:
        click.echo(WORDS[locale or settings.locale]["none"])


def told(alert: Alert, locale: str) -> str:
    """An alert in lines: what it is, since when in our time; its explanation; why it is likely actionable."""
    words = WORDS[locale]
    parts = [
        f"{words.get(alert['severity'], alert['severity']):<7}",
        f"{alert['patient']:<12}",
        f"{words.get(alert['status'], alert['status'])}",
        f"{words['since']} {minute(alert['opened_at'])}",
    ]
    if alert.get("acknowledged_by"):
        parts.append(f"{words['by']} {alert['acknowledged_by']}")
    if alert.get("acknowledged_until"):
        parts.append(f"{words['until']} {minute(alert['acknowledged_until'])}")
    if alert.get("verdict"):
        parts.append(alert["verdict"])
    if "likelihood" in alert:
        parts.append(f"{words['likely']} {alert['likelihood']:.0%}")
    if alert.get("retrospective"):
        parts.append(words["retrospective"])
    if missing := alert.get("learning"):
        parts.append(f"{words['learning']} {', '.join(f'{n} {words[name]}' for name, n in missing.items())}")
    explanation = alert.get("explanation", {}).get(locale) or alert.get("rule", "")
    reasons = alert.get("likelihood_reasons", {}).get(locale, [])
    return "\n        ".join(["  ".join([*parts, alert["alert_id"]]), explanation, *reasons])


def minute(time: str) -> str:
    """An RFC 3339 time to the minute, in the time zone of this machine."""
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")


@command.command(name="ack")
@click.argument("alert_id")
@by_option
@click.option("--for", "length", type=Duration(), help="How long, e.g. 4h; until it is resolved without.")
@broker_option
def acknowledge(alert_id: str, by: str, length: int | None, broker: str | None) -> None:
    """Take an alert: nobody else needs to, until it worsens or the time is over."""
    settings = load_settings(**({"broker": broker} if broker else {}))
    act(settings, alert_id, "acknowledge", by, length=length)


@command.command(name="verdict")
@click.argument("alert_id")
@click.argument("verdict", type=Verdict())
@by_option
@broker_option
def judge(alert_id: str, verdict: str, by: str, broker: str | None) -> None:
    """Close a resolved alert: say what it was worth."""
    settings = load_settings(**({"broker": broker} if broker else {}))
    act(settings, alert_id, "verdict", by, verdict=verdict)


def act(
    settings: Settings,
    alert_id: str,
    action: str,
    by: str,
    length: int | None = None,
    verdict: str | None = None,
) -> None:
    """Append an action that the worker will take. Raises click.ClickException when it would refuse it."""
    alert = named(standing(transitions(settings)), alert_id)
    record = Action(patient=alert["patient"], action=action, by=by, alert_id=alert_id, verdict=verdict)
    try:
        place = send(settings, alert, record, length)
    except ActionRefused as error:
        raise click.ClickException(f"{alert_id} {error}") from error
    until = f" until {record.until}" if record.until else ""
    click.echo(
        f"sent {verdict or action} of {alert_id} ({alert['patient']}) by {by}{until}: "
        f"partition {place.partition} offset {place.offset}"
    )
