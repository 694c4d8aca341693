"""Calibrations: strictly read, in force from their place in the log on, kept over restarts; and made."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from models.calibration import SHIPPED, decode_calibration
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.cli import main
from streams.configuration import load_default_plan
from streams.evaluation import budget as spending
from streams.evaluation import cohort
from streams.zones import zone
from tests.test_slow import trends, weights

STEADY = [round(80 + x, 1) for x in np.random.default_rng(4).normal(0, 0.3, 30)]
CREEPING = [*STEADY, 80.4, 80.8, 81.1, 81.4, 81.7]


def record(above: float, programme: str = "*", **more: object) -> bytes:
    entry = {"variance": {"level": 0.2}, "threshold": {"above": above}}
    body = {"kind": "calibration", "programme": programme, "version": "1", "budget": 0.1}
    return json.dumps({**body, "vitals": {"body-weight": entry}, **more}).encode()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"budget": -1}, "budget"),
        ({"vitals": {"body-weigt": {}}}, "did you mean body-weight"),
        ({"vitals": {"body-weight": {"variance": {"level": -1}}}}, "give 0 or more"),
        ({"vitals": {"body-weight": {"threshold": {"above": 0.01}}}}, "give 0 (off)"),
        ({"vitals": {"body-weight": {"treshold": {}}}}, "treshold"),
        ({"patient": "p-one"}, "patient"),
        ({"budget": "much"}, "budget"),
    ],
)
def test_a_calibration_that_cannot_hold_is_refused_with_its_remedy(
    catalog: Catalog, pipeline: Pipeline, change: dict[str, object], word: str
) -> None:
    bad = record(1.0, **change)
    with pytest.raises(ValueError, match=re.escape(word)):
        decode_calibration(bad, catalog)
    outputs = pipeline.process([bad], [0], [0])
    assert [r.reason for r in outputs.rejects] == ["invalid-calibration"]
    assert pipeline.ledger.calibrations == 0


def opened(pipeline: Pipeline, log: list[tuple[int, bytes]]) -> int:
    return sum(a["rule"] == "own-normal" and a["event"] == "opened" for a in trends(pipeline, log)[0])


def test_a_calibration_holds_from_its_place_in_the_log_on(pipeline: Pipeline, catalog: Catalog) -> None:
    log = weights(CREEPING)
    strict = (log[29][0], record(19.0))
    late = (log[34][0], record(19.0))
    plan = load_default_plan(None, catalog)
    assert opened(Pipeline(catalog, plan, zone), log) == 1
    assert opened(Pipeline(catalog, plan, zone), [*log[:30], strict, *log[30:]]) == 0
    assert opened(Pipeline(catalog, plan, zone), [*log, late]) == 1


def test_a_programmes_own_calibration_goes_before_everyones(catalog: Catalog, default_plan: Plan) -> None:
    log = weights(CREEPING)
    everyone, own = (log[0][0], record(19.0)), (log[0][0], record(1.0, default_plan.programme))
    other = (log[0][0], record(1.0, "cardiology"))
    assert opened(Pipeline(catalog, default_plan, zone), [everyone, own, *log]) == 1
    assert opened(Pipeline(catalog, default_plan, zone), [own, everyone, *log]) == 1
    assert opened(Pipeline(catalog, default_plan, zone), [everyone, other, *log]) == 0


def test_a_calibration_survives_a_restart(catalog: Catalog, default_plan: Plan) -> None:
    log = weights(CREEPING)
    first = Pipeline(catalog, default_plan, zone)
    assert opened(first, [(log[0][0], record(19.0)), *log[:20]]) == 0
    second = Pipeline(catalog, default_plan, zone)
    second.restore(first.snapshot())
    rest = log[20:]
    outputs = second.process([v for _, v in rest], [at for at, _ in rest], range(21, 21 + len(rest)))
    assert not [a for a in outputs.alerts if b"own-normal" in a.body]
    assert second.ledger.calibrations == 1


def test_calibrate_makes_a_record_that_spends_the_budget(tmp_path: Path, catalog: Catalog) -> None:
    plan = load_default_plan(None, catalog)
    lines = cohort.run(cohort.weight(150, 80, 7), catalog, plan, None, "own-normal").lines
    results = tmp_path / "results.lp"
    results.write_bytes(b"\n".join(lines) + b"\n")
    made = CliRunner().invoke(main, ["calibrate", str(results), "--budget", "0.2", "--days", "50"])
    assert made.exit_code == 0, made.output
    calibration = decode_calibration(made.stdout.encode(), catalog)
    assert 0.1 < calibration.vitals["body-weight"].variance.level < 0.3
    assert "busiest 5%" in made.stderr
    table = spending.tables(lines, 50)["body-weight"]
    thresholds = calibration.vitals["body-weight"].threshold
    spent = spending.spent(table, np.array([thresholds.above, 0, 0, 0]))
    assert 0.15 < spent.rate <= 0.2
    fresh = cohort.run(cohort.weight(150, 80, 8), catalog, plan, calibration, "own-normal")
    rate = sum(at >= 30 for _, at in fresh.opened) / 150 / 50 * 7
    assert 0.1 < rate < 0.3


def test_calibrate_says_what_is_missing(tmp_path: Path) -> None:
    results = tmp_path / "results.lp"
    results.write_bytes(b"window,patient=p-one,vital=heart-rate,window=1d count=1i 0\n")
    made = CliRunner().invoke(main, ["calibrate", str(results), "--budget", "0.1"])
    assert made.exit_code == 1
    assert "replay more days" in made.output
    results.write_bytes(b"trend,patient=p-one nonsense\n")
    made = CliRunner().invoke(main, ["calibrate", str(results), "--budget", "0.1"])
    assert made.exit_code == 1
    assert "no trend line" in made.output


def test_the_shipped_values_are_of_known_vitals(catalog: Catalog) -> None:
    assert set(SHIPPED) <= set(catalog.index)


def test_a_calibration_holds_its_budget_for_another_cohort_in_nineteen_cases_of_twenty() -> None:
    chance = np.random.default_rng(9)
    within = []
    for _ in range(400):
        first, second = chance.poisson(0.5, 200), chance.poisson(0.5, 200)
        within.append(second.sum() / 1000 <= spending.bound(first, 1000.0))
    assert 0.92 < np.mean(within) < 0.98
    assert spending.bound(np.zeros(10, np.int64), 20.0) > 0.1, "no alert in 20 weeks promises no 0.1 per week"
