"""A worker that dies at each named moment of its life, one life after another, changes nothing.

On the embedded log, and on a real Kafka where it can be had.
CRASH_TIMES lives per point (1 here; the full sweep takes 10), each at another occurrence of the point.
"""

import json
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
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
from streams.packing import unpack
from streams.transports.records import Row
from streams.zones import zone
from tests import workers
from tests.live import kafka
from tests.live.deployment import Receiver, receiver, with_receiver
from tests.test_worker import ward
from tests.transports import Embedded, OnKafka, Transport

TIMES = int(os.environ.get("CRASH_TIMES", "1"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
REVOKED = "partitions-revoked"  # on Kafka alone: nobody else takes partitions of an embedded log
ONCE = ("recovered", REVOKED)
READINGS = 600  # of a life
WITHIN = 30.0  # seconds to reach a point


Opener = Callable[[str], Transport]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as found:
        yield found


@pytest.fixture(params=["embedded", "kafka"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Deployments by name, on the embedded log and on a real Kafka."""
    address = request.getfixturevalue("address") if request.param == "kafka" else None
    made: list[Transport] = []

    def deploy(name: str) -> Transport:
        folder = tmp_path / name
        folder.mkdir()
        prefix = f"{name}{time.time_ns() % 10**9}"
        made.append(OnKafka(folder, prefix, address) if address else Embedded(folder, "vigie"))
        return made[-1]

    yield deploy
    for transport in made:
        transport.close()


def state(deployment: Transport, catalog: Catalog, default_plan: Plan) -> dict[str, str]:
    """What a worker would recover of each patient and partition, by values: records have unused bytes."""
    newest: dict[int, dict[bytes, bytes]] = {}
    for record in deployment.records("state"):
        assert record.key
        assert record.value
        newest.setdefault(record.partition, {})[record.key.partition(b"/")[2]] = unpack(record.value)
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


def stored(deployment: Transport) -> list[list[tuple[object, ...]]]:
    """What is in the results database, series by their names."""
    with sqlite3.connect(deployment.folder / "results.db") as db:
        points = "select name, time_ns, revision, fields from points join series on id=series order by 1, 2"
        return [db.execute(q).fetchall() for q in (points, "select * from alerts order by 1")]


def test_dying_at_any_named_moment_changes_neither_state_nor_outputs(
    opener: Opener, catalog: Catalog, default_plan: Plan
) -> None:
    warm_up(Pipeline(catalog, default_plan, zone))
    rng = random.Random(SEED)
    calm, dying = opener("calm"), opener("dying")
    points = [point for point in POINTS if point != REVOKED or isinstance(dying, OnKafka)]
    lives = [point for point in points for _ in range(TIMES)]
    rng.shuffle(lives)
    records = stamp(Line(value, "-", i) for i, value in enumerate(ward(READINGS * (len(lives) + 1), SEED)))
    log = list(rows(records, "readings", calm.settings.partitions, True))
    append(calm, log)
    with receiver() as quiet, receiver() as nurse:
        worker = calm.start(**settings_of(calm, quiet))
        calm.wait_until_drained()
        wait_until_told(calm, quiet.told)
        assert workers.stop(worker) == 0

        part, missed = len(log) // (len(lives) + 1), []
        for life, point in enumerate(lives):
            count = 1 if point in ONCE else rng.randint(1, 3)
            piece = log[life * part : (life + 1) * part]
            if not dies(dying, piece, point, count, settings_of(dying, nurse)):
                missed.append(point)
        append(dying, log[len(lives) * part :])
        worker = dying.start(**settings_of(dying, nurse))
        dying.wait_until_drained()
        wait_until_told(dying, nurse.told)
        assert workers.stop(worker) == 0
        print(
            f"{dying.broker.partition(':')[0]}: {len(points)} points, "
            f"{len(lives)} lives, {len(lives) - len(missed)} ended at their point, not reached: {missed}; "
            f"{len(log)} records, {len(nurse.told)} alerts delivered, "
            f"{sum(nurse.told.values()) - len(nurse.told)} of them again"
        )
        assert nurse.told.keys() == quiet.told.keys()
    assert dying.told() == calm.told()
    assert stored(dying) == stored(calm)
    assert state(dying, catalog, default_plan) == state(calm, catalog, default_plan)
    assert not missed


def settings_of(deployment: Transport, nurse: Receiver) -> dict[str, str]:
    database = str(deployment.folder / "results.db")
    return with_receiver({"VIGIE_CHECKPOINT_SECONDS": "0.3", "VIGIE_SQLITE_PATH": database}, nurse)


def append(deployment: Transport, log: list[Row]) -> None:
    deployment.log.append([(deployment.topic(row[0]), *row[1:]) for row in log])


def dies(deployment: Transport, part: list[Row], point: str, count: int, settings: dict[str, str]) -> bool:
    """Whether a worker ended at its point while a part of the log came."""
    armed = {"VIGIE_CRASH_TEST": "1", "VIGIE_CRASH_AT": f"{point}:{count}"}
    worker = deployment.start(**armed, **settings)
    before, until = deployment.committed(), time.monotonic() + WITHIN
    other: subprocess.Popen[bytes] | None = None
    for i in range(0, len(part), 100):
        append(deployment, part[i : i + 100])
        while deployment.committed() == before and worker.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if point == REVOKED and other is None:  # somebody else joins, and takes some of its partitions
            other = deployment.start(**settings)
        if worker.poll() is None:
            time.sleep(0.4)  # a checkpoint of its own for each piece
    try:
        return worker.wait(WITHIN) == -9
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
        return False
    finally:
        if other is not None:
            workers.stop(other)


def wait_until_told(deployment: Transport, told: dict[str, int], seconds: float = 60) -> None:
    """Until every alert of the log was delivered."""
    alerts = [json.loads(body) for body in deployment.told()[1]]
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
