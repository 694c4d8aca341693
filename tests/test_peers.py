import itertools
import json
from pathlib import Path

import pytest

from bench.load import PARTITIONS, Reading, load
from bench.output import Output
from bench.peers import HERE, PEERS, Peer
from bench.reference import LATENESS, WINDOW, Reference, compute
from bench.worker import catalogue
from models.pipeline import Pipeline
from streams.configuration import load_catalog, load_default_plan
from streams.zones import zone

PATIENTS, COUNT = 6, 4000
PLAIN, VIGIE = (next(peer for peer in PEERS if peer.name == name) for name in ("plain", "vigie"))


@pytest.fixture(scope="module")
def readings() -> list[Reading]:
    return list(load(COUNT, PATIENTS))


@pytest.fixture(scope="module")
def reference(readings: list[Reading]) -> Reference:
    return compute(readings)


def told(peer: Peer, reference: Reference) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The right windows and alerts as a peer writes them."""
    windows = [
        {"patient": p, "vital": v, "start": s, "count": w.count, "mean": w.mean, "min": w.low, "max": w.high}
        for (p, v, s), w in reference.windows.items()
    ]
    return windows, [{"patient": p, "vital": v, "at": at} for p, v, at in sorted(reference.alerts)]


def output(windows: list[dict[str, object]], alerts: list[dict[str, object]]) -> Output:
    out = Output(PLAIN)
    for is_alert, bodies in ((False, windows), (True, alerts)):
        for i, body in enumerate(bodies):
            out.take(is_alert, json.dumps(body).encode(), i, i / 1000)
    return out


def test_the_load_is_shuffled_within_the_lateness_and_has_what_alerts(
    readings: list[Reading], reference: Reference
) -> None:
    series: dict[tuple[str, str], list[int]] = {}
    for reading in readings:
        series.setdefault((reading.patient, reading.vital), []).append(reading.at)
    swapped = sum(a > b for times in series.values() for a, b in itertools.pairwise(times))
    assert swapped > 10
    assert all(a - b < LATENESS for times in series.values() for a, b in itertools.pairwise(times))
    assert {reading.partition for reading in readings} <= set(range(PARTITIONS))
    assert len(reference.alerts) > 10
    assert len(reference.limits) > 10


def test_every_reading_but_the_last_of_each_series_is_in_one_window(
    readings: list[Reading], reference: Reference
) -> None:
    assert sum(window.count for window in reference.windows.values()) == len(readings) - PATIENTS * 4
    for (patient, vital, start), window in list(reference.windows.items())[:50]:
        values = [
            r.value
            for r in readings
            if (r.patient, r.vital, r.at // WINDOW * WINDOW) == (patient, vital, start)
        ]
        assert (window.count, window.low, window.high) == (len(values), min(values), max(values))
        assert window.mean == pytest.approx(sum(values) / len(values))


def test_a_peer_that_tells_the_reference_is_exact(reference: Reference) -> None:
    found = output(*told(PLAIN, reference)).judge(reference)
    assert found.exact
    assert found.windows_repeated == found.alerts_repeated == 0


def test_each_way_to_be_wrong_is_found(reference: Reference) -> None:
    windows, alerts = told(PLAIN, reference)
    invented = {**alerts[0], "at": 1}
    found = output(
        [*windows[2:], {**windows[2], "count": 99}, {**windows[1], "mean": 0.0}, windows[3]],
        [*alerts[1:], alerts[1], invented],
    ).judge(reference)
    assert (found.windows_lost, found.windows_wrong) == (1, 2)
    assert (found.windows_contradicted, found.windows_repeated) == (1, 1)
    assert (found.alerts_lost, found.alerts_invented, found.alerts_repeated) == (1, 1, 1)
    assert not found.exact


def test_what_comes_again_unchanged_leaves_the_results_exact(reference: Reference) -> None:
    windows, alerts = told(PLAIN, reference)
    found = output(windows + windows[:7], alerts).judge(reference)
    assert found.exact
    assert found.windows_repeated == 7


def test_progress_counts_readings_up_to_where_windows_close(reference: Reference) -> None:
    progress = output(*told(PLAIN, reference)).progress(reference)
    assert [done for _, done in progress] == sorted(done for _, done in progress)
    assert progress[-1][1] == reference.readings


def test_vigies_core_gives_the_windows_and_limits_of_the_job(
    readings: list[Reading], reference: Reference, tmp_path: Path
) -> None:
    catalog = load_catalog(catalogue(tmp_path))
    plan = load_default_plan(HERE / "vigie_plan.toml", catalog)
    out = Output(VIGIE)
    for partition in range(PARTITIONS):
        log = [r for r in readings if r.partition == partition]
        pipeline = Pipeline(catalog, plan, zone)
        outputs = pipeline.process([r.body for r in log], [r.at for r in log], range(len(log)))
        out.take(False, bytes(outputs.results), 0, 0.0)
        for alert in outputs.alerts:
            out.take(True, alert.body, 0, 0.0)
    assert out.judge(reference).exact
