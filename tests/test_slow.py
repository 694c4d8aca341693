"""Change over days: a series' nights and days against its own normal, and what alerts say of it."""

import importlib.util
import json
import re
from types import ModuleType
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from models.record import RULE_SET, SERIES, TREND_CLEARED, TREND_OPENED
from models.score import ramp, slow
from models.score.slow_parameters import parameters
from models.times import rfc3339
from streams.zones import zone
from tests.test_laws import Make, told
from tests.test_score import Plain

START = 1_772_409_600_000  # a Monday
HALF_HOUR, DAY = 1_800_000, 86_400_000
NAN = float("nan")
P = parameters()[0]


def rules(above: float = 2.0, rest: float = 0.0) -> np.void:
    record = np.zeros(1, RULE_SET)[0]
    record["trend"], record["trend_daily"] = (above, rest, rest, rest), (above, rest)
    record["cohort"], record["cohort_daily"] = (4.0, 0.06, 6.0), 4.0
    record["slow"] = parameters()[0]
    return record


def of_nights() -> np.void:
    """A series that has proved to have nights."""
    s = np.zeros(1, SERIES)[0]
    s["slow_nights"] = slow.PROVEN
    return s


def live(s: np.void, days: list[tuple[float, float, float]], the: np.void) -> list[int]:
    """Close nights of these features in order; what each decided."""
    out = []
    for features in days:
        s["slow_day"] += 1
        day = np.array(features)
        out.append(slow.judge(s, day, 0.0, the))
        slow.close(s, day, the)
    return out


def usual(count: int) -> list[tuple[float, float, float]]:
    rng = np.random.default_rng(2)
    return [(60 + rng.normal(0, 2), 1 + rng.normal(0, 0.25), 8 + rng.normal(0, 2.4)) for _ in range(count)]


def uncompiled(module: ModuleType) -> ModuleType:
    """The same source as plain Python."""
    spec = importlib.util.spec_from_file_location("plain", str(module.__file__))
    assert spec is not None
    assert spec.loader is not None
    plain = importlib.util.module_from_spec(spec)
    with mock.patch("numba.njit", lambda function: function):
        spec.loader.exec_module(plain)
    return plain


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_compiled_days_equal_the_plain_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = [
        tuple(np.where(rng.random(3) < 0.1, NAN, rng.normal((60 + (i > 25) * 5, 1, 8), 2))) for i in range(40)
    ]
    compiled, plain, source, the = of_nights(), Plain(), uncompiled(slow), rules(1.5, 1.5)
    plain["slow_nights"] = slow.PROVEN
    decided = live(compiled, days, the)
    expected = []
    for features in days:
        plain["slow_day"] = plain["slow_day"] + 1
        expected.append(source.judge(plain, features, 0.0, the))
        source.close(plain, features, the)
    assert decided == expected
    for field in ("slow_mean", "slow_variance", "slow_sum", "slow_learned"):
        assert np.allclose(plain.record[field], compiled[field], rtol=1e-3, atol=1e-3)


def test_one_odd_night_alerts_nobody_and_two_in_a_row_do() -> None:
    s = of_nights()
    assert not any(live(s, usual(24), rules()))
    assert live(s, [(75, 1, 8)], rules()) == [0]
    calm = s.copy()
    assert live(calm, [(60, 1, 8), (60, 1, 8)], rules()) == [0, 0]
    assert live(s, [(68, 1, 8)], rules()) == [TREND_OPENED]


def test_the_alert_clears_when_the_nights_are_usual_again() -> None:
    s = of_nights()
    live(s, [*usual(24), *[(68.0, 1.0, 8.0)] * 6], rules())
    assert s["slow_open"] == 1
    assert TREND_CLEARED in live(s, [(60.0, 1.0, 8.0)] * 2, rules())


def test_more_variable_nights_and_a_lost_rhythm_are_channels_of_their_own() -> None:
    for odd, channel in (((60.0, 2.0, 8.0), "variability"), ((60.0, 1.0, 0.0), "rhythm")):
        s = of_nights()
        assert TREND_OPENED in live(s, [*usual(24), *[odd] * 4], rules(1.5, 1.5))
        assert slow.CHANNEL_NAMES[s["slow_open"] - 1] == channel


