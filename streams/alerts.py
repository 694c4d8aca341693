"""The alerts of a deployment as its topic tells them: each as its latest transition left it."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import click
import msgspec

from streams.input import open_log
from streams.settings import Settings
from streams.sinks.transitions import read

AT_ONCE: Final = 5000  # transitions read together
RANKS: Final = {"high": 0, "medium": 1, "low": 2}
Alert = dict[str, Any]
"""The body of a transition, see models/triage.py."""

_decode = msgspec.json.Decoder(Alert).decode


def transitions(settings: Settings) -> Iterator[bytes]:
    """The body of every transition that the alerts topic keeps, one partition after the other.

    Raises click.ClickException when there is no log to read.
    """
    log = open_log(settings, make=False)
    topic = settings.topic("alerts")
    for place in sorted(place for place in log.refresh() if place[0] == topic):
        at = log.earliest(place)
        while records := log.read(place, at, AT_ONCE):
            yield from (record.value for record in records if record.value is not None)
            at = records[-1].offset + 1
    log.close()


def standing(bodies: Iterable[bytes]) -> dict[str, Alert]:
    """Alert id → its latest transition; one that comes again changes nothing.

    Records that are no transitions are left out.
    """
    latest: dict[str, Alert] = {}
    for transition, body in read(bodies).transitions:
        known = latest.get(transition.alert_id)
        if known is None or transition.sequence > known["sequence"]:
            latest[transition.alert_id] = _decode(body)
    return latest


def urgency(alert: Alert) -> tuple[int, bool, float, int, str]:
    """Sorting key: what waits for somebody; high ones; the likelier to be actionable; the graver; the older.

    Whatever was learned of verdicts, nothing stands before a high alert. An alert without a likelihood counts
    as certain: that nothing is known of it must not push it back.
    """
    place = {"open": 0, "acknowledged": 1}.get(alert.get("status", ""), 2)
    rank = RANKS.get(alert.get("severity", ""), 3)
    return place, rank > 0, -alert.get("likelihood", 1.0), rank, alert.get("opened_at", "")


def named(alerts: dict[str, Alert], alert_id: str) -> Alert:
    """The alert of an id. Raises click.ClickException that names the nearest known one."""
    if alert_id in alerts:
        return alerts[alert_id]
    close = difflib.get_close_matches(alert_id, alerts, 1, 0.3)
    remedy = f"did you mean {close[0]}?" if close else "list them with `vigie alert list --all`"
    raise click.ClickException(f"there is no alert {alert_id}; {remedy}")


def refusal(alert: Alert, action: str) -> str | None:
    """Why the worker would refuse an action on an alert that stands so; None when it would take it."""
    status = alert["status"]
    if action == "acknowledge" and status == "acknowledged":
        return f"is acknowledged already, by {alert.get('acknowledged_by')}"
    if action == "acknowledge" and status == "resolved":
        return "is resolved; give it a verdict instead"
    if status == "closed":
        return f"is closed already, with the verdict {alert.get('verdict')}"
    if action == "verdict" and status != "resolved":
        return "still stands; a verdict closes an alert once it is resolved"
    return None
