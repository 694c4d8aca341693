"""A worker that dies at each named moment of its life, one life after another, changes nothing.

CRASH_TIMES lives per point (1 here; the full sweep takes 10), each at another occurrence of the point.
"""

import json
import os
import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.agents.watch import warm_up
from streams.crash_points import POINTS, arm
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from streams.input import rows
from streams.transports.log.store import Log, Row
from streams.zones import zone
from tests import workers
from tests.live.deployment import receiver, with_receiver
from tests.test_worker import ward

TIMES = int(os.environ.get("CRASH_TIMES", "1"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
EMBEDDED = [point for point in POINTS if point != "partitions-revoked"]  # nobody else takes them there
READINGS = 600  # of a life
WITHIN = 30.0  # seconds to reach a point


def state(folder: Path, catalog: Catalog, default_plan: Plan) -> dict[str, str]:
    """What a worker would recover of each patient and partition, by values: records have unused bytes."""
    log = Log(folder)
    newest: dict[int, dict[bytes, bytes]] = {}
    for place in sorted(log.refresh()):
        if place[0] == "vigie.state":
            for record in workers.records(log, place):
                assert record.key
                assert record.value
                newest.setdefault(place[1], {})[record.key.partition(b"/")[2]] = record.value
    log.close()
    found: dict[str, str] = {}
    for partition, blocks in newest.items():
        pipeline = Pipeline(catalog, default_plan, zone)
        pipeline.restore(blocks)
        kept = pipeline.state
        found[f"partition {partition}"] = repr((kept.ledger.tolist(), kept.rejected, kept.records))
        for i, patient in enumerate(kept.roster):
            series = {vital: kept.series[row].tolist() for vital, row in patient.rows.items()}
            rare = patient.desk, patient.plan, patient.suspicions
            found[patient.name] = repr((rare, kept.patients[i].tolist(), series))
    return found


def stored(folder: Path) -> list[list[tuple[object, ...]]]:
    """What is in the results database, series by their names."""
    with sqlite3.connect(folder / "results.db") as db:
        points = "select name, time_ns, revision, fields from points join series on id=series order by 1, 2"
        return [db.execute(q).fetchall() for q in (points, "select * from alerts order by 1")]


def test_dying_at_any_named_moment_changes_neither_state_nor_outputs(
    tmp_path: Path, catalog: Catalog, default_plan: Plan
) -> None:
    warm_up(Pipeline(catalog, default_plan, zone))
    rng = random.Random(SEED)
    lives = [point for point in EMBEDDED for _ in range(TIMES)]
    rng.shuffle(lives)
    calm, dying = tmp_path / "calm", tmp_path / "dying"
    records = stamp(Line(value, "-", i) for i, value in enumerate(ward(READINGS * (len(lives) + 1), SEED)))
    folders = {}
    for folder in (calm, dying):
        folder.mkdir()
        folders[folder] = Log(folder)
    log = list(rows(records, "vigie.readings", folders[calm].topic("vigie.readings")[1], True))
    folders[calm].append(log)
    with receiver() as quiet, receiver() as nurse:
        settings = with_receiver({"VIGIE_CHECKPOINT_SECONDS": "0.3"}, quiet)
        worker = workers.start(calm, **settings)
        workers.wait_until_drained(calm)
        wait_until_told(calm, quiet.told)
        assert workers.stop(worker) == 0

        settings = with_receiver({"VIGIE_CHECKPOINT_SECONDS": "0.3"}, nurse)
        part, missed = len(log) // (len(lives) + 1), []
        for life, point in enumerate(lives):
            count = 1 if point == "recovered" else rng.randint(1, 3)
            if not dies(dying, folders[dying], log[life * part : (life + 1) * part], point, count, settings):
                missed.append(point)
        folders[dying].append(log[len(lives) * part :])
        worker = workers.start(dying, **settings)
        workers.wait_until_drained(dying)
        wait_until_told(dying, nurse.told)
        assert workers.stop(worker) == 0
        print(
            f"{len(lives)} lives, {len(lives) - len(missed)} ended at their point, not reached: {missed}; "
            f"{len(log)} records, {len(nurse.told)} alerts delivered, "
            f"{sum(nurse.told.values()) - len(nurse.told)} of them again"
        )
        assert nurse.told.keys() == quiet.told.keys()
    assert workers.told(dying) == workers.told(calm)
    assert stored(dying) == stored(calm)
    assert state(dying, catalog, default_plan) == state(calm, catalog, default_plan)
    assert not missed


def dies(folder: Path, log: Log, part: list[Row], point: str, count: int, settings: dict[str, str]) -> bool:
    """Whether a worker ended at its point while a part of the log came."""
    worker: subprocess.Popen[bytes] = workers.start(
        folder, VIGIE_CRASH_TEST="1", VIGIE_CRASH_AT=f"{point}:{count}", **settings
    )
    before, until = log.committed("vigie"), time.monotonic() + WITHIN
    for i in range(0, len(part), 100):
        log.append(part[i : i + 100])
        while log.committed("vigie") == before and worker.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if worker.poll() is None:
            time.sleep(0.4)  # a checkpoint of its own for each piece
    try:
        return worker.wait(WITHIN) == -9
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
        return False


def wait_until_told(folder: Path, told: dict[str, int], seconds: float = 60) -> None:
    """Until every alert of the log was delivered."""
    alerts = [json.loads(body) for body in workers.told(folder)[1]]
    wanted = {f"{alert['alert_id']}-{alert['sequence']}" for alert in alerts}
    until = time.monotonic() + seconds
    while told.keys() != wanted:
        assert time.monotonic() < until, f"{len(told)} of {len(wanted)} delivered"
        time.sleep(0.1)


@pytest.mark.parametrize(
    "environment",
    [
        {"VIGIE_CRASH_AT": "state-written:1"},
        {"VIGIE_CRASH_AT": "state-writen:1", "VIGIE_CRASH_TEST": "1"},
        {"VIGIE_CRASH_AT": "state-written", "VIGIE_CRASH_TEST": "1"},
        {"VIGIE_CRASH_AT": "state-written:0", "VIGIE_CRASH_TEST": "1"},
    ],
)
def test_a_crash_point_is_not_set_by_accident(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="VIGIE_CRASH_AT"):
        arm(environment)
