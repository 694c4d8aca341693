"""A real Kafka 4.1 on loopback, one node, from Maven's artefacts; and a reader and writer for tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from streams.transports.log.store import Row

VERSION = "4.1.0"
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"  # any id of 16 bytes in base64
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vigie" / "kafka" / VERSION
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>vigie</groupId><artifactId>live</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{VERSION}</version></dependency></dependencies></project>"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


def why_not() -> str | None:
    """Why no Kafka can be started here; None when one can."""
    if os.environ.get("VIGIE_LIVE") != "1":
        return "live tests run with VIGIE_LIVE=1"
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    return f"a real Kafka needs {' and '.join(missing)}" if missing else None


def jars() -> Path:
    """The folder of Kafka's jars, fetched once."""
    folder = CACHE / "lib"
    if not list(folder.glob("kafka_2.13-*.jar")):
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / "pom.xml").write_text(POM, "utf-8")
        done = subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
            cwd=CACHE,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode:
            pytest.skip(f"Maven could not fetch Kafka: {done.stdout[-500:]}")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """A Kafka while the block runs; gives its host:port."""
    classes, port = str(jars() / "*"), free_port()
    properties = folder / "server.properties"
    text = PROPERTIES.format(broker=port, controller=free_port(), folder=folder / "data")
    properties.write_text(text, "utf-8")
    java = ["java", "-Xmx512m", "-cp", classes]
    form = [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(properties)]
    subprocess.run(form, check=True, capture_output=True, timeout=60)
    with (folder / "kafka.txt").open("wb") as out:
        process = subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=out, stderr=out)
    try:
        _wait_until_up(f"127.0.0.1:{port}", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(address: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            KafkaAdminClient(bootstrap_servers=address).close()
        except Exception:  # whatever the client says of a broker that is not up yet
            time.sleep(0.3)
        else:
            return
    raise AssertionError("Kafka did not come up")


class Kafka:
    """Appends, reads and looks at offsets, as `Log` does for the embedded log."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._producer = KafkaProducer(bootstrap_servers=address, linger_ms=5, acks="all")

    def append(self, rows: list[Row]) -> None:
        """Append rows and wait until they are durable; keys are partitioned by Kafka's own rule."""
        sent = [
            self._producer.send(topic, value=value, key=key, partition=partition, timestamp_ms=at)
            for topic, partition, key, value, at, _ in rows
        ]
        for future in sent:
            future.get(timeout=30)

    def ends(self, topic: str) -> dict[int, int]:
        """The end offset of each partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.address)
        places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        ends = {place.partition: end for place, end in consumer.end_offsets(places).items()}
        consumer.close()
        return ends

    def records(self, topic: str) -> dict[int, list[Any]]:
        """All records of a topic by partition, in order."""
        consumer = KafkaConsumer(bootstrap_servers=self.address, auto_offset_reset="earliest")
        places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        out: dict[int, list[Any]] = {place.partition: [] for place in places}
        while any(consumer.position(place) < end for place, end in ends.items()):
            for place, records in consumer.poll(timeout_ms=500).items():
                out[place.partition] += records
        consumer.close()
        return out

    def values(self, topic: str) -> list[bytes]:
        """All values of a topic."""
        return [record.value for records in self.records(topic).values() for record in records]

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """What a group has committed, by partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.address, group_id=group, enable_auto_commit=False)
        places = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
        done = {place.partition: consumer.committed(place) or 0 for place in places}
        consumer.close()
        return done

    def wait_until_drained(self, group: str, topics: tuple[str, ...], seconds: float = 180) -> None:
        """Until a group has committed every record of the topics."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if all(self.committed(group, topic) == self.ends(topic) for topic in topics):
                return
            time.sleep(0.5)
        raise AssertionError(f"not drained: {[(t, self.committed(group, t), self.ends(t)) for t in topics]}")

    def close(self) -> None:
        self._producer.close()
