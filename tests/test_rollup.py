"""Windows against a plain computation over all readings at once."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.zones import zone
from tests.logs import START, TICK, reading

SIZES = {"15m": 900_000, "1h": 3_600_000, "1d": 86_400_000}
OFFSET = 3_600_000


@pytest.fixture(scope="session")
def make(catalog: Catalog, default_plan: Plan) -> Callable[[], Pipeline]:
    return lambda: Pipeline(catalog, default_plan, zone)


def windows(results: bytes) -> dict[tuple[str, int], dict[str, str]]:
    """The last revision of each window, by (size, start)."""
    out: dict[tuple[str, int], dict[str, str]] = {}
    for line in results.decode().splitlines():
        key, fields, nanoseconds = line.split(" ")
        if key.startswith("window,"):
            size = key.rpartition("window=")[2]
            told = dict(field.split("=") for field in fields.split(","))
            known = out.get((size, int(nanoseconds)), {"revision": "-1i"})
            assert int(told["revision"][:-1]) > int(known["revision"][:-1])
            out[size, int(nanoseconds)] = told
    return out


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from((0, 60_000, 300_000, 300_000, 4_000_000, 100_000_000, 400_000_000)),
            st.sampled_from((0, 0, 0, 60_000, 1_200_000, 3_000_000)),
            st.integers(40, 300),
        ),
        min_size=1,
        max_size=80,
    )
)
def test_every_window_equals_the_plain_computation(
    make: Callable[[], Pipeline], steps: list[tuple[int, int, int]]
) -> None:
    now, log, times = START, [], []
    for forward, behind, value in steps:
        now += forward
        times.append(now)
        log.append(reading("p-one", "blood-glucose", value, now - behind))
    pipeline = make()
    outputs = pipeline.process([*log, TICK], [*times, now + 10 * 86_400_000], range(len(log) + 1))
    refused = {reject.offset for reject in outputs.rejects}
    expected: dict[tuple[str, int], list[tuple[int, int, int]]] = defaultdict(list)
    for i, (_, behind, value) in enumerate(steps):
        if i not in refused:
            at = times[i] - behind
            for size, length in SIZES.items():
                local = OFFSET if size == "1d" else 0
                start = (at + local) // length * length - local
                expected[size, start * 1_000_000].append((at, i, value))
    told = windows(outputs.results)
    assert set(told) == set(expected)
    for key, readings in expected.items():
        values = [value for _, _, value in readings]
        got = told[key]
        assert got["count"] == f"{len(values)}i"
        assert float(got["min"]) == min(values)
        assert float(got["max"]) == max(values)
        assert float(got["first"]) == min(readings, key=lambda r: (r[0], r[1]))[2]
        assert float(got["last"]) == max(readings, key=lambda r: (r[0], r[1]))[2]
        assert math.isclose(float(got["mean"]), statistics.fmean(values), abs_tol=0.051)
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        assert math.isclose(float(got["standard_deviation"]), spread, abs_tol=0.051)
        assert float(got["time_below_70"]) == round(100 * sum(v < 70 for v in values) / len(values), 1)
        assert float(got["time_above_180"]) == round(100 * sum(v > 180 for v in values) / len(values), 1)


def test_a_window_closes_even_when_its_series_leaps_far_ahead(make: Callable[[], Pipeline]) -> None:
    later = START + 30 * 86_400_000
    log = [reading("p-one", "blood-glucose", 100, START), reading("p-one", "blood-glucose", 100, later)]
    outputs = make().process(log, [START, later], [0, 1])
    assert {size for size, _ in windows(outputs.results)} == {"15m", "1h", "1d"}


def test_a_late_reading_re_emits_its_window_with_a_higher_revision(make: Callable[[], Pipeline]) -> None:
    times = [START, START + 1_000_000, START + 60_000]
    log = [reading("p-one", "blood-glucose", 100 + i, at) for i, at in enumerate(times)]
    outputs = make().process(log, [START + 2_000_000] * 3, [0, 1, 2])
    told = windows(outputs.results)["15m", START * 1_000_000]
    assert (told["count"], told["revision"], told["last"]) == ("2i", "1i", "102.0")


def test_a_reading_behind_the_allowance_is_late_and_changes_nothing(make: Callable[[], Pipeline]) -> None:
    log = [reading("p-one", "blood-glucose", 100, at) for at in (START, START - 3_600_001)]
    outputs = make().process(log, [START] * 2, [0, 1])
    assert [reject.reason for reject in outputs.rejects] == ["late"]
    assert outputs.results == b""
