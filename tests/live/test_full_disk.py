"""InfluxDB's disk is full: the store agent waits and says why, alerts go on, nothing is lost."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.native import influxdb
from infra.native.process import Running
from streams.cli import main
from streams.transports.log.store import Log
from tests import live, workers
from tests.live import influx
from tests.live.test_influx import wait_until_said
from tests.test_worker import append, ward

SIZE = 48 << 20  # bytes of the disk
LEFT = 64 << 10  # of them, once somebody else has filled it


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"a disk of its own needs the right to mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def server(disk: Path) -> Iterator[Running]:
    with live.server(influxdb.server, disk / "influxdb").running() as running:
        yield running


def fill(disk: Path) -> Path:
    """Somebody else's file, which leaves next to nothing."""
    ballast = disk / "ballast"
    done = subprocess.run(
        ["df", "--output=avail", "-B1", str(disk)], capture_output=True, text=True, check=True
    )
    with ballast.open("wb") as file:
        file.write(bytes(int(done.stdout.split()[1]) - LEFT))
    return ballast


def test_a_full_disk_loses_nothing_and_holds_up_no_alert(server: Running, disk: Path, tmp_path: Path) -> None:
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    settings = influx.settings(server.address, secrets)
    assert CliRunner().invoke(main, ["influx", "setup"], env=settings).exit_code == 0
    readings = ward(9000)
    worker = workers.start(data, **settings)
    append(data, readings[:3000])
    workers.wait_until_drained(data)
    ballast = fill(disk)
    append(data, readings[3000:])
    wait_until_said(data, "make room")
    assert "is full" in (data / "worker.txt").read_text()
    decided = wait_until_decided(data)
    waiting = influx.stored(server.address, secrets)
    assert waiting["window"] < influx.wanted(workers.values(data, "vigie.results"), [])["window"]
    ballast.unlink()
    server.kill()  # InfluxDB 2.9 keeps a shard shut that it could not open, however much room there is
    server.start()
    workers.wait_until_drained(data)
    assert workers.stop(worker) == 0
    frames, alerts = (workers.values(data, f"vigie.{topic}") for topic in ("results", "alerts"))
    assert set(alerts) == decided
    assert influx.stored(server.address, secrets) == influx.wanted(frames, alerts)
    rejects = [json.loads(body) for body in workers.values(data, "vigie.rejects")]
    assert [reject for reject in rejects if reject["reason"] == "refused-by-store"] == []


def wait_until_decided(data: Path, seconds: float = 60) -> set[bytes]:
    """Until every reading was applied, whatever waits for the store; the alerts that this made."""
    log, until = Log(data), time.monotonic() + seconds
    while time.monotonic() < until:
        ends, committed = log.refresh(), log.committed("vigie")
        wanted = {place: end for place, end in ends.items() if place[0] == "vigie.readings" and end}
        if all(committed.get(place) == end for place, end in wanted.items()):
            log.close()
            return set(workers.values(data, "vigie.alerts"))
        time.sleep(0.1)
    raise AssertionError(f"not decided: {(data / 'worker.txt').read_text()[-2000:]}")
