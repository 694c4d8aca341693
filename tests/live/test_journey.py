"""The whole journey on real servers: Kafka → two workers → InfluxDB and a nurse."""

import base64
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.native import influxdb
from infra.native.process import free_port
from streams.cli import main
from streams.commands.send import rows
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from tests import live, workers
from tests.live import influx, kafka
from tests.test_health import status
from tests.test_worker import ward

READINGS = int(os.environ.get("LIVE_READINGS", "20000"))
PARTITIONS = 4


class Nurse(BaseHTTPRequestHandler):
    """Takes every delivery, keeps its id."""

    told: set[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.told.add(self.headers["webhook-id"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def nurse() -> Iterator[ThreadingHTTPServer]:
    Nurse.told = set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Nurse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def wait_until_ready(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> float:
    begin = time.monotonic()
    while status(port, "/ready") != 200:
        assert time.monotonic() < begin + seconds
        assert process.poll() is None
        time.sleep(0.05)
    return time.monotonic() - begin


def test_what_goes_into_kafka_is_in_influxdb_and_with_the_nurse(
    tmp_path: Path, nurse: ThreadingHTTPServer
) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(live.server(influxdb.server, tmp_path / "influxdb").running())
        broker = stack.enter_context(kafka.broker(tmp_path / "kafka"))
        secret = "whsec_" + base64.b64encode(b"a test's secret of thirty bytes").decode()
        endpoint = {"name": "nurse", "url": f"http://127.0.0.1:{nurse.server_address[1]}/", "secret": secret}
        settings = workers.environment(
            tmp_path,
            VIGIE_BROKER=f"batch://{broker}",
            **influx.settings(server.address, tmp_path / "secrets"),
            VIGIE_ENDPOINTS=json.dumps([endpoint]),
        )
        for command in (["influx", "setup"], ["topics", "create"], ["topics", "check"], ["influx", "check"]):
            done = CliRunner().invoke(main, command, env=settings)
            assert done.exit_code == 0, done.output

        client = kafka.Kafka(broker)
        stack.callback(client.close)
        ports, running = [free_port(), free_port()], []
        for i, port in enumerate(ports):
            with (tmp_path / f"worker-{i}.txt").open("wb") as out:
                running.append(
                    subprocess.Popen(
                        [*workers.VIGIE, "worker"],
                        env={**settings, "VIGIE_METRICS_PORT": str(port)},
                        stdout=out,
                        stderr=out,
                    )
                )
            stack.callback(running[-1].kill)
            wait_until_ready(port, running[-1])
        records = list(stamp(Line(value, "-", i) for i, value in enumerate(ward(READINGS))))
        log = list(rows(records, "vigie.readings", PARTITIONS, True))
        begin = time.monotonic()
        for i in range(0, len(log), 1000):
            client.append(log[i : i + 1000])
        topics = ("vigie.readings", "vigie.results", "vigie.alerts")
        client.wait_until_drained("vigie", topics)
        print(f"{len(log)} records through both servers in {time.monotonic() - begin:.1f} s")

        alerts = [json.loads(body) for body in client.values("vigie.alerts")]
        wanted = {f"{alert['alert_id']}-{alert['sequence']}" for alert in alerts}
        until = time.monotonic() + 60
        while Nurse.told != wanted and time.monotonic() < until:
            time.sleep(0.2)
        assert Nurse.told == wanted
        assert [workers.stop(process) for process in running] == [0, 0]

        frames, bodies = client.values("vigie.results"), client.values("vigie.alerts")
        assert influx.stored(server.address, tmp_path / "secrets") == influx.wanted(frames, bodies)
        assert len(wanted) > 100
        assert client.values("vigie.rejects")  # repeats, as the ward sends them
