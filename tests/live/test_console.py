"""`vigie console` on a real Kafka beside two workers: alerts are shown, nurses act, a restart keeps it."""

import base64
import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner
from kafka.admin import KafkaAdminClient

from infra.native import kafka as native
from infra.native.process import free_port
from models.pipeline import Pipeline
from streams.agents.watch import warm_up
from streams.alerts import standing
from streams.cli import main
from streams.commands.send import rows
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from tests import live, workers
from tests.live import kafka
from tests.test_worker import ward

READINGS, PARTITIONS = 6000, 4
PASSWORD = "the password of this test"
PLAN = """[[plan]]
patient = "*"
template = "default"
[[plan.limits]]
rule = "heart-rate-above-125"
vital = "heart-rate"
direction = "above"
value = 125
clear = 70
severity = "medium"
[[plan]]
patient = "p-7"
template = "default"
programme = "strict"
[[plan.limits]]
rule = "systolic-above-100"
vital = "systolic-bp"
direction = "above"
value = 100
clear = 90
severity = "high"
"""


class Console:
    """The page of a process, as a nurse's browser asks it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment, self.port = folder, environment, free_port()
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [*workers.VIGIE, "console", "--data", str(self.folder / "data"), "--port", str(self.port)]
        with (self.folder / "console.txt").open("ab") as out:
            self.process = workers.process(command, env=self.environment, stdout=out, stderr=out)
        self.until(lambda: self.status("/ready") == 200)
        return self.process

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except OSError:
            return 0

    def ask(self, path: str, body: object = None, **headers: str) -> Any:
        sent = base64.b64encode(f"n-7:{PASSWORD}".encode()).decode()
        data = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, data, {"Authorization": f"Basic {sent}", **headers})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def alerts(self) -> dict[str, Any]:
        """What stands, as the page shows it."""
        return {a["alert_id"]: a for p in self.ask("/api/ward")["patients"] for a in p["alerts"]}

    def act(self, alert: str, action: str, **more: Any) -> int:
        token = self.ask("/api/fixed")["token"]
        body = {"alert_id": alert, "action": action, "by": "n-7", **more}
        try:
            self.ask("/api/act", body, **{"X-Vigie-Token": token})
        except HTTPError as error:
            return error.code
        return 202

    def until(self, check: Callable[[], Any], seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while not (found := check()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.2)
        return found

    def said(self) -> str:
        return (self.folder / "console.txt").read_text("utf-8", "replace")[-3000:]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[kafka.Kafka]:
    with kafka.broker(tmp_path / "kafka") as address:
        client = kafka.Kafka(address)
        yield client
        client.close()


def test_every_alert_is_shown_taken_once_and_kept(
    server: kafka.Kafka, tmp_path: Path, pipeline: Pipeline
) -> None:
    warm_up(pipeline)
    environment = workers.environment(
        tmp_path, VIGIE_BROKER=f"batch://{server.address}", VIGIE_SINK="none", VIGIE_CHECKPOINT_SECONDS="1"
    )
    (tmp_path / "plan.toml").write_text(PLAN)
    for command in (["topics", "create"], ["plan", "apply", str(tmp_path / "plan.toml")]):
        assert CliRunner().invoke(main, command, env=environment).exit_code == 0
    with ExitStack() as stack:
        running = []
        for number in range(2):
            out = stack.enter_context((tmp_path / f"worker-{number}.txt").open("wb"))
            running.append(
                workers.process([*workers.VIGIE, "worker"], env=environment, stdout=out, stderr=out)
            )
        console = Console(tmp_path, {**environment, "VIGIE_CONSOLE_PASSWORD": PASSWORD})
        assert console.status("/api/ward") == 401
        records = list(stamp(Line(value, "-", i) for i, value in enumerate(ward(READINGS))))
        server.append(list(rows(records, "vigie.readings", PARTITIONS, True)))
        server.wait_until_drained("vigie", ("vigie.readings",))

        wanted = standing(server.values("vigie.alerts"))
        standing_now = {a for a, alert in wanted.items() if alert["status"] in ("open", "acknowledged")}
        assert len(standing_now) > 20
        console.until(lambda: console.alerts().keys() == standing_now)
        patient = console.until(lambda: strict(console.ask("/api/patient/p-7?range=7d")))
        assert patient["programme"] == "strict"

        taken, other = sorted(standing_now)[:2]
        assert console.act(taken, "acknowledge", minutes=600) == 202
        shown = console.until(lambda: (a := console.alerts()[taken])["status"] == "acknowledged" and a)
        assert shown["acknowledged_by"] == "n-7"
        assert console.act(taken, "acknowledge", minutes=600) == 409  # once
        twice = [console.act(other, "acknowledge", minutes=600) for _ in range(2)]  # two nurses at once
        assert twice[0] == 202
        console.until(lambda: console.alerts()[other]["status"] == "acknowledged")
        resolved = next(a for a, alert in wanted.items() if alert["status"] == "resolved")
        assert console.act(resolved, "verdict", verdict="actionable") == 202
        name = wanted[resolved]["patient"]
        console.until(lambda: verdicts(console.ask(f"/api/patient/{name}")).get(resolved) == "actionable")
        assert console.ask(f"/api/patient/{name}")["health"]["incomplete"] is False

        told = [json.loads(body) for body in server.values("vigie.alerts")]
        for alert in (taken, other):
            assert [t["event"] for t in told if t["alert_id"] == alert].count("acknowledged") == 1
        for end in (signal.SIGTERM, signal.SIGKILL):
            before = console.alerts()
            console.process.send_signal(end)
            assert console.process.wait(30) in (0, -signal.SIGKILL)
            console.start()
            assert console.alerts() == before
        admin = KafkaAdminClient(bootstrap_servers=server.address)
        groups = {group["group_id"] if isinstance(group, dict) else group[0] for group in admin.list_groups()}
        admin.close()
        assert groups == {"vigie"}  # the workers'
        assert [workers.stop(process) for process in running] == [0, 0]
    assert PASSWORD not in console.said()
    assert "Traceback" not in console.said()


def strict(patient: Any) -> Any:
    """A patient whose chart shows the limit of its own plan, once it does."""
    limits = [limit for chart in patient["charts"] for limit in chart["limits"]]
    return patient if any(limit["rule"] == "systolic-above-100" for limit in limits) else None


def verdicts(patient: Any) -> dict[str, Any]:
    return {alert["alert_id"]: alert.get("verdict") for alert in patient["alerts"]}


def test_a_page_that_has_lost_its_broker_says_that_alerts_may_be_missing(tmp_path: Path) -> None:
    with live.server(native.server, tmp_path / "kafka").running() as broker:
        environment = workers.environment(tmp_path, VIGIE_BROKER=f"batch://{broker.address}")
        assert CliRunner().invoke(main, ["topics", "create"], env=environment).exit_code == 0
        console = Console(tmp_path, {**environment, "VIGIE_CONSOLE_PASSWORD": PASSWORD})
        assert console.ask("/api/ward")["health"]["incomplete"] is False
        broker.kill()
        console.until(lambda: console.status("/ready") == 503, 90)
        assert console.ask("/api/ward")["health"]["incomplete"] is True
        broker.start()
        console.until(lambda: console.status("/ready") == 200, 120)
