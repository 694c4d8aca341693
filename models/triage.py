"""From decisions to alerts: open, change of severity, acknowledged, resolved, closed with a verdict.

One alert stands for one cause: the limits of one vital on one side, one trend, one baseline, one
silence, one fault of one device. Every change is a transition with the alert's next sequence number. An
alert's id is a hash of what caused it, so that a replay names it the same.
"""

import hashlib
from typing import Annotated, Any, Final

import msgspec

from models.decode import NAME
from models.texts import over_again
from models.times import rfc3339
from models.verdicts.features import Past, remember_verdict
from models.verdicts.reasons import Estimate
from models.wire import encode

SCHEMA_VERSION: Final = 1
SEVERITIES: Final = ("low", "medium", "high")
ACTIONABLE: Final = "actionable"
VERDICTS: Final = (ACTIONABLE, "not-actionable", "measurement-error", "device-fault", "duplicate")
GROWN: Final = "grown"  # why an alert is told again at the same severity
SAYS_NOTHING: Final = "duplicate"  # a verdict on the telling, not on what was told
KEPT_RESOLVED: Final = 20  # resolved alerts of one patient that can still be given a verdict
RETROSPECTIVE_MILLISECONDS: Final = 6 * 3_600_000  # a cause received later than this is history

Severity = str
AlertId = Annotated[str, msgspec.Meta(pattern=rf"^{NAME.pattern}\Z")]
"""Of a transition that is read back: it becomes part of keys and headers."""
Number = Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)]
"""Of a transition among those of its alert."""


class Alert(msgspec.Struct):
    """One alert of one patient, as it stands. Times in ms of received or measured time."""

    alert_id: str
    cause: str  # what it stands for; at most one unresolved alert per cause
    kind: str
    vital: str
    rule: str
    rule_version: str
    severity: Severity
    status: str  # open, acknowledged, resolved
    sequence: int
    opened_at: int
    retrospective: bool
    facts: dict[str, Any]  # value, unit, limit, expected, since, last_points, explanation
    open_rules: dict[str, Severity]
    acknowledged_by: str | None = None
    acknowledged_until: int | None = None
    verdict: str | None = None
    estimate: Estimate | None = None  # None: no calibration of verdicts held when it opened


class Transition(msgspec.Struct, frozen=True, gc=False):
    """One change of one alert: the JSON body is a line of alerts.jsonl and a record of vigie.alerts."""

    patient: str
    alert_id: str
    sequence: int
    body: bytes


class Cause(msgspec.Struct, frozen=True):
    """Why an alert opens or changes."""

    cause: str
    kind: str
    vital: str
    rule: str
    severity: Severity
    opening: str  # names the opening reading or deadline; part of the alert's id
    measured_at: int | None
    received_at: int
    facts: dict[str, Any]
    late: bool = False


class Desk(msgspec.Struct):
    """The alerts of one patient; part of its block of state."""

    patient: str
    programme: str = ""
    route: str = ""
    version: str = ""
    alerts: list[Alert] = []
    past: Past = msgspec.field(default_factory=Past)


def alert_id(patient: str, cause: Cause) -> str:
    """a- and 20 hexadecimal digits of the SHA-256 of what caused the alert."""
    text = "\x1f".join((patient, cause.kind, cause.cause, cause.rule, cause.vital, cause.opening))
    return "a-" + hashlib.sha256(text.encode()).hexdigest()[:20]


def standing(desk: Desk, cause: str) -> Alert | None:
    """The unresolved alert of a cause."""
    for alert in desk.alerts:
        if alert.cause == cause and alert.status != "resolved":
            return alert
    return None


def stands(desk: Desk, vital: str) -> bool:
    """Whether an alert about the values of a vital is unresolved."""
    return any(
        alert.vital == vital and alert.status != "resolved" and alert.kind not in ("silence", "technical")
        for alert in desk.alerts
    )


def worst(severities: dict[str, Severity]) -> Severity:
    """The highest of the severities of the open rules."""
    return max(severities.values(), key=SEVERITIES.index)


def raise_alert(
    desk: Desk, cause: Cause, features: dict[str, float], estimate: Estimate | None
) -> Transition | None:
    """A rule holds: open an alert, or change the severity of the standing one.

    features: of an alert that opens (models/verdicts/features.py), told with its first transition.
    """
    alert = standing(desk, cause.cause)
    if alert is not None:
        if cause.rule in alert.open_rules:
            return None
        alert.open_rules[cause.rule] = cause.severity
        previous = alert.severity
        severity = worst(alert.open_rules)
        if severity == previous:
            return None
        alert.severity, alert.rule, alert.facts = severity, cause.rule, cause.facts
        if alert.status == "acknowledged":  # worse breaks through an acknowledgement
            alert.status, alert.acknowledged_by, alert.acknowledged_until = "open", None, None
        return _transition(desk, alert, "updated", cause.received_at, cause.measured_at, previous)
    behind = cause.measured_at is not None and cause.received_at - cause.measured_at
    alert = Alert(
        alert_id=alert_id(desk.patient, cause),
        cause=cause.cause,
        kind=cause.kind,
        vital=cause.vital,
        rule=cause.rule,
        rule_version=desk.version,
        severity=cause.severity,
        status="open",
        sequence=0,
        opened_at=cause.received_at,
        retrospective=cause.late or behind > RETROSPECTIVE_MILLISECONDS,
        facts=cause.facts,
        open_rules={cause.rule: cause.severity},
        estimate=estimate,
    )
    desk.alerts.append(alert)
    return _transition(desk, alert, "opened", cause.received_at, cause.measured_at, None, features)


