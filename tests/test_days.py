"""A series from day to day: what is followed how, when it is judged, and what is never learned."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest

from models.calibration import Calibration, Daily, VitalCalibration
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Baseline, Gain, Limit, Plan
from models.times import rfc3339
from streams.evaluation import budget as spending
from streams.evaluation import cohort
from streams.evaluation.journey import run
from streams.zones import zone
from tests.test_slow import START, nights, trends, weights

HOUR, DAY = 3_600_000, 86_400_000
UNITS = {"systolic-bp": "mm[Hg]", "heart-rate": "/min", "body-weight": "kg"}
Log = list[tuple[int, bytes]]


def readings(vital: str, values: Iterable[tuple[float, float]]) -> Log:
    """Readings of one patient: (days since START, value)."""
    out = []
    for day, value in values:
        at = START + round(day * DAY)
        body = {"patient": "p-one", "device": "d", "vital": vital, "value": value, "unit": UNITS[vital]}
        out.append((at, json.dumps({**body, "measured_at": rfc3339(at)}).encode()))
    return out


def field(lines: list[str], name: str) -> list[float]:
    """A field of trend lines, where they have it."""
    return [float(m.group(1)) for line in lines if (m := re.search(rf"[ ,]{name}=([-0-9.]+)", line))]


def known(lines: list[str]) -> list[str]:
    """Trend lines of days that have a level; every day with readings has a line."""
    return [line for line in lines if ",level=" in line]


def watching(vital: str, trend: str = "both", **more: object) -> Plan:
    baseline = Baseline(vital, 0.0, trend, "low")  # type: ignore[arg-type]
    return Plan("*", "own", "1", baselines=(baseline,), **more)  # type: ignore[arg-type]


def test_days_on_which_a_gain_stands_are_not_learned(catalog: Catalog) -> None:
    rule = Gain("gain", "body-weight", 2.0, 1.0, "medium", 3)
    plan = Plan("*", "own", "1", gains=(rule,))
    _, lines = trends(Pipeline(catalog, plan, zone), weights([80.0] * 3 + [83.0] * 3 + [80.0] * 4))
    assert field(lines, "level_missing_days") == [10, 9, 8, 7, 7, 7, 7, 6, 5]


def test_a_day_on_which_a_limit_was_passed_and_left_again_is_not_learned(catalog: Catalog) -> None:
    limit = Limit("high", "systolic-bp", "above", 180.0, 170.0, "high")
    plan = Plan("*", "own", "1", limits=(limit,))
    log = readings("systolic-bp", [(0.3, 120), (1.3, 120), (2.3, 190), (2.5, 130), (3.3, 120), (4.3, 120)])
    _, lines = trends(Pipeline(catalog, plan, zone), log)
    assert field(lines, "level_missing_days") == [10, 9, 8, 8]


def test_a_night_before_or_after_which_the_acute_baseline_alerted_is_not_learned(
    catalog: Catalog, default_plan: Plan
) -> None:
    log = nights(14, 0.0)
    wild = [(at, re.sub(rb'"value": \d+', b'"value": 180', v)) for at, v in log[11 * 48 + 26 : 11 * 48 + 32]]
    log[11 * 48 + 26 : 11 * 48 + 32] = wild
    pipeline = Pipeline(catalog, default_plan, zone)
    outputs = pipeline.process([v for _, v in log], [at for at, _ in log], range(len(log)))
    assert any(b'"acute-baseline"' in alert.body for alert in outputs.alerts)
    lines = [line.decode() for line in outputs.results.splitlines() if line.startswith(b"trend,")]
    missing = field(known(lines), "level_missing_days")
    steps = Counter(int(a - b) for a, b in pairwise(missing))
    assert steps[0] == 1, missing


def measured_twice(days: int, evening: float, seed: int = 3) -> Log:
    rng = np.random.default_rng(seed)
    out = []
    for day in range(days):
        level = 125 + rng.normal(0, 3)
        out += [(day + 7 / 24, round(level)), (day + 19 / 24, round(level + evening + rng.normal(0, 1)))]
    return readings("systolic-bp", out)


def test_a_morning_is_not_judged_by_the_usual_whole_day(catalog: Catalog) -> None:
    alerts, lines = trends(Pipeline(catalog, watching("systolic-bp"), zone), measured_twice(60, 30))
    assert not [a for a in alerts if a["rule"] == "own-normal"]
    assert max(field(lines, "below_score") + field(lines, "above_score")) < 2


def test_a_morning_is_judged_by_what_mornings_foretell(catalog: Catalog) -> None:
    log = measured_twice(30, 20)
    high = readings("systolic-bp", [(day + hour / 24, 145 + hour) for day in (30, 31) for hour in (7, 19)])
    alerts, _ = trends(Pipeline(catalog, watching("systolic-bp"), zone), [*log, *high])
    opened = [a for a in alerts if a["event"] == "opened"]
    assert [a["received_at"] for a in opened] == [rfc3339(high[2][0])], "the second morning"
    assert opened[0]["value"] == 152
    assert opened[0]["expected"]["low"] < 125 < opened[0]["expected"]["high"] < 140  # type: ignore[index]


def test_a_day_that_stays_short_is_judged_when_it_is_over(catalog: Catalog) -> None:
    rng = np.random.default_rng(2)
    usual = [(day + hour / 24, round(125 + rng.normal(0, 3))) for day in range(30) for hour in (7, 12, 19)]
    high = [(day + hour / 24, 150.0) for day in (30, 31) for hour in (7, 12)] + [(32.3, 125.0)]
    log = readings("systolic-bp", [*usual, *high])
    alerts, lines = trends(Pipeline(catalog, watching("systolic-bp"), zone), log[:-1])
    assert len(lines) == 31
    before = [a["event"] for a in alerts]
    alerts, lines = trends(Pipeline(catalog, watching("systolic-bp"), zone), log)
    assert field(lines, "above_score")[-1] > field(lines, "above_score")[-2] > 0
    assert "opened" in [a["event"] for a in alerts] + before


@pytest.mark.parametrize(
    ("vital", "made"), [("body-weight", cohort.weight_often), ("heart-rate", cohort.pulse)]
)
def test_what_a_calibration_counts_in_the_lines_is_what_is_told(
    catalog: Catalog, default_plan: Plan, vital: str, made: object
) -> None:
    entry = VitalCalibration(daily=Daily(0.14 if vital == "body-weight" else 20.0, 1.2, 1.2))
    calibration = Calibration(programme="*", version="1", budget=1.0, vitals={vital: entry})
    found = run(made(60, 80, 5), catalog, default_plan, calibration)  # type: ignore[operator]
    table = spending.tables(found.lines, 80)[vital, spending.DAYS]
    side = np.array([1.2, 0, 0, 0])
    counted = spending.openings(table, side, spending.parameters()).sum(axis=0)
    told = Counter(f"p-{t.patient}" for t in found.told if t.rule == "own-normal" and t.at < 79)
    apart = sum(abs(told[who] - count) for who, count in zip(table.patients, counted.tolist(), strict=True))
    assert sum(told.values()) > 100
    assert apart <= 0.03 * sum(told.values()), (
        "a reading more than usual may move a day that was told already"
    )


CREEP = [round(80 + x, 1) for x in np.random.default_rng(4).normal(0, 0.3, 30)]


def test_a_standing_trend_that_grows_much_worse_is_told_again(catalog: Catalog, default_plan: Plan) -> None:
    pipeline = Pipeline(catalog, default_plan, zone)
    log = weights([*CREEP, 80.6, 81.2, 81.4, 81.4, 83.0])
    alerts, _ = trends(pipeline, log[:-2])
    (opened,) = [a for a in alerts if a["rule"] == "own-normal"]
    acknowledge = {"kind": "action", "patient": "p-one", "action": "acknowledge", "by": "n-1"}
    body = json.dumps({**acknowledge, "alert_id": opened["alert_id"]}).encode()
    pipeline.process([body], [log[-2][0]], [len(log)])
    alerts, _ = trends_from(pipeline, log[-2:], len(log) + 1)
    again = [a for a in alerts if a["rule"] == "own-normal"]
    assert [(a["event"], a["reason"], a["status"], a["alert_id"]) for a in again] == [
        ("updated", "grown", "open", opened["alert_id"])
    ]
    told = again[0]["explanation"]
    assert told["en"].endswith(f" It has grown much since it was told at {opened['value']:.1f} kg.")
    before = f"{opened['value']:.1f}".replace(".", ",")
    assert f" L'écart s'est nettement accentué : {before} kg lors de l'annonce" in told["fr"]
    assert again[0]["value"] == 83.0


def trends_from(pipeline: Pipeline, log: Log, begin: int) -> tuple[list[dict[str, object]], list[str]]:
    outputs = pipeline.process([v for _, v in log], [at for at, _ in log], range(begin, begin + len(log)))
    alerts = [json.loads(a.body) for a in outputs.alerts]
    return [a for a in alerts if a["kind"] == "trend"], []


def cuff(days: int, high_from: int = 999, begin: int = 0) -> Log:
    """A pulse by cuff, once or twice a day."""
    rng = np.random.default_rng(6)
    out = []
    for day in range(begin, begin + days):
        level = 70 + rng.normal(0, 2.5) + 14 * (day >= high_from)
        out += [(day + hour / 24, round(level)) for hour in ((8,) if day % 3 else (8, 20))]
    return readings("heart-rate", out)


def watch(days: int, begin: int, asleep: bool = True) -> Log:
    """A pulse every quarter of an hour, without the nights unless it is worn `asleep`."""
    rng = np.random.default_rng(7)
    hours = np.arange(0, 24, 0.25)
    return readings(
        "heart-rate",
        [
            (day + hour / 24, round(72 - 9 * (hour < 7) + rng.normal(0, 2)))
            for day in range(begin, begin + days)
            for hour in hours
            if asleep or 8 <= hour < 22
        ],
    )


def test_a_pulse_by_cuff_has_a_baseline_of_days_and_its_change_is_told(catalog: Catalog) -> None:
    alerts, lines = trends(Pipeline(catalog, watching("heart-rate"), zone), cuff(40, high_from=35))
    assert field(lines, "level_missing_days")[:11] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert len(field(lines, "above_score")) == 29
    assert [a["event"] for a in alerts] == ["opened"]
    assert "days" in str(alerts[0]["explanation"]["en"])  # type: ignore[index]


def test_a_series_is_followed_by_nights_once_four_have_proved_it(catalog: Catalog) -> None:
    log = [*cuff(20), *watch(8, 20)]
    lines = known(trends(Pipeline(catalog, watching("heart-rate"), zone), log)[1])
    nightly = ["variability=" in line for line in lines]
    assert nightly == [False] * 20 + [True] * 4
    assert field(lines[20:], "level_missing_days") == [10, 9, 8, 7], "another normal"


def test_what_is_taken_off_every_night_is_followed_by_days(catalog: Catalog) -> None:
    _, lines = trends(Pipeline(catalog, watching("heart-rate"), zone), watch(20, 0, asleep=False))
    assert len(lines) == 19
    assert not any("variability=" in line for line in lines)
    assert len(field(lines, "above_score")) == 9


def test_nights_that_cease_for_two_weeks_give_way_to_days(catalog: Catalog, default_plan: Plan) -> None:
    log = [*watch(20, 0), *cuff(40, begin=20)]
    lines = known(trends(Pipeline(catalog, default_plan, zone), log)[1])
    nightly = ["variability=" in line for line in lines]
    assert nightly[:16] == [True] * 16
    assert not any(nightly[16:])
    assert len(field(lines[16:], "above_score")) > 10


def test_one_night_in_a_series_of_days_changes_nothing(catalog: Catalog) -> None:
    log = [*cuff(20), *watch(1, 20), *cuff(10, begin=21)]
    alerts, lines = trends(Pipeline(catalog, watching("heart-rate"), zone), log)
    assert alerts == []
    assert (len(lines), len(known(lines))) == (30, 29), "its day has no level"


@pytest.mark.parametrize("minutes", [1, 5, 15, 60])
def test_four_nights_settle_a_sensor_of_any_interval(
    catalog: Catalog, default_plan: Plan, minutes: int
) -> None:
    made = cohort.heart_rate(4, 8, 3, minutes=minutes)
    lines = [line.decode() for line in run(made, catalog, default_plan, None).lines]
    nightly = [line for line in lines if "variability=" in line]
    first = min(int(line.rpartition(" ")[2]) // (DAY * 1_000_000) for line in nightly)
    assert first == cohort.START // DAY + 3
    assert len(nightly) > 0.8 * len(known(lines)), "an hourly sensor may have a night of five readings"


def test_a_dialysis_session_that_never_reaches_the_dry_weight_is_told(catalog: Catalog) -> None:
    rule = Gain("not-reached", "body-weight", 2.0, 1.0, "low", 4, "dry-weight")
    plan = Plan("*", "own", "1", gains=(rule,), dry_weight=70.0)
    saw = [72.9, 70.2, 71.9, 70.1, 72.0, 70.1, 71.4, 72.9, 70.3]
    high = [73.0, 71.6, 73.2, 71.8, 73.0, 71.7]
    alerts, _ = trends(Pipeline(catalog, plan, zone), weights([*saw, *high, 70.2]))
    assert [(a["event"], a["rule"]) for a in alerts] == [
        ("opened", "not-reached"),
        ("resolved", "not-reached"),
    ]
    told = alerts[0]["explanation"]
    assert told["en"] == "Weight: for 4 days at least 1.6 kg (2.3 %) over the dry weight (70.0 kg)."  # type: ignore[index]
    assert told["fr"].startswith("Poids : depuis 4 jours au moins 1,6 kg (2,3 %)")  # type: ignore[index]


def test_missing_days_may_hide_the_low_point_of_a_dialysis(catalog: Catalog) -> None:
    rule = Gain("not-reached", "body-weight", 2.0, 1.0, "low", 4, "dry-weight")
    plan = Plan("*", "own", "1", gains=(rule,), dry_weight=70.0)
    log = weights([72.9, 70.2, 71.9, 70.1, 72.9, 70.2, 72.9, 73.0, 73.0])
    del log[7], log[5]
    assert trends(Pipeline(catalog, plan, zone), log)[0] == []
