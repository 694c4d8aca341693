"""The whole journey on the embedded log: recordings, kills, hostile input. Real processes throughout."""

import itertools
import json
import os
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.configuration import INFRA
from streams.ingest.clock import Stamped, stamp
from streams.ingest.sources import Line
from streams.input import rows
from streams.transports.log.store import Log
from streams.zones import zone
from tests import workers
from tests.logs import HOSTILE, START, reading
from tests.test_recordings import recording, replay

READINGS = int(os.environ.get("KILL_READINGS", "20000"))  # the nightly run takes 200,000
KILLS = int(os.environ.get("KILLS", "3"))


def ward(count: int, seed: int = 7, patients: int = 200) -> list[bytes]:
    """Readings of some patients, some beyond their limits, some again, some late."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(count):
        at = START + i * 3_000
        patient = f"p-{rng.integers(patients)}"
        if rng.random() < 0.3:
            out.append(reading(patient, "systolic-bp", int(rng.integers(85, 195)), at))
        else:
            late = int(rng.choice([0, 0, 0, 0, 200_000, 5_000_000]))
            out.append(reading(patient, "heart-rate", int(rng.integers(55, 140)), at - late))
        if rng.random() < 0.01:
            out.append(out[-1])
    return out[:count]


def append(folder: Path, values: list[bytes], at_once: int = 500, pause: float = 0.0) -> None:
    records: list[Stamped] = list(stamp(Line(value, "-", i) for i, value in enumerate(values)))
    log = Log(folder)
    iterator = rows(records, "vigie.readings", log.topic("vigie.readings")[1], True)
    while chunk := list(itertools.islice(iterator, at_once)):
        log.append(chunk)
        time.sleep(pause)
    log.close()


def test_a_recording_sent_as_recorded_decides_as_in_replay(tmp_path: Path) -> None:
    source = recording("tihm/Physiology.csv.gz")
    replay(tmp_path / "replay", source, "tihm")
    folder = tmp_path / "log"
    arguments = ["send", str(source), "--map", str(INFRA / "maps" / "tihm.toml"), "--as-recorded"]
    subprocess.run([*workers.VIGIE, *arguments], env=workers.environment(folder), check=True)
    worker = workers.start(folder)
    workers.wait_until_drained(folder)
    assert workers.stop(worker) == 0
    lines, alerts = workers.told(folder)
    assert lines == set((tmp_path / "replay" / "results.lp").read_bytes().splitlines())
    assert alerts == set((tmp_path / "replay" / "alerts.jsonl").read_bytes().splitlines())
    rejects = [json.loads(value) for value in workers.values(folder, "vigie.rejects")]
    expected = [json.loads(x) for x in (tmp_path / "replay" / "rejects.jsonl").read_text().splitlines()]
    assert sorted(r["original"] for r in rejects) == sorted(r["original"] for r in expected)


def test_killing_the_worker_at_any_moment_changes_nothing(tmp_path: Path) -> None:
    readings = ward(READINGS)
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    append(calm, readings)
    worker = workers.start(calm)
    workers.wait_until_drained(calm)
    assert workers.stop(worker) == 0

    rng = random.Random(11)
    worker = workers.start(killed, VIGIE_CHECKPOINT_SECONDS="0.3")
    records = list(stamp(Line(value, "-", i) for i, value in enumerate(readings)))
    log = Log(killed)
    all_rows = list(rows(records, "vigie.readings", log.topic("vigie.readings")[1], True))
    chunk = len(all_rows) // (KILLS + 1) + 1
    for part in [all_rows[i : i + chunk] for i in range(0, len(all_rows), chunk)]:
        for i in range(0, len(part), 200):
            log.append(part[i : i + 200])
        if worker.poll() is None and log.refresh():
            time.sleep(rng.uniform(0.8, 3.0))
            worker.kill()
            worker.wait()
            worker = workers.start(killed, VIGIE_CHECKPOINT_SECONDS="0.3")
    log.close()
    workers.wait_until_drained(killed)
    assert workers.stop(worker) == 0
    assert workers.told(killed) == workers.told(calm)
    assert Counter(map(_original, workers.values(killed, "vigie.rejects"))).keys() == (
        Counter(map(_original, workers.values(calm, "vigie.rejects"))).keys()
    )


def _original(body: bytes) -> str:
    reject = json.loads(body)
    return f"{reject['reason']} {reject['position']} {reject.get('original')}"


def test_hostile_records_lose_no_good_one_and_each_has_its_reason(
    catalog: Catalog, default_plan: Plan
) -> None:
    reasons = dict(
        zip(
            HOSTILE,
            (
                "malformed",
                "malformed",
                "malformed",
                "missing-field",
                "malformed",
                "malformed",
                "malformed",
                "unknown-kind",
                "malformed",
                "not-a-number",
                "invalid-plan",
                "invalid-action",
            ),
            strict=True,
        )
    )
    rng = random.Random(3)
    good = [reading(f"p-{i % 300}", "heart-rate", 60 + i % 30, START + i * 1000) for i in range(100_000)]
    bad = [rng.choice(HOSTILE) for _ in range(10_000)]
    mixed = good + bad
    rng.shuffle(mixed)
    times = {value: START + i * 1000 for i, value in enumerate(good)}
    mixed = [value for value in mixed if value not in times]
    places = sorted(rng.sample(range(110_000), 10_000))
    log: list[bytes] = list(good)
    for place, value in zip(places, mixed, strict=True):
        log.insert(min(place, len(log)), value)
    pipeline = Pipeline(catalog, default_plan, zone)
    rejects = []
    for i in range(0, len(log), 2000):
        part = log[i : i + 2000]
        received = [START + 200_000_000] * len(part)
        rejects += pipeline.process(part, received, range(i, i + len(part))).rejects
    assert pipeline.ledger.accepted == 100_000
    assert len(rejects) == 10_000
    assert Counter(r.reason for r in rejects) == Counter(reasons[value] for value in mixed)
    assert all(r.reason == reasons[r.original] for r in rejects)


def test_a_wrong_broker_option_stops_the_worker_with_its_name(tmp_path: Path) -> None:
    env = workers.environment(tmp_path, VIGIE_BROKER=f"log://{tmp_path}?speed=9")
    done = subprocess.run([*workers.VIGIE, "worker"], env=env, capture_output=True, timeout=60)
    assert done.returncode == 1
    assert b"speed" in done.stdout + done.stderr
