"""`vigie evaluate`: its measures against plain computations, bad uses, and a run on a small folder."""

import csv
import gzip
import json
import math
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from models.times import rfc3339
from streams.cli import main
from streams.commands.evaluate import NAMES
from streams.evaluation import cohort, diary, measures, numenta, report, tihm, tihm_days
from tests import folders
from tests.test_recordings import recording

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


SIMULATED = {"joint"}  # on simulated patients alone: these take no folder


@pytest.mark.parametrize("name", sorted(set(NAMES) - SIMULATED))
def test_a_folder_of_another_format_is_bad_use_that_names_the_missing_file(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", name, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "No such option" not in result.output
    assert re.search(r"--data: no .+ in ", result.output), result.output


@pytest.mark.parametrize("name", sorted(SIMULATED))
def test_an_evaluation_on_simulated_patients_takes_no_folder(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", name, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "No such option: --data" in result.output


def test_recorded_deteriorations_go_through_the_same_code(tmp_path: Path) -> None:
    made = cohort.weight(40, 110, 5, "+0.35 kg/day", np.full(40, 90.0))
    healthy = cohort.weight(40, 110, 6)
    lines, onsets = ["patient,vital,value,unit,measured_at"], ["patient,vital,at,event"]
    for group, source in (("ill", made), ("well", healthy)):
        for day, row in enumerate(source.values):
            at = rfc3339(cohort.START + day * cohort.DAY + cohort.MORNING)
            lines += [f"{group}-{i},body-weight,{x:g},kg,{at}" for i, x in enumerate(row) if not np.isnan(x)]
    at = rfc3339(cohort.START + 90 * cohort.DAY + cohort.MORNING)
    onsets += [f"ill-{i},body-weight,{at},gain" for i in range(40)]
    (tmp_path / "readings.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "onsets.csv").write_text("\n".join(onsets) + "\n")
    arguments = ["evaluate", "drift", "--data", str(tmp_path), "--budget", "0.1", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    [[row]] = json.loads((tmp_path / "drift.json").read_text())["tables"].values()
    assert (row["vital"], row["event"], row["onsets"]) == ("body-weight", "gain", 40)
    assert row["in 7 days %"] > 90
    assert 0 < row["alerts a week"] < 0.15
    (tmp_path / "onsets.csv").write_text("patient,vital,at\n")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "onsets.csv has no column event" in result.output


FOLDERS = {"tihm": folders.tihm, "icu": folders.icu, "welltory": folders.welltory, "diary": folders.diary}
Told = dict[str, Any]


def evaluate(name: str, folder: Path, *more: str) -> Told:
    """The JSON that an evaluation of a folder writes; it must end well, and hold nothing undefined."""
    out = folder / "out"
    result = CliRunner().invoke(main, ["evaluate", name, "--data", str(folder), "--out", str(out), *more])
    assert result.exit_code == 0, (result.output, result.exception)
    told: Told = json.loads((out / f"{name}.json").read_text(), parse_constant=_undefined)
    assert all((out / f"{name}-{i}.svg").exists() for i in range(1, len(told["curves"]) + 1))
    return told


def _undefined(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


FOUND = "Onsets found at no more false alarm days per 30, on"


def rows(told: Told, title: str) -> dict[str, dict[str, Any]]:
    """The rows of the table whose title begins so, by their first cell."""
    (table,) = (table for name, table in told["tables"].items() if name.startswith(title))
    return {str(next(iter(row.values()))): row for row in table}


@pytest.mark.parametrize("name", FOLDERS)
def test_an_evaluation_says_of_what_version_it_is_what_was_asked_and_on_what_it_was_tuned(
    name: str, tmp_path: Path
) -> None:
    FOLDERS[name](tmp_path)
    told = evaluate(name, tmp_path)
    assert told["evaluation"] == name
    assert re.fullmatch(r"[\d.]+, core [0-9a-f]{16}", told["version"])
    assert told["tuned_on"] == report.TUNED_ON[name]
    assert told["parameters"]["seed"] == 1
    assert told["parameters"]["data"] == tmp_path.name
    assert any(curve for curves in told["curves"].values() for curve in curves.values())


def test_all_evaluations_can_be_repeated_with_their_parameters_moved_and_say_what_they_were_tuned_on() -> (
    None
):
    assert set(report.TUNED_ON) == set(NAMES)
    for name in NAMES:
        result = CliRunner().invoke(main, ["evaluate", name, "--help"])
        assert "--perturb" in result.output, name


@pytest.mark.parametrize("name", FOLDERS)
def test_parameters_moved_by_nothing_change_nothing(name: str, tmp_path: Path) -> None:
    FOLDERS[name](tmp_path)
    told = evaluate(name, tmp_path, "--perturb", "0", "--repeats", "2")
    moved = [table for title, table in told["tables"].items() if "±0 %" in title]
    if name == "icu":
        assert not moved
        assert "nothing learned or tuned decides" in told["notes"][0]
        return
    (table,) = moved
    assert [row["figure"] for row in table] == ["mean", "sd", "min"]
    assert {cell for name, cell in table[1].items() if name != "figure"} <= {0.0, None}
    if name == "diary":
        whole = rows(told, "2 symptom events")["the same, with the learned baseline"]
        assert table[0]["alerts/week"] == pytest.approx(whole["alerts/week"])


@pytest.mark.parametrize("name", FOLDERS)
def test_plain_and_gzipped_files_say_the_same(name: str, tmp_path: Path) -> None:
    FOLDERS[name](tmp_path / "a")
    (tmp_path / "b").mkdir()
    for path in (tmp_path / "a").iterdir():
        if path.suffix == ".gz":
            (tmp_path / "b" / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        else:
            (tmp_path / "b" / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    one, other = evaluate(name, tmp_path / "a"), evaluate(name, tmp_path / "b")
    assert one["tables"] == other["tables"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_that_breaks_off_and_one_without_a_column_are_bad_use_that_is_named(
    name: str, tmp_path: Path
) -> None:
    FOLDERS[name](tmp_path)
    (gzipped,) = tmp_path.glob("*.gz")
    whole = gzipped.read_bytes()
    gzipped.write_bytes(whole[: len(whole) // 2])
    result = CliRunner().invoke(main, ["evaluate", name, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{gzipped.name} cannot be read to its end" in result.output
    gzipped.write_bytes(gzip.compress(b"some,other\n1,2\n"))
    result = CliRunner().invoke(main, ["evaluate", name, "--data", str(tmp_path)])
    assert result.exit_code in (1, 2)
    assert "no column" in result.output


def test_patients_one_behind_the_other_in_the_file_are_played_in_the_order_of_their_times(
    tmp_path: Path,
) -> None:
    folders.tihm(tmp_path)
    recording = tihm.Recording(tmp_path)
    for played in (*recording.played.values(), recording.own):
        assert played.ledger.accepted == len(recording.records)
        assert not any(alert["retrospective"] for alert in played.alerts)
    pressures = rows(evaluate("tihm", tmp_path), "Blood pressure")
    assert pressures["limits tuned on the visible part"]["recall"] == 1.0


def test_silence_is_no_alert_about_a_value(tmp_path: Path) -> None:
    later = [
        ("aaaa1", folders.FIRST + timedelta(days=90 + i), "Heart rate", 70, "beats/min") for i in range(3)
    ]
    folders.tihm(tmp_path, more=later)
    recording = tihm.Recording(tmp_path)
    told = recording.played["shipped default plan"].alerts
    assert any(alert["kind"] == "silence" and alert["event"] == "resolved" for alert in told)
    days = tihm_days.units(recording.readings, ("heart-rate",))
    silence = [alert for alert in told if alert["kind"] == "silence"]
    assert tihm_days.alerted(silence, ("heart-rate",), days) == set()
    assert tihm_days.workload(silence, ("heart-rate",), days) == 0
    day = ("p-aaaa1", (folders.FIRST + timedelta(days=91)).date().isoformat())
    opening = {"patient": "p-aaaa1", "vital": "heart-rate", "kind": "limit", "event": "opened"}
    opening |= {"measured_at": "2019-06-30T00:00:00Z", "received_at": "2019-06-30T00:00:00Z"}
    assert day in tihm_days.alerted([*silence, opening], ("heart-rate",), days)


@pytest.mark.parametrize(
    "kinds", [("Heart rate",), ("Systolic blood pressure", "Diastolic blood pressure"), ("Body weight",)]
)
def test_patients_without_some_vitals_are_evaluated_all_the_same(
    kinds: tuple[str, ...], tmp_path: Path
) -> None:
    folders.tihm(tmp_path, kinds=kinds)
    told = evaluate("tihm", tmp_path)
    assert rows(told, "Pulse")["blind metronome"]["per week"] == (1.0 if "Heart rate" in kinds else None)


def test_tihm_without_a_label_or_without_a_reading_has_no_recall(tmp_path: Path) -> None:
    folders.tihm(tmp_path / "unlabelled", labels=())
    told = rows(evaluate("tihm", tmp_path / "unlabelled"), "Blood pressure")
    assert told["published rules"]["recall"] is None
    assert told["published rules"]["AUROC"] is None
    folders.tihm(tmp_path / "empty", kinds=())
    assert rows(evaluate("tihm", tmp_path / "empty"), "Agitation")["chance"]["days"] == 0


def test_bad_cells_of_tihm_are_refused_by_the_core_or_counted(tmp_path: Path) -> None:
    bad = [
        ("aaaa1", "soon", "Heart rate", 70, "beats/min"),
        ("aaaa1", "2019-05-01 10:00:00", "Heart rate", "n/a", "beats/min"),
        ("aaaa1", "2019-05-01 11:00:00", "Heart rate", "inf", "beats/min"),
        ("aaaa1", "2019-05-01 12:00:00", "Heart rate"),
        ("aaaa1", "2019-05-01 13:00:00", "Heart rate", 4000, "beats/min"),
        (),
    ]
    folders.tihm(tmp_path / "good")
    folders.tihm(tmp_path / "bad", more=bad)
    good, told = evaluate("tihm", tmp_path / "good"), evaluate("tihm", tmp_path / "bad")
    facts = {name: row["how many"] for name, row in rows(told, "Recording").items()}
    assert facts["accepted"] == rows(good, "Recording")["accepted"]["how many"]
    assert sum(n for name, n in facts.items() if name.startswith("rejected")) == 5
    assert rows(told, "Blood pressure") == rows(good, "Blood pressure")


def test_stays_of_whom_nobody_or_everybody_died_have_no_area(tmp_path: Path) -> None:
    for name, died in (("nobody", (0, 0, 0)), ("everybody", (1, 1)), ("none", ())):
        folders.icu(tmp_path / name, died=died)
        table = rows(evaluate("icu", tmp_path / name), "Death in hospital")
        assert table["NEWS2, mean of the scores"]["AUROC"] is None
        assert table["NEWS2, mean of the scores"]["stays"] == len(died)


def test_stays_of_two_sets_and_bad_rows_among_them(tmp_path: Path) -> None:
    bad = [("1000", "soon", "HR", 80), ("1000", 5, "HR", "?"), ("1000", 1e300, "HR", 80), ("1000", 5, "HR")]
    folders.icu(tmp_path, "b", died=(1, 0, 0, "?"), more=bad)
    told = evaluate("icu", tmp_path)
    facts = rows(told, "Recording")
    assert facts["vitals without a minute of 0 to 2880 or a number"]["how many"] == 4
    assert facts["stays without an outcome"]["how many"] == 1
    folders.write(tmp_path, "vitals_set_d.csv", "RecordID,minute,param,value", [(7, 1500, "HR", 130)])
    folders.write(tmp_path, "outcomes_set_d.csv", "RecordID,In-hospital_death", [(7, 1)])
    both = rows(evaluate("icu", tmp_path), "Death in hospital")
    assert both["NEWS2, last"]["stays"] == rows(told, "Death in hospital")["NEWS2, last"]["stays"] + 1
    assert both["SAPS-I (given)"]["stays"] == 3


def test_persons_without_a_healthy_day_have_no_rate_of_false_alarms(tmp_path: Path) -> None:
    folders.welltory(tmp_path, onsets=("4/22/2020",), days=range(30))
    told = evaluate("welltory", tmp_path)
    assert {row["false/30 d"] for row in rows(told, "Onset of symptoms").values()} == {None}
    found = rows(told, f"{FOUND} all days")
    assert all(set(row.values()) == {name, None} for name, row in found.items())


@pytest.mark.parametrize("onsets", [(), ("", ""), ("then", "13/45/2020"), ("1/1/2010",)])
def test_nobody_with_an_onset_is_a_table_without_persons(onsets: tuple[str, ...], tmp_path: Path) -> None:
    folders.welltory(tmp_path, onsets=())
    rest = [(f"u{i}", "f", onset) for i, onset in enumerate(onsets)]
    folders.write(tmp_path, "participants.csv", "user_code,gender,symptoms_onset", rest)
    pulse = [(f"u{i}", date(2020, 4, 1) + timedelta(days=d), 60) for i in range(2) for d in range(40)]
    folders.write(tmp_path, "wearables.csv.gz", "user_code,day,resting_pulse", pulse)
    told = evaluate("welltory", tmp_path)
    assert rows(told, "Recording")["of them judged"]["how many"] == 0


def test_onsets_are_found_on_the_days_that_all_detectors_know(tmp_path: Path) -> None:
    bad = [("u0", "once", 60), ("u0", "2020-07-01", "?"), ("u1", "2020-07-02", "nan")]
    folders.welltory(tmp_path, more=bad)
    told = evaluate("welltory", tmp_path)
    assert rows(told, "Recording")["resting pulses without a day or a number"]["how many"] == 3
    found = rows(told, f"{FOUND} the")
    assert found["Vigie"]["1.0"] == found["28-day median/MAD z"]["1.0"] == 1.0


def test_a_curve_of_onsets_is_one_of_thresholds(tmp_path: Path) -> None:
    folders.welltory(tmp_path)
    told = evaluate("welltory", tmp_path)
    (table,) = (table for name, table in told["tables"].items() if name.startswith("Onset of symptoms"))
    ours = [row["false/30 d"] for row in table if row["detector"] == "Vigie"]
    assert ours == sorted(ours, reverse=True)
    assert ours[0] > ours[-1]


def test_a_glucose_without_a_readable_time_enters_nobodys_days(tmp_path: Path) -> None:
    folders.diary(tmp_path / "good")
    bad = [
        ("1", "06-31-1991", "8:00", "58", "90"),  # behind a row of the second patient, a month later
        ("2", "05-25-1991", "25:00", "58", "90"),
        ("3", "never", "8:00", "58", "90"),
        ("2", "05-25-1991", "", "65", "0"),
    ]
    folders.diary(tmp_path / "bad", more=bad)
    good, odd = (diary.Diary(tmp_path / name / "events.csv.gz") for name in ("good", "bad"))
    assert odd.spans == good.spans
    assert odd.readings == good.readings
    assert odd.symptoms == good.symptoms
    told = evaluate("diary", tmp_path / "bad")
    assert rows(told, "Ledger")["symptoms without a time"]["readings"] == 1
    assert sum(row["readings"] for name, row in rows(told, "Ledger").items() if "rejected" in name) == 3
    assert rows(told, "2 symptom events") == rows(evaluate("diary", tmp_path / "good"), "2 symptom events")


def test_diaries_without_symptoms_or_without_readings_are_told_all_the_same(tmp_path: Path) -> None:
    folders.diary(tmp_path / "well", symptoms=())
    told = rows(evaluate("diary", tmp_path / "well"), "0 symptom events")
    assert told["diary plan: below 70 at the first reading"]["within 3 h"] is None
    assert told["diary plan: below 70 at the first reading"]["alerts/week"] > 0
    folders.write(tmp_path / "none", "events.csv", "patient,date,time,code,value", [])
    told = rows(evaluate("diary", tmp_path / "none"), "0 symptom events")
    assert {cell for row in told.values() for name, cell in row.items() if name != "plan"} == {None}


@pytest.mark.parametrize("kinds", [(), tuple(folders.TIHM_KINDS)])
def test_verdicts_of_few_or_no_alerts_of_tihm_are_a_table_without_areas(
    kinds: tuple[str, ...], tmp_path: Path
) -> None:
    folders.tihm(tmp_path, kinds=kinds)
    told = evaluate("verdicts", tmp_path, "--patients", "3", "--days", "10")
    assert rows(told, "TIHM, verified or not: 0 judged")["learned online"]["AUC"] is None
    assert "too few verdicts" in told["notes"][-1]


def test_several_vitals_are_judged_by_the_pipeline_with_their_parameters_moved(tmp_path: Path) -> None:
    arguments = ["--patients", "4", "--budget", "1.0", "--perturb", "5", "--repeats", "2"]
    result = CliRunner().invoke(main, ["evaluate", "joint", *arguments, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "joint.json").read_text())
    table = rows(told, "joint shift found")
    assert table["2.0 deviations"]["joint"] >= table["0.5 deviations"]["joint"]
    assert table["threshold (score)"]["joint"] > 1
    assert rows(told, "joint: all parameters")["mean"]["alerts"] < 3


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(
    ("name", "folder", "file", "key"),
    [
        ("tihm", "tihm", "Physiology.csv.gz", "patient_id"),
        ("welltory", "welltory_hrv_covid19", "wearables.csv.gz", "user_code"),
        ("diary", "aim94_diabetes", "events.csv.gz", "patient"),
        ("icu", "physionet2012", "vitals_set_a.csv.gz", "RecordID"),
    ],
)
def test_every_second_patient_of_a_recording_is_evaluated(
    name: str, folder: str, file: str, key: str, half: int, tmp_path: Path
) -> None:
    source = recording(folder)
    for path in source.iterdir():
        if path.name != file:
            shutil.copy(path, tmp_path / path.name)
    with gzip.open(source / file, "rt", newline="") as text:
        table = csv.DictReader(text)
        all_rows = list(table)
    patients = sorted({row[key] for row in all_rows})
    kept = set(patients[half :: 2 if name != "icu" else 16])
    own = [list(row.values()) for row in all_rows if row[key] in kept]
    folders.write(tmp_path, file.removesuffix(".gz"), ",".join(all_rows[0]), own)
    evaluate(name, tmp_path)


def test_drift_is_measured_with_its_parameters_moved_and_writes_json_and_plots(tmp_path: Path) -> None:
    arguments = ["evaluate", "drift", "--vital", "body-weight", "--patients", "20", "--budget", "0.2"]
    result = CliRunner().invoke(
        main, [*arguments, "--perturb", "15", "--repeats", "3", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    shipped, beside, moved = json.loads((tmp_path / "drift.json").read_text())["tables"].values()
    assert shipped[0]["in 7 days %"] > 80
    assert {row["method"] for row in beside} >= {"Vigie", "EW z-score", "2 kg in 3 days", "blind metronome"}
    assert [row["figure"] for row in moved] == ["mean", "sd", "min"]
    assert moved[1]["+0.35 kg/day %"] > 0 or moved[1]["alerts"] > 0
    assert "polyline" in (tmp_path / "drift-1.svg").read_text()
