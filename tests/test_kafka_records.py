"""What Kafka sent, read by compiled code and by aiokafka's own reader: the same records."""

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transports.batch import Batch
from streams.transports.kafka_records import Raw, Records

TOPIC, STOCK = TP("readings", 0), TP("other", 0)
Record = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]
blobs = st.none() | st.binary(max_size=300)
records = st.tuples(
    st.integers(0, 1 << 45),
    blobs,
    blobs,
    st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=5)), max_size=2),
)


class Ours(Records):
    batched = staticmethod(lambda topic: topic == "readings")


def fetched(batches: list[list[Record]], compression: int = 0, base: int = 0) -> bytes:
    """Record batches as a broker sends them, offsets without holes from `base` on."""
    out = b""
    for batch in batches:
        builder = DefaultRecordBatchBuilder(2, compression, False, -1, -1, -1, 1 << 20)
        for i, (stamp, key, value, headers) in enumerate(batch):
            builder.append(i, stamp, key, value, headers)
        text = bytearray(builder.build())
        text[:8] = base.to_bytes(8, "big")  # the broker sets it; the checksum leaves it out
        base += len(batch)
        out += bytes(text)
    return out


def read(data: bytes, tp: TP, first: int = 0) -> tuple[list[Any], int]:
    """What a partition's reader gives, and where it would fetch next."""
    reader = Ours(tp, Raw(data), None, first, None, None, True, fetcher.READ_UNCOMMITTED)
    return list(reader), reader.next_fetch_offset


def flat(batches: list[Batch]) -> list[tuple[int, int, bytes, bytes]]:
    return [row for b in batches for row in zip(b.offsets, b.timestamps, b.keys, b.values, strict=True)]


@given(
    st.lists(st.lists(records, min_size=1, max_size=6), min_size=1, max_size=4),
    st.sampled_from([0, 1]),
    st.data(),
)
def test_both_readers_give_the_same_records_from_any_offset_on(
    batches: list[list[Record]], compression: int, data: st.DataObject
) -> None:
    sent = fetched(batches, compression, base=1000)
    first = data.draw(st.integers(1000, 1000 + sum(map(len, batches))))
    ours, ours_next = read(sent, TOPIC, first)
    stock, stock_next = read(sent, STOCK, first)
    assert flat(ours) == [(r.offset, r.timestamp, r.key or b"", r.value or b"") for r in stock]
    assert ours_next == stock_next


def test_a_whole_fetch_is_one_batch_and_a_batch_cut_off_at_its_end_waits_for_the_next_fetch() -> None:
    rows: list[Record] = [(5, b"p", b"x" * 50, [])] * 10
    sent = fetched([rows, rows, rows])
    [batch], after = read(sent[:-7], TOPIC)
    assert (len(batch), after) == (20, 20)


@pytest.mark.parametrize("at", [70, 100, -3])
def test_a_damaged_batch_is_refused(at: int) -> None:
    sent = bytearray(fetched([[(5, b"p", b"x" * 50, [])] * 10]))
    sent[at] ^= 1
    with pytest.raises(CorruptRecordException):
        read(bytes(sent), TOPIC)
