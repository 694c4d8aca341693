"""A Kafka cluster behind the few methods of Log that commands need, by kafka-python: append and read."""

import json
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)

from streams.kafka_access import client_options
from streams.settings import Settings
from streams.transports import LogUnusable
from streams.transports.kafka_door import knock
from streams.transports.records import Place, Record, Row, partition_of

TIMEOUT: Final = 30.0  # seconds until an append, or a read of what is there, counts as failed
SEEKING: Final = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
P = ParamSpec("P")
T = TypeVar("T")


def _asking(
    method: Callable[Concatenate["KafkaLog", P], T],
) -> Callable[Concatenate["KafkaLog", P], T]:
    """Tell a cluster's refusal as every log tells it."""

    @wraps(method)
    def ask(log: "KafkaLog", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(log, *args, **kwargs)
        except KafkaError as error:
            remedy = "check VIGIE_BROKER and the cluster"
            raise LogUnusable(f"{log.broker} does not answer as it should: {error!r}; {remedy}") from error

    return ask


class KafkaLog:
    """Topics of a cluster. Every method raises LogUnusable when it does not answer."""

    @_asking
    def __init__(self, settings: Settings) -> None:
        knock(settings)
        self.broker = settings.broker
        self._options = client_options(settings.broker, settings)
        self._producer: Any = None
        self._admin: Any = None
        self._consumer = KafkaConsumer(
            **self._options,
            enable_auto_commit=False,
            consumer_timeout_ms=1000,
            auto_offset_reset="earliest",  # of what expires between a look at the bounds and the read
        )
        self._at: tuple[Place, int] | None = None

    def close(self) -> None:
        """Send what waits, and let go."""
        if self._producer is not None:
            self._producer.close()
        if self._admin is not None:
            self._admin.close()
        self._consumer.close()

    @_asking
    def topic(self, name: str) -> tuple[str, int]:
        """(name, partitions) of a topic. Raises LogUnusable with the remedy when it is missing."""
        partitions = self._consumer.partitions_for_topic(name)
        if not partitions:
            raise LogUnusable(f"there is no topic {name}; make it with `vigie topics create`")
        return name, len(partitions)

    def partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int:
        """The partition of a key by Kafka's default, or the one asked for."""
        return partition_of(key, self.topic(topic)[1]) if partition is None else partition

    @_asking
    def append(self, rows: Sequence[Row]) -> list[tuple[int, int]]:
        """Append rows; returns (partition, offset) of each, once all replicas in sync have them."""
        if self._producer is None:
            self._producer = KafkaProducer(**self._options, linger_ms=5, acks="all")
        sent = [
            self._producer.send(
                topic,
                value=value,
                key=key,
                partition=self.partition(topic, key, partition),
                timestamp_ms=at,
            )
            for topic, partition, key, value, at, _ in rows
        ]
        done = [future.get(timeout=TIMEOUT) for future in sent]
        return [(found.partition, found.offset) for found in done]

    @_asking
    def refresh(self) -> dict[Place, int]:
        """The end offset of every partition of the cluster."""
        return self.ends(*self._consumer.topics())

    @_asking
    def ends(self, *topics: str) -> dict[Place, int]:
        """The end offset of every partition of some topics; a topic that is missing has none."""
        places = [
            TopicPartition(topic, p)
            for topic in topics
            for p in self._consumer.partitions_for_topic(topic) or ()
        ]
        return {(at.topic, at.partition): end for at, end in self._consumer.end_offsets(places).items()}

    @_asking
    def earliest(self, place: Place) -> int:
        """The first offset that is still kept."""
        at = TopicPartition(*place)
        return int(self._consumer.beginning_offsets([at])[at])

    @_asking
    def from_time(self, place: Place, milliseconds: int) -> int | None:
        """The offset of the first record received at a time or later; None when there is none."""
        at = TopicPartition(*place)
        found = self._consumer.offsets_for_times({at: milliseconds})[at]
        return None if found is None else int(found.offset)

    @_asking
    def read(self, place: Place, offset: int, limit: int) -> list[Record]:
        """At most `limit` records from `offset` on, or from the first that is kept; none at the end.

        Raises LogUnusable when there are some and none comes within TIMEOUT.
        """
        at = TopicPartition(*place)
        end = self._consumer.end_offsets([at])[at]
        if self._at != (place, offset):
            offset = max(offset, self._consumer.beginning_offsets([at])[at])
            if offset < end:
                self._consumer.assign([at])
                self._consumer.seek(at, offset)
        found: list[Any] = []
        until = time.monotonic() + TIMEOUT
        while not found and offset < end:
            if time.monotonic() > until:
                raise LogUnusable(f"{self.broker} gives nothing of {place[0]}; check the cluster")
            found = self._consumer.poll(timeout_ms=1000, max_records=limit).get(at, [])
            offset = self._consumer.position(at, timeout_ms=1000) or offset
        self._at = (place, found[-1].offset + 1) if found else None
        return [
            Record(place[0], place[1], r.offset, r.timestamp, r.key, r.value, _told(r.headers)) for r in found
        ]

    @_asking
    def committed(self, group: str) -> dict[Place, int]:
        """What a group has committed; nothing as long as the cluster seeks who keeps it."""
        if self._admin is None:
            self._admin = KafkaAdminClient(**self._options)
        try:
            found = self._admin.list_group_offsets({group: None})[group]
        except SEEKING:
            return {}
        return {(at.topic, at.partition): done.offset for at, done in found.items() if done.offset >= 0}


def _told(headers: Sequence[tuple[str, bytes]]) -> str | None:
    return json.dumps([(key, value.decode("latin1")) for key, value in headers]) if headers else None
