"""Our detectors behind River's interface: River's own checks, the pipeline's scores on the same stream."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from river import datasets
from river.checks import check_estimator, yield_checks

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from models.plan_file import parse_plans
from models.rivers.acute import AcuteBaseline
from models.rivers.detector import Detector
from models.rivers.gain import WeightGain
from models.rivers.joint import JointDeparture
from models.rivers.limit import ClinicianLimit
from models.rivers.news2 import EarlyWarningScore
from models.rivers.ramp import GradualChange
from models.rivers.slow import ChangeOverDays
from models.rules import limits_of
from models.times import rfc3339
from streams.configuration import load_templates
from streams.zones import zone
from tests.logs import START
from tests.test_joint import OWN, SPREAD, VITALS, hours

HOUR = 3_600_000


class Vitals:
    """Hours of four vitals and a weight, some stretches of three days a joint departure: what is followed by
    days looks for what lasts days. River's checks ask for a stream that it would fetch from the network
    (150 MB of credit card payments), of which it knows the labels."""

    def take(self, count: int) -> Iterator[tuple[dict[str, Any], int]]:
        return iter(stream(count))


@functools.cache
def stream(count: int) -> tuple[tuple[dict[str, float], int], ...]:
    rng = np.random.default_rng(9)
    values, out, until = hours(count // 24 + 1, 0.0, 1), [], 0
    for i in range(count):
        if i > 400 and i >= until and rng.random() < 0.005:
            until = i + 72
        odd = i < until
        row = values[i] + odd * SPREAD * np.array([5.0, 5.0, -5.0, 5.0])
        x = dict(zip(VITALS, (float(v) for v in row), strict=True))
        out.append(
            ({**x, "weight": 80 + 3.0 * odd + float(rng.normal(0, 0.2)), "at": START + i * HOUR}, int(odd))
        )
    return tuple(out)


KINDS = {
    "limit": ClinicianLimit(85.0, 80.0, feature="heart-rate"),
    "limit-below": ClinicianLimit(93.0, 94.0, direction="below", readings=2, feature="spo2"),
    "acute": AcuteBaseline(feature="heart-rate"),
    "days": ChangeOverDays(feature="heart-rate"),
    "days-weight": ChangeOverDays(False, "body-weight", feature="weight"),
    "gain-over-days": GradualChange(feature="weight"),
    "loss-over-days": GradualChange("below", "spo2", feature="spo2"),
    "gain": WeightGain(feature="weight"),
    "news2": EarlyWarningScore(),
    "joint": JointDeparture(VITALS),
}


def leaves(kind: type) -> set[type]:
    """The classes below a class that have none below themselves."""
    below = [leaves(one) for one in kind.__subclasses__()]
    return set().union(*below) if below else {kind}


def test_every_detector_is_checked() -> None:
    assert {type(model) for model in KINDS.values()} == leaves(Detector)


@pytest.mark.parametrize("name", KINDS)
def test_rivers_own_checks_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "CreditCard", Vitals)
    assert len(list(yield_checks(KINDS[name]))) >= 25
    assert not KINDS[name]._unit_test_skips()
    check_estimator(KINDS[name])


PLAN = """
[[plan]]
patient = "*"
template = "default"
[[plan.limits]]
rule = "high"
vital = "heart-rate"
direction = "above"
value = 85.0
clear = 80.0
severity = "high"
[[plan.baselines]]
vital = "heart-rate"
acute = 0.0
trend = "both"
severity = "low"
[[plan.gains]]
rule = "gain"
vital = "body-weight"
amount = 2.0
days = 3
clear = 1.0
severity = "low"
"""
NEWS2 = """
[plan.news2]
population = "adult"
scale = 1
oxygen = "air"
"""


@pytest.fixture(scope="module")
def plan(catalog: Catalog) -> Plan:
    (plan,) = parse_plans(PLAN + OWN + NEWS2, "plan", catalog, load_templates(catalog), zone)
    return plan


def feed(pipeline: Pipeline, vital: str, x: float, at: int) -> list[dict[str, str]]:
    """One reading through the pipeline; the fields of its score and joint lines."""
    unit = pipeline.catalog[vital].unit
    body = {"patient": "p", "device": "d", "vital": vital, "value": x, "unit": unit}
    record = json.dumps({**body, "measured_at": rfc3339(at)}).encode()
    lines = pipeline.process([record], [at], [pipeline.position + 1]).results.decode().splitlines()
    told = [line.split(" ") for line in lines if line.startswith(("score,", "joint,"))]
    return [dict(field.split("=") for field in fields.split(",")) | {"at": t} for _, fields, t in told]


def test_the_scores_of_one_series_are_those_of_the_pipeline(catalog: Catalog, plan: Plan) -> None:
    """Each beside a pipeline that runs it alone: an alert of another rule would stop what it learns."""
    alone = [
        replace(plan, limits=(), gains=(), baselines=()),
        replace(plan, limits=(), gains=()),
        replace(plan, gains=(), baselines=()),
    ]
    pipelines = [Pipeline(catalog, one, zone) for one in alone]
    rng = np.random.default_rng(4)
    models = (AcuteBaseline(), ChangeOverDays(), ClinicianLimit(85.0, 80.0))
    place = [rule.rule for rule in limits_of(plan, "heart-rate")].index("high")
    pairs, raised = [], 0.0
    for i in range(40 * 96):
        at = START + i * 900_000
        value = float(round(68 + 5 * np.sin(i / 96 * 6.28) + rng.normal(0, 2) + 12 * (i > 36 * 96)))
        x = {"value": value, "at": at}
        found = [model.score_one(x) for model in models]
        for model in models:
            model.learn_one(x)
        for pipeline in pipelines:
            feed(pipeline, "heart-rate", value, at)
        acute, days, limit = (pipeline.state.series[0] for pipeline in pipelines)
        expected = [acute["score"], days["slow_sum"].max(), limit["limit_open"] >> place & 1]
        pairs.append((found, [float(e) for e in expected]))
        raised = max(raised, found[1])
    assert all(found == expected for found, expected in pairs)
    assert max(found[0] for found, _ in pairs) > 3
    assert {found[2] for found, _ in pairs} == {0.0, 1.0}
    assert raised > 1.5


def test_the_scores_of_a_patient_are_those_of_the_pipeline(catalog: Catalog) -> None:
    bare = '[[plan]]\npatient = "*"\nprogramme = "own"\nversion = "1"\n' + OWN.replace("4.5", "99.0")
    (plan,) = parse_plans(bare + NEWS2 + 'alert_from = "high"\n', "plan", catalog, {}, zone)
    pipeline = Pipeline(catalog, plan, zone)  # no alert stands, so that all is learned
    news2, joint = EarlyWarningScore(), JointDeparture(VITALS)
    totals, scores, told = [], [], []
    for i, row in enumerate(hours(18, 1.6, 20)):
        at = START + i * HOUR
        for vital, x in zip(VITALS, row.tolist(), strict=True):
            reading = {vital: x, "at": at}
            totals += [news2.score_one(reading)] if vital != "skin-temperature" else []
            news2.learn_one(reading)
            told += feed(pipeline, vital, x, at)
        hour = {**dict(zip(VITALS, row.tolist(), strict=True)), "at": at}
        scores.append(joint.score_one(hour))
        joint.learn_one(hour)
    assert [float(t["total"].rstrip("i")) for t in told if "total" in t] == totals
    shown = {t["at"]: float(t["score"]) for t in told if "share" in t}
    ours = {f"{START + i * HOUR}000000": round(score, 4) for i, score in enumerate(scores) if score}
    assert len(shown) > 50
    assert {at: score for at, score in ours.items() if at in shown} == shown


def test_a_weight_gain_scores_above_one_where_the_pipeline_alerts(catalog: Catalog, plan: Plan) -> None:
    pipeline, model = Pipeline(catalog, plan, zone), WeightGain()
    for i, x in enumerate([80.0, 80.4, 80.9, 81.6, 82.5, 82.1, 81.0, 84.0]):
        at = START + i * 86_400_000
        reading = {"value": x, "at": at}
        score, before = (
            model.score_one(reading),
            bool(len(pipeline.state.series) and pipeline.state.series[0]["gain_open"][0]),
        )
        model.learn_one(reading)
        feed(pipeline, "body-weight", x, at)
        opened = bool(pipeline.state.series[0]["gain_open"][0])
        assert opened == (score > 1.0 or (before and score > 0.5))


def test_a_weight_that_creeps_up_scores_as_in_the_pipeline(catalog: Catalog) -> None:
    own = '[[plan]]\npatient = "*"\nprogramme = "own"\nversion = "1"\n[[plan.baselines]]\n'
    text = own + 'vital = "body-weight"\nacute = 0.0\ntrend = "above"\nseverity = "low"\n'
    (plan,) = parse_plans(text, "plan", catalog, {}, zone)
    pipeline, gain, loss = Pipeline(catalog, plan, zone), GradualChange(), GradualChange("below")
    rng = np.random.default_rng(6)
    weights = np.round(80 + rng.normal(0, 0.3, 50) + 0.35 * np.clip(np.arange(50) - 42, 0, 4), 1)
    scores, expected, alerted = [], [], []
    for i, x in enumerate(weights.tolist()):
        reading = {"value": x, "at": START + i * 86_400_000}
        scores.append((gain.score_one(reading), loss.score_one(reading)))
        gain.learn_one(reading)
        loss.learn_one(reading)
        feed(pipeline, "body-weight", x, reading["at"])
        s = pipeline.state.series[0]
        expected.append(float(s["slow_sum"][0]))
        alerted.append(bool(s["slow_open"]))
    assert [score for score, _ in scores] == expected
    assert not any(alerted[:43])
    assert any(alerted[43:47])
    assert max(score for score, _ in scores[43:47]) > 2 * max(score for score, _ in scores[:43])
    assert not any(score for _, score in scores[45:48])


@pytest.mark.parametrize("name", ["limit", "gain", "news2", "joint"])
def test_the_labelled_departures_are_ranked_by_those_that_look_for_such(name: str) -> None:
    model, odd, usual = KINDS[name].clone(), [], []
    for x, label in stream(2000):
        (odd if label else usual).append(model.score_one(x))
        model.learn_one(x)
    ranks = np.mean([[a > b or 0.5 * (a == b) for b in usual[::10]] for a in odd])
    assert ranks > 0.75
