"""River estimators named in a plan: checked, scored on closed windows, explained, saved, guarded."""

import os
import pickle
import zlib
from typing import Any, ClassVar

import numpy as np
import pytest
from river import anomaly

from models.catalog import Catalog
from models.plan_file import parse_plans
from models.rivers import build, watch
from models.rivers.pack import Refused, pack, unpack
from models.strict import ConfigurationError
from streams.configuration import load_templates
from streams.zones import zone
from tests.stories import PATIENT, Story

TREES = """
[[plan.estimators]]
name = "half-space-trees"
vital = "heart-rate"
window = "15m"
features = ["mean"]
score_above = 0.98
readings = 2
ready = 100
severity = "medium"
pipeline = [
  { estimator = "preprocessing.MinMaxScaler" },
  { estimator = "anomaly.HalfSpaceTrees", n_trees = 10, height = 6, window_size = 50, seed = 42 },
]
"""
GAUSSIAN = """
[[plan.estimators]]
name = "gaussian"
vital = "heart-rate"
window = "15m"
features = ["mean"]
score_above = 0.9999
ready = 100
severity = "low"
pipeline = [{ estimator = "anomaly.GaussianScorer", grace_period = 50 }]
"""


def calm(count: int, seed: int = 1) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(x) for x in np.round(70 + rng.normal(0, 3, count))]


def of(story: Story, name: str) -> list[dict[str, Any]]:
    return [b for b in story.bodies if b.get("estimator") == name]


def departs(own: str, restart: bool = False) -> Story:
    """Three days of calm five-minute heart rates, then two hours at 105."""
    story = Story("default", own)
    values = [*calm(3 * 288), *[105.0 + i % 3 for i in range(24)], *calm(24, 2)]
    for i in range(0, len(values), 100):
        begin = f"{1 + i // 288} {i % 288 // 12:02}:{i % 12 * 5:02}"
        story.series("heart-rate", begin, 5, values[i : i + 100])
        if restart:
            story.restart()
    return story


def test_a_reset_of_the_vital_lets_its_estimators_learn_anew_and_ends_their_alerts() -> None:
    story = Story("default", TREES)
    values = [*calm(3 * 288), *[105.0 + i % 3 for i in range(24)]]
    for i in range(0, len(values), 96):
        story.series("heart-rate", f"{1 + i // 288} {i % 288 // 12:02}:00", 5, values[i : i + 96])
    assert of(story, "half-space-trees")[-1]["event"] == "opened"
    watched = story.pipeline.state.by_name[PATIENT].watches
    newest = watched["half-space-trees"].newest
    story.reset("4 02:01", "heart-rate")
    assert of(story, "half-space-trees")[-1]["event"] == "resolved"
    assert (watched["half-space-trees"].learned, watched["half-space-trees"].newest) == (0, newest)
    story.series("heart-rate", "4 02:05", 5, [105.0 + i % 3 for i in range(48)])
    assert of(story, "half-space-trees")[-1]["event"] == "resolved"
    assert watched["half-space-trees"].learned > 10


@pytest.mark.parametrize("own", [TREES, GAUSSIAN])
def test_a_river_estimator_alerts_on_windows_and_explains_itself_in_two_languages(own: str) -> None:
    story = departs(own)
    name = "half-space-trees" if own is TREES else "gaussian"
    opened = of(story, name)[0]
    assert (opened["event"], opened["kind"], opened["rule"]) == ("opened", "baseline", name)
    assert 104 < opened["window"]["mean"] < 108
    assert opened["score"] > opened["score_above"]
    assert (
        f"the estimator {name} finds the window of 15 minutes unusual, score" in opened["explanation"]["en"]
    )
    assert f"l'estimateur {name} juge inhabituelle la fenêtre de 15 minutes" in opened["explanation"]["fr"]
    assert "écart type" in opened["explanation"]["fr"]
    assert [b["event"] for b in of(story, name)] == ["opened", "resolved"]


