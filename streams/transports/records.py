"""A record as both transports tell it, and the partition of its key."""

import functools
import random
from typing import Any, Final, NamedTuple

from aiokafka.partitioner import murmur2

Place = tuple[str, int]  # topic and partition
Row = tuple[str, int | None, bytes | None, bytes | None, int | None, Any]
"""(topic, partition or None, key, value, timestamp in ms or None = now, headers)."""

UP_TO: Final = "up-to"  # header of a state block: the last input offset that it reflects

_hash = functools.lru_cache(1 << 17)(murmur2)


class Record(NamedTuple):
    """A record as read. `timestamp` in ms; `headers` is JSON or None."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: str | None


def partition_of(key: bytes | None, count: int) -> int:
    """The partition of a key as Kafka's default partitioner has it (murmur2); any one without a key."""
    return random.randrange(count) if key is None else (_hash(key) & 0x7FFFFFFF) % count
