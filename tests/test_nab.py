"""The Numenta score and its evaluation on folders of every layout."""

import csv
import gzip
import json
import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from streams.cli import main
from streams.evaluation import numenta
from streams.evaluation.nab_baselines import by_gaussian, envelope, episodes

BEGIN = datetime(2026, 3, 1)  # noqa: DTZ001 - NAB's times have no zone


def moments(n: int, minutes: int = 5) -> list[str]:
    return [str(BEGIN + timedelta(minutes=minutes * i)) for i in range(n)]


def put(root: Path, name: str, times: list[str], values: np.ndarray) -> None:
    path = root / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "value"])
        rows.writerows(zip(times, values.tolist(), strict=True))


def label(root: Path, windows: dict[str, list[list[str]]], place: str = "combined_windows.json") -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(json.dumps(windows))


def steps(n: int = 1200, at: int = 900) -> np.ndarray:
    values = 20 + np.random.default_rng(4).normal(0, 1, n)
    values[at:] += 40
    return values


def evaluate(root: Path, *more: str) -> dict[str, object]:
    arguments = ["evaluate", "nab", "--data", str(root), "--out", str(root / "out"), *more]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return dict(json.loads((root / "out" / "nab.json").read_text()))


def test_window_bounds_that_are_no_row_are_those_between_which_rows_lie(tmp_path: Path) -> None:
    put(tmp_path, "a/x.csv", moments(100), np.arange(100.0))
    window = [str(BEGIN + timedelta(minutes=52)), str(BEGIN + timedelta(minutes=101, seconds=1))]
    exact = [str(BEGIN + timedelta(minutes=50)), str(BEGIN + timedelta(minutes=100))]
    none = [str(BEGIN + timedelta(minutes=1)), str(BEGIN + timedelta(minutes=2))]
    label(tmp_path, {"a/x.csv": [window, exact, none]})
    folder = numenta.load(tmp_path)
    assert folder.files[0].windows == [(10, 20), (11, 20)]
    assert folder.notes == ["1 windows hold no row and are left out"]


def test_a_window_s_end_is_the_first_row_of_its_second(tmp_path: Path) -> None:
    times = moments(10)
    put(tmp_path, "x.csv", [*times[:5], times[4], *times[5:]], np.arange(11.0))
    label(tmp_path, {"x.csv": [[times[2], times[4]], [times[4], times[6]]]})
    assert numenta.load(tmp_path).files[0].windows == [(2, 4), (4, 7)]


