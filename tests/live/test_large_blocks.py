"""The largest block that the core can make, on a real Kafka: taken up, changed and written again."""

import random
import time
from pathlib import Path

from click.testing import CliRunner
from kafka import KafkaProducer

from models.catalog import Catalog
from models.state import LARGEST_BLOCK, PATIENTS_PER_BLOCK, State, Watch
from streams.cli import main
from streams.packing import pack
from tests import workers
from tests.live import kafka
from tests.logs import START, reading


def largest(catalog: Catalog) -> bytes:
    """Block 1, of eight patients, reflecting offset 0: what nothing compresses, up to the bound."""
    state, rng = State([vital.code for vital in catalog.vitals]), random.Random(3)
    for p in range(PATIENTS_PER_BLOCK):
        patient = state.add_patient(f"p-{p}")
        patient.watches = {"left": Watch(state=rng.randbytes(LARGEST_BLOCK // PATIENTS_PER_BLOCK - 4096))}
    return pack(state.save(1, 0))


def test_the_largest_block_goes_through_kafka_both_ways(tmp_path: Path, catalog: Catalog) -> None:
    block = largest(catalog)
    assert 0.99 * LARGEST_BLOCK < len(block) < LARGEST_BLOCK
    with kafka.broker(tmp_path / "kafka") as address:
        environment = workers.environment(
            tmp_path,
            VIGIE_BROKER=f"batch://{address}",
            VIGIE_CHECKPOINT_SECONDS="0.5",
            VIGIE_PARTITIONS="1",
            VIGIE_SINK="none",
        )
        assert CliRunner().invoke(main, ["topics", "create"], env=environment).exit_code == 0
        client = kafka.Kafka(address)
        for i in range(2):
            value = reading(f"p-{i}", "heart-rate", 70, START + i * 60_000)
            client.append([("vigie.readings", 0, f"p-{i}".encode(), value, START + i * 60_000, None)])
        producer = KafkaProducer(bootstrap_servers=address, max_request_size=16 << 20)
        producer.send("vigie.state", block, b"0/1", [("up-to", b"0")], 0).get(timeout=30)
        producer.close()
        with (tmp_path / "worker.txt").open("wb") as out:
            worker = workers.process([*workers.VIGIE, "worker"], env=environment, stdout=out, stderr=out)
        until = time.monotonic() + 60
        while client.committed("vigie", "vigie.readings") != {0: 2}:
            assert worker.poll() is None, (tmp_path / "worker.txt").read_text()[-3000:]
            assert time.monotonic() < until, (tmp_path / "worker.txt").read_text()[-3000:]
            time.sleep(0.2)
        assert workers.stop(worker) == 0
        blocks = [r for r in client.records("vigie.state")[0] if r.key == b"0/1"]
        client.close()
    assert len(blocks) >= 2
    assert len(blocks[-1].value) > 0.99 * LARGEST_BLOCK
    assert dict(blocks[-1].headers)["up-to"] == b"1"
