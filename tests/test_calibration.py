"""Calibrations: strictly read, in force from their place in the log on, kept over restarts; and made."""

import asyncio
import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from models.calibration import (
    SHIPPED,
    Calibration,
    Daily,
    Threshold,
    Variance,
    VitalCalibration,
    decode_calibration,
    of_vital,
)
from models.catalog import Catalog
from models.joint import Joint
from models.pipeline import Pipeline
from models.plan import Plan
from models.rules import RuleSets
from models.times import rfc3339
from streams.cli import main
from streams.configuration import load_default_plan
from streams.evaluation import budget as spending
from streams.evaluation import cohort, joint_budget, peaks, programme, spent
from streams.evaluation.deployment import result_lines
from streams.evaluation.journey import run
from streams.sinks.sqlite import SQLiteSink
from streams.topics import make_in_log
from streams.zones import zone
from tests.logs import START
from tests.test_slow import trends, weights
from tests.transports import Embedded

REVISED = re.compile(rb",revision=\d+i")
STEADY = [round(80 + x, 1) for x in np.random.default_rng(4).normal(0, 0.3, 30)]
CREEPING = [*STEADY, 80.4, 80.8, 81.1, 81.4, 81.7]


def record(above: float, programme: str = "*", **more: object) -> bytes:
    entry = {"daily": {"variance": 0.2, "above": above}}
    body = {"kind": "calibration", "programme": programme, "version": "1", "budget": 0.1}
    return json.dumps({**body, "vitals": {"body-weight": entry}, **more}).encode()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"budget": -1}, "budget"),
        ({"vitals": {"body-weigt": {}}}, "did you mean body-weight"),
        ({"vitals": {"body-weight": {"variance": {"level": -1}}}}, "give 0 or more"),
        ({"vitals": {"body-weight": {"threshold": {"above": 0.01}}}}, "give 0 (off)"),
        ({"vitals": {"heart-rate": {"daily": {"variance": -1}}}}, "daily.variance"),
        ({"vitals": {"heart-rate": {"daily": {"above": 0.01}}}}, "daily.above"),
        ({"vitals": {"heart-rate": {"acute": 0.01}}}, "acute: 0.01; give 0"),
        ({"vitals": {"body-weight": {"treshold": {}}}}, "treshold"),
        ({"joint": 0.5}, "joint: 0.5; give 0 (the plan's) or 1 and more"),
        ({"joint": -4.5}, "joint: -4.5; give 0"),
        ({"joint": {"score_above": 4.5}}, "joint: is a table, not a number (write it without quotes: 120.5)"),
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
    lines = run(cohort.weight(150, 80, 7), catalog, plan, None).lines
    results = tmp_path / "results.lp"
    results.write_bytes(b"\n".join(lines) + b"\n")
    made = CliRunner().invoke(main, ["calibrate", str(results), "--budget", "0.2", "--days", "50"])
    assert made.exit_code == 0, made.output
    calibration = decode_calibration(made.stdout.encode(), catalog)
    days = calibration.vitals["body-weight"].of_days()
    assert 0.1 < days.variance < 0.3
    assert "busiest 5%" in made.stderr
    table = spending.tables(lines, 50)["body-weight", spending.DAYS]
    counted = spending.spent(table, np.array([days.above, 0, 0, 0]))
    assert 0.15 < counted.rate <= 0.2
    fresh = run(cohort.weight(150, 80, 8), catalog, plan, calibration)
    rate = sum(t.at >= 30 for t in fresh.told if t.rule == "own-normal") / 150 / 50 * 7
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


def test_a_calibrated_acute_threshold_stands_in_for_the_plans_own_and_opens_nothing_that_is_off(
    catalog: Catalog, default_plan: Plan
) -> None:
    rules, entry = RuleSets(), VitalCalibration(acute=9.0)
    heart, weight = (rules.index(default_plan, vital, entry) for vital in ("heart-rate", "body-weight"))
    assert rules.table["acute"][[heart, weight]].tolist() == [9.0, 0.0]
    plain = rules.index(default_plan, "heart-rate", VitalCalibration())
    assert rules.table["acute"][plain] == 6.5


