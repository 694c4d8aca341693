"""Detectors: compiled code against the same functions uncompiled, and their stories."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan_file import parse_plans
from models.record import GAIN_RULE, SERIES
from models.score import acute, gain
from models.score.acute_parameters import parameters
from models.times import rfc3339
from streams.zones import zone
from tests.logs import START

P = parameters()[0]


class Cells:
    """An array field as Python numbers: stored in the field's own precision, read in double."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __getitem__(self, place: object) -> float | int:
        return self.array[place].item()

    def __setitem__(self, place: object, value: float) -> None:
        self.array[place] = value


class Plain:
    """A record of SERIES as uncompiled code sees it, with the arithmetic that compiled code has."""

    def __init__(self) -> None:
        self.record = np.zeros(1, SERIES)[0]

    def __getitem__(self, field: str) -> object:
        value = self.record[field]
        return Cells(value) if isinstance(value, np.ndarray) else value.item()

    def __setitem__(self, field: str, value: float) -> None:
        self.record[field] = value


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_compiled_acute_baseline_equals_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(70 + 5 * rng.standard_normal(400) + 20 * (rng.random(400) < 0.01), 1)
    half = np.arange(400) % 48
    compiled, plain = np.zeros(1, SERIES)[0], Plain()
    out = np.zeros(400)
    acute.score_all(compiled, x, half, half // 2, P, out)
    surprise, acute._surprise = acute._surprise, acute._surprise.py_func
    try:
        expected = [
            acute.score.py_func(plain, float(x[i]), int(half[i]), int(half[i] // 2), i, True, P)
            for i in range(400)
        ]
    finally:
        acute._surprise = surprise
    # compiled code keeps a difference of two float32 in float32; the plain one takes it in double
    assert np.allclose(out, expected, rtol=1e-3, atol=1e-3)
    assert plain.record["n"] == compiled["n"]


def test_the_acute_baseline_is_not_ready_before_it_has_seen_enough() -> None:
    s = np.zeros(1, SERIES)[0]
    assert acute.not_ready(s) == 61
    out = np.zeros(60)
    acute.score_all(s, np.linspace(60, 80, 60), np.zeros(60, int), np.zeros(60, int), P, out)
    assert not out.any()
    assert acute.not_ready(s) == 1


def test_two_kilograms_in_three_days_open_a_trend() -> None:
    s = np.zeros(1, SERIES)[0]
    asked = np.zeros(1, GAIN_RULE)
    asked["amount"], asked["clear"], asked["days"] = 2.0, 1.0, 3
    out = []
    for day, x in enumerate([80.0, 80.6, 81.2, 81.9, 82.7, 81.0], 20_000):
        gain.keep_day(s, day, x)
        out.append(gain.step(s, 0, asked[0], x, day))
    assert [decision != 0 for decision in out] == [False, False, False, False, True, True]


def test_the_expected_band_of_a_steady_series_is_narrow_from_the_first_score_on() -> None:
    s = np.zeros(1, SERIES)[0]
    x = 95.0 + (np.arange(61) * 7 % 5 == 0)
    acute.score_all(s, x, np.zeros(61, int), np.zeros(61, int), P, np.zeros(61))
    centre, half = acute.band(s, 0, P)
    assert 94.5 < centre < 96.5
    assert half < 6


def test_peak_flow_zones_are_shares_of_the_personal_best(catalog: Catalog) -> None:
    text = """
[[plan]]
patient = "p-one"
personal_best = { peak-flow = 450.0 }
[[plan.limits]]
rule = "peak-flow-red-zone"
vital = "peak-flow"
direction = "below"
value = 50.0
clear = 60.0
severity = "high"
of = "personal-best"
"""
    (plan,) = parse_plans(text, "plans.toml", catalog, {}, zone)
    pipeline = Pipeline(catalog, plan, zone)
    body = {"patient": "p-one", "device": "d", "vital": "peak-flow", "unit": "L/min"}
    values, times = (230, 220, 269, 270), [START + i * 3_600_000 for i in range(4)]
    records = [
        json.dumps({**body, "value": x, "measured_at": rfc3339(at)}).encode()
        for x, at in zip(values, times, strict=True)
    ]
    alerts = [json.loads(a.body) for a in pipeline.process(records, times, range(4)).alerts]
    assert [(a["event"], a["value"]) for a in alerts] == [("opened", 220.0), ("resolved", 270.0)]
    assert alerts[0]["limit"] == 225.0
    assert "49 % of the personal best (450 L/min)" in alerts[0]["explanation"]["en"]
