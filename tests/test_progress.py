"""A quiet partition is no stall, a broker that is away is none, a fetcher that is dead is one."""

from hypothesis import given
from hypothesis import strategies as st

from streams.health import stuck
from streams.progress import Progress

TICK = 5.0


def test_a_worker_that_takes_its_ticks_never_stalls() -> None:
    progress = Progress(TICK)
    for n in range(1000):
        progress.confirmed(0, n, n * TICK)
        assert progress.waits()
        progress.took(0, n, n * TICK + 0.1)
        assert not progress.waits()
        assert progress.stalled(n * TICK + 4.9) == 0.0


def test_a_partition_that_takes_nothing_of_what_the_broker_has_stalls() -> None:
    progress = Progress(TICK)
    for n in range(100):
        progress.confirmed(0, n, n * TICK)
        progress.confirmed(1, n, n * TICK)
        progress.took(1, n, n * TICK)
    assert progress.longest == 60.0
    assert progress.stalled(99 * TICK) == 99 * TICK
    progress.begin_anew()
    assert progress.stalled(99 * TICK) == 0.0


def test_a_backlog_in_front_of_the_ticks_is_no_stall() -> None:
    progress = Progress(TICK)
    for n in range(100):
        progress.confirmed(0, 1_000_000 + n, n * TICK)
        progress.took(0, n * 1000, n * TICK + 1)
        assert progress.stalled(n * TICK + 4) == 3.0
        assert progress.waits()


def test_a_broker_that_is_away_is_no_stall_and_the_wait_begins_anew_when_it_is_back() -> None:
    progress = Progress(TICK)
    progress.confirmed(0, 0, 0.0)  # the last before it goes, and never fetched
    assert progress.stalled(10.0) == 10.0
    assert progress.stalled(300.0) == 0.0
    for n in range(60):  # what the producer kept is confirmed at once
        progress.confirmed(0, n, 300.0)
    assert progress.stalled(301.0) == 1.0
    progress.took(0, 60, 302.0)
    assert progress.stalled(303.0) == 0.0


def test_a_tick_that_is_taken_before_it_is_confirmed_waits_no_more() -> None:
    progress = Progress(TICK)
    progress.took(0, 7, 1.0)
    progress.confirmed(0, 7, 2.0)
    assert not progress.waits()


events = st.lists(
    st.tuples(st.sampled_from(["confirmed", "took", "anew"]), st.integers(0, 2), st.floats(0, 100)),
    max_size=50,
)


@given(events, st.floats(0, 1000))
def test_a_stall_is_never_longer_than_since_the_last_record_or_confirmation_after_silence(
    events: list[tuple[str, int, float]], after: float
) -> None:
    progress, now, end = Progress(TICK), 0.0, 0
    last_take: dict[int, float] = {}
    last_confirmation: dict[int, float] = {}
    for what, partition, wait in events:
        now, end = now + wait, end + 1
        if what == "confirmed":
            progress.confirmed(partition, end, now)
            last_confirmation[partition] = now
        elif what == "took":
            progress.took(partition, end, now)
            last_take[partition] = now
        else:
            progress.begin_anew()
            last_confirmation.clear()
    now += after
    there = [p for p, at in last_confirmation.items() if now - at <= 3 * TICK]
    bound = max((now - last_take.get(p, 0.0) for p in there), default=0.0)
    assert 0.0 <= progress.stalled(now) <= bound


def test_a_rare_tick_gives_ten_of_them_time() -> None:
    assert Progress(30.0).longest == 300.0


def test_only_what_a_new_start_mends_counts_as_stuck() -> None:
    assert stuck(1.0, 59.0, 60.0) == ""
    assert "event loop" in stuck(61.0, 0.0, 60.0)
    assert "taken nothing for 60 s" in stuck(1.0, 60.0, 60.0)