def test_a_calibration_from_before_there_were_days_of_frequent_vitals_has_the_shipped_ones(
    default_plan: Plan,
) -> None:
    entry = VitalCalibration(Variance(9.0), Threshold(1.0, 1.0))
    held = {"*": Calibration(programme="*", version="1", budget=0.1, vitals={"heart-rate": entry})}
    assert of_vital(held, default_plan, "heart-rate").of_days() == SHIPPED["heart-rate"].of_days()
    assert of_vital({}, default_plan, "body-temperature").of_days() == Daily()


def lines_of(seed: int, days: int, catalog: Catalog, plan: Plan) -> list[bytes]:
    """Result lines of heart rates, every quarter of an hour."""
    made = cohort.heart_rate(12, days, seed)
    pipeline = Pipeline(catalog, plan, zone)
    out: list[bytes] = []
    for i, log in enumerate(cohort_records(made)):
        offsets = range(i * 100_000, i * 100_000 + len(log))
        outputs = pipeline.process([v for _, v in log], [at for at, _ in log], offsets)
        out += outputs.results.splitlines()
    return out


def cohort_records(made: cohort.Cohort) -> list[list[tuple[int, bytes]]]:
    """A cohort's readings, day by day."""
    out: list[list[tuple[int, bytes]]] = [[] for _ in range(len(made.values) * made.every // cohort.DAY)]
    for t, row in enumerate(made.values):
        at = cohort.START + t * made.every
        for i in np.flatnonzero(~np.isnan(row)):
            body = {"patient": f"p-{i}", "device": "d", "vital": made.vital, "value": row[i]}
            body |= {"unit": made.unit}
            record = json.dumps({**body, "measured_at": rfc3339(at)}).encode()
            out[t * made.every // cohort.DAY].append((at, record))
    return out


def test_acute_alerts_counted_in_baseline_lines_are_those_that_are_told(
    catalog: Catalog, default_plan: Plan
) -> None:
    pipeline, windows, opened = Pipeline(catalog, default_plan, zone), peaks.Windows(), 0
    for i, log in enumerate(cohort_records(cohort.heart_rate(12, 20, 3))):
        begin = i * 100_000
        outputs = pipeline.process([v for _, v in log], [at for at, _ in log], range(begin, begin + len(log)))
        opened += sum(b'"opened"' in a.body and b'"acute-baseline"' in a.body for a in outputs.alerts)
        for line in outputs.results.splitlines():
            if line.startswith(b"baseline,"):
                windows.add(line)
    table = windows.peaks(30)["heart-rate"]
    told = spent_alerts(table, 6.5)
    assert opened > 0
    assert abs(told - opened) <= 1, "the last window may not be closed yet"
    assert spent_alerts(table, 20.0) == 0


def spent_alerts(table: peaks.Peaks, threshold: float) -> int:
    return round(peaks.spent(table, threshold).rate * table.weeks.sum())


def test_a_programmes_budget_is_divided_over_the_vitals_that_it_watches(
    catalog: Catalog, default_plan: Plan
) -> None:
    lines = lines_of(3, 24, catalog, default_plan)
    lines += run(cohort.weight(40, 40, 7), catalog, default_plan, None).lines
    chance = np.random.default_rng(2)
    windows = peaks.Windows()
    for line in lines:
        if line.startswith(b"baseline,"):
            windows.add(line)
    tables = spending.tables(lines, 20)
    made = programme.calibrate(tables, windows.peaks(20), {}, default_plan, catalog, 2.0)
    assert {part.name: part.share for part in made.parts} == {
        "heart-rate, nights": 0.5,
        "heart-rate, acute": 0.5,
        "body-weight, days": 1.0,
    }
    assert set(made.vitals) == {"heart-rate", "body-weight"}
    assert made.vitals["heart-rate"].acute > 1
    assert made.vitals["body-weight"].acute == 0
    assert made.joint == 0
    scores = {f"p-{i}": joint_budget.Scored(chance.normal(size=600)) for i in range(20)}
    assert programme.calibrate(tables, windows.peaks(20), scores, default_plan, catalog, 2.0) == made
    watching = msgspec.structs.replace(default_plan, joint=Joint(("heart-rate", "spo2")))
    assert programme.calibrate(tables, windows.peaks(20), {}, watching, catalog, 2.0) == made
    more = programme.calibrate(tables, windows.peaks(20), scores, watching, catalog, 2.0)
    assert {part.name: part.share for part in more.parts} == {
        "heart-rate, nights": 1 / 3,
        "heart-rate, acute": 1 / 3,
        "body-weight, days": 2 / 3,
        "several vitals, joint": 2 / 3,
    }
    assert joint_budget.spent(scores, more.joint, 2).bound <= 2 / 3


def test_what_was_spent_is_told_by_rule_and_the_busiest_patients_by_name(
    tmp_path: Path, catalog: Catalog, default_plan: Plan
) -> None:
    pipeline = Pipeline(catalog, default_plan, zone)
    moved = [(at, v.replace(b"p-one", b"p-two")) for at, v in weights(STEADY)]
    both = sorted(weights(CREEPING) + moved)
    outputs = pipeline.process([v for _, v in both], [at for at, _ in both], range(len(both)))
    results, alerts = tmp_path / "results.lp", tmp_path / "alerts.jsonl"
    results.write_bytes(outputs.results)
    alerts.write_bytes(b"\n".join(a.body for a in outputs.alerts) + b"\n")
    arguments = ["calibrate", str(results), "--alerts", str(alerts), "--budget", "1", "--days", "60"]
    made = CliRunner().invoke(main, arguments)
    assert made.exit_code == 0, made.output
    assert re.search(r"default +trend +own-normal +body-weight +1 ", made.stderr), made.stderr
    assert re.search(r"p-one +1 +0\.\d+ +own-normal body-weight", made.stderr), made.stderr


def test_a_told_alert_is_one_that_opens_gets_worse_or_has_grown() -> None:
    def told(event: str, **more: str) -> spent.Told:
        body = {"event": event, "patient": "p", "kind": "k", "rule": "r", "vital": "v", "severity": "medium"}
        return msgspec.convert({**body, "received_at": "2026-03-01T00:00:00Z", **more}, spent.Told)

    assert spent.reaches(told("opened"))
    assert spent.reaches(told("updated", previous_severity="low"))
    assert spent.reaches(told("updated", previous_severity="medium", reason="grown"))
    assert not spent.reaches(told("updated", previous_severity="high"))
    assert not spent.reaches(told("updated", previous_severity="medium")), "an acknowledgement that ran out"
    assert not spent.reaches(told("resolved"))


def test_a_deployments_own_results_are_calibrated_and_the_record_is_sent_to_every_partition(
    tmp_path: Path, catalog: Catalog, default_plan: Plan
) -> None:
    transport = Embedded(tmp_path, "vigie")
    make_in_log(transport.settings, transport.log)
    rows, transitions = [], []
    for i in range(4):
        pipeline = Pipeline(catalog, default_plan, zone)
        log = [(at, v.replace(b"p-one", b"p-%d" % i)) for at, v in weights(STEADY if i else CREEPING)]
        outputs = pipeline.process([v for _, v in log], [at for at, _ in log], range(len(log)))
        rows.append(("vigie.results", i, None, outputs.results, START, None))
        transitions += [("vigie.alerts", i, b"p", alert.body, START, None) for alert in outputs.alerts]
    transport.log.append(rows + transitions)
    arguments = ["calibrate", "--budget", "2", "--days", "40", "--to", f"log://{tmp_path}", "--send"]
    made = CliRunner().invoke(main, arguments)
    assert made.exit_code == 0, made.output
    assert made.stderr.count("partition ") == 4
    assert re.search(r"default +trend +own-normal +body-weight +1 ", made.stderr), made.stderr
    for partition in range(4):
        [sent] = transport.log.read(("vigie.readings", partition), 0, 10)
        assert decode_calibration(sent.value or b"", catalog).budget == 2
    transport.close()


def test_a_deployments_store_is_read_rather_than_its_topic(
    tmp_path: Path, catalog: Catalog, default_plan: Plan
) -> None:
    pipeline, log = Pipeline(catalog, default_plan, zone), weights(STEADY)
    outputs = pipeline.process([v for _, v in log], [at for at, _ in log], range(len(log)))
    transport = Embedded(tmp_path, "vigie")
    sink = SQLiteSink(transport.settings.results_database())
    together = b"joint,patient=p-one,vital=spo2 departure=0.1250,missing_days=3i 1767229200000000000\n"
    results = outputs.results + together
    asyncio.run(sink.write_results([results]))
    told = (b"trend,", b"window,", b"joint,")
    kept = sorted(line for line in results.splitlines() if line.startswith(told))
    assert [REVISED.sub(b"", line) for line in sorted(result_lines(transport.settings))] == [
        REVISED.sub(b"", line) for line in kept
    ]
    asyncio.run(sink.close())
    transport.close()
