"""Several vitals of one patient: a joint departure is found, explained with each one's share, and guarded."""

import json
from typing import Any

import numpy as np
import pytest

from models.plan_file import parse_plans
from models.score import joint
from models.strict import ConfigurationError
from streams.configuration import load_templates
from streams.zones import zone
from tests.stories import CATALOG, Story

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


def scores(values: np.ndarray) -> np.ndarray:
    """The kernel's scores of hours, learned unguarded."""
    s, out = np.zeros(1, joint.JOINT)[0], np.zeros(len(values))
    for i, row in enumerate(values):
        joint.start(s, i)
        s["known"][:4], s["value"][:4] = 1, row
        m, _, out[i], _ = joint.assess(s, 4, i % 24)
        joint.learn(s, 4, i % 24, m, out[i])
    return out


def story_of(values: np.ndarray, own: str = OWN, restart: bool = False) -> tuple[Story, bytes]:
    story, results = Story("copd", own), b""
    process = story.pipeline.process

    for i, row in enumerate(values):
        day, hour = divmod(i, 24)
        for vital, x in zip(VITALS, row, strict=True):
            story.measure(f"{day + 1} {hour:02}:30", vital, round(float(x), CATALOG[vital].decimals))
        if restart and i % 50 == 49:
            story.restart()
    del process
    return story, results


def test_a_joint_shift_is_told_with_each_vitals_share_in_two_languages() -> None:
    story, _ = story_of(hours(24, 1.6, 14))
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
    assert story_of(values, restart=True)[0].bodies == story_of(values)[0].bodies
