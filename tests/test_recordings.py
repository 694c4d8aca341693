"""Real recordings through `vigie replay`; skipped where they are not at hand (see README, "Recordings")."""

import csv
import gzip
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.configuration import INFRA
from streams.evaluation import nab, numenta, tihm

HERE = Path(__file__).parent
DATA = Path(os.environ.get("VIGIE_RECORDINGS", HERE.parent.parent / "shared" / "data"))


def recording(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no recording {name} in {DATA}; set VIGIE_RECORDINGS to the folder that holds it")
    return path


def replay(out: Path, source: Path, name: str, *more: str) -> dict[str, object]:
    arguments = [
        "replay",
        str(source),
        "--map",
        str(INFRA / "maps" / f"{name}.toml"),
        "--out",
        str(out),
        *more,
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    ledger: dict[str, object] = json.loads((out / "ledger.json").read_text())
    return ledger


def test_the_ledger_of_tihm_balances_and_two_replays_are_the_same_bytes(tmp_path: Path) -> None:
    source = recording("tihm/Physiology.csv.gz")
    ledger = replay(tmp_path / "one", source, "tihm")
    assert ledger["received"] == 17_679
    assert replay(tmp_path / "two", source, "tihm") == ledger
    for name in ("results.lp", "alerts.jsonl", "rejects.jsonl", "ledger.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_limits_find_the_days_that_the_clinical_team_verified() -> None:
    whole = tihm.Recording(recording("tihm"))
    for kind in ("Blood pressure", "Pulse"):
        table, _ = tihm.channel(whole, kind)
        best = dict(zip(table.columns, table.rows[0], strict=True))
        print(kind, best)
        assert float(best["F1"]) >= 0.88


def test_daily_time_in_range_and_glucose_indicators_equal_a_plain_pandas_computation(tmp_path: Path) -> None:
    source = recording("hall_cgm/hall_19_subjects.csv.gz")
    replay(tmp_path, source, "hall_cgm", "--then", "2d")
    told = {}
    for line in (tmp_path / "results.lp").read_text().splitlines():
        key, fields, nanoseconds = line.split(" ")
        if ",window=1d" in key:
            patient = key.split(",")[1].removeprefix("patient=")
            day = str(pd.Timestamp(int(nanoseconds), tz="UTC").tz_convert("Etc/GMT+5").date())
            values = dict(field.split("=") for field in fields.split(","))
            told[patient, day] = [values[name] for name in NAMES]
    frame = pd.read_csv(source)
    frame["day"] = frame["time_est"].str[:10]
    expected = {}
    for key, x in frame.groupby(["id", "day"])["gl"]:
        shares = [(x < 54), (x < 70), (x >= 70) & (x <= 180), (x > 180), (x > 250)]
        expected[key] = [f"{round(100 * share.mean(), 1):.1f}" for share in shares]
        spread = 100 * x.std() / x.mean() if len(x) > 1 else 0.0
        expected[key] += [f"{3.31 + 0.02392 * x.mean():.2f}", f"{spread:.1f}"]
    assert len(expected) > 100
    assert told == expected


NAMES = ["time_below_54", "time_below_70", "time_in_70_180", "time_above_180", "time_above_250"]
NAMES += ["glucose_management_indicator", "coefficient_of_variation"]


def test_the_acute_baseline_keeps_its_score_on_the_numenta_benchmark() -> None:
    files, _ = numenta.load(recording("nab"))
    found = nab.detections(files, nab.records(files)).found
    scores = {profile: numenta.score(files, found, profile) for profile in numenta.PROFILES}
    print({profile: round(value, 1) for profile, value in scores.items()})
    assert scores["standard"] >= 78
    assert scores["low-FP"] >= 70
    assert scores["low-FN"] >= 82


def test_news2_tells_who_will_die_in_hospital_as_well_as_published() -> None:
    source = recording("physionet2012")
    result = CliRunner().invoke(main, ["evaluate", "icu", "--data", str(source)])
    assert result.exit_code == 0, result.output
    print(result.output)
    row = next(line for line in result.output.splitlines() if line.startswith("NEWS2, mean"))
    assert float(row.split()[-2]) >= 0.71


EVER = datetime.min.replace(tzinfo=UTC)
Diary = dict[tuple[str, str], list[tuple[datetime, float]]]


def diaries(source: Path) -> tuple[Diary, Counter[str]]:
    """The accepted entries of AIM-94 per patient and vital, and the fate of each entry, computed plainly."""
    allowance = {"blood-glucose": timedelta(hours=1), "symptom-hypoglycaemia": timedelta(days=3)}
    accepted, fates = Diary(), Counter[str]()
    with gzip.open(source, "rt") as text:
        rows = list(csv.DictReader(text))
    for row in rows:
        code = int(row["code"])
        if 33 <= code <= 35 or code >= 66:
            continue
        fates["received"] += 1
        if code != 48 and not 57 <= code <= 65:
            # the value is read first
            fates["unknown-vital" if row["value"].isdigit() else "not-a-number"] += 1
            continue
        vital = "symptom-hypoglycaemia" if code == 65 else "blood-glucose"
        if code != 65 and not row["value"].isdigit():
            fates["not-a-number"] += 1
            continue
        entry = (
            datetime.strptime(f"{row['date']} {row['time']} Z", "%m-%d-%Y %H:%M %z"),
            1.0 if code == 65 else float(row["value"]),
        )
        held = accepted.setdefault((f"p-{row['patient']}", vital), [])
        newest = max((at for at, _ in held), default=EVER)
        if vital == "blood-glucose" and not 10 <= entry[1] <= 1000:
            fates["implausible"] += 1
        elif entry in held[-24:]:
            fates["duplicate"] += 1
        elif entry[0] < newest and (
            entry[0] < newest - allowance[vital]
            or entry[0] <= max((at for at, _ in held[:-24]), default=EVER)
        ):
            fates["late"] += 1
        else:
            fates["accepted"] += 1
            held.append(entry)
    return accepted, fates


def test_the_ledger_of_the_diabetes_diaries_equals_a_plain_count_of_their_entries(tmp_path: Path) -> None:
    source = recording("aim94_diabetes/events.csv.gz")
    ledger = replay(tmp_path, source, "aim94")
    _, fates = diaries(source)
    print(dict(fates))
    for fate in ("received", "accepted", "duplicate", "late"):
        assert ledger[fate] == fates[fate], fate
    assert ledger["rejected"] == {
        reason: fates[reason] for reason in ("implausible", "not-a-number", "unknown-vital")
    }


def test_daily_counts_of_the_diabetes_diaries_equal_a_plain_count(tmp_path: Path) -> None:
    source = recording("aim94_diabetes/events.csv.gz")
    replay(tmp_path, source, "aim94", "--then", "2d")
    told: dict[tuple[str, str], int] = {}
    for line in (tmp_path / "results.lp").read_text().splitlines():
        key, fields, nanoseconds = line.split(" ")
        if "vital=blood-glucose" in key and ",window=1d" in key:
            patient = key.split(",")[1].removeprefix("patient=")
            day = str(pd.Timestamp(int(nanoseconds)).date())
            told[patient, day] = int(dict(f.split("=") for f in fields.split(","))["count"].rstrip("i"))
    accepted, _ = diaries(source)
    expected = Counter(
        (patient, str(at.date()))
        for (patient, vital), entries in accepted.items()
        for at, _ in entries
        if vital == "blood-glucose"
    )
    assert len(expected) > 3000
    assert told == expected


def test_every_diary_that_notes_symptoms_of_low_sugar_raises_a_symptom_alert(tmp_path: Path) -> None:
    source = recording("aim94_diabetes/events.csv.gz")
    replay(tmp_path, source, "aim94", "--plans", str(HERE / "plans" / "aim94.toml"))
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    opened = {a["patient"] for a in alerts if a["kind"] == "symptom" and a["event"] == "opened"}
    accepted, _ = diaries(source)
    assert opened == {patient for patient, vital in accepted if vital == "symptom-hypoglycaemia"}
    assert len(opened) == 38
