"""The ward put together: plans, then weeks of history, then readings without end, in order of receipt."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from models.catalog import Catalog
from models.plan import Plan, plan_record
from streams.ward import signals, stories
from streams.ward.plans import care_plan, patience
from streams.ward.roster import Patient, admit, device

DAY: Final = stories.DAY
HISTORY_DAYS: Final = 21
ENROLLED_LATE: Final = 2 * DAY  # before the live part: the patient who never sent
MISSED: Final = 0.02  # of a worn device's readings, lost one at a time
RESENT: Final = 0.003  # sent twice by the gateway
SLIPPED: Final = 0.001  # the probe slipped: a value that no body has
ZONE: Final = "Europe/Paris"


class Arrival(NamedTuple):
    """A record as it reaches the service: receipt in ms, the patient as its key, its JSON."""

    received_at: int
    patient: str
    value: bytes


class Ward:
    """Simulated patients around `live_from` (ms since 1970): the same arguments give the same bytes."""

    def __init__(
        self, catalog: Catalog, live_from: int, seed: int = 1, days: int = HISTORY_DAYS, locale: str = "en"
    ) -> None:
        self.catalog, self.live_from, self.days = catalog, live_from, days
        self.seed = seed
        self.patients: list[Patient] = admit(seed)
        self.stories = {p.story: p.name for p in self.patients if p.story}
        self.plans: list[Plan] = [care_plan(p, catalog, locale, ZONE) for p in self.patients]
        self._zone = ZoneInfo(ZONE)
        local = datetime.fromtimestamp(live_from / 1000, self._zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        self._midnight = round(midnight.timestamp() * 1000)
        self._bodies = [signals.body(np.random.default_rng([seed, 1, p.index])) for p in self.patients]

    @property
    def begins(self) -> int:
        """Receipt of the first record, in ms."""
        return self._midnight - self.days * DAY

    def history(self) -> Iterator[Arrival]:
        """Plans first, then everything received before the live part, in order of receipt."""
        late = self.stories["never-sent"]
        held = [Arrival(self.begins, p.patient, plan_record(p)) for p in self.plans if p.patient != late]
        enrolment = self.live_from - ENROLLED_LATE
        joins = [Arrival(enrolment, p.patient, plan_record(p)) for p in self.plans if p.patient == late]
        for arrival in held:
            yield arrival
        for arrival in self._stream(-self.days, self.live_from):
            while joins and joins[0].received_at <= arrival.received_at:
                yield joins.pop(0)
            yield arrival

    def live(self) -> Iterator[Arrival]:
        """Everything received from the live part's beginning on, without end."""
        yield from (a for a in self._stream(-1, None) if a.received_at >= self.live_from)

    def _stream(self, first: int, until: int | None) -> Iterator[Arrival]:
        """Days from `first` on, in order of receipt; what crosses midnight waits for the next day."""
        day, held = first, list[Arrival]()
        while True:
            end = self._midnight + (day + 1) * DAY
            arrivals = sorted([*held, *self._day(day)])
            held = [a for a in arrivals if a.received_at >= end]
            for arrival in arrivals[: len(arrivals) - len(held)]:
                if until is not None and arrival.received_at >= until:
                    return
                yield arrival
            day += 1

    def _day(self, day: int) -> list[Arrival]:
        return [
            arrival
            for patient, plan in zip(self.patients, self.plans, strict=True)
            for vital in patient.vitals
            for arrival in self._readings(patient, plan, vital, day)
        ]

    def _readings(self, patient: Patient, plan: Plan, vital: str, day: int) -> Iterator[Arrival]:
        """One patient's readings of one vital measured on one day (counted from the live day)."""
        entry = self.catalog[vital]
        order = self.catalog.index[vital]
        rng = np.random.default_rng([self.seed, 2, patient.index, order, day + 100_000])
        who = self._bodies[patient.index]
        fraction, x = signals.SIGNALS[vital](rng, who, (day + self.days) % signals.WALK_DAYS)
        size = len(x)
        at = np.floor(self._midnight + (day + fraction) * DAY)
        if size > 3:  # worn devices have their own phase, so that not all speak at once
            at += patient.index * 11_000 % (DAY // size)
        x = stories.change(patient.story, vital, at, x, self.live_from)
        x = np.clip(np.round(x, entry.decimals), entry.minimum, entry.maximum)
        received = at + rng.integers(1_500, 20_000, size)
        draw = rng.random(size)
        keep = stories.kept(patient.story, vital, at, self.live_from, patience(plan, vital))
        if size > 3:
            keep &= draw >= MISSED
            if vital == "spo2":
                x = np.where(draw > 1 - SLIPPED, 0.0, x)
        measured = at + stories.clock_error(patient.story, vital, at, self.live_from)
        name = device(vital, patient)
        head = f'{{"patient":"{patient.name}","device":"{name}","vital":"{vital}","value":'
        tail = f',"unit":"{entry.unit}","measured_at":"'
        for i in np.flatnonzero(keep):
            time = datetime.fromtimestamp(measured[i] // 1000, self._zone).isoformat()
            value = f'{head}{x[i]:.{entry.decimals}f}{tail}{time}"}}'.encode()
            yield Arrival(int(received[i]), patient.name, value)
            if size > 3 and MISSED <= draw[i] < MISSED + RESENT:
                yield Arrival(int(received[i]) + 20_000, patient.name, value)
