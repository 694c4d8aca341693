"""Which plan holds for a patient, by what the workers have saved.

The state topic holds every plan there is, however old; the input log keeps them for weeks, among all the
readings. What a page shows is as old as the last checkpoint and look.
"""

import json
from typing import Any

import structlog

from models.catalog import Catalog
from models.plan import Plan
from models.saved_plans import read_plans
from models.state import UnknownFormat
from streams.configuration import load_default_plan
from streams.following import Source, read_on
from streams.packing import unpack
from streams.settings import Settings
from streams.transports.records import UP_TO, Place, Record

log = structlog.get_logger(__name__)


class Plans:
    """Of every patient whose state was saved. One thread looks, any may ask."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self._topic = settings.topic("state")
        self._default = load_default_plan(settings.default_plan, catalog)
        self._own: dict[str, Plan | None] = {}
        self._everyones: dict[int, Plan] = {}  # by partition
        self._partition: dict[str, int] = {}
        self._at: dict[Place, int] = {}
        self._reflects: dict[bytes, int] = {}  # up to where each block does: an older one changes nothing

    def of(self, patient: str) -> Plan | None:
        """The plan that holds, None as long as nothing was saved of the patient."""
        if patient not in self._partition:
            return None
        return self._own[patient] or self._everyones.get(self._partition[patient], self._default)

    def look(self, source: Source) -> bool:
        """Take up some of what was saved since the last look; whether there is more. Raises LogUnusable."""
        piece = read_on(source, self._topic, self._at)
        for partition, found in piece.batches:
            newest: dict[bytes, bytes] = {}
            for record in found:
                if record.key and record.value and self._is_newer(record.key, up_to(record)):
                    newest[record.key] = record.value
            try:
                for key, value in newest.items():
                    self._take(partition, key, value)
            except UnknownFormat as error:  # of workers of another release: what is known goes on holding
                log.warning("plans cannot be read", detail=str(error))
        self._at = piece.at
        return piece.more

    def _is_newer(self, key: bytes, reflects: int) -> bool:
        if reflects < self._reflects.get(key, -1):
            return False
        self._reflects[key] = reflects
        return True

    def _take(self, partition: int, key: bytes, value: bytes) -> None:
        block = read_plans(int(key.rpartition(b"/")[2]), unpack(value))
        for patient in block.patients:
            self._own[patient.desk.patient] = patient.plan
            self._partition[patient.desk.patient] = partition
        if block.defaults:
            self._everyones[partition] = block.defaults[-1][1]


def up_to(record: Record) -> int:
    """The last input offset that a saved block reflects, -1 when it does not say."""
    return int(dict(json.loads(record.headers or "[]")).get(UP_TO, -1))


def limits_of(plan: Plan, catalog: Catalog, vital: str) -> list[dict[str, Any]]:
    """The clinician's limits of a vital, for its chart; "any at all" of a symptom is no line to draw."""
    return [
        {"value": plan.bounds(limit)[0], "rule": limit.rule, "severity": limit.severity, "when": limit.when}
        for limit in plan.limits
        if limit.vital == vital and not (catalog[vital].symptom and limit.value == 0)
    ]
