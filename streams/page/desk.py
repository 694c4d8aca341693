"""What the page knows and says of the input log: the plans that hold, and a nurse's acknowledgement."""

from typing import Any, Final

import msgspec

from models.actions import Action
from models.catalog import Catalog
from models.decode import is_name
from models.plan import Plan, decode_plan
from models.times import rfc3339
from streams.alerts import refusal
from streams.configuration import load_default_plan
from streams.input import append, key_of, open_log, received_now
from streams.settings import Settings
from streams.transports.records import Place
from streams.zones import zone

AT_ONCE: Final = 5000
LONGEST_MINUTES: Final = 7 * 24 * 60


class Acknowledgement(msgspec.Struct, forbid_unknown_fields=True):
    """What the page's button sends: which alert, who takes it, for how long."""

    alert_id: str
    by: str
    minutes: int


class Kind(msgspec.Struct):
    """Enough of a record to tell plans."""

    kind: str = "reading"


class Desk:
    """One input log. Not for several threads at once: its user holds a lock."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._settings, self._catalog = settings, catalog
        self._log = open_log(settings)
        self._default = load_default_plan(settings.default_plan, catalog)
        self._plans: dict[str, Plan] = {}
        self._read: dict[Place, int] = {}

    def close(self) -> None:
        """Let the log go."""
        self._log.close()

    def plan_of(self, patient: str) -> Plan:
        """The plan that the log gives a patient by now, else the default."""
        topic = self._settings.topic("readings")
        for place, end in self._log.refresh().items():
            at = self._read.get(place, 0)
            while place[0] == topic and at < end and (found := self._log.read(place, at, AT_ONCE)):
                for record in found:
                    if record.value is not None and b'"plan"' in record.value:
                        self._take(record.value)
                at = self._read[place] = found[-1].offset + 1
        return self._plans.get(patient) or self._plans.get("*") or self._default

    def _take(self, value: bytes) -> None:
        """Keep a record that is a plan; the worker rejects those that do not hold."""
        try:
            if msgspec.json.decode(value, type=Kind).kind == "plan":
                plan = decode_plan(value, self._catalog, zone)
                self._plans[plan.patient] = plan
        except (msgspec.MsgspecError, ValueError):
            return

    def acknowledge(self, alert: dict[str, Any], wanted: Acknowledgement) -> str | None:
        """Append the action; the reason when the worker would refuse it."""
        if not is_name(wanted.by):
            return "by is no pseudonym; use 1-64 of [A-Za-z0-9_-]"
        if not 0 < wanted.minutes <= LONGEST_MINUTES:
            return f"minutes is out of range; give 1 to {LONGEST_MINUTES}"
        if reason := refusal(alert, "acknowledge"):
            return f"the alert {reason}"
        record = Action(
            patient=alert["patient"], action="acknowledge", by=wanted.by, alert_id=wanted.alert_id
        )
        key = key_of(msgspec.json.encode(record))
        partition = self._log.partition(self._settings.topic("readings"), key)
        now = received_now(self._settings, self._log, partition)
        record.until = rfc3339(now + wanted.minutes * 60_000)
        append(self._settings, self._log, [msgspec.json.encode(record)])
        return None


def limits_of(plan: Plan, catalog: Catalog, vital: str) -> list[dict[str, Any]]:
    """The clinician's limits of a vital, for its chart; "any at all" of a symptom is no line to draw."""
    return [
        {"value": plan.bounds(limit)[0], "rule": limit.rule, "severity": limit.severity, "when": limit.when}
        for limit in plan.limits
        if limit.vital == vital and not (catalog[vital].symptom and limit.value == 0)
    ]
