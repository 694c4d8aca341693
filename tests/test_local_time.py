"""Local time: days on which clocks change, offsets of one's own, what is said of a last measurement."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.outputs import Outputs
from models.pipeline import Pipeline
from streams.configuration import load_default_plan
from streams.zones import zone
from tests.stories import CATALOG

PARIS = ZoneInfo("Europe/Paris")
TICK = b'{"kind":"tick"}'
Entry = tuple[datetime, bytes]


def reading(at: datetime, vital: str, value: float) -> Entry:
    body = {"patient": "p-1", "device": "d", "vital": vital, "value": value, "unit": CATALOG[vital].unit}
    return at, json.dumps({**body, "measured_at": at.isoformat()}).encode()


def plan(at: datetime, time_zone: str, **more: object) -> Entry:
    body = {"kind": "plan", "patient": "p-1", "programme": "own", "version": "1", "time_zone": time_zone}
    return at, json.dumps({**body, **more}).encode()


def run(entries: Sequence[Entry]) -> Outputs:
    pipeline = Pipeline(CATALOG, load_default_plan(None, CATALOG), zone)
    received = [round(at.timestamp() * 1000) for at, _ in entries]
    return pipeline.process([record for _, record in entries], received, range(len(entries)))


def lines(outputs: Outputs, *words: str) -> list[str]:
    return [line for line in outputs.results.decode().splitlines() if all(word in line for word in words)]


def starts(outputs: Outputs, *words: str) -> list[datetime]:
    return [datetime.fromtimestamp(int(line.split(" ")[2]) / 1e9, PARIS) for line in lines(outputs, *words)]


@pytest.mark.parametrize(
    "changed", [datetime(2026, 3, 29, tzinfo=PARIS), datetime(2026, 10, 25, tzinfo=PARIS)]
)
@pytest.mark.parametrize("time_zone", ["Europe/Paris", ""])
def test_a_day_on_which_clocks_change_is_told_on_its_own_date(changed: datetime, time_zone: str) -> None:
    days = [changed + timedelta(days=i) for i in range(-1, 3)]  # of the wall clock
    entries = [plan(days[0], time_zone), *(reading(day.replace(hour=8), "body-weight", 80) for day in days)]
    outputs = run([*entries, (changed + timedelta(days=9), TICK)])
    hours = timedelta(hours=0 if time_zone else 2)  # without a zone the offset of its first reading must do
    for told in (starts(outputs, "window=1d"), starts(outputs, "trend,")):
        for day, start in zip(days, told, strict=False):
            assert abs(start.replace(tzinfo=None) - day.replace(tzinfo=None)) <= hours
    assert len(starts(outputs, "window=1d")) == 4
    assert len(starts(outputs, "trend,")) == 3


def test_the_day_of_25_hours_has_all_its_readings_and_midnight_parts_it_from_its_neighbours() -> None:
    first = datetime(2026, 10, 24, 22, 30, tzinfo=PARIS).astimezone(UTC)
    at = [first + timedelta(hours=i) for i in range(30)]
    entries = [plan(at[0], "Europe/Paris"), *(reading(t, "steps", 100 + i) for i, t in enumerate(at))]
    outputs = run([*entries, (at[-1] + timedelta(days=3), TICK)])
    told = {}
    for line, start in zip(lines(outputs, "window=1d"), starts(outputs, "window=1d"), strict=True):
        told[start.date().isoformat()] = line.split(" ")[1].split(",")
    of_day = {"2026-10-24": range(100, 102), "2026-10-25": range(102, 127), "2026-10-26": range(127, 130)}
    assert told.keys() == of_day.keys()
    for day, values in of_day.items():
        assert told[day][0] == f"count={len(values)}i"
        assert told[day][1] == f"mean={np.mean(values):.1f}"
        assert told[day][3:5] == [f"min={min(values)}.0", f"max={max(values)}.0"]


def test_what_was_expected_of_a_window_is_that_of_its_local_half_hour() -> None:
    tokyo, rng = timezone(timedelta(hours=9)), np.random.default_rng(1)
    start, count = datetime(2026, 3, 2, tzinfo=UTC), 8 * 288
    values = 75 + 15 * np.sin(np.arange(count) * 2 * np.pi / 288) + rng.normal(0, 1, count)
    told = []
    for there in (UTC, tokyo):
        at = [(start + timedelta(minutes=5 * i)).replace(tzinfo=there) for i in range(count)]
        entries = [reading(t, "heart-rate", round(x, 1)) for t, x in zip(at, values.tolist(), strict=True)]
        told.append([line.split(" ")[1] for line in lines(run(entries), "baseline,")])
    assert len(told[0]) > 1000
    assert told[0] == told[1]


@pytest.mark.parametrize("time_zone", ["", "Europe/Paris"])
def test_a_silence_names_the_last_measurement_in_local_time(time_zone: str) -> None:
    last = datetime(2026, 3, 28, 8, tzinfo=PARIS)  # clocks change in the night after
    wait = [{"vital": "body-weight", "every": 86400, "grace": 86400, "severity": "low"}]
    entries = [
        reading(last, "body-weight", 80),
        plan(last + timedelta(hours=1), time_zone, expectations=wait),
        reading(last + timedelta(days=2), "systolic-bp", 120),
        (last + timedelta(days=4), TICK),
    ]
    (silence,) = (json.loads(alert.body) for alert in run(entries).alerts)
    assert silence["explanation"]["en"].endswith("; the last was on Saturday 28 March at 08:00.")