def test_nothing_is_learned_while_the_alert_stands_for_at_most_two_weeks() -> None:
    s = of_nights()
    live(s, [*usual(24), *[(68.0, 1.0, 8.0)] * 2], rules())
    before = s["slow_mean"][0]
    live(s, [(68.0, 1.0, 8.0)] * 13, rules())
    assert s["slow_mean"][0] == before
    live(s, [(68.0, 1.0, 8.0)] * 60, rules())
    assert s["slow_mean"][0] > 66
    assert s["slow_open"] == 0


def test_the_days_that_wait_to_be_learned_go_on_waiting_while_nothing_is_learned() -> None:
    s = of_nights()
    live(s, usual(24), rules())
    live(s, [(68.0, 1.0, 8.0)] * 2, rules())
    assert s["slow_open"] == 1
    waiting = s["slow_waiting"].copy()
    live(s, [(68.0, 1.0, 8.0)] * 5, rules())
    assert (s["slow_waiting"] == waiting).all()


def test_a_second_alert_within_two_weeks_must_be_stronger() -> None:
    s = of_nights()
    live(s, [*usual(24), *[(66.0, 1.0, 8.0)] * 4, *[(60.0, 1.0, 8.0)] * 3], rules())
    assert s["slow_open"] == 0
    later = s.copy()
    later["slow_day"] += 14
    odd = [(64.0, 1.0, 8.0)] * 3
    assert TREND_OPENED not in live(s, odd, rules())
    assert TREND_OPENED in live(later, odd, rules())


def test_one_extreme_day_moves_the_baseline_by_two_deviations_at_most() -> None:
    s = of_nights()
    live(s, usual(24), rules(0))
    before, spread = s["slow_mean"][0], slow.spread(s, 0, rules())
    live(s, [(160.0, 1.0, 8.0), *[(60.0, 1.0, 8.0)] * 2], rules(0))
    assert abs(s["slow_mean"][0] - before) < 0.15 * spread


def test_variance_is_the_cohorts_until_the_patients_own_is_known() -> None:
    s = of_nights()
    live(s, [(60.0 + 8 * (i % 2), 1.0, 8.0) for i in range(12)], rules(0))
    young = slow.spread(s, 0, rules())
    live(s, [(60.0 + 8 * (i % 2), 1.0, 8.0) for i in range(60)], rules(0))
    assert 2 < young < slow.spread(s, 0, rules()) < 4.5


def nights(days: int, more: float, spike: bool = False) -> list[tuple[int, bytes]]:
    """Half-hourly heart rates of one patient; the last four nights are higher by `more`."""
    rng = np.random.default_rng(3)
    out = []
    for i in range(days * 48):
        clock = i % 48 / 2
        x = 66 - 6 * np.cos(2 * np.pi * (clock - 4) / 24) + rng.normal(0, 2)
        x += more * (clock < 7 and i // 48 >= days - 4) + 100 * (
            spike and i % 48 == 6 and i // 48 >= days - 4
        )
        at = START + i * HALF_HOUR
        body = {"patient": "p-one", "device": "d", "vital": "heart-rate", "value": round(x), "unit": "/min"}
        out.append((at, json.dumps({**body, "measured_at": rfc3339(at)}).encode()))
    return out


def trends(pipeline: Pipeline, log: list[tuple[int, bytes]]) -> tuple[list[dict[str, object]], list[str]]:
    """Trend alerts as JSON, and trend lines."""
    outputs = pipeline.process([v for _, v in log], [at for at, _ in log], range(len(log)))
    alerts = [json.loads(a.body) for a in outputs.alerts]
    lines = [line.decode() for line in outputs.results.splitlines() if line.startswith(b"trend,")]
    return [a for a in alerts if a["kind"] == "trend"], lines


def test_higher_nights_are_a_trend_that_explains_itself_in_two_languages(pipeline: Pipeline) -> None:
    alerts, _ = trends(pipeline, nights(34, 8.0))
    assert [a["event"] for a in alerts] == ["opened"]
    alert = alerts[0]
    assert alert["channel"] == "above"
    assert alert["measured_at"] == "2026-04-02T07:00:00Z"
    told_as = alert["explanation"]
    assert isinstance(told_as, dict)
    assert "above the usual" in told_as["en"]
    assert "since Wednesday; 2nd night in a row; baseline of 24 nights." in told_as["en"]
    assert "depuis mercredi ; 2e nuit de suite ; référence de 24 nuits." in told_as["fr"]


