"""The acute baseline: what guards its learning, what it does on series of many kinds, and its words."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import texts_acute
from models.record import SERIES, SPANS
from models.score import acute, extremes
from models.score.acute_parameters import parameters
from tests.stories import PATIENT, Story

P = parameters()[0]
LEARNED = ("n", "mean", "deviation", "profile", "profile_count", "residual_deviation", "chart_mean")
LEARNED += ("chart_variance", "move_mean", "move_slow", "quantile_90", "quantile_98", "channel_spread")
LEARNED += ("hour_counts", "transition_counts", "record_min", "record_max", "error_plain", "error_profile")
FIVE_MINUTES = 300


def series() -> np.void:
    return np.zeros(1, SERIES)[0]


def step(s: np.void, i: int, x: float, learning: bool = True, every: int = FIVE_MINUTES) -> float:
    """The i-th reading of a series, `every` seconds apart from a Thursday's midnight on."""
    second = i * every
    hour, weekend = second // 3600 % 24, (second // 86_400 + 3) % 7 >= 5
    half_hour = second // 1800 % 48
    return float(acute.score(s, x, half_hour, hour + 24 * weekend, second, learning, P))


def walk(
    values: np.ndarray, every: int = FIVE_MINUTES, threshold: float = 4.5
) -> tuple[list[int], np.ndarray]:
    """(indices of the alerts that open, scores) of a series from its beginning."""
    s, opened, scores = series(), [], np.zeros(len(values))
    for i, x in enumerate(values.tolist()):
        scores[i] = step(s, i, x, True, every)
        if acute.episode(s, scores[i], threshold, P) > 0:
            opened.append(i)
    return opened, scores


def test_a_reading_that_is_not_learned_leaves_all_that_was_learned_and_is_scored_the_same() -> None:
    chance = np.random.default_rng(1)
    s = series()
    for i in range(1000):
        step(s, i, 70 + chance.normal(0, 4))
    before, other = s.copy(), s.copy()
    assert step(s, 1000, 130.0, learning=False) == pytest.approx(step(other, 1000, 130.0), rel=1e-6)
    for name in LEARNED:
        assert np.array_equal(s[name], before[name]), name
    assert other["n"] == before["n"] + 1


def test_learning_is_held_while_an_alert_stands_but_no_longer_than_two_weeks() -> None:
    s = series()
    for i in range(1000):
        step(s, i, 70 + i % 7)
    second, day = 1000 * FIVE_MINUTES, 86_400
    assert not acute.learns(s, True, second)
    assert not acute.learns(s, True, second + 14 * day)
    assert acute.learns(s, True, second + 14 * day + 1)
    assert s["n"] == acute.READY  # learned anew
    assert acute.learns(s, True, second + 20 * day)
    assert acute.learns(s, False, second + 21 * day)
    assert s["n"] == acute.READY
    s["n"] = 1000
    assert not acute.learns(s, True, second + 22 * day)


def test_a_baseline_that_is_not_ready_learns_even_while_an_alert_stands() -> None:
    s = series()
    for i in range(acute.READY):
        step(s, i, 70 + i % 7)
    assert acute.learns(s, True, 1_000_000)
    step(s, acute.READY, 70.0)
    assert not acute.learns(s, True, 1_000_000)


def heart_rate(story: Story) -> np.void:
    state = story.pipeline.state
    return state.series[state.by_name[PATIENT].rows[story.pipeline.catalog.index["heart-rate"]]]


def test_a_fever_under_a_limit_s_alert_does_not_become_the_normal() -> None:
    story = Story("heart-failure")
    story.series("heart-rate", "1 00:00", 15, [70.0 + i % 5 for i in range(96 * 4)])
    story.series("heart-rate", "5 00:00", 15, [135.0] * 96 * 3)
    row = heart_rate(story)
    assert row["n"] <= 96 * 4 + 3  # a limit asks for readings in a row
    assert row["mean"] == pytest.approx(72, abs=1)
    story.series("heart-rate", "8 00:00", 15, [70.0 + i % 5 for i in range(96)])
    assert row["n"] >= 96 * 5


def test_what_outlasts_two_weeks_under_an_alert_is_learned_anew() -> None:
    story = Story("heart-failure")
    story.series("heart-rate", "1 00:00", 30, [70.0 + i % 5 for i in range(48 * 8)])
    story.series("heart-rate", "9 00:00", 30, [135.0 + i % 5 for i in range(48 * 28)])
    row = heart_rate(story)
    assert row["mean"] > 100


