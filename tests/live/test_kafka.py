"""The journey on a real Kafka: kills, joins and leaves change nothing."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from streams.input import rows
from streams.transports.records import Row
from streams.zones import zone
from tests import workers
from tests.live import kafka
from tests.test_worker import ward

READINGS = int(os.environ.get("LIVE_READINGS", "20000"))
PARTITIONS = 4
CHUNK = 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka]:
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as address:
        client = kafka.Kafka(address)
        yield client
        client.close()


class Deployment:
    """Workers of one prefix on the broker."""

    def __init__(self, server: kafka.Kafka, prefix: str, folder: Path) -> None:
        self.server, self.prefix, self.folder = server, prefix, folder
        self.running: list[subprocess.Popen[bytes]] = []
        made = subprocess.run(
            [*workers.VIGIE, "topics", "create"], env=self._environment(), capture_output=True
        )
        assert made.returncode == 0, made.stderr

    def _environment(self) -> dict[str, str]:
        return workers.environment(
            self.folder,
            VIGIE_BROKER=f"batch://{self.server.address}",
            VIGIE_PREFIX=self.prefix,
            VIGIE_CHECKPOINT_SECONDS="0.5",
        )

    def start(self) -> subprocess.Popen[bytes]:
        name = f"worker-{len(self.running)}.txt"
        with (self.folder / name).open("wb") as out:
            self.running.append(
                subprocess.Popen(
                    [*workers.VIGIE, "worker", "--roles", "watch"],
                    env=self._environment(),
                    stdout=out,
                    stderr=out,
                )
            )
        return self.running[-1]

    def wait_until_applied(self, count: int, seconds: float = 90) -> None:
        """Until so many readings are committed."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            done = self.server.committed(self.group, self.topic("readings"))
            if sum(done.values()) >= count:
                return
            time.sleep(0.3)
        raise AssertionError(f"{sum(done.values())} of {count} committed\n{self.said()}")

    def drained(self) -> None:
        self.server.wait_until_drained(self.group, (self.topic("readings"),))

    def topic(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    @property
    def group(self) -> str:
        return f"{self.prefix}-watch"

    def told(self) -> tuple[set[bytes], set[bytes]]:
        frames = self.server.values(self.topic("results"))
        lines = {line for frame in frames for line in frame.splitlines()}
        return lines, set(self.server.values(self.topic("alerts")))

    def said(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("worker-*.txt")))

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def deployment(server: kafka.Kafka, tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(server, f"t{time.time_ns() % 10**9}", tmp_path)
    yield made
    made.end()


def test_a_kill_a_join_and_a_leave_change_nothing(
    deployment: Deployment, catalog: Catalog, default_plan: Plan
) -> None:
    records = list(stamp(Line(value, "-", i) for i, value in enumerate(ward(READINGS))))
    log = list(rows(records, deployment.topic("readings"), PARTITIONS, True))
    parts = [log[i * len(log) // 4 : (i + 1) * len(log) // 4] for i in range(4)]
    server = deployment.server

    def pour(part: list[Row], pause: float) -> None:
        for i in range(0, len(part), CHUNK):
            server.append(part[i : i + CHUNK])
            time.sleep(pause)

    first = deployment.start()
    pour(parts[0], 0.02)
    deployment.wait_until_applied(len(parts[0]) // 2)
    pour(parts[1], 0.02)
    first.kill()  # in the midst of it
    first.wait()
    second = deployment.start()
    pour(parts[2], 0.0)
    deployment.wait_until_applied(len(parts[0]) + len(parts[1]) + len(parts[2]) // 2)
    third = deployment.start()
    pour(parts[3][: len(parts[3]) // 2], 0.05)
    time.sleep(3)
    assert workers.stop(third) == 0, deployment.said()
    pour(parts[3][len(parts[3]) // 2 :], 0.02)
    deployment.drained()
    assert workers.stop(second) == 0, deployment.said()

    lines, alerts = undisturbed(server, deployment.topic("readings"), catalog, default_plan)
    told_lines, told_alerts = deployment.told()
    assert sorted(told_alerts ^ alerts)[:5] == []
    assert sorted(told_lines ^ lines)[:5] == []


def undisturbed(
    server: kafka.Kafka, topic: str, catalog: Catalog, default_plan: Plan
) -> tuple[set[bytes], set[bytes]]:
    """What the core says of each partition, read to its end in one go."""
    lines: set[bytes] = set()
    alerts: set[bytes] = set()
    for records in server.records(topic).values():
        pipeline = Pipeline(catalog, default_plan, zone)
        outputs = pipeline.process(
            [record.value for record in records],
            [record.timestamp for record in records],
            [record.offset for record in records],
            [record.key for record in records],
        )
        lines |= set(outputs.results.splitlines())
        alerts |= {alert.body for alert in outputs.alerts}
    return lines, alerts