def test_a_spike_in_each_of_two_nights_is_no_trend(pipeline: Pipeline) -> None:
    assert not trends(pipeline, nights(34, 0.0, spike=True))[0]


def test_not_ready_is_told_with_the_days_that_are_missing(pipeline: Pipeline) -> None:
    _, lines = trends(pipeline, nights(30, 0.0))
    assert "level_missing_days=9i" in lines[0] or "level_missing_days=10i" in lines[0]
    assert "score" not in lines[0]
    assert "level_missing_days=0i" in lines[-1]
    assert "above_score=" in lines[-1]


@settings(max_examples=10)
@given(cut=st.integers(1, 34 * 48))
def test_a_restart_in_the_middle_of_a_night_changes_nothing(make: Make, cut: int) -> None:
    log = nights(34, 8.0)
    values, stamps = [v for _, v in log], [at for at, _ in log]
    expected = told(make().process(values, stamps, range(len(log))))
    first, second = make(), make()
    before = first.process(values[:cut], stamps[:cut], range(cut))
    second.restore(first.snapshot())
    assert told(before, second.process(values[cut:], stamps[cut:], range(cut, len(log)))) == expected


make = importlib.import_module("tests.test_laws").make


def weights(values: list[float]) -> list[tuple[int, bytes]]:
    out = []
    for i, x in enumerate(values):
        at = START + i * DAY + 7 * 3_600_000
        body = {"patient": "p-one", "device": "d", "vital": "body-weight", "value": x, "unit": "kg"}
        out.append((at, json.dumps({**body, "measured_at": rfc3339(at)}).encode()))
    return out


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_a_creeping_weight_is_a_trend_before_it_is_two_kilograms(
    catalog: Catalog, default_plan: Plan, locale: str
) -> None:
    rng = np.random.default_rng(4)
    steady = [round(80 + rng.normal(0, 0.3), 1) for _ in range(30)]
    log = weights([*steady, 80.4, 80.8, 81.1, 81.4, 81.7])
    alerts, _ = trends(Pipeline(catalog, default_plan, zone), log)
    opened = [a for a in alerts if a["rule"] == "own-normal"]
    assert len(opened) == 1
    text = opened[0]["explanation"]
    assert isinstance(text, dict)
    assert ("kg above the usual" if locale == "en" else "kg au-dessus de l'habituel") in text[locale]


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_compiled_rise_equals_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = np.where(rng.random(ramp.SPAN) < 0.2, NAN, rng.normal(0.5, 1.5, ramp.SPAN))
    for sign in (1.0, -1.0):
        assert ramp.strongest(z, sign, P) == pytest.approx(uncompiled(ramp).strongest(z, sign, P))


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), doubt=st.floats(0.0, 2.0), correlation=st.floats(0.0, 0.8))
def test_the_filter_of_rises_is_the_likelihood_ratio_of_its_covariance(
    seed: int, doubt: float, correlation: float
) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(0.5, 1.5, ramp.SPAN)
    apart = np.abs(np.subtract.outer(np.arange(ramp.SPAN), np.arange(ramp.SPAN)))
    inverse = np.linalg.inv(correlation**apart + doubt)
    ratios = []
    for days in range(1, ramp.LONGEST + 1):
        rise = np.clip(np.arange(ramp.SPAN) - (ramp.SPAN - days) + 1, 0, None)
        rise = rise * float(P["slope"])
        ratios.append(float(rise @ inverse @ z - rise @ inverse @ rise / 2))
    moved = P.copy()
    moved["doubt"], moved["correlation"] = doubt, correlation
    ratio, length = ramp.strongest(z, 1.0, moved)
    assert ratio == pytest.approx(max(0.0, *ratios), abs=1e-6)
    assert length in (0, int(np.argmax(ratios)) + 1)