def remark(desk: Desk, cause: str, received: int, measured: int, facts: dict[str, Any]) -> Transition | None:
    """Something new to say of a standing alert, whose severity and status stay."""
    alert = standing(desk, cause)
    if alert is None:
        return None
    alert.facts = {**alert.facts, **facts}
    return _transition(desk, alert, "updated", received, measured, alert.severity)


def renew(desk: Desk, alert: Alert, cause: Cause) -> Transition:
    """What stands has grown much worse: it is told again, at its severity, whoever has acknowledged it."""
    alert.facts = cause.facts
    if alert.status == "acknowledged":
        alert.status, alert.acknowledged_by, alert.acknowledged_until = "open", None, None
    return _transition(
        desk, alert, "updated", cause.received_at, cause.measured_at, alert.severity, reason=GROWN
    )


def speaks(alert: Alert, ended: str) -> str | None:
    """The rule that an alert is of once one of its rules holds no more: the gravest of the rest, or none."""
    rest = {rule: severity for rule, severity in alert.open_rules.items() if rule != ended}
    if alert.rule in rest or not rest:
        return alert.rule if rest else None
    return next(rule for rule, severity in rest.items() if severity == worst(rest))


def clear(
    desk: Desk,
    cause: str,
    rule: str,
    received: int,
    measured: int | None,
    facts: dict[str, Any],
    why: str = "",
) -> Transition | None:
    """A rule holds no more: lower the severity, or resolve when it was the last.

    why: a key of texts.over_again, told behind the words of an alert that resolves.
    """
    alert = standing(desk, cause)
    if alert is None or rule not in alert.open_rules:
        return None
    previous, following = alert.severity, speaks(alert, rule)
    del alert.open_rules[rule]
    if following is not None:
        alert.severity, alert.rule = worst(alert.open_rules), following
        alert.facts = {**alert.facts, **facts}
        if alert.severity == previous:
            return None
        return _transition(desk, alert, "updated", received, measured, previous)
    alert.status = "resolved"
    alert.facts = {**alert.facts, **facts}
    if why:
        words = alert.facts["explanation"]
        alert.facts["explanation"] = {
            locale: text + over_again(locale, why) for locale, text in words.items()
        }
    resolved = [a for a in desk.alerts if a.status == "resolved"]
    for old in resolved[: len(resolved) - KEPT_RESOLVED] if len(resolved) > KEPT_RESOLVED else []:
        desk.alerts.remove(old)
    return _transition(desk, alert, "resolved", received, measured, None)


def acknowledge(desk: Desk, wanted: str, by: str, until: int | None, received: int) -> Transition | str:
    """A nurse takes an alert: its transition, or the reason why not."""
    alert = next((a for a in desk.alerts if a.alert_id == wanted), None)
    if alert is None:
        return "alert_id names no alert of this patient; list them with `vigie alert list`"
    if alert.status == "resolved":
        return "the alert is resolved; give it a verdict instead"
    if alert.status == "acknowledged":
        return "the alert is acknowledged already"
    alert.status, alert.acknowledged_by, alert.acknowledged_until = "acknowledged", by, until
    return _transition(desk, alert, "acknowledged", received, None, None)


def judge(desk: Desk, wanted: str, by: str, verdict: str, received: int) -> Transition | str:
    """A nurse's verdict closes an alert: its transition, or the reason why not."""
    alert = next((a for a in desk.alerts if a.alert_id == wanted), None)
    if alert is None:
        return "alert_id names no alert of this patient; list them with `vigie alert list`"
    if alert.status != "resolved":
        return "the alert still stands; a verdict closes an alert once it is resolved"
    alert.verdict, alert.acknowledged_by, alert.status = verdict, by, "closed"
    desk.alerts.remove(alert)
    if verdict != SAYS_NOTHING:
        remember_verdict(desk.past, alert.cause, verdict == ACTIONABLE)
    return _transition(desk, alert, "closed", received, None, None)


def expire(desk: Desk, now: int) -> list[Transition]:
    """Acknowledgements whose time is over fall back to open."""
    out = []
    for alert in desk.alerts:
        until = alert.acknowledged_until
        if alert.status == "acknowledged" and until is not None and until <= now:
            alert.status, alert.acknowledged_by, alert.acknowledged_until = "open", None, None
            out.append(_transition(desk, alert, "updated", now, None, alert.severity))
    return out


def _transition(
    desk: Desk,
    alert: Alert,
    event: str,
    received: int,
    measured: int | None,
    previous: str | None,
    features: dict[str, float] | None = None,
    reason: str | None = None,
) -> Transition:
    """Number the change and write its body."""
    alert.sequence += 1
    until = alert.acknowledged_until
    body = {
        "schema_version": SCHEMA_VERSION,
        "event": event,
        "alert_id": alert.alert_id,
        "sequence": alert.sequence,
        "patient": desk.patient,
        "programme": desk.programme,
        "route": desk.route,
        "kind": alert.kind,
        "rule": alert.rule,
        "rule_version": alert.rule_version,
        "vital": alert.vital,
        "severity": alert.severity,
        "previous_severity": previous,
        "status": alert.status,
        "measured_at": rfc3339(measured) if measured else None,
        "received_at": rfc3339(received),
        "opened_at": rfc3339(alert.opened_at),
        "retrospective": alert.retrospective,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_until": rfc3339(until) if until else None,
        "verdict": alert.verdict,
        **alert.facts,
    }
    if alert.estimate is not None:
        body["likelihood"] = alert.estimate.likelihood
        body["likelihood_calibration"] = alert.estimate.calibration
        body["likelihood_reasons"] = alert.estimate.reasons
    if features is not None:
        body["features"] = features
    if reason is not None:
        body["reason"] = reason
    return Transition(desk.patient, alert.alert_id, alert.sequence, encode(body))
