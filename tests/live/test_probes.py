"""Probes on a real Kafka: a fetcher that dies is told, a broker that is away ends no worker."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from click.testing import CliRunner

from infra.native import kafka as native
from infra.native.process import Running
from streams.cli import main
from tests import live, workers
from tests.live import kafka
from tests.test_health import status, told, wait_for

AWAY_SECONDS = 25  # much longer than a stall in these tests


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Running]:
    with live.server(native.server, tmp_path / "kafka").running() as running:
        yield running


def test_a_dead_fetcher_is_not_live_and_a_broker_that_is_away_ends_no_worker(
    broker: Running, tmp_path: Path
) -> None:
    port, mark = unused_port(), tmp_path / "deaf"
    settings = {
        "VIGIE_BROKER": f"batch://{broker.address}",
        "VIGIE_TICK_SECONDS": "0.5",
        "VIGIE_CHECKPOINT_SECONDS": "0.5",
        "VIGIE_SINK": "none",
        "VIGIE_METRICS_PORT": str(port),
    }
    environment = workers.environment(tmp_path, **{**settings, "VIGIE_TICKS": "worker"})
    assert CliRunner().invoke(main, ["topics", "create"], env=environment).exit_code == 0
    with ExitStack() as stack:
        client = kafka.Kafka(broker.address)
        stack.callback(client.close)
        worker = workers.start_deaf(tmp_path, mark, 8.0, **settings)
        wait_for(port, "/ready", 200)
        wait_for(port, "/live", 200)

        broker.kill()
        until = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < until:
            assert status(port, "/live") == 200
            time.sleep(0.2)
        broker.start()
        taken, until = told(port, "vigie_records_total"), time.monotonic() + 60
        while told(port, "vigie_records_total") < taken + 20:
            assert time.monotonic() < until
            assert status(port, "/live") == 200
            time.sleep(0.2)

        mark.touch()
        wait_for(port, "/live", 503)
        assert told(port, "vigie_stall_seconds") >= 8
        assert told(port, 'vigie_lag_records{topic="readings"}') > 0  # the broker's own ends, not what came
        mark.unlink()
        wait_for(port, "/live", 200)
        assert workers.stop(worker) == 0
