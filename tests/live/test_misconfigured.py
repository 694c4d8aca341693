"""A worker over topics that are not there, or not as they should be, says so and does not look healthy."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port
from click.testing import CliRunner
from kafka.admin import ConfigResource, KafkaAdminClient

from streams.cli import main
from tests import workers
from tests.live import kafka
from tests.test_health import reason, status, wait_for


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as found:
        yield found


def environment(folder: Path, address: str, prefix: str, **more: str) -> dict[str, str]:
    settings = {"VIGIE_PREFIX": prefix, "VIGIE_TICKS": "worker", "VIGIE_SINK": "none"}
    return workers.environment(folder, **{"VIGIE_BROKER": f"batch://{address}", **settings, **more})


def refused(settings: dict[str, str]) -> list[str]:
    """What a worker says that does not start."""
    done = subprocess.run([*workers.VIGIE, "worker"], env=settings, capture_output=True, timeout=120)
    assert done.returncode == 1, done.stderr[-2000:]
    return [line for line in done.stderr.decode().splitlines() if line.startswith("vigie: ")]


def test_a_worker_does_not_start_over_topics_that_it_cannot_rely_on(tmp_path: Path, address: str) -> None:
    good = environment(tmp_path, address, "ward")
    assert CliRunner().invoke(main, ["topics", "create"], env=good).exit_code == 0

    told = refused(environment(tmp_path, address, "wart"))
    assert "vigie: topic wart.readings is missing; run `vigie topics create`" in told
    assert told[-1] == "vigie: no topic of the prefix wart is there: is VIGIE_PREFIX the right one?"
    assert len(told) == 7

    told = refused({**good, "VIGIE_PARTITIONS": "8"})
    assert (
        "vigie: topic ward.readings has 4 partitions, the settings say 8; run `export VIGIE_PARTITIONS=4`"
        in told
    )

    told = refused({**good, "VIGIE_TICKS": "log"})
    assert told == [
        "vigie: topic ward.readings has message.timestamp.type=LogAppendTime, the settings say CreateTime; "
        "run `vigie topics create --alter`"
    ]

    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.alter_configs([ConfigResource("topic", "ward.state", {"cleanup.policy": "delete"})])
    admin.close()
    (one,) = refused(good)
    assert "topic ward.state has cleanup.policy=delete, the settings say compact" in one


def test_a_worker_whose_topic_is_taken_away_is_not_ready(tmp_path: Path, address: str) -> None:
    port = unused_port()
    settings = environment(tmp_path, address, "lost", VIGIE_METRICS_PORT=str(port))
    assert CliRunner().invoke(main, ["topics", "create"], env=settings).exit_code == 0
    with (tmp_path / "worker.txt").open("wb") as out:
        worker = workers.process([*workers.VIGIE, "worker"], env=settings, stdout=out, stderr=out)
    wait_for(port, "/ready", 200)
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.delete_topics(["lost.readings"])
    admin.close()
    until = time.monotonic() + 60
    while worker.poll() is None and status(port, "/ready") == 200:  # it may end as well: then it is refused
        assert time.monotonic() < until
        time.sleep(0.2)
    while worker.poll() is None and "lost.readings" not in reason(port, "/ready"):
        assert time.monotonic() < until, reason(port, "/ready")
        time.sleep(0.2)
    worker.kill()
    worker.wait()
    assert "vigie: topic lost.readings is missing; run `vigie topics create`" in refused(settings)