# Series of kinds that devices send, none of any benchmark: (readings, seconds between them) -> values.


def beats(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    hours = np.arange(n) * every / 3600
    return np.asarray(70 - 6 * np.cos(hours / 24 * 2 * np.pi) + chance.normal(0, 3, n))


def weeks(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    day = np.arange(n) * every // 86_400
    return beats(n, every, chance) + np.where((day + 3) % 7 >= 5, 15, 0)


def flat(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    return np.full(n, 97.0)


def nearly_flat(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    return 97.0 + (chance.random(n) < 0.02) - (chance.random(n) < 0.02)


def quantised(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    return np.asarray(np.round(beats(n, every, chance) / 5) * 5)


def counts(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    """Steps: mostly none, sometimes many, by day only."""
    awake = (np.arange(n) * every // 3600 % 24 > 7) * (chance.random(n) < 0.3)
    return np.asarray(awake * chance.gamma(1.0, 80.0, n)).round()


def spiky(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    return np.asarray(20 + chance.poisson(10, n) + (chance.random(n) < 0.01) * chance.pareto(1.5, n) * 100)


def square(n: int, every: int, chance: np.random.Generator) -> np.ndarray:
    hour = np.arange(n) * every // 3600 % 24
    return np.where((hour >= 9) & (hour < 18), 80.0, 20.0)


KINDS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    k.__name__: k for k in (beats, weeks, flat, nearly_flat, quantised, counts, spiky, square)
}


@pytest.mark.parametrize("every", [300, 1800, 3600])
@pytest.mark.parametrize("kind", KINDS)
def test_a_healthy_series_of_any_kind_rarely_alerts_at_the_shipped_threshold(kind: str, every: int) -> None:
    values = KINDS[kind](5000, every, np.random.default_rng(7))
    opened, scores = walk(values, every, 6.5)
    assert np.isfinite(scores).all()
    assert len(opened) <= 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_lasting_change_is_found_in_a_series_of_any_kind(kind: str) -> None:
    values = KINDS[kind](3000, FIVE_MINUTES, np.random.default_rng(8))
    begin = 2400
    values[begin:] += 3 * values[:begin].std() or -5
    opened, _ = walk(values)
    assert [i for i in opened if begin <= i <= begin + 144]


spans = st.lists(st.tuples(st.integers(0, 3), st.floats(-100, 100, width=32)), min_size=1, max_size=120)


@given(rows=spans, x=st.floats(-110, 110, width=32), side=st.sampled_from((1, -1)))
@settings(max_examples=300)
def test_no_reading_of_the_days_that_are_told_was_as_extreme(
    rows: list[tuple[int, float]], x: float, side: int
) -> None:
    s, day, taken = series(), 20_000, list[tuple[int, float]]()
    for later, value in rows:
        day += later
        extremes.pass_day(s, day)
        extremes.take(s, value)
        taken.append((day, value))
    days = extremes.days_beyond(s, x, side)
    assert -1 <= days < 1 << (SPANS - 1)
    exceeded = [side * x > side * value for at, value in taken if at >= day - days]
    assert all(exceeded) if days >= 0 else not all(side * x > side * v for at, v in taken if at == day)


def test_a_reading_above_all_of_three_weeks_is_told_as_such_and_no_further_than_known() -> None:
    s = series()
    for day in range(20_000, 20_022):
        extremes.pass_day(s, day)
        extremes.take(s, 70.0 + day % 3)
    assert extremes.days_beyond(s, 90.0, 1) == 21
    assert extremes.days_beyond(s, 72.0, 1) <= 1  # an equal one was seen
    extremes.pass_day(s, 20_100)
    assert extremes.days_beyond(s, 90.0, 1) <= 0  # nothing is known of the last days


def words(channel: str, side: int, days: int = 0) -> tuple[str, str]:
    """At Wednesday 2026-03-04, 04:10 local, usual until 03:40."""
    local = 1_772_597_400_000
    told = [
        texts_acute.what(locale, channel, side, local, days, local - 1_800_000) for locale in ("en", "fr")
    ]
    return told[0], told[1]


@pytest.mark.parametrize(
    ("channel", "side", "days", "english", "french"),
    [
        (
            "record",
            1,
            21,
            "is higher than anything in the last 3 weeks",
            "valeur plus haute que toutes celles des 3 dernières semaines",
        ),
        (
            "record",
            -1,
            5,
            "is lower than anything in the last 5 days",
            "valeur plus basse que toutes celles des 5 derniers jours",
        ),
        (
            "record",
            1,
            1,
            "is higher than anything in the last 24 hours",
            "valeur plus haute que toutes celles des dernières 24 heures",
        ),
        (
            "record",
            1,
            0,
            "is above the range known so far",
            "valeur au-dessus de la plage connue jusqu'ici",
        ),
        (
            "hour-of-day",
            1,
            0,
            "is unusually high for 4 a.m., since Wednesday 4 March at 03:40",
            "valeur inhabituellement haute pour 4 h, depuis le mercredi 4 mars à 3 h 40",
        ),
        (
            "variability",
            1,
            0,
            "is more variable than usual, since Wednesday 4 March at 03:40",
            "valeurs plus variables que d'habitude, depuis le mercredi 4 mars à 3 h 40",
        ),
        (
            "short-level",
            -1,
            0,
            "has shifted downwards in the last readings, since Wednesday 4 March at 03:40",
            "décalage vers le bas sur les dernières mesures, depuis le mercredi 4 mars à 3 h 40",
        ),
    ],
)
def test_a_channel_is_told_with_its_direction_its_hour_and_its_span(
    channel: str, side: int, days: int, english: str, french: str
) -> None:
    assert words(channel, side, days) == (english, french)


def test_every_channel_has_words_for_each_side_that_it_can_take() -> None:
    s, told = series(), set()
    for c, channel in enumerate(acute.CHANNEL_NAMES):
        for value in (60.0, 70.0, 80.0):
            s["chart"][:2] = s["move_fast"] = s["record_chart"][:] = value
            s["chart_mean"][:2] = s["move_slow"] = 70.0
            s["record_min"][:], s["record_max"][:] = 65.0, 75.0
            told.add(words(channel, acute.side(s, c, value, 65.0, 75.0)))
    assert len(told) == 16


def test_the_alert_of_a_sudden_rise_says_how_high_how_long_and_what_was_expected() -> None:
    story = Story("heart-failure")
    usual = [70.0 + i % 5 for i in range(96 * 22)]
    story.series("heart-rate", "1 00:00", 15, [*usual, 108.0, 112.0])
    (body,) = [b for b in story.bodies if b["kind"] == "baseline" and b["event"] == "opened"]
    assert body["channel"] == "record"
    assert body["direction"] == "up"
    assert "is higher than anything in the last 3 weeks. Expected" in body["explanation"]["en"]
    assert "plus haute que toutes celles des 3 dernières semaines" in body["explanation"]["fr"]
    assert body["since"] < body["measured_at"]
    json.dumps(body)


def test_a_series_that_never_moves_scores_nothing() -> None:
    for value in (0.0, 36.6, 97.0):
        _, scores = walk(np.full(3000, value))
        assert not scores[acute.READY :].any()


def test_a_reading_equal_to_the_highest_so_far_is_no_record() -> None:
    s = series()
    for i in range(400):
        step(s, i, 36.5 + 0.1 * (i % 5))
    before = float(s["record_max"][0])
    assert before != 36.9  # it is kept in single precision
    acute.score(s, 36.9, 0, 0, 400, True, P)
    assert s["quiet"][5] == 400


def test_a_wild_reading_extends_a_known_range_by_a_few_widths_only() -> None:
    s = series()
    for i in range(1000):
        step(s, i, 70.0 + i % 5)
    step(s, 1000, 1e6)
    assert s["record_max"][0] <= 70 + 5 * (P["record_reach"] + 1)
    for i in range(1001, 1600):
        step(s, i, 70.0 + i % 5)
    assert s["mean"] == pytest.approx(72, abs=1)
    assert step(s, 1600, 110.0) > 6.5  # within that range, but other channels see it


@pytest.mark.parametrize("seed", range(10))
def test_a_rare_tick_of_a_constant_series_does_not_blind_for_what_comes_later(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = 97.0 + (chance.random(4000) < 0.002)
    ticks = np.flatnonzero(values > 97)
    begin = int(ticks[ticks < 3000][-1]) + 200  # behind the refractory time of an alert of the last tick
    values[begin:] = 93.0
    opened, _ = walk(values)
    assert begin in opened
