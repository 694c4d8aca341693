"""NEWS2 in the pipeline: scores as results, clinical risk as alerts, from vitals that come one by one."""

import json
from typing import Any

import pytest

from models.catalog import Catalog
from models.outputs import Outputs
from models.pipeline import Pipeline
from models.plan_file import parse_plans
from models.strict import ConfigurationError
from streams.zones import zone
from tests.logs import START, plan_of, reading
from tests.stories import Story

MINUTE = 60_000
ADULT = {"population": "adult", "scale": 1, "oxygen": "air"}
PLAN = """
[[plan]]
patient = "p-one"
[plan.news2]
population = "adult"
scale = 1
oxygen = "air"
"""


def feed(pipeline: Pipeline, news2: object, steps: list[tuple[float, str, float]]) -> Outputs:
    """Readings at minutes after the start, under a plan with this NEWS2."""
    times = [START, *(START + int(minute * MINUTE) for minute, _, _ in steps)]
    values = [plan_of("p-one", news2)]
    values += [reading("p-one", vital, x, at) for at, (_, vital, x) in zip(times[1:], steps, strict=True)]
    return pipeline.process(values, times, range(len(values)))


def scores(outputs: Outputs) -> list[dict[str, int]]:
    lines = [line.split(" ") for line in outputs.results.decode().splitlines() if line.startswith("score,")]
    return [
        {name: int(value.rstrip("i")) for name, value in (field.split("=") for field in fields.split(","))}
        for _, fields, _ in lines
    ]


def alerts(outputs: Outputs) -> list[dict[str, Any]]:
    told = [json.loads(alert.body) for alert in outputs.alerts]
    return [alert for alert in told if alert["kind"] == "score"]


def test_a_score_counts_what_was_measured_and_declares_what_is_missing(pipeline: Pipeline) -> None:
    told = scores(feed(pipeline, ADULT, [(0, "heart-rate", 95), (60, "spo2", 93), (60, "systolic-bp", 105)]))
    assert [score["total"] for score in told] == [1, 3, 4]
    assert [score["missing"] for score in told] == [5, 4, 3]
    assert told[-1]["oldest_seconds"] == 3600
    assert told[-1]["spo2"] == 2
    assert "respiratory_rate" not in told[-1]


def test_a_part_that_is_too_old_leaves_the_score(pipeline: Pipeline) -> None:
    aged = {**ADULT, "age": 7200.0, "ages": {"spo2": 1800.0}}
    told = scores(feed(pipeline, aged, [(0, "heart-rate", 95), (0, "spo2", 93), (31, "heart-rate", 95)]))
    assert [score["total"] for score in told] == [1, 3, 1]
    assert "spo2" not in told[-1]


def test_one_odd_reading_raises_no_alert_and_a_repeat_does(pipeline: Pipeline) -> None:
    steps = [(0.0, "heart-rate", 70.0), (10.0, "spo2", 90.0), (11.0, "heart-rate", 70.0)]
    assert not alerts(feed(pipeline, ADULT, steps))
    again = pipeline.process([reading("p-one", "spo2", 90, START + 20 * MINUTE)], [START + 20 * MINUTE], [9])
    (alert,) = alerts(again)
    assert (alert["rule"], alert["severity"], alert["risk"]) == ("news2-low-medium", "medium", "low-medium")
    assert alert["partial"] is True
    assert {part["part"] for part in alert["missing"]} == {
        "respiratory-rate",
        "systolic-bp",
        "consciousness",
        "body-temperature",
    }
    assert "90 % (3 points, just now)" in alert["explanation"]["en"]
    assert "Jamais mesuré : fréquence respiratoire" in alert["explanation"]["fr"]


def test_the_risk_rises_and_falls_with_the_thresholds_and_resolves(pipeline: Pipeline) -> None:
    steps = [(0.0, "spo2", 98.0), (1.0, "spo2", 90.0), (2.0, "respiratory-rate", 26.0)]
    steps += [(3.0, "heart-rate", 95.0), (4.0, "respiratory-rate", 16.0)]
    steps += [(5.0, "heart-rate", 80.0), (6.0, "spo2", 98.0)]
    at_once = {**ADULT, "readings": 1}
    told = alerts(feed(pipeline, at_once, steps))
    assert [(a["event"], a["severity"], a["rule"]) for a in told] == [
        ("opened", "medium", "news2-low-medium"),
        ("updated", "high", "news2-high"),
        ("updated", "medium", "news2-low-medium"),
        ("resolved", "medium", "news2-low-medium"),
    ]
    assert len({a["alert_id"] for a in told}) == 1


def test_a_risk_does_not_fall_because_the_part_that_made_it_grew_old(pipeline: Pipeline) -> None:
    plan = {**ADULT, "readings": 1, "ages": {"spo2": 600.0}}
    steps = [(0.0, "spo2", 90.0), (60.0, "heart-rate", 70.0), (61.0, "heart-rate", 70.0)]
    assert [a["event"] for a in alerts(feed(pipeline, plan, steps))] == ["opened", "updated"]
    fresh = pipeline.process([reading("p-one", "spo2", 97, START + 62 * MINUTE)], [START + 62 * MINUTE], [9])
    assert [a["event"] for a in alerts(fresh)] == ["resolved"]


