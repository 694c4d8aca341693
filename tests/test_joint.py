"""Several vitals of one patient: a joint departure is found, explained with each one's share, and guarded."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.plan_file import parse_plans
from models.record import LIMIT_OPENED
from models.score import joint, joint_parameters, limit
from models.strict import ConfigurationError
from models.triage import standing
from streams.configuration import load_templates
from streams.evaluation import joint as evaluation
from streams.evaluation import joint_budget
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
FIRST = 490_000 // 24 * 24  # an hour of 2025, the first of its day
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
    trial = evaluation.Trial(16, 0.5, 7)
    ways = {name: evaluation.WAYS[name] for name in (evaluation.OURS, "best single vital")}
    bounds = trial.thresholds(ways)
    shares, _ = trial.shares(ways, bounds, 1.0)
    assert shares[evaluation.OURS] >= 0.6
    assert shares[evaluation.OURS] > shares["best single vital"]


@settings(max_examples=300)
@given(
    scores=st.lists(st.one_of(st.just(math.nan), st.floats(0, 4)), max_size=40),
    readings=st.integers(1, 4),
)
def test_alerts_are_counted_by_the_rule_of_the_product(scores: list[float], readings: int) -> None:
    state = {"since": 0, "pending": 0, "open": 0}
    expected = [
        i
        for i, score in enumerate(scores)
        if not math.isnan(score)
        and limit.in_a_row(state, score > 2.0, readings, (FIRST + i) * 3_600_000) == LIMIT_OPENED
    ]
    assert joint_budget.opened(np.array(scores, float), 2.0, readings).tolist() == expected
    first = len(scores) // 2  # what opened before does not count
    spent = joint_budget.spent({"p-0": joint_budget.Scored(np.array(scores, float), first)}, 2.0, readings)
    hours = sum(not math.isnan(score) for score in scores[first:])
    assert round(spent.rate * hours / 168) == (sum(i >= first for i in expected) if hours else 0)


def test_a_threshold_keeps_the_budget_and_a_broken_line_is_named() -> None:
    rng = np.random.default_rng(2)
    cohort = {f"p-{i}": joint_budget.Scored(rng.normal(0, 1, 24 * 60)) for i in range(50)}
    threshold = joint_budget.calibrate(cohort, 0.3, 2)
    assert joint_budget.spent(cohort, threshold, 2).bound <= 0.3
    assert joint_budget.spent(cohort, threshold - 0.01, 2).bound > 0.3
    with pytest.raises(ValueError, match="replay more days"):
        joint_budget.calibrate({"p-0": joint_budget.Scored(np.full(10, np.nan))}, 0.3, 2)
    with pytest.raises(ValueError, match="no joint line"):
        joint_budget.told([b"joint,patient=p-0 departure=1 x"], VITALS)


class Naive:
    """The method as models/score/joint.py tells it, hour by hour in numpy; float64 throughout."""

    def __init__(self, k: int) -> None:
        self.k, self.hours, self.before = k, 0, -1
        self.profile, self.seen = np.zeros((k, 24)), np.zeros((k, 24), int)
        self.deviation, self.smoothed, self.began = np.zeros(k), np.zeros(k), np.zeros(k, int)
        self.covariance = np.zeros((k, k))

    def take(self, hour: int, values: np.ndarray) -> tuple[float, np.ndarray]:
        h, known = hour % 24, ~np.isnan(values)
        usual = known & (self.seen[:, h] > 0)
        if self.before >= 0:
            self.smoothed *= 0.75 ** (hour - self.before - 1)
        self.before = hour
        rate = np.maximum(0.25, 1 / (1 + self.began))
        residual = np.where(usual, values - self.profile[:, h], 0.0)
        self.smoothed += np.where(usual, rate, 0.25) * (residual - self.smoothed)
        self.began += usual
        m = np.where(usual, self.smoothed, np.nan)
        ready = (self.seen.sum(axis=1) // 24).min() >= 14
        score, shares = math.nan, np.full(self.k, np.nan)
        if ready and usual.sum() >= 2:
            score, shares = self.distance(m)
        self.learn(h, values, known, m, score, bool(ready))
        return score, shares

    def distance(self, m: np.ndarray) -> tuple[float, np.ndarray]:
        days = min(28.0, self.hours / 24)
        s = self.covariance * days / (7 + days)
        floor = (1e-3 * np.abs(self.profile).mean(axis=1)) ** 2 + 1e-9
        s[np.diag_indices(self.k)] = np.maximum(np.diag(self.covariance), floor)
        some = np.flatnonzero(~np.isnan(m))
        n, scale = len(some), 1 / np.sqrt(np.diag(s)[some])
        values, vectors = np.linalg.eigh(s[np.ix_(some, some)] * np.outer(scale, scale))
        parts = ((vectors / np.sqrt(values)) @ vectors.T @ (m[some] * scale)) ** 2
        shares = np.full(self.k, np.nan)
        shares[some] = parts / parts.sum()
        return (np.cbrt(parts.sum() / n) - 1 + 2 / (9 * n)) / np.sqrt(2 / (9 * n)), shares

    def learn(
        self, h: int, values: np.ndarray, known: np.ndarray, m: np.ndarray, score: float, ready: bool
    ) -> None:
        days = max(1.0, min(28.0, self.hours / 24))
        first = known & (self.seen[:, h] == 0)
        again = known & ~first
        r = np.where(again, values - self.profile[:, h], 0.0)
        if ready:
            r = np.clip(r, -3 * np.sqrt(self.deviation) - 1e-9, 3 * np.sqrt(self.deviation) + 1e-9)
        self.profile[first, h] = values[first]
        self.profile[:, h] += np.where(again, np.maximum(1 / 28, 1 / (self.seen[:, h] + 1)) * r, 0.0)
        self.deviation += np.where(again, (r * r - self.deviation) / (days * 24), 0.0)
        self.seen[:, h] = np.minimum(self.seen[:, h] + known, 255)
        there = ~np.isnan(m)
        if there.any():
            far = np.sqrt(20 * np.maximum(np.diag(self.covariance), 1e-9))
            d = np.clip(m, -far, far) if ready else m
            weight = min(1.0, 2 / score) ** 2 if score > 0 else 1.0
            both = np.outer(there, there)
            change = weight * (np.outer(d, d) - self.covariance) / (days * 24)
            self.covariance += np.where(both, change, 0.0)
            self.hours += 1


def judged(values: np.ndarray, first: int = FIRST) -> tuple[np.ndarray, np.ndarray]:
    """(scores, shares) of the compiled functions, hour by hour; rows of NaN are hours without anything."""
    k = values.shape[1]
    states, scores = np.zeros(1, joint.JOINT), np.full(len(values), np.nan)
    shares = np.full(values.shape, np.nan)
    m, p = np.empty(k), joint_parameters.parameters()[0]
    for i, row in enumerate(values):
        known = np.flatnonzero(~np.isnan(row)).tolist()
        joint.begin(states, first + i)
        for place in known:
            joint.collect(states, k, place, first + i, row[place])
        if known:
            _, scores[i] = joint.assess(states, k, (first + i) % 24, p, m, shares[i])
            joint.learn(states, k, (first + i) % 24, p, m, scores[i])
    return scores, shares


def with_gaps(seed: int) -> np.ndarray:
    """Thirty days of which single values, hours and three whole days are missing; at last a shift."""
    values, chance = hours(30, 1.0, 24, seed), np.random.default_rng(seed)
    values[chance.random(values.shape) < 0.1] = np.nan
    values[chance.random(len(values)) < 0.1] = np.nan
    values[24 * 24 : 24 * 27] = np.nan
    return values


@pytest.mark.parametrize("seed", [1, 2])
def test_compiled_scores_and_shares_are_those_of_the_plain_formulas(seed: int) -> None:
    values = with_gaps(seed)
    scores, shares = judged(values)
    naive = Naive(4)
    expected = [
        (math.nan, np.full(4, np.nan)) if np.isnan(row).all() else naive.take(FIRST + i, row)
        for i, row in enumerate(values)
    ]
    assert np.isfinite(scores).sum() > 150
    # the state holds single precision
    np.testing.assert_allclose(scores, [score for score, _ in expected], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(shares, [share for _, share in expected], rtol=1e-2, atol=1e-3)


@settings(max_examples=200)
@given(rows=st.lists(st.lists(st.floats(-3, 3), min_size=6, max_size=6), min_size=8, max_size=20))
def test_the_eigenvalues_of_a_small_matrix_are_those_of_numpy(rows: list[list[float]]) -> None:
    a = np.array(rows).T @ np.array(rows)
    ours, vectors = a.copy(), np.empty_like(a)
    joint.eigen(ours, vectors)
    np.testing.assert_allclose(np.sort(np.diag(ours)), np.linalg.eigvalsh(a), atol=1e-9 * (1 + np.trace(a)))
    np.testing.assert_allclose(vectors @ np.diag(np.diag(ours)) @ vectors.T, a, atol=1e-6)


def test_the_first_hour_after_days_without_data_says_nothing_of_what_was_before_them() -> None:
    values = hours(24, 0.0, 0)
    high = values.copy()
    high[24 * 19 : 24 * 20] += 4 * SPREAD  # a day far off, then three days of nothing
    for rows in (values, high):
        rows[24 * 20 : 24 * 23] = np.nan
    usual, after = judged(values)[0], judged(high)[0]
    assert np.nanmax(after[24 * 19 : 24 * 20]) > 6
    assert after[24 * 23] < 1
    assert abs(after[24 * 23] - usual[24 * 23]) < 1


def test_an_hour_with_a_vital_missing_is_scored_by_the_others() -> None:
    m, shares = np.array([1.0, np.nan, -1.0]), np.empty(3)
    squared, score = joint.distance(m, np.eye(3), shares)
    assert squared == pytest.approx(2.0)
    assert shares[[0, 2]] == pytest.approx([0.5, 0.5])
    assert np.isnan(shares[1])
    assert score == pytest.approx((1 - (1 - 1 / 9)) / np.sqrt(1 / 9))


def test_one_wild_hour_hardly_moves_what_was_learned() -> None:
    states, m, shares = np.zeros(1, joint.JOINT), np.empty(4), np.empty(4)
    before, p = states.copy(), joint_parameters.parameters()[0]
    for i, row in enumerate([*hours(20, 0.0, 1), MEAN * 1.5]):
        before = states.copy()
        joint.begin(states, FIRST + i)
        for place, x in enumerate(row):
            joint.collect(states, 4, place, FIRST + i, x)
        _, score = joint.assess(states, 4, i % 24, p, m, shares)
        joint.learn(states, 4, i % 24, p, m, score)
    s, was = states[0], before[0]
    assert np.abs(s["profile"][:4, 0] - was["profile"][:4, 0]).max() < 1.5
    assert np.all(np.diag(s["covariance"])[:4] < 1.1 * np.diag(was["covariance"])[:4])


UNCOMPILED = """
import json
import streams
from tests.test_joint import judged, with_gaps
from tests.test_rivers import spelled
from tests.stories import Story

own = spelled("GaussianScorer").replace("ready = 60", "ready = 52").replace("1e9", "0.5")
story = Story("copd", own)
for i in range(70):
    story.measure(f"1 {8 + i // 60:02}:{i % 60:02}", "heart-rate", 70 + i % 3 + 20 * (i > 60))
scores, _ = judged(with_gaps(1)[: 24 * 20])
print(json.dumps([story.told, [round(score, 6) for score in scores[scores == scores].tolist()]]))
"""


def test_without_the_compiler_the_same_is_said() -> None:
    told = []
    for disabled in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        made = subprocess.run(
            [sys.executable, "-c", UNCOMPILED],
            env=environment,
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        told.append(json.loads(made.stdout))
    assert told[0] == told[1]
    assert ["opened", "one", "low"] in told[0][0]
    assert len(told[0][1]) > 20


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
