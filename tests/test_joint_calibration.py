"""The threshold of several vitals: made of a cohort's lines for a budget, in force from its place on."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from models.calibration import Calibration, decode_calibration
from models.joint import Joint
from models.pipeline import Pipeline
from models.plan import Plan
from streams.cli import main
from streams.evaluation import joint_budget
from streams.evaluation.cohort import DAY, START
from streams.evaluation.joint_cohort import VITALS, batches, run, values
from streams.evaluation.programme import vitals_together
from streams.zones import zone
from tests.stories import CATALOG

PATIENTS, DAYS = 10, 28
BUDGET = 2.0  # alerts per patient-week
FOREVER = 10_000  # days


def plan(score_above: float) -> Plan:
    return Plan("*", "copd", "1", joint=Joint(VITALS, score_above, 2))


def record(joint: float, programme: str = "copd") -> bytes:
    return msgspec.json.encode(
        Calibration(programme=programme, version="1", budget=BUDGET, vitals={}, joint=joint)
    )


@pytest.fixture(scope="module")
def log() -> list[tuple[int, bytes]]:
    """(received, record) of a cohort."""
    made = batches(values(PATIENTS, DAYS, 11), CATALOG)
    return [entry for records, stamps in made for entry in zip(stamps, records, strict=True)]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """Result lines of a cohort under a plan that alerts rarely."""
    return run(values(PATIENTS, DAYS, 5), CATALOG, plan(4.5)).lines


def told(log: list[tuple[int, bytes]], of: Plan, restart: int | None = None) -> list[bytes]:
    """Transitions of several vitals; the worker comes back from its blocks behind `restart` records."""
    pipeline, out = Pipeline(CATALOG, of, zone), list[bytes]()
    for begin, end in ((0, restart or len(log)), (restart or len(log), len(log))):
        if begin:
            saved, pipeline = pipeline.snapshot(), Pipeline(CATALOG, of, zone)
            pipeline.restore(saved)
        part = log[begin:end]
        outputs = pipeline.process([v for _, v in part], [at for at, _ in part], range(begin, end))
        assert not outputs.rejects
        out += [alert.body for alert in outputs.alerts if b'"rule":"joint"' in alert.body]
    return out


def test_a_calibrated_threshold_stands_in_for_the_plans_own(log: list[tuple[int, bytes]]) -> None:
    def calibrated(*records: bytes) -> list[tuple[int, bytes]]:
        return [*((START, data) for data in records), *log]

    often, seldom = told(calibrated(record(0.0)), plan(2.0)), told(calibrated(record(0.0)), plan(4.5))
    assert len(often) > len(seldom)
    assert told(calibrated(record(2.0)), plan(4.5)) == often
    assert told(calibrated(record(2.0, "*")), plan(4.5)) == often
    assert told(calibrated(record(4.5)), plan(2.0)) == seldom
    assert told(calibrated(record(2.0, "cardiology")), plan(4.5)) == seldom
    two = told(calibrated(record(2.0), record(9.0, "*")), plan(4.5))
    assert two == told(calibrated(record(9.0, "*"), record(2.0)), plan(4.5))
    assert len(two) == len(often)
    nothing_of_its_own = told(calibrated(record(0.0), record(2.0, "*")), plan(4.5))
    assert len(nothing_of_its_own) == len(seldom), "a programme's record is whole in itself"


def test_a_calibrated_threshold_holds_from_its_place_in_the_log_on_and_over_a_restart(
    log: list[tuple[int, bytes]],
) -> None:
    place = next(i for i, (at, _) in enumerate(log) if at >= START + 21 * DAY)
    changed = [*log[:place], (log[place][0], record(2.0)), *log[place:]]
    before, after = told(log[:place], plan(4.5)), told(changed, plan(4.5))
    assert after[: len(before)] == before
    assert len(before) < len(after) < len(told([(START, record(2.0)), *log], plan(4.5)))
    for restart in (place - 1, place, place + 1, place + 5000):
        assert told(changed, plan(4.5), restart) == after


def test_a_plan_that_watches_nothing_together_watches_nothing_when_calibrated(
    log: list[tuple[int, bytes]],
) -> None:
    assert not told([(START, record(1.0)), *log], Plan("*", "copd", "1"))


Calibrate = Callable[..., Result]


@pytest.fixture
def calibrate(tmp_path: Path) -> Calibrate:
    """The command over result lines, for a programme whose patients' plans have these tables."""

    def of(lines: list[bytes], own: str, *more: str) -> Result:
        results, plans = tmp_path / "results.lp", tmp_path / "plans.toml"
        results.write_bytes(b"\n".join(lines) + b"\n")
        head = '[[plan]]\npatient = "p-{}"\ntemplate = "copd"\n'
        # the first plan has it not: several vitals are often watched of some patients only
        plans.write_text(head.format("other") + "".join(head.format(i) + own for i in range(PATIENTS)))
        arguments = ["--programme", "copd", "--plans", str(plans), "--budget", str(BUDGET), *more]
        return CliRunner().invoke(main, ["calibrate", str(results), *arguments])

    return of