def test_a_confusion_typed_once_is_asked_for_again_when_it_is_too_old_and_then_the_risk_falls() -> None:
    story = Story("copd", "[plan.news2]\n" + PLAN.partition("[plan.news2]\n")[2])
    story.series("consciousness", "1 08:00", 5, [1, 1])
    assert story.told == [("opened", "news2-low-medium", "medium")]
    for hour in range(9, 24):  # the pulse is measured on, and nobody looks at the patient's mind again
        story.measure(f"1 {hour:02}:00", "heart-rate", 70)
    (asked,) = story.bodies[1:]
    assert (asked["event"], asked["status"], asked["severity"]) == ("updated", "open", "medium")
    assert asked["previous_severity"] == "medium"
    assert asked["measure_again"] == ["consciousness"]
    assert (asked["risk"], asked["value"]) == ("low-medium", 0)
    assert asked["explanation"]["en"] == (
        "NEWS2: consciousness new confusion (12 h ago), too old: measure again. Until then the alert "
        "(3 points in one part) stays; the other parts give 0."
    )
    assert asked["explanation"]["fr"] == (
        "NEWS2 : conscience confusion nouvelle (il y a 12 h), c'est trop ancien : mesurer de nouveau. "
        "D'ici là l'alerte (3 points sur un paramètre) reste ; les autres paramètres donnent 0."
    )
    story.restart()
    story.series("consciousness", "2 08:00", 5, [0, 0])
    assert story.told[2:] == [("resolved", "news2-low-medium", "medium")]
    assert "measure_again" not in story.bodies[-1]


@pytest.mark.parametrize("population", ["pregnant", "under-16"])
def test_nothing_is_scored_for_those_whom_news2_is_not_made_for(pipeline: Pipeline, population: str) -> None:
    outputs = feed(pipeline, {**ADULT, "population": population, "readings": 1}, [(0, "spo2", 85)])
    assert not scores(outputs)
    assert not alerts(outputs)


def test_a_plan_that_drops_news2_resolves_its_alert(pipeline: Pipeline) -> None:
    feed(pipeline, {**ADULT, "readings": 1}, [(0, "spo2", 85)])
    dropped = pipeline.process([plan_of("p-one")], [START + MINUTE], [9])
    assert [a["event"] for a in alerts(dropped)] == ["resolved"]


def test_the_state_of_a_score_survives_a_restart(catalog: Catalog, pipeline: Pipeline) -> None:
    feed(pipeline, ADULT, [(0, "heart-rate", 95), (1, "spo2", 90)])
    other = Pipeline(catalog, pipeline.default, pipeline.zones)
    other.restore(pipeline.snapshot())
    after = other.process([reading("p-one", "spo2", 90, START + 9 * MINUTE)], [START + 9 * MINUTE], [9])
    assert [a["event"] for a in alerts(after)] == ["opened"]
    assert scores(after)[0]["total"] == 4


def test_a_plan_must_say_for_whom_on_which_scale_and_with_what_oxygen(catalog: Catalog) -> None:
    (plan,) = parse_plans(PLAN, "plans.toml", catalog, {}, zone)
    assert plan.news2 is not None
    assert plan.news2.age == 43_200
    for key in ("population", "scale", "oxygen"):
        text = "\n".join(line for line in PLAN.splitlines() if not line.startswith(key))
        with pytest.raises(ConfigurationError, match=key):
            parse_plans(text, "plans.toml", catalog, {}, zone)
    with pytest.raises(ConfigurationError, match="did you mean spo2"):
        parse_plans(PLAN + '[plan.news2.ages]\nspo3 = "1h"\n', "plans.toml", catalog, {}, zone)
    with pytest.raises(ConfigurationError, match="at most 30d"):
        parse_plans(PLAN + 'age = "40d"\n', "plans.toml", catalog, {}, zone)


def test_a_half_is_told_as_the_chart_reads_it(pipeline: Pipeline) -> None:
    outputs = feed(
        pipeline,
        {**ADULT, "alert_from": "low", "readings": 1},
        [(0, "systolic-bp", 90.5), (1, "respiratory-rate", 20.5), (2, "heart-rate", 110.5)],
    )
    words = json.loads(outputs.alerts[-1].body)["explanation"]["en"]
    assert "systolic blood pressure 91 mmHg (2 points" in words
    assert "respiratory rate 21 /min (2 points" in words
    assert "heart rate 111 /min (2 points" in words


def test_a_saturation_that_rounds_to_93_waits_for_what_is_known_of_oxygen(pipeline: Pipeline) -> None:
    news2 = {"population": "adult", "scale": 2, "oxygen": "measured"}
    (score,) = scores(feed(pipeline, news2, [(0, "spo2", 92.5)]))
    assert score["total"] == 0
    assert "spo2" not in score
