"""InfluxDB away while readings keep coming: alerts go on, memory stays, what waits is written afterwards.

AWAY_SECONDS=300 is the full length (`-s` shows the figures).
"""

import os
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from click.testing import CliRunner

from infra.native import influxdb
from infra.native.process import free_port
from streams.cli import main
from streams.commands.send import rows
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from streams.transports.records import Row
from tests import live, workers
from tests.live import influx, kafka
from tests.live.test_journey import wait_until_ready
from tests.test_worker import ward

SECONDS = int(os.environ.get("AWAY_SECONDS", "15"))
RATE = 2000  # readings/s
PARTITIONS = 4


def resident(process: subprocess.Popen[bytes]) -> float:
    """Resident memory in MB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_server_that_is_away_costs_neither_alerts_nor_memory_nor_points(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    with ExitStack() as stack:
        server = stack.enter_context(live.server(influxdb.server, tmp_path / "influxdb").running())
        broker = stack.enter_context(kafka.broker(tmp_path / "kafka"))
        port = free_port()
        settings = workers.environment(
            tmp_path,
            VIGIE_BROKER=f"batch://{broker}",
            VIGIE_METRICS_PORT=str(port),
            **influx.settings(server.address, secrets),
        )
        for command in (["influx", "setup"], ["topics", "create"]):
            assert CliRunner().invoke(main, command, env=settings).exit_code == 0
        client = kafka.Kafka(broker)
        stack.callback(client.close)
        with (tmp_path / "worker.txt").open("wb") as out:
            worker = subprocess.Popen([*workers.VIGIE, "worker"], env=settings, stdout=out, stderr=out)
        stack.callback(worker.kill)
        wait_until_ready(port, worker)
        values = ward(RATE * (SECONDS + 5))
        records = list(stamp(Line(value, "-", i) for i, value in enumerate(values)))
        log = list(rows(records, "vigie.readings", PARTITIONS, True))
        part = len(log) // (SECONDS + 5) + 1
        seconds = [log[i : i + part] for i in range(0, len(log), part)]

        def pour(parts: list[list[Row]]) -> float:
            most, begin = 0.0, time.monotonic()
            for i, rows_of_a_second in enumerate(parts):
                client.append(rows_of_a_second)
                time.sleep(max(0.0, begin + i + 1 - time.monotonic()))
                most = max(most, resident(worker))
            return most

        before = pour(seconds[:5])
        client.wait_until_drained("vigie", ("vigie.readings", "vigie.results", "vigie.alerts"))
        server.kill()
        most = pour(seconds[5:])
        ended = time.monotonic()
        client.wait_until_drained("vigie", ("vigie.readings",), 10)
        behind = time.monotonic() - ended
        server.start()
        back = time.monotonic()
        client.wait_until_drained("vigie", ("vigie.results", "vigie.alerts"))
        drained = time.monotonic() - back
        after = max(most, resident(worker))
        assert workers.stop(worker) == 0
        found = influx.stored(server.address, secrets)
        print(
            f"\naway {SECONDS} s at {RATE} readings/s: alerts {behind:.1f} s behind at the end, memory "
            f"{before:.0f} -> {after:.0f} MB, drained in {drained:.1f} s, points {found}"
        )
        assert found == influx.wanted(client.values("vigie.results"), client.values("vigie.alerts"))
        assert b"sink away" in (tmp_path / "worker.txt").read_bytes()
        assert after - before <= 200
        assert drained <= max(SECONDS / 2, 15)  # the worker looks again after 10 s at most
