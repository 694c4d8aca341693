"""Workers killed and frozen, the broker killed, on real Kafka and InfluxDB: nothing lost, nothing twice.

`make faults` is the full size: 100,000 readings of 500 patients, 20 SIGKILLs of workers, 3 freezes of
20 s, 2 kill -9 of the broker. `-s` shows the figures.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from click.testing import CliRunner

from infra.native import influxdb
from infra.native import kafka as native
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.agents.watch import warm_up
from streams.cli import main
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from streams.input import rows
from streams.transports.records import Row
from streams.zones import zone
from tests import live, workers
from tests.live import influx, kafka
from tests.live.deployment import Manager, receiver, with_receiver
from tests.test_worker import ward

READINGS = int(os.environ.get("FAULTS_READINGS", "10000"))
KILLS = int(os.environ.get("FAULTS_KILLS", "3"))
FREEZES = int(os.environ.get("FAULTS_FREEZES", "1"))
BROKER_KILLS = int(os.environ.get("FAULTS_BROKER_KILLS", "1"))
SEED = int(os.environ.get("FAULTS_SEED", "5"))
PATIENTS = 500
PARTITIONS = 4
FROZEN_SECONDS = 20.0  # longer than the session: the group goes on without the worker
AFTERWARDS = 3 * 86_400_000  # ms in which the last windows close
FAULT_SECONDS = 6 * KILLS + 25 * FREEZES + 8 * BROKER_KILLS  # as they come out, nearly
TOPICS = ("vigie.readings", "vigie.results", "vigie.alerts")


def pour(client: kafka.Kafka, log: list[Row], faults_over: threading.Event, told: list[int]) -> None:
    """Append the log while the faults go on, at the pace that they leave."""
    for i in range(0, len(log), 100):
        client.append(log[i : i + 100])
        told[0] = i
        if not faults_over.is_set():
            time.sleep(100 * FAULT_SECONDS / len(log))


def undisturbed(
    client: kafka.Kafka, catalog: Catalog, default_plan: Plan
) -> tuple[list[bytes], list[bytes], set[tuple[int, int]], int]:
    """(lines in order, alerts, places of rejects, readings accepted), each partition read once."""
    lines: list[bytes] = []
    alerts: list[bytes] = []
    rejects: set[tuple[int, int]] = set()
    accepted = 0
    for partition, records in client.records("vigie.readings").items():
        pipeline = Pipeline(catalog, default_plan, zone)
        outputs = pipeline.process(
            [record.value for record in records],
            [record.timestamp for record in records],
            [record.offset for record in records],
            [record.key for record in records],
        )
        lines += outputs.results.splitlines()
        alerts += [alert.body for alert in outputs.alerts]
        rejects |= {(partition, reject.offset) for reject in outputs.rejects}
        accepted += pipeline.ledger.accepted
    return lines, alerts, rejects, accepted


def test_kills_and_freezes_lose_nothing_and_double_nothing(
    tmp_path: Path, catalog: Catalog, default_plan: Plan
) -> None:
    warm_up(Pipeline(catalog, default_plan, zone))  # a worker killed while it compiles proves little
    rng = random.Random(SEED)
    with ExitStack() as stack:
        server = stack.enter_context(live.server(influxdb.server, tmp_path / "influxdb").running())
        broker = stack.enter_context(live.server(native.server, tmp_path / "kafka").running())
        nurse = stack.enter_context(receiver())
        settings = workers.environment(
            tmp_path,
            VIGIE_BROKER=f"batch://{broker.address}",
            VIGIE_CHECKPOINT_SECONDS="3",
            **influx.settings(server.address, tmp_path / "secrets"),
        )
        settings = with_receiver(settings, nurse)
        for command in (["influx", "setup"], ["topics", "create"]):
            assert CliRunner().invoke(main, command, env=settings).exit_code == 0
        client = kafka.Kafka(broker.address)
        stack.callback(client.close)
        manager = Manager(tmp_path, settings, 2)
        stack.callback(manager.end)

        values = ward(READINGS, SEED, PATIENTS)
        records = stamp((Line(value, "-", i) for i, value in enumerate(values)), then=AFTERWARDS)
        log = list(rows(records, "vigie.readings", PARTITIONS, True))
        faults_over, told = threading.Event(), [0]
        pouring = threading.Thread(target=pour, args=(client, log, faults_over, told), daemon=True)
        pouring.start()
        begin = time.monotonic()
        faults = ["kill"] * KILLS + ["freeze"] * FREEZES + ["broker"] * BROKER_KILLS
        rng.shuffle(faults)
        for fault in faults:
            time.sleep(rng.choice((rng.uniform(0.5, 3), rng.uniform(6, 12))))
            slot = rng.randrange(2)
            print(f"{time.monotonic() - begin:6.1f} s: {fault} {slot}, {told[0]} of {len(log)} appended")
            if fault == "kill":
                manager.kill(slot)
            elif fault == "freeze":
                manager.freeze(slot, FROZEN_SECONDS)
            else:
                broker.kill()
                time.sleep(rng.uniform(0, 3))
                broker.start()
        faults_over.set()
        pouring.join(200)
        assert not pouring.is_alive()
        assert told[0] >= len(log) - 100
        client.wait_until_drained("vigie", TOPICS, 120)
        lines, alerts, rejects, accepted = undisturbed(client, catalog, default_plan)
        wanted = {f"{a['alert_id']}-{a['sequence']}" for a in map(json.loads, alerts)}
        until = time.monotonic() + 60
        while set(nurse.told) < wanted and time.monotonic() < until:
            time.sleep(0.2)
        took = time.monotonic() - begin
        codes = manager.stop()

        frames = client.values("vigie.results")
        bodies = client.values("vigie.alerts")
        positions = [json.loads(body)["position"] for body in client.values("vigie.rejects")]
        found = influx.points(server.address, tmp_path / "secrets")
        stored = influx.stored(server.address, tmp_path / "secrets")
        expected = influx.last_of(lines)
        kept = sum(place[0] == "reading" for place, _ in found) + sum(
            int(fields["count"]) for (place, _), fields in found.items() if place[3] == "1h"
        )  # single ones as they are, frequent ones by the windows of their hours
        repeats = sum(nurse.told.values()) - len(nurse.told)
        again = sum(len(frame.splitlines()) for frame in frames)
        print(
            f"{READINGS} readings of {PATIENTS} patients, {KILLS} kills, {FREEZES} freezes, "
            f"{BROKER_KILLS} kills of the broker in {took:.0f} s; workers ended by themselves with "
            f"{dict(manager.exits)}\n"
            f"accepted {accepted}, in InfluxDB {kept}, rejected {len(rejects)}; "
            f"points {len(found)} of {len(expected)}; {again} lines told "
            f"for {len(lines)}; alerts {len(set(bodies))} of {len(set(alerts))}, stored {stored['alert']}; "
            f"with the nurse {len(nurse.told)}, {repeats} again"
        )
        assert len(values) == accepted + sum(1 for _ in rejects)
        assert {(p["partition"], p["offset"]) for p in positions} == rejects
        assert sorted(set(bodies) ^ set(alerts))[:3] == []
        assert set(nurse.told) == wanted
        assert stored["alert"] == len(set(alerts))
        told_lines = {line for frame in frames for line in frame.splitlines()}
        assert sorted(told_lines ^ set(lines))[:3] == []
        assert sorted(found.keys() ^ expected.keys())[:3] == []
        assert [(k, found[k], expected[k]) for k in expected if found[k] != expected[k]][:3] == []
        assert kept == accepted
        assert codes == [0, 0], manager.said()
        assert repeats <= max(0.01 * len(wanted), 10 * (KILLS + FREEZES + BROKER_KILLS))
        assert Counter(manager.exits)[-9] == KILLS
