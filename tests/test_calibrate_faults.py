"""`vigie calibrate` and `vigie learn` on files that are broken, foreign, scant, or hold everything."""

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.calibration import decode_calibration
from models.catalog import Catalog
from models.plan import Plan
from streams.cli import main
from streams.configuration import load_default_plan
from streams.evaluation import cohort, joint_budget, nurses
from streams.evaluation.journey import run
from streams.evaluation.rounds import rounds
from streams.verdicts import Alert
from tests.test_calibration import lines_of


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def fault(*arguments: object, code: int = 1) -> str:
    """What is said of a fault: one sentence, never a traceback."""
    result = invoke(*arguments)
    assert result.exit_code == code, (result.output, result.exception)
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def weights(catalog: Catalog) -> bytes:
    """Result lines of weights."""
    found = run(cohort.weight(20, 40, 7), catalog, load_default_plan(None, catalog), None)
    return b"\n".join(found.lines) + b"\n"


def test_a_calibration_of_moments_is_a_record_too(
    catalog: Catalog, default_plan: Plan, tmp_path: Path
) -> None:
    results = tmp_path / "results.lp"
    results.write_bytes(b"\n".join(lines_of(3, 24, catalog, default_plan)))
    made = invoke("calibrate", results, "--budget", "2", "--days", "20")
    assert made.exit_code == 0, (made.output, made.exception)
    assert decode_calibration(made.stdout.encode(), catalog).vitals["heart-rate"].acute > 1


@pytest.mark.parametrize(
    "line",
    [
        b"baseline,patient=p-0,vital=spo2 a=1,readings=99999999999999999999i,score=1 1770000000000000000",
        b"baseline,patient=p-0,vital=heart-rate a=1,readings=400i,score=nan 1770000000000000000",
        b"baseline,patient=p-0,vital=heart-rate a=1,readings=-4i,score=1 1770000000000000000",
        b"baseline,patient=p-0,vital=heart-rate a=1,readings=4i,score=1 99999999999999999999999999",
        b"trend,patient=p-0,vital=body-weight level=inf 1770000000000000000",
        b"trend,patient=p-0,vital=body-weight level=1 99999999999999999999999999",
        b"window,patient=p-0,window=1d 5",
        b"window,patient=p-0,vital=x,window=1d a=1 soon",
        b"window,patient=p-\xe9,vital=x,window=1d a=1 6",
    ],
)
def test_a_line_that_is_none_is_named_with_its_text(line: bytes, weights: bytes, tmp_path: Path) -> None:
    results = tmp_path / "results.lp"
    results.write_bytes(weights + line + b"\n")
    told = fault("calibrate", results, "--budget", "0.5")
    name = line.partition(b",")[0].decode()
    assert f"no {name} line of `vigie replay`" in told
    assert f"{name},patient=p-" in told


@pytest.mark.parametrize("time", ["-5", "99999999999999999999999999"])
def test_a_joint_line_of_no_time_is_none(time: str) -> None:
    line = f"joint,patient=p-0,vital=spo2 departure=1.0,score=3.0 {time}".encode()
    with pytest.raises(ValueError, match="no joint line"):
        joint_budget.Hours().add(line)


def test_a_file_that_cannot_be_read_to_its_end_is_named(weights: bytes, tmp_path: Path) -> None:
    packed, results = gzip.compress(weights), tmp_path / "results.lp.gz"
    for broken in (packed[:900], b"no gzip", packed[:200] + b"\xff" * 30 + packed[230:]):
        results.write_bytes(broken)
        told = fault("calibrate", results, "--budget", "0.5")
        assert "results.lp.gz cannot be read to its end" in told
    results.write_bytes(b"no gzip")
    assert "results.lp.gz cannot be read to its end" in fault("learn", results)


def test_line_ends_empty_lines_and_a_byte_order_mark_mean_nothing(weights: bytes, tmp_path: Path) -> None:
    plain, other = tmp_path / "a.lp", tmp_path / "b.lp.gz"
    plain.write_bytes(weights)
    other.write_bytes(gzip.compress(b"\xef\xbb\xbf" + weights.replace(b"\n", b"\r\n") + b"\r\n\n"))
    one, same = (invoke("calibrate", path, "--budget", "0.5") for path in (plain, other))
    assert one.exit_code == 0
    assert one.stdout == same.stdout


