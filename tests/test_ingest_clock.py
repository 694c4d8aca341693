"""The time that a recording keeps: when each record was received, and the ticks between."""

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from models.times import rfc3339
from streams.ingest.clock import MAXIMUM_TICKS, TICK, Stamped, stamp, ticks_between
from streams.ingest.sources import Line
from tests.logs import START, reading

READING = reading("p-one", "body-weight", 80, START)
moments = st.none() | st.integers(0, 400).map(lambda quarter: START + quarter * 300_000)


@st.composite
def recordings(draw: st.DrawFn) -> list[Line]:
    """Lines with measured_at, received_at, both, neither, or neither that reads."""
    out = []
    for i, (measured, received) in enumerate(draw(st.lists(st.tuples(moments, moments), max_size=30))):
        fields = {"measured_at": measured, "received_at": received}
        body: dict[str, Any] = {key: rfc3339(at) for key, at in fields.items() if at is not None}
        if draw(st.integers(0, 9)) == 0:
            body["measured_at"] = "yesterday"
        out.append(Line(json.dumps({"n": i, **body}).encode(), "a", i))
    return out


@given(lines=recordings(), cut=st.integers(0, 30))
def test_the_stamps_and_ticks_of_a_prefix_are_a_prefix_of_the_stamps_and_ticks(
    lines: list[Line], cut: int
) -> None:
    # lines before the first time that reads are received at that time, so a prefix must have one
    some = list(stamp(lines[:cut]))
    assume(any(record.received for record in some))
    assert list(stamp(lines))[: len(some)] == some


@given(lines=recordings())
def test_a_recording_keeps_its_order_its_time_never_goes_back_and_each_tick_stands_once(
    lines: list[Line],
) -> None:
    stamped = list(stamp(lines))
    assert [record.line for record in stamped if record.line] == lines
    received = [record.received for record in stamped]
    assert received == sorted(received)
    ticks = [record.received for record in stamped if record.value == TICK]
    assert len(set(ticks)) == len(ticks)
    if received:
        expected = [t for t in range(0, received[-1] + 1, 900_000) if t > received[0]] if received[0] else []
        assert ticks == expected


def test_time_that_passes_after_the_last_reading_brings_only_ticks() -> None:
    lines = [Line(READING, "a", 1)]
    assert list(stamp(lines, 900_000, 2_000_000)) == [
        Stamped(START, READING, lines[0]),
        Stamped(START + 900_000, TICK, None),
        Stamped(START + 1_800_000, TICK, None),
    ]


@given(gap=st.integers(1, 10**13), begin=st.integers(0, 10**12))
def test_a_date_far_off_does_not_make_millions_of_ticks(begin: int, gap: int) -> None:
    ticks = ticks_between(begin, begin + gap)
    assert len(ticks) <= MAXIMUM_TICKS
    assert all(begin < tick <= begin + gap for tick in ticks)


def test_a_recording_without_any_time_is_received_at_the_beginning_of_time() -> None:
    lines = [Line(b"nonsense", "a", 1), Line(b"{}", "a", 2)]
    assert [record.received for record in stamp(iter(lines))] == [0, 0]
