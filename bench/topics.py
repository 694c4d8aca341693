"""The broker of the bench, and what goes into it."""

import os
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from bench.load import PARTITIONS, Reading
from bench.peers import Peer
from infra.native import kafka
from infra.native.process import LOOPBACK, free_port

# Outputs get the broker's clock, whatever a peer stamps them with; readings keep their own (`topic` below).
MORE = "log.message.timestamp.type=LogAppendTime\nlog.retention.ms=-1\ngroup.min.session.timeout.ms=1000\n"


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """A Kafka of its own while the block runs; gives host:port. Raises NotToBeHad."""
    port = free_port()
    text = kafka.PROPERTIES.format(broker=port, controller=free_port(), folder=folder / "data") + MORE
    with kafka.server_of(folder, text, f"{LOOPBACK}:{port}").running() as running:
        yield running.address


def make(address: str, prefix: str, peer: Peer, environment: dict[str, str]) -> None:
    """The topics of one run of a peer; Vigie makes its own as in any deployment."""
    if peer.ours:
        subprocess.run(
            [*peer.command()[:-3], "topics", "create"], env=os.environ | environment, check=True, stdout=-3
        )
        return
    readings = {"message.timestamp.type": "CreateTime"}
    wanted = {"readings": readings, "windows": {}, "alerts": {}}
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics(
        {f"{prefix}.{n}": {"num_partitions": PARTITIONS, "configs": c} for n, c in wanted.items()},
        wait_for_metadata=True,
    )
    admin.close()


def fill(address: str, prefix: str, readings: Iterable[Reading]) -> None:
    """Put readings into their topic and wait until all are there."""
    producer = KafkaProducer(bootstrap_servers=address, linger_ms=20, batch_size=1 << 18)
    for reading in readings:
        _send(producer, prefix, reading)
    producer.flush()
    producer.close()


def trickle(address: str, prefix: str, readings: list[Reading], each_second: int) -> list[float]:
    """Put readings into their topic one by one, evenly; returns when each was sent."""
    producer, sent = KafkaProducer(bootstrap_servers=address, linger_ms=0), list[float]()
    begin = time.time()
    for i, reading in enumerate(readings):
        time.sleep(max(0.0, begin + i / each_second - time.time()))
        sent.append(time.time())
        _send(producer, prefix, reading)
    producer.close()
    return sent


def _send(producer: KafkaProducer, prefix: str, reading: Reading) -> None:
    """Hand one reading to a producer, with its own time."""
    key = reading.patient.encode()
    producer.send(
        f"{prefix}.readings", reading.body, key, partition=reading.partition, timestamp_ms=reading.at
    )
