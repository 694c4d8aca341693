"""Persistence and hysteresis of the clinician's limits, compiled, against a list of all readings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import quality
from models.record import LIMIT_CLEARED, LIMIT_OPENED, LIMIT_RULE, RECENT, SERIES
from models.score import limit

MINUTE = 60
HOUR = 60 * MINUTE
BEGIN = 1_700_000_000  # seconds since 1970
Step = tuple[int, float]  # seconds after BEGIN, value


def rule(**values: float) -> np.void:
    """A limit of 160 from above that clears at 150; durations in seconds."""
    record = np.zeros(1, LIMIT_RULE)
    record["direction"], record["readings"], record["value"], record["clear"] = 1, 1, 160, 150
    for name, value in values.items():
        record[name] = value * 1000 if name in ("within", "lasting", "clear_lasting") else value
    return record[0]


def walk(the_rule: np.void, steps: list[Step], place: int = 0) -> list[int]:
    """What each reading decides; one that is not newer than all before it comes late."""
    series, out = np.zeros(1, SERIES)[0], []
    for after, x in steps:
        at = (BEGIN + after) * 1000
        in_order = at >= series["newest"]
        quality.remember(series, at, x)
        if in_order:
            series["newest"] = at
        out.append(limit.step(series, place, the_rule, x, at, in_order, True))
    return out


def opens(the_rule: np.void, steps: list[Step]) -> list[int]:
    """The readings that open, counted from 0."""
    return [i for i, decided in enumerate(walk(the_rule, steps)) if decided == LIMIT_OPENED]


class Oracle:
    """The same from a list of all readings: (second, number, breach that no alert told of)."""

    def __init__(self, readings: int, within: int, lasting: int, clear_lasting: int) -> None:
        self.readings, self.within = readings, within or 1 << 40
        self.lasting, self.clear_lasting = lasting, clear_lasting
        self.known: list[tuple[int, int, bool]] = []
        self.open, self.safe_since = False, -1

    def step(self, second: int, x: float) -> int:
        in_order = not self.known or second >= max(self.known)[0]
        me = (second, len(self.known), x > 160 and not self.open)
        self.known = sorted([*self.known, me])
        if self.open:
            if not in_order:
                return 0
            self.safe_since = (self.safe_since if self.safe_since >= 0 else second) if x <= 150 else -1
            if x > 150 or second - self.safe_since < self.clear_lasting:
                return 0
            self.open = False
            return LIMIT_CLEARED
        if not me[2]:
            return 0
        first = last = self.known.index(me)
        while first > 0 and self.known[first - 1][2]:
            first -= 1
        while last + 1 < len(self.known) and self.known[last + 1][2]:
            last += 1
        run = [t for t, _, _ in self.known[first : last + 1]]
        for i, begin in enumerate(run):
            for k, end in enumerate(run[i:], i):
                span, enough = end - begin, k - i + 1 >= self.readings
                if begin <= second <= end and enough and self.lasting <= span <= self.within:
                    self.open, self.safe_since = True, -1
                    self.known = [(t, number, False) for t, number, _ in self.known]
                    return LIMIT_OPENED
        return 0


def agree(steps: list[Step], readings: int, within: int, lasting: int, clear_lasting: int) -> None:
    asked = rule(readings=readings, within=within, lasting=lasting, clear_lasting=clear_lasting)
    oracle = Oracle(readings, within, lasting, clear_lasting)
    assert walk(asked, steps, place=7) == [oracle.step(*step) for step in steps]


VALUES = st.sampled_from((165.0, 165.0, 165.0, 155.0, 140.0))
SPANS = st.sampled_from(((0, 0), (0, 30), (20, 0), (60, 0), (60, 30), (100, 20), (1, 0), (90, 45)))
CLEARINGS = st.sampled_from((0, 0, 30))


@settings(max_examples=400)
@given(
    gaps=st.lists(st.sampled_from((1, 5, 5, 10, 29, 31, 61, 200)), min_size=1, max_size=120),
    values=st.lists(VALUES, min_size=120, max_size=120),
    readings=st.integers(1, RECENT),
    spans=SPANS,
    clearing=CLEARINGS,
)
def test_readings_in_order_decide_as_a_list_of_all_of_them_would(
    gaps: list[int], values: list[float], readings: int, spans: tuple[int, int], clearing: int
) -> None:
    steps = list(zip(np.cumsum(gaps).tolist(), values, strict=False))
    agree(steps, readings, *spans, clearing)


@settings(max_examples=200)
@given(
    gaps=st.lists(st.sampled_from((1, 1, 2, 5, 40)), min_size=60, max_size=150),
    readings=st.integers(2, 6),
    spans=SPANS,
)
def test_a_run_longer_than_what_is_remembered_decides_as_a_list_of_all_of_it_would(
    gaps: list[int], readings: int, spans: tuple[int, int]
) -> None:
    agree([(t, 165.0) for t in np.cumsum(gaps).tolist()], readings, *spans, 0)


@settings(max_examples=400)
@given(
    times=st.lists(st.integers(0, 300), min_size=1, max_size=RECENT, unique=True),
    values=st.lists(VALUES, min_size=RECENT, max_size=RECENT),
    readings=st.integers(1, 6),
    spans=SPANS,
    clearing=CLEARINGS,
)
def test_readings_in_any_order_decide_as_a_list_of_all_of_them_would(
    times: list[int], values: list[float], readings: int, spans: tuple[int, int], clearing: int
) -> None:
    agree(list(zip(times, values, strict=False)), readings, *spans, clearing)


@given(count=st.integers(1, 100), more=st.integers(0, 60))
def test_up_to_a_hundred_in_a_row_are_counted(count: int, more: int) -> None:
    steps = [(0, 165.0), (1, 140.0), *((10 + i, 165.0) for i in range(count + more))]
    assert opens(rule(readings=count), steps) == ([0, 2] if count == 1 else [1 + count])


def test_an_earlier_breach_that_lies_too_far_back_spoils_nothing() -> None:
    steps = [(minutes * MINUTE, 165.0) for minutes in (0, 110, 130, 140)]
    assert opens(rule(readings=3, within=2 * HOUR), steps) == [3]


def test_readings_too_far_apart_do_not_persist() -> None:
    assert opens(rule(readings=2, within=60), [(0, 165), (61, 165), (100, 165)]) == [2]


@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_a_low_of_a_sensor_opens_and_ends_after_fifteen_minutes_whatever_its_interval(minutes: int) -> None:
    asked = rule(readings=2, lasting=900, within=HOUR, clear_lasting=900)
    times = range(0, 61, minutes)
    steps = [(m * MINUTE, 165.0 if m < 30 else 150.0) for m in times]
    decided = dict(zip(times, walk(asked, steps), strict=True))
    assert {m: d for m, d in decided.items() if d} == {15: LIMIT_OPENED, 45: LIMIT_CLEARED}


def test_fifteen_minutes_with_a_safe_reading_between_are_none() -> None:
    asked = rule(readings=2, lasting=900, within=HOUR)
    assert opens(asked, [(0, 165), (600, 155), (900, 165), (1200, 165)]) == []
    assert opens(asked, [(0, 165), (12 * HOUR, 165)]) == []


def test_a_limit_clears_only_on_the_safe_side_of_the_hysteresis() -> None:
    assert walk(rule(), [(0, 165), (1, 155), (2, 150)]) == [LIMIT_OPENED, 0, LIMIT_CLEARED]


def test_an_end_that_must_last_begins_anew_with_each_reading_that_is_not_safe() -> None:
    steps = [(0, 165), (1, 150), (600, 150), (700, 155), (800, 150), (1600, 150), (1700, 150)]
    assert walk(rule(clear_lasting=900), steps)[-3:] == [0, 0, LIMIT_CLEARED]


def test_three_lows_filled_in_behind_a_good_reading_open_and_a_late_good_one_between_them_hinders() -> None:
    asked = rule(readings=3, within=2 * HOUR)
    assert opens(asked, [(1000, 140), (100, 165), (200, 165), (300, 165)]) == [3]
    assert opens(asked, [(1000, 140), (200, 165), (100, 165), (300, 165)]) == [3]
    assert opens(asked, [(1000, 140), (250, 140), (100, 165), (200, 165), (300, 165)]) == []
    assert opens(asked, [(100, 165), (300, 165), (200, 140), (400, 165), (500, 165)]) == [4]


def test_a_late_good_reading_clears_nothing() -> None:
    assert walk(rule(), [(100, 165), (50, 140)]) == [LIMIT_OPENED, 0]


def test_what_an_alert_told_of_opens_no_second_one_with_a_late_breach() -> None:
    asked = rule(readings=2)
    steps = [(0, 165), (10, 165), (20, 140), (5, 165)]
    assert walk(asked, steps) == [0, LIMIT_OPENED, LIMIT_CLEARED, 0]
