"""The alerts of two replays: which only one of them raised, and which went another way.

Alerts are the same when they have the same id. A limit moved a little gives another opening reading and
so another id: two alerts of one patient, kind and vital that stand at the same time are told as one that
changed.
"""

from pathlib import Path
from typing import Any

import msgspec

FOREVER = "9999"  # sorts behind every RFC 3339 time: an alert that is not resolved


class Alert(msgspec.Struct):
    """One alert's life. Times in RFC 3339 UTC, measured where a reading decided, else received."""

    alert_id: str
    patient: str
    kind: str
    vital: str
    rule: str
    severities: list[str]
    opened: str
    resolved: str | None = None
    verdict: str | None = None
    bodies: list[bytes] = []


class Change(msgspec.Struct):
    """An alert of both that differs.

    `course`: what of it went another way (rule, severities, opened, resolved, verdict); empty when it is
    only told otherwise. `fields`: the keys of its transitions that differ.
    """

    a: Alert
    b: Alert
    course: list[str]
    fields: list[str]


class Comparison(msgspec.Struct):
    """All alerts of two replays."""

    same: int
    only_a: list[Alert]
    only_b: list[Alert]
    changed: list[Change]  # went another way
    reworded: list[Change]  # went the same way, with other values or words

    @property
    def equal(self) -> bool:
        """Whether both tell the same of every alert."""
        return not (self.only_a or self.only_b or self.changed or self.reworded)


class _Transition(msgspec.Struct):
    """Enough of a transition."""

    event: str
    alert_id: str
    patient: str
    kind: str
    vital: str
    rule: str
    severity: str
    received_at: str
    measured_at: str | None = None
    verdict: str | None = None


_decode = msgspec.json.Decoder(_Transition).decode


def read(path: Path) -> dict[str, Alert]:
    """The alerts of an alerts.jsonl by id. Raises ValueError that names the line which cannot be read."""
    alerts: dict[str, Alert] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                t = _decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            at = t.measured_at or t.received_at
            alert = alerts.get(t.alert_id)
            if alert is None:
                alert = Alert(t.alert_id, t.patient, t.kind, t.vital, t.rule, [t.severity], at)
                alerts[t.alert_id] = alert
            if alert.severities[-1] != t.severity:
                alert.severities.append(t.severity)
            if t.event == "resolved":
                alert.resolved = at
            alert.verdict = t.verdict or alert.verdict
            alert.bodies.append(line)
    return alerts


def compare(a: dict[str, Alert], b: dict[str, Alert]) -> Comparison:
    """Every alert of both, told once: sorted by patient, rule and opening."""
    both = [(a[i], b[i]) for i in a.keys() & b.keys()]
    pairs = [(x, y) for x, y in both if x.bodies != y.bodies]
    same = len(both) - len(pairs)
    only_a = sorted((x for i, x in a.items() if i not in b), key=_order)
    only_b = sorted((y for i, y in b.items() if i not in a), key=_order)
    for x in list(only_a):
        y = next((y for y in only_b if _stands_with(x, y)), None)
        if y is not None:
            only_a.remove(x)
            only_b.remove(y)
            pairs.append((x, y))
    changes = [Change(x, y, _course(x, y), _differing(x, y)) for x, y in pairs]
    changes.sort(key=lambda change: _order(change.a))
    other = [change for change in changes if change.course]
    return Comparison(same, only_a, only_b, other, [change for change in changes if not change.course])


def _order(alert: Alert) -> tuple[str, str, str]:
    return alert.patient, alert.rule, alert.opened


def _stands_with(x: Alert, y: Alert) -> bool:
    """Whether two alerts are of one patient, kind and vital, and their times overlap."""
    if (x.patient, x.kind, x.vital) != (y.patient, y.kind, y.vital):
        return False
    return x.opened <= (y.resolved or FOREVER) and y.opened <= (x.resolved or FOREVER)


def _course(x: Alert, y: Alert) -> list[str]:
    """What of an alert's life differs."""
    names = ("rule", "severities", "opened", "resolved", "verdict")
    return [name for name in names if getattr(x, name) != getattr(y, name)]


def _differing(x: Alert, y: Alert) -> list[str]:
    """The keys whose values differ in any of the transitions, in the order of their bodies."""
    out: dict[str, None] = {}
    for left, right in zip(x.bodies, y.bodies, strict=False):
        p, q = (msgspec.json.decode(body, type=dict[str, Any]) for body in (left, right))
        out |= dict.fromkeys(key for key in {**p, **q} if p.get(key) != q.get(key))
    if len(x.bodies) != len(y.bodies):
        out["event"] = None
    return list(out)
