"""`vigie plan` and `vigie alert` on a real log with a real worker."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from models.times import rfc3339
from streams.transports.log.store import Log
from tests import workers
from tests.logs import START, TICK, reading
from tests.test_worker import append

PLANS = """
[[plan]]
patient = "*"
template = "default"
version = "7"

[[plan]]
patient = "p-1"
template = "default"
programme = "hypertension"

[[plan.limits]]
rule = "systolic-bp-above-150"
vital = "systolic-bp"
direction = "above"
value = 150
clear = 140
severity = "high"
"""
HOUR = 3_600_000


def vigie(folder: Path, *arguments: str, code: int = 0) -> str:
    command = [*workers.VIGIE, *arguments]
    done = subprocess.run(command, env=workers.environment(folder), capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def alerts(folder: Path, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in vigie(folder, "alert", "list", "--json", *options).splitlines()]


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    file = tmp_path / "plans.toml"
    file.write_text(PLANS)
    return file


def test_a_dry_run_tells_and_sends_nothing(tmp_path: Path, plans: Path) -> None:
    text = vigie(tmp_path / "log", "plan", "apply", str(plans), "--dry-run")
    assert "would send p-1: programme hypertension" in text
    assert not (tmp_path / "log").exists()


NEWS2 = """
[[plan]]
patient = "{}"
template = "default"
[plan.news2]
population = "{}"
scale = 2
oxygen = "air"
"""
TOGETHER = """
[plan.joint]
vitals = ["heart-rate", "spo2"]
[[plan.estimators]]
name = "gaussian"
vital = "heart-rate"
window = "1h"
score_above = 0.99
severity = "low"
pipeline = [{ estimator = "anomaly.GaussianScorer" }]
"""


def test_what_a_plan_watches_together_is_told_and_for_whom_news2_is_not_computed(
    tmp_path: Path, plans: Path
) -> None:
    child, adult = NEWS2.format("p-child", "under-16"), NEWS2.format("p-adult", "adult")
    plans.write_text(PLANS + child + adult + TOGETHER)
    text = vigie(tmp_path / "log", "plan", "apply", str(plans), "--dry-run")
    reason = "news2: nothing is computed for under-16: NEWS2 is made for adults who are not pregnant"
    assert f"p-child: {reason}" in text
    assert "1 estimators, heart-rate + spo2 together, NEWS2 on SpO2 scale 2" in text
    assert text.count("NEWS2 on SpO2") == 1
    assert "2 of 4 plans ask for no NEWS2" in text
    checked = vigie(tmp_path / "log", "check", "--plans", str(plans))
    assert f"plan[p-child].{reason}" in checked
    assert "with 4 plans, NEWS2 in 1 of them" in checked


def test_one_faulty_plan_keeps_all_of_them_from_being_sent(tmp_path: Path, plans: Path) -> None:
    plans.write_text(PLANS.replace("clear = 140", "clear = 160"))
    assert "wrong side" in vigie(tmp_path / "log", "plan", "apply", str(plans), code=1)
    assert not (tmp_path / "log").exists()


def test_plans_land_in_their_patients_partition_and_everyones_in_all(tmp_path: Path, plans: Path) -> None:
    folder = tmp_path / "log"
    append(folder, [reading("p-1", "systolic-bp", 120, START)])
    text = vigie(tmp_path / "elsewhere", "plan", "apply", str(plans), "--to", f"log://{folder}")
    log = Log(folder)
    own = log.partition("vigie.readings", b"p-1")
    found = [
        (record.partition, record.key, json.loads(record.value or b"")["patient"], record.timestamp)
        for place in sorted(log.refresh())
        for record in log.read(place, 0, 100)
        if b'"plan"' in (record.value or b"")
    ]
    log.close()
    assert [(p, key, patient) for p, key, patient, _ in found if patient == "*"] == [
        (p, None, "*") for p in range(4)
    ]
    # in a log that keeps a recording's time, a plan comes at that time too
    assert [entry for entry in found if entry[2] != "*"] == [(own, b"p-1", "p-1", START)]
    assert (
        f"sent p-1: programme hypertension version 1, 15 limits, 1 gains, 5 baselines, 5 expectations: "
        f"partition {own} offset" in text
    )


def test_a_worker_applies_plans_acknowledgements_and_verdicts_once(tmp_path: Path, plans: Path) -> None:
    folder = tmp_path / "log"
    append(folder, [reading("p-1", "systolic-bp", 120, START), reading("p-2", "systolic-bp", 120, START)])
    vigie(folder, "plan", "apply", str(plans))
    later = START + HOUR
    append(
        folder,
        [
            reading("p-1", "systolic-bp", 155, later),
            reading("p-2", "systolic-bp", 155, later),
            reading("p-2", "blood-glucose", 50, later),
        ],
    )
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0
    high, glucose = alerts(folder)
    # the limit of p-1's own plan; p-2 has the plan of everyone, under which 155 is no alert
    assert (high["patient"], high["rule"], high["programme"]) == (
        "p-1",
        "systolic-bp-above-150",
        "hypertension",
    )
    assert (glucose["patient"], glucose["rule_version"]) == ("p-2", "7")
    assert [alert["alert_id"] for alert in alerts(folder, "--patient", "p-1")] == [high["alert_id"]]
    listed = vigie(folder, "alert", "list", "--patient", "p-1")
    assert "150 mmHg" in listed
    assert "own normal not known yet: 10 days missing" in listed

    wrong = high["alert_id"][:-1] + "x"
    assert f"did you mean {high['alert_id']}?" in vigie(folder, "alert", "ack", wrong, "--by", "n-4", code=1)
    vigie(folder, "alert", "ack", high["alert_id"], "--by", "Zoé Martin", code=2)
    early = vigie(folder, "alert", "verdict", high["alert_id"], "actionable", "--by", "n-4", code=1)
    assert "once it is resolved" in early
    for _ in range(2):  # sent twice before a worker sees the first
        vigie(folder, "alert", "ack", high["alert_id"], "--by", "n-4", "--for", "4h")
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    told = [json.loads(body) for body in workers.values(folder, "vigie.alerts")]
    taken = [body for body in told if body["event"] == "acknowledged"]
    assert [(body["acknowledged_by"], body["sequence"]) for body in taken] == [("n-4", 2)]
    assert taken[0]["acknowledged_until"] == rfc3339(later + 4 * HOUR)
    [doubled] = [json.loads(body) for body in workers.values(folder, "vigie.rejects")]
    assert (doubled["reason"], doubled["detail"]) == ("invalid-action", "the alert is acknowledged already")
    assert [alert["status"] for alert in alerts(folder)] == ["open", "acknowledged"]
    again = vigie(folder, "alert", "ack", high["alert_id"], "--by", "n-5", code=1)
    assert "acknowledged already, by n-4" in again

    append(folder, [reading("p-1", "systolic-bp", 130, later + HOUR)])
    workers.wait_until_drained(folder)
    assert [alert["patient"] for alert in alerts(folder)] == ["p-2"]
    said = vigie(folder, "alert", "verdict", high["alert_id"], "actionabel", "--by", "n-4", code=2)
    assert "did you mean actionable?" in said
    vigie(folder, "alert", "verdict", high["alert_id"], "actionable", "--by", "n-4")
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0
    [closed] = alerts(folder, "--all", "--patient", "p-1")
    assert (closed["status"], closed["verdict"], closed["sequence"]) == ("closed", "actionable", 4)
    assert "with the verdict actionable" in vigie(
        folder, "alert", "verdict", high["alert_id"], "duplicate", "--by", "n-4", code=1
    )


def test_an_acknowledgement_that_runs_out_opens_the_alert_again(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    append(folder, [reading("p-1", "blood-glucose", 50, START)])
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    [alert] = alerts(folder)
    vigie(folder, "alert", "ack", alert["alert_id"], "--by", "n-4", "--for", "30min")
    workers.wait_until_drained(folder)
    assert [alert["status"] for alert in alerts(folder)] == ["acknowledged"]
    log = Log(folder)
    log.append([("vigie.readings", p, None, TICK, START + HOUR, None) for p in range(4)])
    log.close()
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0
    assert [alert["status"] for alert in alerts(folder)] == ["open"]


def test_who_needs_attention_first_stands_first(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    values = [
        reading("p-a", "breathlessness", 8, START),
        reading("p-c", "blood-glucose", 50, START + HOUR),
        reading("p-b", "blood-glucose", 50, START + 2 * HOUR),
    ]
    append(folder, values)
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0
    assert [alert["patient"] for alert in alerts(folder)] == ["p-c", "p-b", "p-a"]
    french = vigie(folder, "alert", "list", "--lang", "fr")
    assert "ÉLEVÉE" in french
    assert "ouverte" in french


def test_a_log_that_is_not_there_is_bad_use_and_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    assert "there is no log" in vigie(folder, "alert", "list", code=2)
    assert "there is no log" in vigie(folder, "alert", "ack", "a-1", "--by", "n-4", code=2)
    assert not folder.exists()


def test_a_reset_reaches_the_worker_once_and_an_unknown_vital_is_bad_use(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    append(folder, [reading("p-1", "body-weight", 80, START)])
    said = vigie(folder, "plan", "reset", "p-1", "body-weigt", "--by", "n-4", code=2)
    assert "did you mean body-weight?" in said
    assert "sent reset of body-weight of p-1 by n-4" in vigie(
        folder, "plan", "reset", "p-1", "body-weight", "--by", "n-4"
    )
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0
    assert not workers.values(folder, "vigie.rejects")


def test_a_foreign_record_among_the_alerts_hides_none_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    append(folder, [reading("p-c", "blood-glucose", 50, START)])
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0
    log = Log(folder)
    for body in (b"{}", b"[]", b"\xff", b'{"alert_id":"a-1","sequence":1}', b"[" * 100_000):
        log.append([("vigie.alerts", 0, None, body, None, None)])
    log.close()
    assert [alert["patient"] for alert in alerts(folder, "--all")] == ["p-c"]
    assert "p-c" in vigie(folder, "alert", "list", "--all")


def test_an_empty_ward_has_no_alert(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    append(folder, [reading("p-1", "systolic-bp", 120, START)])
    assert "No alert stands" in vigie(folder, "alert", "list")
