"""The commands that reach the log, on a real Kafka: send, plan apply, alert list and ack, replay."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests import workers
from tests.live import kafka
from tests.test_worker import ward

READINGS = int(os.environ.get("LIVE_READINGS", "20000")) // 4
PLAN = """[[plan]]
patient = "p-7"
programme = "strict"
version = "1"
[[plan.limits]]
rule = "systolic-above-100"
vital = "systolic-bp"
direction = "above"
value = 100
clear = 90
severity = "high"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Kafka]:
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as address:
        client = kafka.Kafka(address)
        yield client
        client.close()


def test_commands_reach_kafka_and_a_replay_of_it_decides_as_its_worker_did(
    server: kafka.Kafka, tmp_path: Path
) -> None:
    environment = workers.environment(
        tmp_path, VIGIE_BROKER=f"batch://{server.address}", VIGIE_CHECKPOINT_SECONDS="0.5"
    )

    def vigie(*arguments: str, expect: int = 0) -> Result:
        done = CliRunner().invoke(main, list(arguments), env=environment)
        assert done.exit_code == expect, done.output
        return done

    source, plan = tmp_path / "ward.jsonl", tmp_path / "plan.toml"
    source.write_bytes(b"".join(value + b"\n" for value in ward(READINGS)))
    plan.write_text(PLAN)
    assert "there is no topic vigie.readings; make it with `vigie topics create`" in (
        vigie("send", str(source), expect=1).output
    )
    vigie("topics", "create")
    sent = vigie("send", str(source), "--as-recorded", "--then", "1h").output
    assert int(sent.split()[0]) > READINGS
    assert "sent p-7: programme strict version 1" in vigie("plan", "apply", str(plan)).output
    more = tmp_path / "more.jsonl"
    more.write_bytes(b"".join(value + b"\n" for value in ward(READINGS, seed=8)))
    vigie("send", str(more), "--as-recorded")

    with (tmp_path / "worker.txt").open("wb") as out:
        worker = subprocess.Popen(
            [*workers.VIGIE, "worker", "--roles", "watch"], env=environment, stdout=out, stderr=out
        )
    try:
        server.wait_until_drained("vigie-watch", ("vigie.readings",))
        listed = [json.loads(line) for line in vigie("alert", "list", "--json").output.splitlines()]
        assert listed
        chosen = next(alert for alert in listed if alert["status"] == "open")
        told = vigie("alert", "ack", chosen["alert_id"], "--by", "n-1", "--for", "4h").output
        assert f"sent acknowledge of {chosen['alert_id']}" in told
        server.wait_until_drained("vigie-watch", ("vigie.readings",))
        now = {
            a["alert_id"]: a for a in map(json.loads, vigie("alert", "list", "--json").output.splitlines())
        }
        assert now[chosen["alert_id"]]["status"] == "acknowledged"
        assert now[chosen["alert_id"]]["acknowledged_by"] == "n-1"
        vigie("alert", "ack", chosen["alert_id"], "--by", "n-2", expect=1)
        assert workers.stop(worker) == 0, (tmp_path / "worker.txt").read_text()[-3000:]
    finally:
        worker.kill()

    for name in ("one", "two"):
        vigie("replay", f"kafka://{server.address}", "--out", str(tmp_path / name))
    for name in ("results.lp", "alerts.jsonl", "rejects.jsonl", "ledger.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    lines = {line for frame in server.values("vigie.results") for line in frame.splitlines()}
    assert set((tmp_path / "one" / "results.lp").read_bytes().splitlines()) == lines
    alerts = server.values("vigie.alerts")
    assert set((tmp_path / "one" / "alerts.jsonl").read_bytes().splitlines()) == set(alerts)
    rejects = (tmp_path / "one" / "rejects.jsonl").read_bytes().splitlines()
    assert sorted(rejects) == sorted(server.values("vigie.rejects"))
    ledger = json.loads((tmp_path / "one" / "ledger.json").read_text())
    assert (ledger["received"], ledger["plans"], ledger["actions"]) == (2 * READINGS, 1, 1)
    middle = json.loads(alerts[len(alerts) // 2])["received_at"]
    topic = f"kafka://{server.address}/vigie.readings"
    vigie("replay", f"{topic}?until={middle}", "--out", str(tmp_path / "early"))
    vigie("replay", f"{topic}?from={middle}", "--out", str(tmp_path / "late"))
    early, late = (json.loads((tmp_path / name / "ledger.json").read_text()) for name in ("early", "late"))
    orphaned = late["rejected"].get("invalid-action", 0)  # its alert was opened before the range
    assert early["received"] + late["received"] - orphaned == 2 * READINGS
    assert min(early["received"], late["received"]) > orphaned


def test_a_broker_that_is_away_is_told_without_a_traceback(tmp_path: Path) -> None:
    environment = workers.environment(tmp_path, VIGIE_BROKER="batch://127.0.0.1:9")
    done = CliRunner().invoke(main, ["alert", "list"], env=environment)
    assert done.exit_code == 1
    assert "batch://127.0.0.1:9 does not answer as it should" in done.output
