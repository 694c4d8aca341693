"""`vigie diff` on replays that the real command wrote."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.cli import main
from streams.compare import points
from streams.configuration import INFRA
from tests.logs import START, reading
from tests.test_recordings import HERE, recording

HOUR = 3_600_000
PLAN = """
[[plan]]
patient = "*"
programme = "own"

[[plan.limits]]
rule = "high"
vital = "systolic-bp"
direction = "above"
value = 160
clear = 150
severity = "medium"
"""
VALUES = (120, 162, 170, 145, 120, 161, 140, 190, 120)  # two hours apart


def vigie(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


def replay(folder: Path, plan: str = PLAN, values: tuple[float, ...] = VALUES, unit: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "plans.toml").write_text(plan)
    lines = [reading("p-1", "systolic-bp", v, START + 2 * HOUR * i) for i, v in enumerate(values)]
    lines.append(reading("p-2", "heart-rate", 999, START))
    if unit:
        lines.append(reading("p-2", "heart-rate", 70, START + HOUR).replace(b'"/min"', f'"{unit}"'.encode()))
    (folder / "readings.jsonl").write_bytes(b"\n".join(lines))
    vigie(
        *("replay", str(folder / "readings.jsonl"), "--plans", str(folder / "plans.toml")),
        *("--out", str(folder / "out"), "--then", "5d"),
    )
    return folder / "out"


def diff(a: Path, b: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(vigie("diff", str(a), str(b), "--json", code=1))
    return found


def test_a_replay_does_not_differ_from_itself_nor_from_its_copy(tmp_path: Path) -> None:
    out = replay(tmp_path / "a")
    shutil.copytree(out, tmp_path / "copy")
    assert vigie("diff", str(out), str(tmp_path / "copy")).startswith("no difference: 3 alerts")
    assert json.loads(vigie("diff", str(out), str(out), "--json"))["equal"] is True


def test_a_limit_moved_up_loses_an_alert_delays_another_and_rewords_the_third(tmp_path: Path) -> None:
    a, b = replay(tmp_path / "a"), replay(tmp_path / "b", PLAN.replace("160", "165"))
    found = diff(a, b)["alerts"]
    [lost] = found["only_a"]
    assert lost["opened"] == "2026-03-02T10:00:00Z"
    [moved] = found["changed"]
    assert moved["course"] == ["opened"]
    assert (moved["a"]["opened"], moved["b"]["opened"]) == ("2026-03-02T02:00:00Z", "2026-03-02T04:00:00Z")
    [reworded] = found["reworded"]
    assert sorted(reworded["fields"]) == ["explanation", "features", "limit"]
    text = vigie("diff", str(a), str(b), code=1)
    assert "Alerts: 3 in A, 2 in B; 1 only in A, 0 only in B, 1 went another way" in text
    assert "opened 2026-03-02 02:00 -> 2026-03-02 04:00" in text
    assert "  p-1  high (systolic-bp)" in text
    assert "Results" not in text  # no window, no baseline knows of a limit


def test_another_severity_is_told(tmp_path: Path) -> None:
    a, b = replay(tmp_path / "a"), replay(tmp_path / "b", PLAN.replace('"medium"', '"high"'))
    assert "severities medium -> high" in vigie("diff", str(a), str(b), code=1)
    assert [change["course"] for change in diff(a, b)["alerts"]["changed"]] == [["severities"]] * 3


def test_results_rejects_and_the_ledger_are_counted_by_kind(tmp_path: Path) -> None:
    a = replay(tmp_path / "a")
    b = replay(tmp_path / "b", values=(*VALUES[:-1], 121), unit="Hz")
    found = diff(a, b)
    assert found["alerts"]["only_a"] == found["alerts"]["only_b"] == found["alerts"]["changed"] == []
    assert found["results"]["reading"] == {"vanished": 0, "appeared": 0, "changed": 1}
    assert found["results"]["window 1d"] == {"vanished": 0, "appeared": 0, "changed": 1}
    assert found["rejects"] == {"unknown-unit": {"vanished": 0, "appeared": 1, "changed": 0}}
    assert found["ledger"]["received"] == [10, 11]
    assert found["ledger"]["rejected.unknown-unit"] == [0, 1]
    assert "accepted" not in found["ledger"]
    text = vigie("diff", str(a), str(b), code=1)
    assert "rejected.unknown-unit" in text
    assert "+1" in text


@pytest.mark.parametrize("name", ["results.lp", "alerts.jsonl", "rejects.jsonl", "ledger.json"])
def test_a_missing_or_broken_file_is_bad_use_that_names_it(tmp_path: Path, name: str) -> None:
    a, b = replay(tmp_path / "a"), replay(tmp_path / "b", PLAN.replace("160", "165"))
    (b / name).write_text("nonsense\n")
    assert f"{b / name}" in vigie("diff", str(a), str(b), code=2)
    (b / name).unlink()
    assert f"there is no {b / name}" in vigie("diff", str(a), str(b), code=2)
    vigie("diff", str(a), str(tmp_path / "none"), code=2)


@settings(max_examples=100)
@given(
    a=st.dictionaries(st.integers(0, 12), st.integers(0, 2)),
    b=st.dictionaries(st.integers(0, 12), st.integers(0, 2)),
)
def test_points_are_counted_as_two_dictionaries_differ(
    tmp_path_factory: pytest.TempPathFactory, a: dict[int, int], b: dict[int, int]
) -> None:
    folder = tmp_path_factory.mktemp("points")
    for name, told in (("a", a), ("b", b)):
        lines = [f"window,patient=p,vital=v,window=1h mean={told[at]} {at}\n" for at in told]
        (folder / name).write_text("".join(lines))
    expected = points.Counts(
        vanished=len(a.keys() - b.keys()),
        appeared=len(b.keys() - a.keys()),
        changed=sum(a[at] != b[at] for at in a.keys() & b.keys()),
    )
    found = points.compare(folder / "a", folder / "b", points.result_line)
    assert found == ({} if expected == points.Counts() else {"window 1h": expected})


def test_a_further_revision_of_a_window_is_a_change_of_its_point(tmp_path: Path) -> None:
    key = "window,patient=p,vital=v,window=1h"
    (tmp_path / "a").write_text(f"{key} mean=1,revision=0i 5\n")
    (tmp_path / "b").write_text(f"{key} mean=1,revision=0i 5\n{key} mean=2,revision=1i 5\n")
    found = points.compare(tmp_path / "a", tmp_path / "b", points.result_line)
    assert found == {"window 1h": points.Counts(changed=1)}


def test_a_limit_of_160_and_one_of_165_on_the_tihm_recording(tmp_path: Path) -> None:
    source = recording("tihm/Physiology.csv.gz")
    plan = (HERE / "plans" / "tihm.toml").read_text()
    (tmp_path / "165.toml").write_text(plan.replace("160.0", "165.0"))
    for name, file in (("a", HERE / "plans" / "tihm.toml"), ("b", tmp_path / "165.toml")):
        vigie(
            *("replay", str(source), "--map", str(INFRA / "maps" / "tihm.toml")),
            *("--plans", str(file), "--out", str(tmp_path / name)),
        )
    found = diff(tmp_path / "a", tmp_path / "b")
    alerts = found["alerts"]
    raised = [
        len({json.loads(line)["alert_id"] for line in (tmp_path / name / "alerts.jsonl").open()})
        for name in ("a", "b")
    ]
    both = alerts["same"] + len(alerts["changed"]) + len(alerts["reworded"])
    assert [both + len(alerts["only_a"]), both + len(alerts["only_b"])] == raised
    assert raised[0] > raised[1]
    differing = [*alerts["only_a"], *alerts["only_b"], *(change["a"] for change in alerts["changed"])]
    assert {alert["rule"] for alert in differing} == {"systolic-bp-above-160"}
    assert found["rejects"] == found["ledger"] == {}
    # what a patient's normal learned differs too: learning rests while an alert of that vital is open
    assert set(found["results"]) <= {"trend"}