@pytest.mark.parametrize("own", [TREES, GAUSSIAN, TREES + GAUSSIAN])
def test_a_restart_changes_nothing_of_what_an_estimator_says(own: str) -> None:
    assert departs(own, restart=True).bodies == departs(own).bodies


def faults(catalog: Catalog, own: str) -> str:
    head = '[[plan]]\npatient = "p"\ntemplate = "default"\n'
    with pytest.raises(ConfigurationError) as caught:
        parse_plans(head + own, "f", catalog, load_templates(catalog), zone)
    return str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("anomaly.HalfSpaceTree", "anomaly.HalfSpaceTrees", "did you mean anomaly.HalfSpaceTrees?"),
        ("anomly.HalfSpaceTrees", "anomaly.HalfSpaceTrees", "did you mean anomaly?"),
        ("datasets.CreditCard", "anomaly.HalfSpaceTrees", "known are anomaly, preprocessing"),
        ("n_tree = 10", "n_trees = 10", "did you mean n_trees?"),
        ("n_trees = 100000", "n_trees = 10", "100000 is too much; give at most 100"),
        ('n_trees = "ten"', "n_trees = 10", "fails on a window: TypeError"),
        (", seed = 0.5", ", seed = 42", "seed: is missing; write seed = 42"),
        ("", ", seed = 42", "seed: is missing; write seed = 42"),
        ("height = 10, n_trees = 100", "height = 6, n_trees = 10", "their state takes"),
        ('"1w"', '"15m"', "'1w' is none of its words"),
        ('["mode"]', '["mean"]', "unknown mode"),
        ("score_abov = ", "score_above = ", "did you mean score_above?"),
    ],
)
def test_a_wrong_estimator_is_refused_with_the_nearest_right_one(
    catalog: Catalog, wrong: str, right: str, told: str
) -> None:
    own = TREES.replace("n_trees = 10, height = 6", "height = 6, n_trees = 10")
    assert right in own
    assert told in faults(catalog, own.replace(right, wrong))


DETECTORS = {
    "GaussianScorer": '{ estimator = "anomaly.GaussianScorer", grace_period = 50 }',
    "HalfSpaceTrees": '{ estimator = "anomaly.HalfSpaceTrees", n_trees = 5, height = 5, seed = 1 }',
    "LODA": '{ estimator = "anomaly.LODA", n_random_cuts = 20, seed = 1 }',
    "OneClassSVM": '{ estimator = "anomaly.OneClassSVM", nu = 0.1, optimizer = { estimator = "optim.SGD", '
    'lr = { estimator = "optim.schedulers.InverseScaling", learning_rate = 0.01 } } }',
    "QuantileFilter": '{ estimator = "anomaly.QuantileFilter", q = 0.99, '
    'anomaly_detector = { estimator = "anomaly.HalfSpaceTrees", n_trees = 5, height = 5, seed = 1 } }',
    "StandardAbsoluteDeviation": '{ estimator = "anomaly.StandardAbsoluteDeviation", '
    'sub_stat = { estimator = "stats.RollingQuantile", q = 0.5, window_size = 200 } }',
    "ThresholdFilter": '{ estimator = "anomaly.ThresholdFilter", threshold = 0.9, '
    'anomaly_detector = { estimator = "anomaly.GaussianScorer" } }',
    "LocalOutlierFactor": '{ estimator = "anomaly.LocalOutlierFactor", n_neighbors = 5, '
    'engine = { estimator = "neighbors.LazySearch", window_size = 60 } }',
    "PredictiveAnomalyDetection": '{ estimator = "anomaly.PredictiveAnomalyDetection", n_std = 4.0, '
    'predictive_model = { estimator = "time_series.SNARIMAX", p = 4, d = 0, q = 1, m = 24, sp = 1, '
    'regressor = { estimator = "compose.Pipeline", arguments = [ '
    '{ estimator = "preprocessing.StandardScaler" }, '
    '{ estimator = "linear_model.LinearRegression", intercept_init = 70, '
    'optimizer = { estimator = "optim.SGD", lr = 0.01 } } ] } } }',
    "PredictiveAnomalyDetection, Holt-Winters": '{ estimator = "anomaly.PredictiveAnomalyDetection", '
    'predictive_model = { estimator = "time_series.HoltWinters", alpha = 0.3, beta = 0.1, gamma = 0.1, '
    "seasonality = 24 } }",
    "PredictiveAnomalyDetection, bare": '{ estimator = "anomaly.PredictiveAnomalyDetection" }',
}
SCALED = ("HalfSpaceTrees", "LODA", "OneClassSVM", "QuantileFilter", "LocalOutlierFactor")


