"""`vigie evaluate` on what strangers give it: broken, foreign and scant folders, and options out of range."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from models.times import rfc3339
from streams.cli import main
from streams.evaluation import cohort, numenta, report
from streams.evaluation.nab_baselines import fixed_limits
from tests import folders
from tests.test_evaluate import evaluate, rows
from tests.test_nab import label, moments, put, steps

TIMES = moments(1200)
WINDOW = [TIMES[870], TIMES[960]]


def refused(*arguments: object) -> str:
    """What bad use says: one sentence and exit code 2."""
    result: Result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    assert result.exit_code == 2, (result.output, result.exception)
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"{nonsense", "malformed"),
        (b"", "truncated"),
        (b'{"a/\xe9.csv": []}', "can't decode"),
        (b"[1, 2]", "got `array`"),
        (b'{"a/x.csv": null}', "$[...]"),
        (b'{"a/x.csv": ["2014-04-11 00:00:00"]}', "$[...][0]"),
        (b'{"a/x.csv": [[1, 2]]}', "$[...][0][0]"),
        (b'{"a/x.csv": [["2014-04-11", "2014-04-12", "2014-04-13"]]}', "length 2"),
        (b'{"a/x.csv": [["soon", "2014-04-12"]]}', "'soon'"),
        (b'{"a/x.csv": [["0001-01-01", "2014-04-12"]]}', "0001-01-01"),
    ],
)
def test_labels_that_are_none_are_bad_use_that_names_file_place_and_remedy(
    text: bytes, fault: str, tmp_path: Path
) -> None:
    put(tmp_path, "a/x.csv", TIMES, steps())
    (tmp_path / "combined_windows.json").write_bytes(text)
    told = refused("nab", "--data", tmp_path)
    assert "--data: combined_windows.json: " in told
    assert fault in told
    (tmp_path / "combined_windows.json").unlink()
    (tmp_path / "combined_windows.json").mkdir()
    assert "Is a directory" in refused("nab", "--data", tmp_path)


def test_labels_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    put(tmp_path, "a/x.csv", TIMES, steps())
    text = json.dumps({"a/x.csv": [WINDOW]}).encode()
    (tmp_path / "combined_windows.json").write_bytes(b"\xef\xbb\xbf" + text)
    assert numenta.load(tmp_path).files[0].windows == [(870, 960)]


def test_rows_out_of_order_are_put_in_order_and_score_the_same(tmp_path: Path) -> None:
    values, order = steps(), np.random.default_rng(3).permutation(1200)
    put(tmp_path / "sorted", "a/x.csv", TIMES, values)
    put(tmp_path / "not", "a/x.csv", [TIMES[i] for i in order], values[order])
    for name in ("sorted", "not"):
        label(tmp_path / name, {"a/x.csv": [WINDOW]})
    one, other = evaluate("nab", tmp_path / "sorted"), evaluate("nab", tmp_path / "not")
    assert one["tables"] == other["tables"]
    assert one["notes"] == []
    assert [note.partition(" ")[2] for note in other["notes"]] == [
        "rows stand before an earlier one and are put in order"
    ]


def test_rows_that_the_pipeline_does_not_take_are_told_by_why_and_move_no_window(tmp_path: Path) -> None:
    values, times = steps(), list(TIMES)
    values[400], values[401] = 1e300, -1e15
    times[5], times[6], times[7] = "0001-01-01 00:00:00", "2500-01-01 00:00:00", times[8]
    values[7] = values[8]
    put(tmp_path, "a/x.csv", times, values)
    label(tmp_path, {"a/x.csv": [WINDOW]})
    told = evaluate("nab", tmp_path)
    assert rows(told, "NAB, 1 files")["Vigie, threshold 4.2"]["windows"] == "1/1"
    assert told["notes"] == [
        "2 rows have no time and are left out",
        "1 rows are not taken by the pipeline: duplicate",
        "2 rows are not taken by the pipeline: implausible",
    ]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_file_without_a_row_has_no_limits_and_says_nothing_else() -> None:
    assert len(fixed_limits(numenta.File("x", np.empty(0), np.empty(0, int), []))) == 0


def test_a_curve_below_zero_is_drawn_within_the_picture_and_not_upside_down() -> None:
    picture = report._svg(report.Plot("p", "x", "y", [report.Curve("c", [(3.0, -10.0), (4.0, -40.0)])]))
    ((_, high), (_, low)) = (
        map(float, point.split(",")) for point in picture.split('points="')[1].split('"')[0].split(" ")
    )
    assert 0 < high < low < report.HEIGHT


def test_a_place_that_cannot_be_written_is_bad_use_after_the_figures(tmp_path: Path) -> None:
    folders.icu(tmp_path)
    (tmp_path / "file").write_text("")
    told = refused("icu", "--data", tmp_path, "--out", tmp_path / "file" / "deep")
    assert "NEWS2, mean of the scores" in told
    assert "--out: cannot be written" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("drift", "--patients", 0),
        ("drift", "--budget", 0),
        ("drift", "--budget", "nan"),
        ("drift", "--seed", -1),
        ("drift", "--perturb", "nan"),
        ("joint", "--patients", 0),
        ("joint", "--budget", -1),
        ("joint", "--seed", -1),
        ("verdicts", "--patients", -1),
        ("verdicts", "--days", 0),
        ("verdicts", "--seed", -5),
        ("nab", "--seed", -1),
        ("icu", "--perturb", "nan"),
    ],
)
def test_options_out_of_range_are_bad_use_that_names_the_range(arguments: tuple[object, ...]) -> None:
    assert "is not in the range" in refused(*arguments)


def test_an_empty_file_of_tihm_has_no_columns_like_any_other(tmp_path: Path) -> None:
    folders.tihm(tmp_path)
    (tmp_path / "Physiology.csv.gz").write_bytes(gzip.compress(b""))
    assert "Physiology.csv.gz has no column patient_id" in refused("tihm", "--data", tmp_path)
    folders.tihm(tmp_path, kinds=())
    assert not any("nan" in title for title in evaluate("tihm", tmp_path)["tables"])


def test_labels_of_tihm_that_no_table_counts_are_counted(tmp_path: Path) -> None:
    labels = [
        ("aaaa1", "2019-04-05 10:00:00", "Pulse"),
        ("aaaa1", "2018-04-05 10:00:00", "Pulse"),
        ("gone", "2019-04-05 10:00:00", "Weight"),
        ("aaaa1", "2019-04-05 10:00:00", "pulse"),
    ]
    folders.tihm(tmp_path, labels=labels)
    told = evaluate("tihm", tmp_path)
    assert rows(told, "Pulse")["published rules"]["verified"] == 1
    counted = facts(told)
    assert counted["labels on days without a reading of their kind"] == 2
    assert [n for name, n in counted.items() if name.startswith("labels of other kinds")] == [1]


def facts(told: dict[str, Any]) -> dict[str, int]:
    """What an evaluation says of its recording."""
    return {name: row["how many"] for name, row in rows(told, "Recording").items()}


def test_what_the_pipeline_does_not_accept_of_a_pulse_is_told_by_why(tmp_path: Path) -> None:
    more = [("u0", "2020-04-11", 1e300), ("u0", "2020-04-12", -5), ("u9 9", "2020-04-13", 60)]
    folders.welltory(tmp_path, more=more)
    assert facts(evaluate("welltory", tmp_path))["days not accepted: implausible"] == 2
    folders.welltory(tmp_path, onsets=("6/20/2020",))
    people = (tmp_path / "participants.csv").read_text().replace("u0", "u 0")
    (tmp_path / "participants.csv").write_text(people)
    pulse = gzip.decompress((tmp_path / "wearables.csv.gz").read_bytes()).replace(b"u0", b"u 0")
    (tmp_path / "wearables.csv.gz").write_bytes(gzip.compress(pulse))
    assert facts(evaluate("welltory", tmp_path))["days not accepted: invalid-field"] == 80


def test_coma_scores_that_cannot_be_and_stays_without_an_outcome_are_counted(tmp_path: Path) -> None:
    folders.icu(tmp_path / "good")
    more = [("1000", 1500, "GCS", -5), ("1000", 1500, "GCS", 99), ("1000", 1500, "GCS", -1)]
    more += [("1000", 1501, "HR", 1e300), ("7", 1500, "HR", 80)]
    folders.icu(tmp_path / "bad", more=more)
    good, bad = (evaluate("icu", tmp_path / name) for name in ("good", "bad"))
    assert rows(bad, "Death in hospital") == rows(good, "Death in hospital")
    told = facts(bad)
    assert told["coma scores outside 3 to 15"] == 2
    assert told["not accepted: implausible"] == 1
    assert told["stays with a score that no outcome names"] == 1
    assert not any("not accepted" in name or "outside" in name for name in facts(good))


READINGS, ONSETS = "patient,vital,value,unit,measured_at", "patient,vital,at,event"
ONSET = rfc3339(cohort.START + 45 * cohort.DAY + cohort.MORNING)


def gaining(patients: int = 4) -> list[list[str]]:
    """Weights of patients who gain from the 45th day on."""
    made = cohort.weight(patients, 54, 5, "+0.35 kg/day", np.full(patients, 45.0))
    return [
        [f"i-{i}", "body-weight", f"{x:g}", "kg", rfc3339(cohort.START + d * cohort.DAY + cohort.MORNING)]
        for d, row in enumerate(made.values)
        for i, x in enumerate(row)
        if x == x
    ]


def recorded(
    folder: Path, more: bytes = b"", onsets: list[list[str]] | None = None, patients: int = 4
) -> dict[str, Any]:
    """`evaluate drift` of a recording of gaining patients, with more lines."""
    lines = [",".join(row) for row in gaining(patients)]
    folder.mkdir(exist_ok=True)
    (folder / "readings.csv").write_bytes("\n".join([READINGS, *lines, ""]).encode() + more)
    told = onsets if onsets is not None else []
    every = [[f"i-{i}", "body-weight", ONSET, "gain"] for i in range(patients)] + told
    (folder / "onsets.csv").write_text("\n".join([ONSETS, *map(",".join, every), ""]))
    out = folder / "out"
    arguments = ["evaluate", "drift", "--data", str(folder), "--out", str(out), "--budget", "0.5"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return dict(json.loads((out / "drift.json").read_text()))


def test_readings_of_a_recording_that_are_none_are_told_by_why(tmp_path: Path) -> None:
    more = (
        b"i-1,body-weight\n"  # cells are missing
        b"i-1,body-weight,heavy,kg,2026-03-05T07:00:00Z\n"
        b"i-1,body-weight,nan,kg,2026-03-05T08:00:00Z\n"
        b"i-1,mass,60,kg,2026-03-05T07:00:00Z\n"
        b"i-1,body-weight,60,stone,2026-03-05T07:00:00Z\n"
        b"i-\xe9,body-weight,60,kg,2026-03-05T07:00:00Z\n"
        b"i-1,body-weight,60,kg,2026-03-05T07:00:00\n"
        b'i-1,"body'
    )
    told = recorded(tmp_path, more)
    assert sum(int(note.split(" ")[0]) for note in told["notes"] if "not taken by the pipeline" in note) == 8
    [[row]] = told["tables"].values()
    assert (row["onsets"], row["in 7 days %"]) == (4, 100.0)


def test_onsets_without_readings_are_left_out_and_each_of_a_patients_onsets_counts(tmp_path: Path) -> None:
    early = rfc3339(cohort.START + 15 * cohort.DAY)
    more = [
        ["i-0", "body-weight", early, "gain"],
        ["i-0", "body-weight", early, "gain"],
        ["gone", "body-weight", ONSET, "gain"],
        ["i-1", "mood", ONSET, "low"],
    ]
    told = recorded(tmp_path, onsets=more)
    [[row]] = told["tables"].values()
    assert row["onsets"] == 5
    assert row["in 7 days %"] == 80.0
    assert told["notes"] == [
        "1 onsets are told twice and count once",
        "2 onsets of a patient without a reading of that vital are left out",
    ]


def test_a_patient_alone_is_judged_by_shipped_thresholds_and_that_is_said(tmp_path: Path) -> None:
    told = recorded(tmp_path, patients=1)
    assert [note for note in told["notes"] if note.startswith("body-weight: too few patients")]


def test_a_recording_without_a_reading_has_no_rate(tmp_path: Path) -> None:
    told = recorded(tmp_path, patients=0)
    assert list(told["tables"].values()) == [[]]
    short = [READINGS, *(",".join(row) for row in gaining()[:8]), ""]
    (tmp_path / "readings.csv").write_text("\n".join(short))
    (tmp_path / "onsets.csv").write_text(f"{ONSETS}\ni-0,body-weight,{ONSET},gain\n")
    result = CliRunner().invoke(main, ["evaluate", "drift", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "drift.json").read_text())
    assert {row["alerts a week"] for table in told["tables"].values() for row in table} == {None}


@pytest.mark.parametrize("name", ["readings.csv", "onsets.csv"])
def test_recorded_files_are_read_as_those_of_any_recording(name: str, tmp_path: Path) -> None:
    plain = recorded(tmp_path)
    text = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    arguments = ["drift", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--budget", "0.5"]
    assert CliRunner().invoke(main, ["evaluate", *arguments]).exit_code == 0
    assert json.loads((tmp_path / "out" / "drift.json").read_text())["tables"] == plain["tables"]
    (tmp_path / name).unlink()
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text)[:-20])
    assert f"{name}.gz cannot be read to its end" in refused(*arguments)
    (tmp_path / f"{name}.gz").write_bytes(b"no gzip")
    assert f"{name}.gz cannot be read to its end" in refused(*arguments)
    (tmp_path / name).mkdir()
    assert "Is a directory" in refused(*arguments)


def test_an_onset_without_a_time_is_bad_use(tmp_path: Path) -> None:
    recorded(tmp_path, patients=1)
    for line in ("i-0,body-weight,soon,gain", "i-0,body-weight"):
        (tmp_path / "onsets.csv").write_text(f"{ONSETS}\n{line}\n")
        assert "is no RFC 3339 time with an offset" in refused("drift", "--data", tmp_path)
