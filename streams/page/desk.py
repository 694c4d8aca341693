"""What the page's buttons send: a nurse takes an alert, or says what it was worth."""

from typing import Any, Final, Literal

import msgspec

from models.actions import Action
from models.decode import is_name
from models.triage import VERDICTS
from streams.actions import ActionRefused, send
from streams.settings import Settings

LONGEST_MINUTES: Final = 7 * 24 * 60


class Act(msgspec.Struct, forbid_unknown_fields=True):
    """Which alert, who acts; for how long it is acknowledged, or its verdict."""

    alert_id: str
    action: Literal["acknowledge", "verdict"]
    by: str
    minutes: int | None = None
    verdict: str | None = None


def take(settings: Settings, alert: dict[str, Any], act: Act) -> str | None:
    """Append the action to the input log; the reason when it is not. Raises LogUnusable."""
    if not is_name(act.by):
        return "by is no pseudonym; use 1-64 of [A-Za-z0-9_-]"
    if act.action == "acknowledge" and not (act.minutes and 0 < act.minutes <= LONGEST_MINUTES):
        return f"minutes is out of range; give 1 to {LONGEST_MINUTES}"
    if act.action == "verdict" and act.verdict not in VERDICTS:
        return f"verdict is none of {', '.join(VERDICTS)}"
    verdict = act.verdict if act.action == "verdict" else None
    length = act.minutes * 60_000 if act.action == "acknowledge" and act.minutes else None
    record = Action(
        patient=alert["patient"], action=act.action, by=act.by, alert_id=act.alert_id, verdict=verdict
    )
    try:
        send(settings, alert, record, length)
    except ActionRefused as error:
        return f"the alert {error}"
    return None
