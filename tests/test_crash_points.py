"""A worker that dies at each named moment of its life, one life after another, changes nothing.

On the embedded log, and on a real Kafka where it can be had; there with SQLite, and at the sink's own points
with a real InfluxDB. CRASH_TIMES lives per point (1 here; the full sweep takes 10), each at another
occurrence of the point.
"""

import json
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from infra.native import influxdb
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.agents.watch import warm_up
from streams.cli import main
from streams.crash_points import POINTS, arm
from streams.influx.setup import ADMIN_TOKEN
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from streams.input import rows
from streams.packing import unpack
from streams.secret_files import read_secret, write_secret
from streams.transports.records import Row
from streams.zones import zone
from tests import live, workers
from tests.live import influx, kafka
from tests.live.deployment import Receiver, receiver, with_receiver
from tests.test_worker import ward
from tests.transports import Embedded, OnKafka, Transport

TIMES = int(os.environ.get("CRASH_TIMES", "1"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
REVOKED = "partitions-revoked"  # on Kafka alone: nobody else takes partitions of an embedded log
SINK = ("sink-writing", "sink-written")
ONCE = ("recovered", REVOKED, "delivering")  # a life may hold no more alerts than a few
READINGS = 600  # of a life
WITHIN = 30.0  # seconds to reach a point


class Deployment(NamedTuple):
    """A transport, the settings of its sink, and what this sink holds."""

    transport: Transport
    sink: dict[str, str]
    stored: Callable[[], object]


Opener = Callable[[str], Deployment]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as found:
        yield found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with live.server(influxdb.server, tmp_path_factory.mktemp("influxdb")).running() as running:
        yield running.address


@pytest.fixture(params=["embedded", "kafka", "kafka and influxdb"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Deployments by name, on the embedded log and on a real Kafka; the last one with a real InfluxDB."""
    broker = request.getfixturevalue("address") if "kafka" in request.param else None
    url = request.getfixturevalue("store") if "influxdb" in request.param else None
    made: list[Transport] = []

    def deploy(name: str) -> Deployment:
        folder = tmp_path / name
        folder.mkdir()
        prefix = f"{name}{time.time_ns() % 10**9}"
        made.append(OnKafka(folder, prefix, broker) if broker else Embedded(folder, "vigie"))
        return in_influxdb(made[-1], url, prefix) if url else in_sqlite(made[-1])

    yield deploy
    for transport in made:
        transport.close()


def in_sqlite(transport: Transport) -> Deployment:
    """Series by their names."""
    file = transport.folder / "results.db"

    def stored() -> object:
        with sqlite3.connect(file) as db:
            points = (
                "select name, time_ns, revision, fields from points join series on id=series order by 1, 2"
            )
            return [db.execute(q).fetchall() for q in (points, "select * from alerts order by 1")]

    return Deployment(transport, {"VIGIE_SQLITE_PATH": str(file)}, stored)


def in_influxdb(transport: Transport, url: str, bucket: str) -> Deployment:
    """Two buckets of the deployment's own on one server."""
    secrets = transport.folder / "secrets"
    administrator = next(transport.folder.parent.glob(f"*/secrets/{ADMIN_TOKEN}"), None)
    if administrator is not None:
        write_secret(secrets, ADMIN_TOKEN, administrator.read_text())
    settings = influx.settings(url, secrets, bucket)
    done = CliRunner().invoke(main, ["influx", "setup"], env=settings)
    assert done.exit_code == 0, done.output
    assert read_secret(secrets, ADMIN_TOKEN)
    return Deployment(transport, settings, lambda: influx.everything(url, secrets, bucket))


def state(transport: Transport, catalog: Catalog, default_plan: Plan) -> dict[str, str]:
    """What a worker would recover of each patient and partition, by values: records have unused bytes."""
    newest: dict[int, dict[bytes, bytes]] = {}
    for record in transport.records("state"):
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


def test_dying_at_any_named_moment_changes_neither_state_nor_outputs(
    opener: Opener, catalog: Catalog, default_plan: Plan
) -> None:
    warm_up(Pipeline(catalog, default_plan, zone))
    rng = random.Random(SEED)
    calm, dying = opener("calm"), opener("dying")
    points = [point for point in POINTS if point != REVOKED or isinstance(dying.transport, OnKafka)]
    if dying.sink.get("VIGIE_SINK") == "influx":
        points = list(SINK)  # at the others it is as with any sink
    lives = [point for point in points for _ in range(TIMES)]
    rng.shuffle(lives)
    records = stamp(Line(value, "-", i) for i, value in enumerate(ward(READINGS * (len(lives) + 1), SEED)))
    log = list(rows(records, "readings", calm.transport.settings.partitions, True))
    append(calm.transport, log)
    with receiver() as quiet, receiver() as nurse:
        worker = calm.transport.start(**settings_of(calm, quiet))
        calm.transport.wait_until_drained()
        wait_until_told(calm.transport, quiet.told)
        assert workers.stop(worker) == 0

        part, missed = len(log) // (len(lives) + 1), []
        for life, point in enumerate(lives):
            count = 1 if point in ONCE else rng.randint(1, 3)
            piece = log[life * part : (life + 1) * part]
            if not dies(dying.transport, piece, point, count, settings_of(dying, nurse)):
                missed.append(point)
        append(dying.transport, log[len(lives) * part :])
        worker = dying.transport.start(**settings_of(dying, nurse))
        dying.transport.wait_until_drained()
        wait_until_told(dying.transport, nurse.told)
        assert workers.stop(worker) == 0
        print(
            f"{dying.transport.broker.partition(':')[0]}, {dying.sink.get('VIGIE_SINK', 'sqlite')}: "
            f"{len(points)} points, "
            f"{len(lives)} lives, {len(lives) - len(missed)} ended at their point, not reached: {missed}; "
            f"{len(log)} records, {len(nurse.told)} alerts delivered, "
            f"{sum(nurse.told.values()) - len(nurse.told)} of them again"
        )
        assert nurse.told.keys() == quiet.told.keys()
    assert dying.transport.told() == calm.transport.told()
    assert dying.stored() == calm.stored()
    assert state(dying.transport, catalog, default_plan) == state(calm.transport, catalog, default_plan)
    assert not missed


def settings_of(deployment: Deployment, nurse: Receiver) -> dict[str, str]:
    return with_receiver({"VIGIE_CHECKPOINT_SECONDS": "0.3", **deployment.sink}, nurse)


def append(transport: Transport, log: list[Row]) -> None:
    transport.log.append([(transport.topic(row[0]), *row[1:]) for row in log])


def dies(transport: Transport, part: list[Row], point: str, count: int, settings: dict[str, str]) -> bool:
    """Whether a worker ended at its point while a part of the log came."""
    armed = {"VIGIE_CRASH_TEST": "1", "VIGIE_CRASH_AT": f"{point}:{count}"}
    worker = transport.start(**armed, **settings)
    before, until = transport.committed(), time.monotonic() + WITHIN
    other: subprocess.Popen[bytes] | None = None
    for i in range(0, len(part), 100):
        append(transport, part[i : i + 100])
        while transport.committed() == before and worker.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if point == REVOKED and other is None:  # somebody else joins, and takes some of its partitions
            other = transport.start(**settings)
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


def wait_until_told(transport: Transport, told: dict[str, int], seconds: float = 60) -> None:
    """Until every alert of the log was delivered."""
    alerts = [json.loads(body) for body in transport.told()[1]]
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
