"""`vigie evaluate`: its measures against plain computations, bad uses, and a run on a small folder."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.cli import main
from streams.commands.evaluate import NAMES
from streams.evaluation import measures, numenta

pairs = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40)


@settings(max_examples=200)
@given(rows=pairs)
def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    scores, outcome = np.array([x for x, _ in rows], float), np.array([y for _, y in rows])
    cases, controls = scores[outcome], scores[~outcome]
    if not len(cases) or not len(controls):
        assert math.isnan(measures.auroc(scores, outcome))
        return
    wins = [(a > b) + (a == b) / 2 for a in cases for b in controls]
    assert measures.auroc(scores, outcome) == pytest.approx(sum(wins) / len(wins))


def test_average_precision_of_a_known_ranking() -> None:
    scores, outcome = np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False])
    assert measures.average_precision(scores, outcome) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_no_detection_scores_0_and_a_detection_at_the_start_of_each_window_nearly_100() -> None:
    file = numenta.File("x", np.zeros(1000), np.arange(1000) * 300, [(300, 340), (700, 760)])
    none, first = np.array([], int), np.array([300, 700])
    for profile in numenta.PROFILES:
        assert numenta.score([file], [none], profile) == pytest.approx(0)
        assert numenta.score([file], [first], profile) == pytest.approx(100)
        assert numenta.score([file], [np.array([300, 500, 700])], profile) < 100


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_another_format_is_bad_use_that_names_the_missing_file(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", name, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "--data" in result.output


def test_an_evaluation_of_a_small_folder_prints_its_table_and_writes_json(tmp_path: Path) -> None:
    chance = np.random.default_rng(4)
    values = 20 + chance.normal(0, 1, 1200)
    values[900:] += 40
    moments = [f"2026-03-{1 + i // 288:02d} {i % 288 // 12:02d}:{i % 12 * 5:02d}:00" for i in range(1200)]
    (tmp_path / "data").mkdir()
    rows = [f"{moment},{value:.3f}" for moment, value in zip(moments, values, strict=True)]
    (tmp_path / "data" / "step.csv").write_text("\n".join(["timestamp,value", *rows]) + "\n")
    window = [f"{moments[i]}.000000" for i in (890, 960)]
    (tmp_path / "combined_windows.json").write_text(json.dumps({"step.csv": [window], "held_back.csv": []}))
    arguments = ["evaluate", "nab", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*arguments, "--perturb", "5", "--repeats", "2"])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / "nab.json").read_text())
    first, second = told["tables"].values()
    assert first[0]["windows"] == "1/1"
    assert first[0]["standard"] > 50
    assert [row["figure"] for row in second] == ["mean", "sd", "min"]


def test_drift_is_measured_with_its_parameters_moved_and_writes_json_and_plots(tmp_path: Path) -> None:
    arguments = ["evaluate", "drift", "--vital", "body-weight", "--patients", "20", "--budget", "0.2"]
    result = CliRunner().invoke(
        main, [*arguments, "--perturb", "15", "--repeats", "3", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    shipped, moved = json.loads((tmp_path / "drift.json").read_text())["tables"].values()
    assert shipped[0]["in 7 days %"] > 80
    assert [row["figure"] for row in moved] == ["mean", "sd", "min"]
    assert moved[1]["+0.35 kg/day %"] > 0 or moved[1]["alerts"] > 0
    assert "polyline" in (tmp_path / "drift-1.svg").read_text()