def spelled(name: str, features: str = '["mean"]') -> str:
    """A detector of River's anomaly module on windows of a minute, behind a scaler where it asks for one."""
    scaler = '{ estimator = "preprocessing.MinMaxScaler" }, ' if name in SCALED else ""
    return f"""
[[plan.estimators]]
name = "one"
vital = "heart-rate"
window = "1m"
features = {features}
score_above = 1e9
ready = 60
severity = "low"
pipeline = [{scaler}{DETECTORS[name]}]
"""


def minutes(own: str, restart: bool) -> Story:
    """Two and a half hours of heart rates, a reading a minute, of which the last is not told yet."""
    story = Story("default", own)
    for i, value in enumerate(calm(150)):
        story.measure(f"1 {8 + i // 60:02}:{i % 60:02}", "heart-rate", value)
        if restart and i % 20 == 19:
            story.restart()
    return story


def test_every_detector_of_rivers_anomaly_module_is_tried_here() -> None:
    assert {name.partition(",")[0] for name in DETECTORS} == set(anomaly.__all__)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_of_river_scores_windows_and_a_restart_leaves_the_same_bytes(name: str) -> None:
    saved = []
    for restart in (False, True):
        story = minutes(spelled(name), restart)
        assert story.ledger.estimators_failed == 0
        (patient,) = story.pipeline.state.roster
        story.pipeline.watches.save(patient)
        (memory,) = patient.watches.values()
        assert memory.learned > 100
        saved.append(memory.state)
    assert saved[0] == saved[1]


@pytest.mark.parametrize("name", ["PredictiveAnomalyDetection", "PredictiveAnomalyDetection, Holt-Winters"])
def test_a_forecaster_is_refused_where_it_would_need_features_of_the_time_to_come(
    catalog: Catalog, name: str
) -> None:
    told = faults(catalog, spelled(name, '["mean", "max"]'))
    assert "foretells its first feature from the past of it alone; name one feature" in told


@pytest.mark.parametrize(
    ("name", "wrong", "right", "told"),
    [
        ("OneClassSVM", "optim.SDG", "optim.SGD", "did you mean optim.SGD?"),
        ("OneClassSVM", "optm.SGD", "optim.SGD", "did you mean optim?"),
        ("OneClassSVM", '"optim.SGD"', '"anomaly.OneClassSVM"', "optim.SGD is no step; write it as a param"),
        ("PredictiveAnomalyDetection", "p = 4000,", "p = 4,", "4000 is too much; give at most 200"),
        ("PredictiveAnomalyDetection", "river.datasets", "time_series.SNARIMAX", "for plans"),
        ("PredictiveAnomalyDetection, Holt-Winters", "ready = 3", "ready = 60", "or give a greater `ready`"),
        ("StandardAbsoluteDeviation", "stats.Shift", "stats.RollingQuantile", "stats.Shift has no such"),
    ],
)
def test_a_wrong_part_of_an_estimator_is_refused_by_name(
    catalog: Catalog, name: str, wrong: str, right: str, told: str
) -> None:
    own = spelled(name)
    assert right in own
    assert told in faults(catalog, own.replace(right, wrong))


def test_estimators_too_deep_inside_of_each_other_are_refused_before_the_log_would(catalog: Catalog) -> None:
    inner = '{ estimator = "optim.SGD", lr = 0.01 }'
    for _ in range(6):
        inner = f'{{ estimator = "optim.Averager", optimizer = {inner} }}'
    own = spelled("OneClassSVM").replace(
        DETECTORS["OneClassSVM"], f'{{ estimator = "anomaly.OneClassSVM", optimizer = {inner} }}'
    )
    assert "at most 5 inside of each other" in faults(catalog, own)


