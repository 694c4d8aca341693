"""The two transports behind one face, for the contract that both must hold."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from streams.kafka_topics import make_in_kafka
from streams.settings import Settings
from streams.topics import make_in_log
from streams.transports.kafka_log import KafkaLog
from streams.transports.log.cleaning import clean
from streams.transports.log.store import Log
from streams.transports.records import Place, Record
from tests import workers

CONSUMED = ("readings", "results", "alerts")
AT_ONCE = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "100"}


class Transport:
    """A deployment of one prefix on a transport."""

    broker: str
    log: Any

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix
        self.consumers: list[Consumer] = []

    @property
    def settings(self) -> Settings:
        return Settings(broker=self.broker, prefix=self.prefix, ticks="log")

    @property
    def environment(self) -> dict[str, str]:
        return workers.environment(self.folder, VIGIE_BROKER=self.broker, VIGIE_PREFIX=self.prefix)

    def topic(self, name: str) -> str:
        return self.settings.topic(name)

    def consume(self) -> "Consumer":
        """Another consumer of the input log, as a process."""
        self.consumers.append(Consumer(self, len(self.consumers)))
        return self.consumers[-1]

    def start(self, **more: str) -> subprocess.Popen[bytes]:
        """A worker of all roles; what it says is in worker.txt of the folder."""
        with (self.folder / "worker.txt").open("ab") as out:
            return workers.process(
                [*workers.VIGIE, "worker"], env={**self.environment, **more}, stdout=out, stderr=out
            )

    def committed(self) -> dict[Place, int]:
        """What the workers have committed of each partition that they read."""
        raise NotImplementedError

    def wait_until_drained(self, seconds: float = 180) -> None:
        """Until every record of every consumed topic is committed."""
        topics, until = [self.topic(name) for name in CONSUMED], time.monotonic() + seconds
        while time.monotonic() < until:
            wanted = {place: end for place, end in self.log.refresh().items() if place[0] in topics and end}
            committed = self.committed()
            if wanted and all(committed.get(place) == end for place, end in wanted.items()):
                return
            time.sleep(0.2)
        raise AssertionError(f"not drained: {(self.folder / 'worker.txt').read_text()[-2000:]}")

    def records(self, name: str) -> Iterator[Record]:
        """All records of a topic, partition by partition."""
        for place in sorted(self.log.refresh()):
            if place[0] == self.topic(name):
                yield from workers.records(self.log, place)

    def told(self) -> tuple[set[bytes], set[bytes]]:
        """(result lines, alert bodies) as sets, as a reader downstream keeps them by key."""
        frames = [record.value or b"" for record in self.records("results")]
        lines = {line for frame in frames for line in frame.splitlines()}
        return lines, {record.value or b"" for record in self.records("alerts")}

    def close(self) -> None:
        for consumer in self.consumers:
            consumer.kill()


class Embedded(Transport):
    def __init__(self, folder: Path, prefix: str) -> None:
        super().__init__(folder, prefix)
        self.broker = f"log://{folder}"
        self.log = Log(folder)
        make_in_log(self.settings, self.log)

    def committed(self) -> dict[Place, int]:
        found: dict[Place, int] = self.log.committed(self.prefix)
        return found

    def compacted(self) -> str:
        """A topic that keeps the newest record of each key."""
        self.log.topic("compacted", 1, compact=True)
        return "compacted"

    def compact(self) -> None:
        clean(self.log, {}, dirty=1)

    def let_go(self, topic: str, count: int) -> None:
        """Retention takes the first records of partition 0: here by age."""
        with self.log.transaction() as c:
            c.execute("update topics set retention_ms=3600000 where name=?", (topic,))
        clean(self.log, {})

    def close(self) -> None:
        super().close()
        self.log.close()


class OnKafka(Transport):
    def __init__(self, folder: Path, prefix: str, address: str) -> None:
        super().__init__(folder, prefix)
        self.address, self.broker = address, f"batch://{address}"
        assert make_in_kafka(self.settings) == []
        self.log = KafkaLog(self.settings)
        self.admin = KafkaAdminClient(bootstrap_servers=address)
        self._group = KafkaConsumer(bootstrap_servers=address, group_id=prefix, enable_auto_commit=False)

    def committed(self) -> dict[Place, int]:
        places = [(self.topic(n), p) for n in CONSUMED for p in range(self.settings.partitions)]
        found = {place: self._group.committed(TopicPartition(*place)) for place in places}
        return {place: int(offset) for place, offset in found.items() if offset is not None}

    def compacted(self) -> str:
        name = f"{self.prefix}.compacted"
        configs = {"cleanup.policy": "compact", **AT_ONCE}
        self.admin.create_topics({name: {"num_partitions": 1, "configs": configs}}, wait_for_metadata=True)
        return name

    def compact(self) -> None:
        """The broker's own cleaner does it, every few seconds, once a segment is full."""

    def let_go(self, topic: str, count: int) -> None:
        """Kafka looks at the age of segments every five minutes; deleting does the same at once."""
        self.admin.delete_records({TopicPartition(topic, 0): count})

    def close(self) -> None:
        super().close()
        self.admin.close()
        self._group.close()
        self.log.close()


class Taken(msgspec.Struct, array_like=True):
    """What a consumer wrote of a record."""

    partition: int
    offset: int
    timestamp: int
    key: str
    value: str
    batch: int


class Consumer:
    """A process of tests/consumer.py."""

    def __init__(self, transport: Transport, number: int) -> None:
        self.out = transport.folder / f"consumer-{number}.jsonl"
        self.words = transport.folder / f"consumer-{number}.txt"
        with self.words.open("wb") as words:
            self.process = workers.process(
                [sys.executable, "-m", "tests.consumer", str(self.out)],
                env=transport.environment,
                cwd=Path(__file__).parent.parent,
                stdout=words,
                stderr=words,
            )

    def taken(self) -> list[Taken]:
        """All that it took so far, in its order."""
        if not self.out.exists():
            return []
        whole = self.out.read_bytes().rpartition(b"\n")[0]
        return [msgspec.json.decode(line, type=Taken) for line in whole.splitlines()]

    def wait_for(self, count: int, seconds: float = 60) -> list[Taken]:
        """Until it took so many records."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if len(taken := self.taken()) >= count:
                return taken
            assert self.process.poll() is None, self.said()
            time.sleep(0.1)
        raise AssertionError(f"{len(self.taken())} of {count} taken\n{self.said()}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def said(self) -> str:
        return self.words.read_text("utf-8", "replace")[-3000:]


def live() -> bool:
    """Whether the contract is tested on Kafka too."""
    return os.environ.get("VIGIE_LIVE") in ("1", "must")