def test_a_record_that_cannot_be_appended_is_printed_all_the_same(weights: bytes, tmp_path: Path) -> None:
    results = tmp_path / "results.lp"
    results.write_bytes(weights)
    for place in (tmp_path, tmp_path / "gone" / "log"):
        told = fault("calibrate", results, "--budget", "0.5", "--append", place)
        assert '"kind":"calibration"' in told
        assert "--append: not appended" in told


@pytest.mark.parametrize(
    "option", [("--days", 0), ("--days", -3), ("--days", 10**11), ("--budget", "nan"), ("--budget", 0)]
)
def test_days_and_budgets_out_of_range_are_bad_use(
    option: tuple[str, object], weights: bytes, tmp_path: Path
) -> None:
    results = tmp_path / "results.lp"
    results.write_bytes(weights)
    assert "is not in the range" in fault("calibrate", results, "--budget", "0.5", *option, code=2)


def test_alerts_of_no_severity_or_time_are_named(weights: bytes, tmp_path: Path) -> None:
    results, alerts = tmp_path / "results.lp", tmp_path / "alerts.jsonl"
    results.write_bytes(weights)
    told = {"event": "updated", "previous_severity": "low", "patient": "p-0", "kind": "limit", "rule": "r"}
    told |= {"vital": "body-weight", "severity": "medium", "received_at": "2026-02-10T00:00:00Z"}
    for change in ({"severity": "odd"}, {"received_at": "soon"}):
        alerts.write_text(json.dumps({**told, **change}) + "\n")
        said = fault("calibrate", results, "--budget", "0.5", "--alerts", alerts)
        assert "no transition of `vigie replay`" in said
        assert next(iter(change)) in said


@pytest.fixture(scope="module")
def judged(catalog: Catalog) -> list[Alert]:
    """The alerts of ten simulated patients in 30 days, and their verdicts."""
    judge = nurses.Nurses(10, nurses.START + 60 * nurses.DAY, 2)
    return rounds(nurses.readings(10, 30, 1), nurses.plan(), catalog, judge)


def learned(file: Path, alerts: list[Alert], change: Callable[[Alert], object] = lambda alert: None) -> Path:
    """A file of alerts, each changed."""
    told = copy.deepcopy(alerts)
    for alert in told:
        change(alert)
    file.write_text("".join(json.dumps(alert) + "\n" for alert in told))
    return file


def first_feature(value: object) -> Callable[[Alert], object]:
    def change(alert: Alert) -> None:
        if alert.get("features"):
            alert["features"][next(iter(alert["features"]))] = value

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda alert: alert.pop("event"), "event"),
        (lambda alert: alert.pop("vital"), "vital"),
        (lambda alert: alert.pop("verdict", None), "verdict"),
        (lambda alert: alert.update(verdict="maybe"), "verdict"),
        (lambda alert: alert.update(severity="odd"), "severity"),
        (lambda alert: alert.update(features=5), "features"),
        (lambda alert: alert.update(received_at=5), "received_at"),
        (first_feature("x"), "features"),
        (first_feature(None), "features"),
        (first_feature(1e308), "features"),
    ],
)
def test_alerts_that_are_none_are_named_with_their_field(
    change: Callable[[Alert], object], named: str, judged: list[Alert], tmp_path: Path
) -> None:
    told = fault("learn", learned(tmp_path / "alerts.jsonl", judged, change))
    assert "alerts cannot be read" in told
    assert named in told
    assert "give alerts.jsonl files" in told


def test_bytes_that_are_no_text_are_no_alert(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_bytes(b'{"received_at":"\xff"}\n')
    assert "alerts cannot be read" in fault("learn", tmp_path / "alerts.jsonl")


def test_gzipped_alerts_teach_the_same(judged: list[Alert], tmp_path: Path) -> None:
    plain = learned(tmp_path / "alerts.jsonl", judged)
    packed = tmp_path / "alerts.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes() + b"\n"))
    assert invoke("learn", packed).stdout == invoke("learn", plain).stdout != ""


def test_verdicts_that_came_all_of_one_kind_have_no_area_and_that_is_said(
    judged: list[Alert], tmp_path: Path
) -> None:
    closed: list[Alert] = []

    def nearly_all(alert: Alert) -> None:
        if alert["event"] == "closed":
            closed.append(alert)
            alert["verdict"] = "not-actionable" if len(closed) == 3 else "actionable"

    made = invoke("learn", learned(tmp_path / "alerts.jsonl", judged, nearly_all))
    assert made.exit_code == 0, made.output
    assert "nan" not in made.stderr
    assert "before its verdict: - (severity alone -; those foretold were all of one kind)" in made.stderr