def test_a_folder_may_be_laid_out_as_the_benchmark_s_own_and_compressed(tmp_path: Path) -> None:
    put(tmp_path, "a/x.csv.gz", moments(30), np.arange(30.0))
    put(tmp_path, "a/stray.csv", moments(30), np.arange(30.0))
    label(tmp_path, {"a/x.csv": [], "a/gone.csv": []}, "labels/combined_windows.json")
    folder = numenta.load(tmp_path)
    assert [(file.name, len(file.values)) for file in folder.files] == [("a/x.csv", 30)]
    assert folder.notes == [
        "1 labelled files are not there: a/gone.csv",
        "1 files have no labels and are not scored: a/stray.csv",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("time,value\n2026-03-01 00:00:00,1\n", "no column timestamp"),
        ("", "no column timestamp, value"),
    ],
)
def test_a_file_of_another_format_is_bad_use_that_names_file_and_columns(
    tmp_path: Path, text: str, fault: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text(text)
    label(tmp_path, {"x.csv": []})
    result = CliRunner().invoke(main, ["evaluate", "nab", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "x.csv" in result.output
    assert fault in " ".join(result.output.split())


def test_rows_without_a_time_or_a_number_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text(
        "timestamp,value\n2026-03-01 00:00:00,1\n2026-03-01 00:05:00,\n2026-03-01 00:10:00,n/a\nyesterday,1\n"
    )
    label(tmp_path, {"x.csv": []})
    folder = numenta.load(tmp_path)
    assert folder.files[0].values.tolist() == [1.0]
    assert folder.notes == ["2 rows have no number and are left out", "1 rows have no time and are left out"]


def test_files_without_any_anomaly_have_no_score_but_false_alerts(tmp_path: Path) -> None:
    put(tmp_path, "a/calm.csv", moments(600), 20 + np.random.default_rng(1).normal(0, 1, 600))
    put(tmp_path, "a/step.csv", moments(1200), steps())
    label(tmp_path, {"a/calm.csv": [], "a/step.csv": []})
    rows = next(iter(evaluate(tmp_path)["tables"].values()))
    assert rows[0]["standard"] is None
    assert rows[0]["windows"] == "0/0"
    assert rows[0]["outside"] >= 1


def test_an_evaluation_says_with_what_it_was_made_and_how_it_does_on_halves(tmp_path: Path) -> None:
    times = moments(1200)
    for i in range(4):
        values = steps(at=880 + 10 * i)
        put(tmp_path, f"a/{i}.csv", [*times[:600], *times[599:1199]], values)  # one instant twice
    put(tmp_path, "a/flat.csv", times, np.full(1200, 5.0))
    label(tmp_path, {**{f"a/{i}.csv": [[times[870], times[960]]] for i in range(4)}, "a/flat.csv": []})
    told = evaluate(tmp_path, "--perturb", "5", "--repeats", "2")
    assert "visible" in str(told["tuned_on"])
    assert told["notes"] == []
    first, second, third = told["tables"].values()
    assert first[0]["windows"] == "4/4"
    assert first[0]["standard"] > 50
    assert {row["detector"] for row in first} >= {"River LODA", "River HalfSpaceTrees", "leaky extremes"}
    assert all(row["sd"] is None or row["sd"] >= 0 for row in first if row["sd"] != "")
    assert [row["halves"] for row in second][-2:] == ["200 random halves, mean", "sd"]
    assert second[0]["standard"] > 50
    assert [row["figure"] for row in third] == ["mean", "sd", "min"]
    assert set(next(iter(told["curves"].values()))) == set(numenta.PROFILES)
    assert "polyline" in (tmp_path / "out" / "nab-1.svg").read_text()


@given(st.lists(st.integers(0, 999), max_size=30, unique=True))
def test_hits_and_score_count_the_same_detections(places: list[int]) -> None:
    file = numenta.File("x", np.zeros(1000), np.arange(1000) * 300, [(100, 140), (300, 340), (700, 760)])
    found = np.array(sorted(places), int)
    counted = found[found >= numenta.probation(file)]
    assert numenta.hits([file], [found]) == numenta.hits([file], [counted])
    for profile in numenta.PROFILES:
        assert numenta.score([file], [found], profile) == numenta.score([file], [counted], profile)


def test_a_window_of_one_row_can_be_hit_and_passed() -> None:
    file = numenta.File("x", np.zeros(1000), np.arange(1000) * 300, [(300, 300)])
    assert numenta.score([file], [np.array([300])], "standard") == pytest.approx(100)
    assert math.isfinite(numenta.score([file], [np.array([301, 500])], "standard"))


def test_the_spread_over_files_is_none_where_all_files_are_alike() -> None:
    file = numenta.File("x", np.zeros(1000), np.arange(1000) * 300, [(300, 340)])
    assert numenta.resampled([file] * 5, [np.array([310])] * 5, "standard", 50, 1) == pytest.approx(0)


def test_baselines_are_quiet_on_a_constant_series_and_see_a_step() -> None:
    constant = numenta.File("x", np.full(1000, 5.0), np.arange(1000) * 300, [])
    assert not by_gaussian(constant).any()
    assert not envelope(constant).any()
    stepped = constant._replace(values=steps(1000, 700))
    assert episodes(envelope(stepped), 2.0)[0] == 700
