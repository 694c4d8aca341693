"""Acknowledgement by identity: what may be committed when messages are lost on the way and come again."""

from collections import defaultdict, deque
from types import SimpleNamespace
from typing import Any

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transports.batch import Batch, Tracking

PLACE = TP("vigie.readings", 0)


def tracking() -> Any:
    made: Any = Tracking.__new__(Tracking)
    made._waiting, made._done = defaultdict(deque), {}
    made._acked, made._acked_index = defaultdict(list), defaultdict(set)
    return made


def message(first: int, last: int) -> Any:
    offsets = list(range(first, last + 1))
    columns = [0] * len(offsets), [None] * len(offsets), [b""] * len(offsets)
    return SimpleNamespace(tp=PLACE, offset=last, value=Batch.of(PLACE, offsets, *columns), acked=False)


def test_a_batch_that_was_dropped_and_read_again_does_not_hold_up_the_commit() -> None:
    made = tracking()
    made._expect(message(0, 99))  # fetched before the seek; its queue was cleared
    again, rest = message(0, 49), message(50, 120)
    made._expect(again)
    made._expect(rest)
    again.acked = rest.acked = True
    assert made._new_offset(PLACE) == 121


def test_a_hole_is_never_stepped_over() -> None:
    made = tracking()
    first, second, third = message(0, 9), message(10, 19), message(20, 29)
    for one in (first, second, third):
        made._expect(one)
    first.acked = third.acked = True
    assert made._new_offset(PLACE) == 10
    second.acked = True
    assert made._new_offset(PLACE) == 30


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.integers(0, 40)), max_size=40))
def test_whatever_is_dropped_and_read_again_the_commit_is_what_was_worked_off(
    polls: list[tuple[int, bool, int]],
) -> None:
    """Each poll is worked off at once, or dropped and followed by a seek back."""
    made, position, worked = tracking(), 0, set()
    for count, kept, back in polls:
        one = message(position, position + count - 1)
        made._expect(one)
        if kept:
            one.acked = True
            worked |= set(range(position, position + count))
            position += count
        else:
            position = max(made._new_offset(PLACE) or 0, position - back)
        committed = made._new_offset(PLACE) or 0
        assert set(range(committed)) <= worked
    last = message(position, position)
    made._expect(last)
    last.acked = True
    if not polls or polls[-1][1]:
        assert made._new_offset(PLACE) == position + 1