OWN = f"[plan.joint]\nvitals = {json.dumps(list(VITALS))}\nscore_above = 4.5\nreadings = 2\n"


def test_calibrate_makes_the_threshold_of_several_vitals_and_the_core_alerts_by_it(
    calibrate: Calibrate, lines: list[bytes], log: list[tuple[int, bytes]]
) -> None:
    made = calibrate(lines, OWN)
    assert made.exit_code == 0, made.output
    calibration = decode_calibration(made.stdout.encode(), CATALOG)
    assert 1 < calibration.joint < 4.5
    assert calibration.vitals == {}
    said = re.search(
        r"^several vitals, joint: 10 patients, (\S+) alerts .* at most (\S+) in 19", made.stderr, re.M
    )
    assert said, made.stderr
    assert 0 < float(said[1]) < float(said[2]) <= BUDGET
    assert re.search(r"busiest 5%: \d+\.\d+ \(p-\d \d+\)", made.stderr), made.stderr
    opened = [body for body in told([(START, made.stdout.encode()), *log], plan(4.5)) if b'"opened"' in body]
    assert len(opened) > sum(b'"opened"' in body for body in told(log, plan(4.5)))
    assert min(json.loads(body)["score"] for body in opened) < 4.5


def test_what_is_counted_in_joint_lines_is_what_is_told() -> None:
    found, hours = run(values(PATIENTS, DAYS, 5), CATALOG, plan(2.0)), joint_budget.Hours()
    for line in found.lines:
        hours.add(line)
    for days, first in ((FOREVER, 0), (7, DAYS - 7)):
        cohort = hours.cohort(days)
        weeks = sum(np.isfinite(own.scores[own.first :]).sum() for own in cohort.values()) / 168
        # an hour is told by the first reading after it
        counted = sum(alert.at - 0.25 / 24 > first + 1 / 24 for alert in found.told)
        assert counted > 0
        assert round(joint_budget.spent(cohort, 2.0, 2).rate * weeks) == counted


def test_joint_lines_may_come_in_any_order_and_again(lines: list[bytes]) -> None:
    def cohort(lines: list[bytes]) -> dict[str, tuple[list[float], int]]:
        hours = joint_budget.Hours()
        for line in lines:
            hours.add(line)
        return {who: (own.scores.tolist(), own.first) for who, own in hours.cohort(7).items()}

    by_vital = sorted(lines, key=lambda line: line.partition(b" ")[0])
    assert cohort(by_vital) == cohort(lines + lines[-500:]) == cohort(lines)


def test_only_the_programmes_patients_and_the_last_days_count(
    calibrate: Calibrate, lines: list[bytes]
) -> None:
    strangers = [line.replace(b"patient=p-", b"patient=q-").replace(b"score=-", b"score=") for line in lines]
    assert calibrate(lines + strangers, OWN).stdout == calibrate(lines, OWN).stdout
    assert calibrate(lines, OWN, "--days", "3").stdout != calibrate(lines, OWN, "--days", "14").stdout


def test_several_vitals_that_are_not_ready_are_left_out_and_say_why(
    calibrate: Calibrate, lines: list[bytes]
) -> None:
    learning = [line for line in lines if b",score=" not in line]
    made = calibrate(learning, OWN)
    assert made.exit_code == 1
    assert "several vitals, joint: left out: no hour of several vitals is scored yet" in made.stderr
    assert "replay more days" in made.stderr
    made = calibrate([*lines, b"joint,patient=p-1,vital=spo2 score=1 0"], OWN)
    assert made.exit_code == 1
    assert "no joint line of `vigie replay`" in made.stderr


def test_lines_of_several_vitals_mean_nothing_to_a_programme_that_watches_none(
    calibrate: Calibrate, lines: list[bytes]
) -> None:
    made = calibrate(lines, "")
    assert made.exit_code == 1
    assert "several vitals" not in made.stderr


def test_a_budget_that_usual_hours_spend_still_makes_a_threshold_that_a_plan_may_have() -> None:
    chance = np.random.default_rng(4)
    low: dict[str, Any] = {f"p-{i}": joint_budget.Scored(chance.normal(-3, 0.5, 500)) for i in range(5)}
    threshold, part = vitals_together(low, Joint(VITALS), 60.0)
    assert threshold == 1.0
    assert part.spent is not None
    assert part.spent.rate == 0
