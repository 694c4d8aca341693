"""A patient's story in event time: what was measured when, and what the nurse was told."""

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from models.outputs import Ledger
from models.pipeline import Pipeline
from models.plan import Plan, plan_record
from models.plan_file import parse_plans
from streams.configuration import load_catalog, load_default_plan, load_templates
from streams.zones import zone

PATIENT = "p-7f3a"
FIRST_DAY = datetime(2026, 3, 2, tzinfo=ZoneInfo("Europe/Paris"))  # a Monday
CATALOG = load_catalog()
Told = list[tuple[str, str, str]]


class Story:
    """One patient under a programme; moments are written "3 07:10": the third day, local time."""

    def __init__(self, programme: str, own: str = "") -> None:
        head = f'[[plan]]\npatient = "{PATIENT}"\ntemplate = "{programme}"\ntime_zone = "Europe/Paris"\n'
        (plan,) = parse_plans(head + own, "story", CATALOG, load_templates(CATALOG), zone)
        self.pipeline = Pipeline(CATALOG, load_default_plan(None, CATALOG), zone)
        self.bodies: list[dict[str, Any]] = []
        self._put("1 00:00", plan_record(plan))

    def measures(self, vital: str, device: str = "d-1", **values: float) -> None:
        """Readings of one vital on one day: `d3_0710=81.2` is the third day at 07:10."""
        for moment, value in values.items():
            day, clock = moment.removeprefix("d").split("_")
            self.measure(f"{day} {clock[:2]}:{clock[2:]}", vital, value, device)

    def series(self, vital: str, start: str, minutes: int, values: list[float], **more: Any) -> None:
        """Readings `minutes` apart from `start` on."""
        begin = _instant(start)
        for i, value in enumerate(values):
            self._reading(begin + timedelta(minutes=minutes * i), vital, value, **more)

    def measure(self, when: str, vital: str, value: float, device: str = "d-1", **more: Any) -> None:
        """One reading, received five seconds after it was measured."""
        self._reading(_instant(when), vital, value, device=device, **more)

    def put_ahead(self, when: str, vital: str, value: float, device: str, hours: int) -> None:
        """A reading of a device whose clock is `hours` ahead, received at `when`."""
        at = _instant(when)
        self._process(at, _body(at + timedelta(hours=hours), vital, value, device=device))

    def wait(self, when: str) -> None:
        """Time passes until `when` with nothing received."""
        self._put(when, b'{"kind":"tick"}')

    def apply(self, when: str, plan: Plan) -> None:
        """Another plan takes hold."""
        self._put(when, plan_record(plan))

    def reset(self, when: str, vital: str) -> None:
        """The learning of a vital begins anew."""
        action = {"kind": "action", "patient": PATIENT, "action": "reset-learning", "by": "n-4"}
        self._put(when, json.dumps({**action, "vital": vital}).encode())

    def calibrate(self, when: str, likelihood: dict[str, Any]) -> None:
        """What verdicts taught takes hold."""
        record = {"kind": "calibration", "programme": "*", "version": "1", "likelihood": likelihood}
        self._put(when, json.dumps(record).encode())

    @property
    def told(self) -> Told:
        """(event, rule, severity) of everything told so far, in order."""
        return [(b["event"], b["rule"], b["severity"]) for b in self.bodies]

    def sentence(self, locale: str, index: int = 0) -> str:
        """What the nurse reads in the `index`-th message."""
        return str(self.bodies[index]["explanation"][locale])

    @property
    def ledger(self) -> Ledger:
        """The fate of everything received."""
        return self.pipeline.ledger

    def restart(self) -> None:
        """The worker is killed and comes back from its saved blocks."""
        saved = self.pipeline.snapshot()
        self.pipeline = Pipeline(CATALOG, load_default_plan(None, CATALOG), zone)
        self.pipeline.restore(saved)

    def _reading(self, at: datetime, vital: str, value: float, **more: Any) -> None:
        self._process(at + timedelta(seconds=5), _body(at, vital, value, **more))

    def _put(self, when: str, record: bytes) -> None:
        self._process(_instant(when), record)

    def _process(self, at: datetime, record: bytes) -> None:
        received = round(at.timestamp() * 1000)
        outputs = self.pipeline.process([record], [received], [self.pipeline.position + 1])
        self.bodies += [json.loads(alert.body) for alert in outputs.alerts]


def _body(at: datetime, vital: str, value: float, device: str = "d-1", **more: Any) -> bytes:
    body = {
        "patient": PATIENT,
        "device": device,
        "vital": vital,
        "value": value,
        "unit": CATALOG[vital].unit,
        "measured_at": at.isoformat(),
        **more,
    }
    return json.dumps(body).encode()


def _instant(when: str) -> datetime:
    day, clock = when.split(" ")
    hours, minutes = clock.split(":")
    return FIRST_DAY + timedelta(days=int(day) - 1, hours=int(hours), minutes=int(minutes))
