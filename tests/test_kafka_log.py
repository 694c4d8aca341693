"""What a Kafka log does when the broker has records and does not give them."""

from typing import Any

import pytest
from kafka import TopicPartition

from streams.transports import LogUnusable, kafka_log
from streams.transports.kafka_log import KafkaLog

PLACE = TopicPartition("vigie.readings", 0)


class Mute:
    """A consumer of a partition of ten records of which none ever comes."""

    def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 10)

    def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    def assign(self, places: list[TopicPartition]) -> None: ...

    def seek(self, place: TopicPartition, offset: int) -> None: ...

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        return {}

    def position(self, place: TopicPartition, timeout_ms: int) -> int:
        return 3


def test_a_read_that_never_gets_what_is_there_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_log, "TIMEOUT", 0.05)
    log = KafkaLog.__new__(KafkaLog)
    log.broker, log._at, log._consumer = "batch://b:9092", None, Mute()
    with pytest.raises(LogUnusable, match=r"gives nothing of vigie\.readings; check"):
        log.read(("vigie.readings", 0), 3, 100)
