"""Learning from verdicts: features at opening, likelihood in the core, drift, the job, the order of work."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from models.verdicts.calibration import decode_likelihood
from models.verdicts.features import NUMBERS, Past, at_opening, remember_opening, remember_verdict
from models.verdicts.learner import LEAST, Learner
from models.verdicts.likelihood import Weight, Weights, likelihood
from models.verdicts.reasons import estimate
from streams.alerts import urgency
from streams.cli import main
from streams.evaluation import nurses
from streams.evaluation.refit import Refit
from streams.evaluation.rounds import rounds
from streams.evaluation.verdicts import RefitLearner
from streams.verdicts import prequential
from streams.zones import zone
from tests.logs import START, reading

Alert = dict[str, Any]
HOUR = 3_600_000
WEIGHTS = {
    "severity=high": {"weight": 0.9, "mean": 0.2},
    "vital=systolic-bp": {"weight": -0.6, "mean": 0.4},
    "recent": {"weight": -0.7, "mean": 0.5},
    "hour_cos": {"weight": 0.3, "mean": 0.0},
}


def record(programme: str = "*", intercept: object = -0.2, **more: object) -> bytes:
    told = {"intercept": intercept, "verdicts": 90, "weights": WEIGHTS}
    body = {"kind": "calibration", "programme": programme, "version": "v-1", "likelihood": told}
    return json.dumps({**body, **more}).encode()


def pressures(days: int = 6) -> list[tuple[int, bytes]]:
    """Pressures that open and resolve the alert of 180 mmHg every day."""
    values = [190, 191, 150, 149]
    moments = [START + day * 24 * HOUR + i * HOUR for day in range(days) for i in range(4)]
    return [(at, reading("p-one", "systolic-bp", values[i % 4], at)) for i, at in enumerate(moments)]


def run(pipeline: Pipeline, log: list[tuple[int, bytes]], begin: int = 0) -> list[Alert]:
    outputs = pipeline.process([v for _, v in log], [at for at, _ in log], range(begin, begin + len(log)))
    assert not outputs.rejects
    return [json.loads(alert.body) for alert in outputs.alerts]


def without(alert: Alert) -> Alert:
    return {k: v for k, v in alert.items() if not k.startswith("likelihood")}


def test_without_a_calibration_an_alert_has_no_likelihood(pipeline: Pipeline) -> None:
    alerts = run(pipeline, pressures())
    assert len(alerts) == 12
    assert not any("likelihood" in alert for alert in alerts)


def test_a_likelihood_changes_nothing_else_of_any_alert(catalog: Catalog, default_plan: Plan) -> None:
    log = pressures()
    plain = run(Pipeline(catalog, default_plan, zone), log)
    told = run(Pipeline(catalog, default_plan, zone), [(log[0][0], record()), *log])
    assert [without(alert) for alert in told] == plain
    assert all(0 < alert["likelihood"] < 1 for alert in told)


def test_a_likelihood_is_that_of_the_opening_and_its_reasons_are_in_two_languages(
    pipeline: Pipeline,
) -> None:
    log = pressures()
    alerts = run(pipeline, [(log[0][0], record()), *log])
    first, last = alerts[0], [a for a in alerts if a["event"] == "opened"][-1]
    weights = Weights(-0.2, {k: Weight(**v) for k, v in WEIGHTS.items()}, 90)
    words = {f"{word}={last[word]}": 1.0 for word in ("severity", "kind", "rule", "vital")}
    assert last["likelihood"] == pytest.approx(likelihood(weights, {**words, **last["features"]}), abs=6e-4)
    assert last["likelihood"] < first["likelihood"]  # five alerts came before it
    assert alerts[1]["event"] == "resolved"
    assert alerts[1]["likelihood"] == first["likelihood"]
    for locale, word in (("en", "severity high"), ("fr", "gravité élevée")):
        assert len(last["likelihood_reasons"][locale]) == 3
        assert any(word in reason for reason in last["likelihood_reasons"][locale])


def test_a_programmes_own_weights_go_before_everyones(catalog: Catalog, default_plan: Plan) -> None:
    log = pressures(1)
    at, own = log[0][0], record(default_plan.programme, 3.0)
    both = run(Pipeline(catalog, default_plan, zone), [(at, own), (at, record()), *log])
    alone = run(Pipeline(catalog, default_plan, zone), [(at, own), *log])
    everyone = run(Pipeline(catalog, default_plan, zone), [(at, record()), *log])
    assert both[0]["likelihood"] == alone[0]["likelihood"] > everyone[0]["likelihood"]


def test_weights_and_earlier_verdicts_survive_a_restart(catalog: Catalog, default_plan: Plan) -> None:
    log = pressures()
    log.insert(0, (log[0][0], record()))
    opened = run(Pipeline(catalog, default_plan, zone), log[:5])[0]
    verdict = {"kind": "action", "action": "verdict", "by": "nurse", "verdict": "actionable"}
    action = json.dumps({**verdict, "patient": "p-one", "alert_id": opened["alert_id"]}).encode()
    log.insert(5, (log[4][0], action))
    whole = run(Pipeline(catalog, default_plan, zone), log)
    first = Pipeline(catalog, default_plan, zone)
    before = run(first, log[:8])
    second = Pipeline(catalog, default_plan, zone)
    second.restore(first.snapshot())
    assert before + run(second, log[8:], 8) == whole
    assert [a for a in whole if a["event"] == "opened"][-1]["features"]["judged_cause"] > 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"likelihood": {"intercept": 0.1, "weights": {}}}, "verdicts"),
        ({"likelihood": {"intercept": "much", "verdicts": 1, "weights": {}}}, "intercept"),
        ({"likelihood": {"intercept": 0, "verdicts": 1, "weights": {"recent": {"weight": 1}}}}, "mean"),
        ({"patient": "p-one"}, "patient"),
        ({"budget": 0.1}, "budget"),
    ],
)
def test_weights_that_cannot_hold_are_refused_with_their_remedy(
    pipeline: Pipeline, change: dict[str, object], word: str
) -> None:
    bad = record(**change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(word)):
        decode_likelihood(bad)
    outputs = pipeline.process([bad], [0], [0])
    assert [r.reason for r in outputs.rejects] == ["invalid-calibration"]
    assert pipeline.ledger.calibrations == 0


def test_features_hold_numbers_of_a_closed_list_and_no_identity(pipeline: Pipeline) -> None:
    for alert in run(pipeline, pressures()):
        assert set(alert.get("features", {})) <= set(NUMBERS)
        assert all(isinstance(value, float) for value in alert.get("features", {}).values())


def test_only_alerts_of_the_last_seven_days_are_counted() -> None:
    past = Past()
    for day in range(10):
        remember_opening(past, "limit/above/x" if day % 2 else "silence/x", day * 24 * HOUR)
    found = at_opening(past, "silence/x", {"value": 1}, 10 * 24 * HOUR, None, 0, 0, False)
    assert round(np.expm1(found["recent"])) == 6
    assert round(np.expm1(found["again"])) == 3


@given(verdicts=st.lists(st.tuples(st.sampled_from([f"c{i}" for i in range(90)]), st.booleans())))
def test_what_is_remembered_of_a_patient_is_bounded(verdicts: list[tuple[str, bool]]) -> None:
    past = Past()
    for cause, actionable in verdicts:
        remember_verdict(past, cause, actionable)
    assert len(past.judged) <= 64
    assert all(0 <= good <= count <= 10 + 1e-9 for good, count in past.judged.values())


def cases(count: int, seed: int, sign: int = 1) -> list[tuple[dict[str, float], bool]]:
    """Cases of three rules whose truth is a logistic function."""
    chance = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        rule, recent, score = chance.integers(3), chance.exponential(), chance.normal(6, 2)
        odds = sign * ((rule - 1) * 1.5 - 0.8 * (recent - 1) + 0.4 * (score - 6))
        features = {f"rule=r{rule}": 1.0, "recent": float(recent), "score": float(score)}
        out.append((features, bool(chance.random() < 1 / (1 + np.exp(-odds)))))
    return out


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), count=st.integers(LEAST + 20, 300))
def test_the_record_says_what_the_learner_says(seed: int, count: int) -> None:
    learner = Learner()
    for features, actionable in cases(count, seed):
        learner.learn(features, actionable)
    weights = learner.weights()
    for features, _ in cases(20, seed + 1):
        assert likelihood(weights, features) == pytest.approx(learner.likelihood(features), abs=1e-3)


def test_learning_case_by_case_ends_where_a_batch_fit_does() -> None:
    learner, told = Learner(), cases(800, 5)
    for features, actionable in told:
        learner.learn(features, actionable)
    batch = Refit(told)
    apart = [abs(batch.likelihood(f) - (learner.likelihood(f) or 0)) for f, _ in cases(200, 6)]
    assert max(apart) < 0.03
    assert not learner.drifts


def test_nurses_who_change_their_mind_shorten_the_memory() -> None:
    learner = Learner()
    for features, actionable in cases(500, 5) + cases(200, 7, sign=-1):
        learner.learn(features, actionable)
    at, kept = learner.drifts[0]
    assert 500 < at < 560
    assert kept <= at - 480
    right = [(learner.likelihood(f) or 0) > 0.5 for f, y in cases(200, 8, sign=-1) if y]
    assert np.mean(right) > 0.65


@pytest.mark.parametrize("seed", [5, 15, 25])
def test_the_batch_refit_is_of_the_very_labels_that_the_learner_holds(seed: int) -> None:
    online, batch = Learner(), RefitLearner()
    for features, actionable in cases(400, seed) + cases(200, seed + 1, sign=-1):
        batch.likelihood(features)
        online.learn(features, actionable)
        batch.learn(features, actionable)
    assert online.drifts
    assert batch.drifts == online.drifts
    assert list(batch.memory) == list(online.memory)


def test_nothing_is_said_before_enough_verdicts_of_both_kinds() -> None:
    learner = Learner()
    for features, _ in cases(LEAST + 5, 1):
        learner.learn(features, True)
    assert learner.likelihood({}) is None
    with pytest.raises(ValueError, match="of both kinds"):
        learner.weights()


def test_a_verdict_of_duplicate_teaches_nothing() -> None:
    opening = {"event": "opened", "alert_id": "a-1", "features": {}, "severity": "low", "kind": "limit"}
    opening |= {"rule": "r", "vital": "v"}
    closed = {"event": "closed", "alert_id": "a-1", "verdict": "duplicate"}
    assert prequential([opening, closed], Learner()) == []
    assert len(prequential([opening, {**closed, "verdict": "device-fault"}], Learner())) == 1


def test_the_reasons_are_the_largest_contributions() -> None:
    weights = Weights(0.0, {name: Weight(w, 0.0) for name, w in (("recent", 1.0), ("score", 0.1))}, 40)
    alert = {"severity": "low", "kind": "limit", "rule": "r", "vital": "v"}
    told = estimate(weights, "1", alert, {"recent": 2.0, "score": 9.0}, {"en": "Pulse", "fr": "Pouls"})
    assert told.reasons["en"][0].startswith("alerts of this patient in 7 days: 6: speaks for it (+2.0)")
    assert told.reasons["fr"][1].startswith("score 9,0 : plaide pour (+0,9)")


def test_no_likelihood_puts_anything_before_a_high_alert_or_out_of_the_list() -> None:
    def alert(severity: str, **more: object) -> Alert:
        return {"status": "open", "severity": severity, "opened_at": "2026-03-02", **more}

    listed = [
        alert("low", likelihood=0.9),
        alert("medium", likelihood=0.2),
        alert("high", likelihood=0.01),
        alert("medium"),
        alert("high", likelihood=0.6),
    ]
    order = sorted(listed, key=urgency)
    assert [a["severity"] for a in order] == ["high", "high", "medium", "low", "medium"]
    assert [a.get("likelihood") for a in order] == [0.6, 0.01, None, 0.9, 0.2]


@pytest.fixture(scope="module")
def judged(catalog: Catalog) -> list[Alert]:
    """The alerts of ten simulated patients in 30 days, and their verdicts."""
    judge = nurses.Nurses(10, nurses.START + 60 * nurses.DAY, 2)
    return rounds(nurses.readings(10, 30, 1), nurses.plan(), catalog, judge)


def test_learn_makes_a_record_that_the_core_takes(judged: list[Alert], tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text("".join(json.dumps(alert) + "\n" for alert in judged))
    made = CliRunner().invoke(main, ["learn", str(file)])
    assert made.exit_code == 0, made.output
    calibration = decode_likelihood(made.stdout.encode())
    assert calibration.likelihood.verdicts == sum(alert["event"] == "closed" for alert in judged)
    assert "severity alone" in made.stderr
    again = CliRunner().invoke(main, ["learn", str(file)])
    assert again.stdout == made.stdout


def test_learn_says_what_is_missing(judged: list[Alert], tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text(json.dumps(judged[0]) + "\n")
    made = CliRunner().invoke(main, ["learn", str(file)])
    assert made.exit_code == 1
    assert "0 verdicts; 30 are needed" in made.output
    file.write_text("nonsense\n")
    made = CliRunner().invoke(main, ["learn", str(file)])
    assert made.exit_code == 1
    assert "cannot be read" in made.output


def test_the_evaluation_prints_and_writes_its_tables(tmp_path: Path) -> None:
    made = CliRunner().invoke(
        main,
        [
            "evaluate",
            "verdicts",
            "--patients",
            "16",
            "--days",
            "60",
            "--seed",
            "11",
            "--seed",
            "12",
            "--out",
            f"{tmp_path}",
        ],
    )
    assert made.exit_code == 0, made.output
    tables = json.loads((tmp_path / "verdicts.json").read_text())["tables"]
    first, by_seed = next(iter(tables.values())), tables["AUC by seed; last: greatest of any seed"]
    orders = {row["ordered by"]: row["AUC"] for row in first}
    assert [row["seed"] for row in by_seed] == ["11", "12", "mean"]
    assert by_seed[0]["online, all"] == orders["learned online"]
    assert by_seed[2]["refit, all"] == pytest.approx(
        (by_seed[0]["refit, all"] + by_seed[1]["refit, all"]) / 2
    )
    assert orders["learned online"] == pytest.approx(orders["batch refit of the same labels"], abs=0.02)
    assert (tmp_path / "verdicts-1.svg").exists()
