"""`vigie learn` on a real log with a real worker: verdicts given, learned, sent, seen in the work list."""

import json
from pathlib import Path

from tests import workers
from tests.logs import START, reading
from tests.test_actions import alerts, vigie
from tests.test_worker import append

HOUR = 3_600_000
PATIENTS = 40


def score(patient: str, vital: str, value: int, at: int) -> bytes:
    """A symptom score as its patient gives it."""
    return reading(patient, "breathlessness", value, at).replace(b"breathlessness", vital.encode())


def test_what_nurses_said_of_earlier_alerts_orders_and_explains_the_next_ones(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    vitals = ("breathlessness", "pain")  # two alerts of the same severity
    high, low = {"breathlessness": 8, "pain": 9}, {"breathlessness": 1, "pain": 1}
    log = []
    for i in range(PATIENTS):
        vital, at = vitals[i % 2], START + 2 * i * HOUR
        log += [score(f"p-{i}", vital, high[vital], at), score(f"p-{i}", vital, low[vital], at + HOUR)]
    append(folder, log)
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    resolved = alerts(folder, "--all")
    assert len(resolved) == PATIENTS
    assert "0 verdicts; 30 are needed" in vigie(folder, "learn", code=1)
    judged = [score("p-0", "pain", 1, START + 90 * HOUR)]  # tells what time it is; actions carry none
    for alert in resolved:
        verdict = "actionable" if alert["vital"] == "breathlessness" else "not-actionable"
        body = {"kind": "action", "action": "verdict", "by": "n-4", "verdict": verdict}
        action = json.dumps({**body, "patient": alert["patient"], "alert_id": alert["alert_id"]})
        judged.append(action.encode())
    append(folder, judged)
    workers.wait_until_drained(folder)

    told = vigie(folder, "learn", "--send")
    assert f"{PATIENTS} verdicts, {PATIENTS // 2} actionable" in told
    assert told.count("partition") == 4  # a calibration is for every partition
    later = START + 100 * HOUR
    append(folder, [score("p-a", "pain", 9, later), score("p-b", "breathlessness", 8, later + HOUR)])
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0

    first, second = alerts(folder)
    assert (first["patient"], second["patient"]) == ("p-b", "p-a")  # though p-a waits for longer
    assert first["severity"] == second["severity"]
    assert first["likelihood"] > 0.6 > 0.4 > second["likelihood"]
    french = vigie(folder, "alert", "list", "--lang", "fr")
    assert f"utile {first['likelihood']:.0%}" in french
    assert "plaide pour" in french
    assert "plaide contre" in french
