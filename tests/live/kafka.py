"""A real Kafka 4.1 on loopback, one node, and a reader and writer for tests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from infra.native import kafka
from streams.transports.records import Row
from tests import live


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """A Kafka while the block runs; gives its host:port."""
    with live.server(kafka.server, folder).running() as running:
        yield running.address


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
