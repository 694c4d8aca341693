"""Several vitals of one patient: a joint departure is found, explained with each one's share, and guarded."""

import json
from typing import Any

import numpy as np
import pytest

from models.plan_file import parse_plans
from models.score import joint
from models.strict import ConfigurationError
from models.triage import standing
from streams.configuration import load_templates
from streams.evaluation import joint as evaluation
from streams.zones import zone
from tests.stories import CATALOG, PATIENT, Story

VITALS = ("heart-rate", "respiratory-rate", "spo2", "skin-temperature")
OWN = f"""
[plan.joint]
vitals = {json.dumps(list(VITALS))}
score_above = 4.5
readings = 3
severity = "medium"
"""
MEAN = np.array([70.0, 16.0, 96.0, 33.0])
SPREAD = np.array([4.0, 1.5, 0.8, 0.4])
TOGETHER = np.array([[1, 0.7, -0.5, 0.3], [0.7, 1, -0.5, 0.3], [-0.5, -0.5, 1, -0.2], [0.3, 0.3, -0.2, 1]])


def hours(days: int, shift: float, last: int, seed: int = 1) -> np.ndarray:
    """Hourly means (24 * days, 4); in the `last` hours each vital leaves by `shift` deviations, against the
    sign of their correlation."""
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal(np.zeros(4), TOGETHER, 24 * days)
    z[len(z) - last :] += shift * np.array([1.0, -1.0, 1.0, 0.5])
    clock = 1.2 * np.sin(2 * np.pi * (np.arange(24 * days) % 24 - 10) / 24)
    return MEAN + SPREAD * (z + clock[:, None] * np.array([1, 0.5, 0, 0.5]))


def story_of(values: np.ndarray, restart: bool = False) -> Story:
    story = Story("copd", OWN)
    for i, row in enumerate(values):
        day, hour = divmod(i, 24)
        for vital, x in zip(VITALS, row, strict=True):
            story.measure(f"{day + 1} {hour:02}:30", vital, round(float(x), CATALOG[vital].decimals))
        if restart and i % 50 == 49:
            story.restart()
    return story


def test_a_joint_shift_is_told_with_each_vitals_share_in_two_languages() -> None:
    story = story_of(hours(24, 1.6, 14))
    told = [b for b in story.bodies if b["rule"] == "joint"]
    assert told, [b["rule"] for b in story.bodies]
    opened: dict[str, Any] = told[-1]
    assert opened["kind"] == "baseline"
    assert abs(sum(v["share"] for v in opened["vitals"]) - 1) < 0.01
    assert opened["vitals"][0]["share"] == max(v["share"] for v in opened["vitals"])
    assert "Several vitals depart together from the usual" in opened["explanation"]["en"]
    assert "fréquence respiratoire" in opened["explanation"]["fr"]
    assert "(part de chacun)" in opened["explanation"]["fr"]


def test_a_restart_changes_nothing_of_what_is_said_of_several_vitals() -> None:
    values = hours(18, 1.6, 14)
    assert story_of(values, restart=True).bodies == story_of(values).bodies


def test_a_joint_shift_is_found_that_no_single_vital_shows_at_the_same_rate_of_false_alarms() -> None:
    healthy = [evaluation.scores(evaluation.hours(40, 0.0, seed)) for seed in range(12)]
    bounds = [evaluation.threshold_for([both[k] for both in healthy], 0.2) for k in range(2)]
    moved = [evaluation.scores(evaluation.hours(40, 0.7, 100 + seed)) for seed in range(12)]
    joint_found, single_found = (sum(both[k][-24:].max() > bounds[k] for both in moved) for k in range(2))
    assert joint_found >= 9
    assert joint_found > single_found


def test_an_hour_with_a_vital_missing_is_scored_by_the_others() -> None:
    m = np.array([1.0, np.nan, -1.0])
    squared, score, shares = joint.distance(m, np.eye(3))
    assert squared == pytest.approx(2.0)
    assert shares[[0, 2]] == pytest.approx([0.5, 0.5])
    assert np.isnan(shares[1])
    assert score == pytest.approx((1 - (1 - 1 / 9)) / np.sqrt(1 / 9))


def test_one_wild_hour_hardly_moves_what_was_learned() -> None:
    s = np.zeros(1, joint.JOINT)[0]
    for i, row in enumerate([*hours(20, 0.0, 1), MEAN * 1.5]):
        before = s.copy()
        joint.start(s, i)
        s["known"][:4], s["value"][:4] = 1, row
        m, _, score, _ = joint.assess(s, 4, i % 24)
        joint.learn(s, 4, i % 24, m, score)
    assert np.abs(s["profile"][:4, 0] - before["profile"][:4, 0]).max() < 1.5
    assert np.all(np.diag(s["covariance"])[:4] < 1.1 * np.diag(before["covariance"])[:4])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('["heart-rate", "spo3"]', "did you mean spo2?"),
        ('["heart-rate"]', "name 2 to 6"),
        ('["heart-rate", "body-weight"]', "body-weight has no hourly windows"),
    ],
)
def test_a_wrong_choice_of_vitals_is_refused(wrong: str, told: str) -> None:
    own = OWN.replace(json.dumps(list(VITALS)), wrong)
    head = '[[plan]]\npatient = "p"\ntemplate = "copd"\n'
    with pytest.raises(ConfigurationError) as caught:
        parse_plans(head + own, "f", CATALOG, load_templates(CATALOG), zone)
    assert told in str(caught.value)


def test_a_reset_of_one_of_the_vitals_forgets_their_interplay_and_ends_its_alert() -> None:
    story = story_of(hours(24, 1.6, 14))
    patient = story.pipeline.state.by_name[PATIENT]
    assert patient.interplay is not None
    assert standing(patient.desk, "baseline/joint") is not None
    story.measure("25 00:10", "peak-flow", 300)
    story.reset("25 08:00", "peak-flow")
    assert patient.interplay is not None
    story.reset("25 08:00", "spo2")
    assert ("resolved", "joint", "medium") in story.told
    assert standing(patient.desk, "baseline/joint") is None
    assert patient.interplay is None