def test_a_rise_is_found_whole_and_told_since_its_beginning() -> None:
    def strongest(last: list[float], sign: float = 1.0) -> tuple[float, int]:
        z = np.array([0.0] * (ramp.SPAN - 4) + last)
        return tuple(ramp.strongest(z, sign, P))

    ratio, days = strongest([0.0, 0.6, 1.2, 1.8])
    assert days == 3
    assert ratio > strongest([0.0, 0.0, 0.0, 1.8])[0]
    assert strongest([0.0, 0.6, 1.2, 1.8], -1.0)[0] == 0


def test_one_odd_weight_alerts_nobody(pipeline: Pipeline) -> None:
    rng = np.random.default_rng(5)
    steady = [round(80 + rng.normal(0, 0.3), 1) for _ in range(30)]
    assert not [a for a in trends(pipeline, weights([*steady, 79.9, 81.9]))[0] if a["rule"] == "own-normal"]


def test_the_course_of_the_week_is_learned_and_is_no_trend(pipeline: Pipeline) -> None:
    rng = np.random.default_rng(6)
    wave = [round(80 + 0.8 * np.cos(2 * np.pi * i / 7) + rng.normal(0, 0.1), 1) for i in range(84)]
    _, lines = trends(pipeline, weights(wave))
    last = [re.search(r",level_expected=([0-9.]+)", line) for line in lines[-7:]]
    expected = [float(found.group(1)) for found in last if found]
    assert max(expected) - min(expected) > 0.9


def nightly(values: list[float], every: int = HALF_HOUR) -> list[tuple[int, bytes]]:
    """Heart rates of one patient: each night's, 8 more by day; NaN = a date without any reading."""
    out = []
    for day, x in enumerate(values):
        for at in range(START + day * DAY, START + (day + 1) * DAY, every) if not np.isnan(x) else ():
            value = x + 8 * (at // HALF_HOUR % 48 >= 14)
            body = {"patient": "p-one", "device": "d", "vital": "heart-rate", "value": value, "unit": "/min"}
            out.append((at, json.dumps({**body, "measured_at": rfc3339(at)}).encode()))
    return out


def own_normal(pipeline: Pipeline, log: list[tuple[int, bytes]]) -> list[str]:
    return [str(a["event"]) for a in trends(pipeline, log)[0] if a["rule"] == "own-normal"]


WALK = [round(x) for x in 62 + np.random.default_rng(8).normal(0, 1.2, 30)]


def test_two_odd_nights_with_a_week_of_silence_between_are_not_two_in_a_row(
    catalog: Catalog, default_plan: Plan
) -> None:
    apart = [*WALK, 62, 67, *[NAN] * 7, 67, 62, 62]
    together = [*WALK, 62, 67, 67, 62, 62]
    assert own_normal(Pipeline(catalog, default_plan, zone), nightly(apart)) == []
    assert "opened" in own_normal(Pipeline(catalog, default_plan, zone), nightly(together))


def test_one_missing_night_does_not_hide_a_change(catalog: Catalog, default_plan: Plan) -> None:
    log = nightly([*WALK, 62, 70, NAN, 70, 70, 70])
    assert own_normal(Pipeline(catalog, default_plan, zone), log) == ["opened"]


def test_a_device_that_lies_idle_clears_no_standing_trend(catalog: Catalog, default_plan: Plan) -> None:
    log = nightly([*WALK, 62, 70, 70, 70, *[NAN] * 10, 70, 70, 70])
    assert own_normal(Pipeline(catalog, default_plan, zone), log) == ["opened"]


def test_the_same_value_day_after_day_makes_no_hair_trigger(catalog: Catalog, default_plan: Plan) -> None:
    log = nightly([62.0] * 40 + [63.0] * 5)
    assert own_normal(Pipeline(catalog, default_plan, zone), log) == []


def test_a_new_device_that_reads_higher_is_told_once_and_becomes_the_new_normal(
    catalog: Catalog, default_plan: Plan
) -> None:
    log = nightly([*WALK, *(x + 8 for x in [*WALK, *WALK])])
    assert own_normal(Pipeline(catalog, default_plan, zone), log) == ["opened", "resolved"]


def test_a_night_of_five_readings_is_no_night(pipeline: Pipeline) -> None:
    log = nightly([float(x) for x in WALK], every=3 * 3_600_000)
    alerts, lines = trends(pipeline, log)
    assert (alerts, len(lines)) == ([], 29)
    assert not any("variability" in line for line in lines), "its days are followed instead"