def test_a_supervised_detector_never_sees_its_target_among_the_features() -> None:
    class Spy:
        _supervised = True
        seen: ClassVar[list[tuple[dict[str, float], float]]] = []

        def score_one(self, x: dict[str, float], y: float) -> float:
            self.seen.append((x, y))
            return 0.0

        def learn_one(self, x: dict[str, float], y: float) -> None:
            self.seen.append((x, y))

    for ask in (build.score, build.learn):
        ask(Spy(), {"mean": 70.0, "max": 80.0}, ("mean", "max"))
    assert Spy.seen == [({"max": 80.0}, 70.0)] * 2


def test_a_pipeline_that_ends_without_a_score_is_refused(catalog: Catalog) -> None:
    own = GAUSSIAN.replace("anomaly.GaussianScorer", "preprocessing.StandardScaler").replace(
        ", grace_period = 50", ""
    )
    assert "which gives no score" in faults(catalog, own)


def test_an_estimator_that_fails_is_counted_named_and_begun_anew_while_readings_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # standing for whatever a release of River may do on data that nobody tried
    real = watch.score

    def fails_once(model: Any, x: dict[str, float], features: tuple[str, ...]) -> float:
        if x["mean"] > 104 and not fails.pop():
            raise ZeroDivisionError
        return real(model, x, features)

    fails = [True] * 1000 + [False]
    monkeypatch.setattr(watch, "score", fails_once)
    story = departs(GAUSSIAN.replace("0.9999", "9.0"))
    assert story.ledger.estimators_failed == 1
    assert story.ledger.accepted == 3 * 288 + 48
    failed = of(story, "gaussian")[0]
    assert (failed["kind"], failed["rule"], failed["error"]) == (
        "technical",
        "estimator-failed",
        "ZeroDivisionError",
    )
    assert "all other rules go on" in failed["explanation"]["en"]
    story.restart()
    assert story.ledger.estimators_failed == 1


def test_an_estimator_learns_nothing_while_an_alert_of_its_vital_stands() -> None:
    story = Story("default", GAUSSIAN)
    story.series("heart-rate", "1 00:00", 5, [*calm(288), *[190.0] * 288])
    stood = [b for b in story.bodies if b["rule"] == "heart-rate-above-130" or b["kind"] == "limit"]
    assert stood
    assert story.pipeline.state.roster[0].watches["gaussian"].learned < 110


def test_a_dropped_estimator_resolves_its_alert_and_is_forgotten(catalog: Catalog) -> None:
    story = departs(GAUSSIAN)
    patient = story.pipeline.state.roster[0]
    before = story.pipeline.plan_of(patient)
    patient.watches["gaussian"].turn["open"] = 1
    told = story.pipeline.watches.apply(patient, before, story.pipeline.default, 0)
    assert not patient.watches
    assert len(told) == 0 or told[0].patient == patient.name


@pytest.mark.parametrize("own", [TREES, GAUSSIAN])
def test_a_packed_estimator_is_the_same_bytes_whatever_restarts_came_between(own: str) -> None:
    saved = []
    for restart in (False, True):
        story = departs(own, restart)
        (patient,) = story.pipeline.state.roster
        story.pipeline.watches.save(patient)
        (memory,) = patient.watches.values()
        saved.append(memory.state)
    assert saved[0] == saved[1] == pack(unpack(saved[0]))


def test_bytes_that_name_anything_but_an_estimator_are_refused() -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, ("true",)

    for harmful in (Harm(),):
        with pytest.raises(Refused):
            unpack(zlib.compress(pickle.dumps(harmful)))
    for named in (b"criver.base.base\nsys\n.", b"criver.base\nos.system\n.", b"cbuiltins\neval\n."):
        with pytest.raises((Refused, AttributeError)):
            unpack(zlib.compress(named))
