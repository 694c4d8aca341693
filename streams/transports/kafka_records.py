"""Kafka's record batches into columns, compiled: no Python object per record of a batched topic.

The fetcher of aiokafka makes six objects of each record, some 2 µs, more than the whole core needs for
it. Here the bytes that the broker sent stay where they are, and only the places of keys and values are
noted. Format: Kafka protocol, "Record Batch", magic 2; older ones and compressed ones take the stock way.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from aiokafka.consumer import fetcher
from faust.types import TP
from numba import njit

from models.packed import Packed
from streams.transports.batch import Batch

HEADER: Final = 61  # bytes before the first record of a batch
OVERHEAD: Final = 12  # bytes that a batch's own length does not count
LOG_APPEND_TIME, COMPRESSION = 0x08, 0x07  # bits of a batch's attributes
SHORTEST_RECORD: Final = 7  # bytes


@njit
def _varint(data, at, end):  # type: ignore[no-untyped-def]
    """(zigzag number, the place behind it); the place is -1 at the end of the data."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while at < end:
        byte = np.uint64(data[at])
        at += 1
        value |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1)), at
        shift += np.uint64(7)
        if shift > np.uint64(63):
            break
    return np.int64(0), -1


@njit
def _integer(data, at, size):  # type: ignore[no-untyped-def]
    """A big-endian signed number."""
    value = np.int64(data[at]) - (256 if data[at] > 127 else 0)
    for i in range(1, size):
        value = value * 256 + np.int64(data[at + i])
    return value


@njit(cache=True)
def unpack(data, begin, first, columns):  # type: ignore[no-untyped-def]
    """Note the records of one batch whose offset is `first` or later; returns their number, -1 if torn.

    data: uint8, the batch begins at `begin`. columns: int64 (6, n), written: offset, timestamp in ms, begin
    and end of the key, begin and end of the value; an absent one is empty.
    """
    base_offset = _integer(data, begin, 8)
    end = begin + OVERHEAD + _integer(data, begin + 8, 4)
    attributes = _integer(data, begin + 21, 2)
    base_timestamp = _integer(data, begin + 27, 8)
    latest = _integer(data, begin + 35, 8)
    count = _integer(data, begin + 57, 4)
    if end > len(data):
        return -1
    at = begin + HEADER
    n = 0
    for _ in range(count):
        length, at = _varint(data, at, end)
        if at < 0 or length < 0 or at + length > end:
            return -1
        after = at + length
        stamp, at = _varint(data, at + 1, after)  # behind the attributes, which say nothing
        if at < 0:
            return -1
        delta, at = _varint(data, at, after)
        if at < 0:
            return -1
        key_length, at = _varint(data, at, after)
        key = at
        at += max(key_length, 0)
        if key < 0 or at > after:
            return -1
        value_length, at = _varint(data, at, after)
        if at < 0 or at + value_length > after:
            return -1
        if base_offset + delta >= first:
            columns[0, n] = base_offset + delta
            columns[1, n] = latest if attributes & LOG_APPEND_TIME else base_timestamp + stamp
            columns[2, n] = key
            columns[3, n] = key + max(key_length, 0)
            columns[4, n] = at
            columns[5, n] = at + max(value_length, 0)
            n += 1
        at = after
    return n


class Raw(fetcher.MemoryRecords):
    """The stock reader of fetched bytes, which also remembers them."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class Records(fetcher.PartitionRecords):
    """What one fetch brought of a partition: of a batched topic a Batch per record batch, else as ever."""

    next_fetch_offset: int
    batched: Callable[[str], bool] = staticmethod(lambda _: False)

    def _unpack_records(self) -> Iterator[Any]:
        if not self.batched(self._tp.topic) or self._isolation_level == fetcher.READ_COMMITTED:
            return super()._unpack_records()
        return self._unpack_batches()

    def _unpack_batches(self) -> Iterator[Batch]:
        data = np.frombuffer(self._records.data, np.uint8)
        tp, at = TP(self._tp.topic, self._tp.partition), 0
        parts: list[np.ndarray] = []
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise fetcher.Errors.CorruptRecordException(f"Invalid CRC - {self._tp}")
            size = OVERHEAD + int.from_bytes(self._records.data[at + 8 : at + OVERHEAD], "big")
            if not batch.is_control_batch:
                columns = _columns(data, at, size, self.next_fetch_offset)
                if columns is None:  # compressed, or of a format before 0.11
                    if parts:
                        yield _batch(tp, data, parts)
                        parts = []
                    found = [record for record in batch if record.offset >= self.next_fetch_offset]
                    if found:
                        self.next_fetch_offset = found[-1].offset + 1
                        yield Batch.of(tp, *zip(*map(_fields, found), strict=True))
                elif columns.shape[1]:
                    parts.append(columns)
            at += size
            self.next_fetch_offset = batch.next_offset
        if parts:
            yield _batch(tp, data, parts)


def _columns(data: np.ndarray, at: int, size: int, first: int) -> np.ndarray | None:
    """The columns of the record batch at a place; None when it is not of the plain format."""
    if data[at + 16] != 2 or data[at + 22] & COMPRESSION:
        return None
    columns = np.empty((6, (size - HEADER) // SHORTEST_RECORD + 1), np.int64)
    found = unpack(data, at, first, columns)
    if found < 0:
        raise fetcher.Errors.CorruptRecordException(f"a record batch at byte {at} is torn")
    return columns[:, :found]


def _batch(tp: TP, data: np.ndarray, parts: list[np.ndarray]) -> Batch:
    offsets, stamps, *spans = np.concatenate(parts, axis=1)
    return Batch(tp, offsets, stamps, Packed(data, *spans[:2]), Packed(data, *spans[2:]))


def _fields(record: Any) -> tuple[int, int, bytes | None, bytes | None]:
    return record.offset, record.timestamp, record.key, record.value


def install(batched: Callable[[str], bool]) -> None:
    """Let every consumer of this process that is made by aiokafka read batched topics this way."""
    # Compiled now: the first time takes seconds, which would hold up the heartbeats of the fetching thread.
    unpack(np.frombuffer(bytes(HEADER), np.uint8), 0, 0, np.empty((6, 1), np.int64))
    Records.batched = staticmethod(batched)
    fetcher.MemoryRecords, fetcher.PartitionRecords = Raw, Records
