"""Small folders in the formats of the recordings that evaluations read, for any of their faults."""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

Row = Sequence[object]
FIRST = datetime(2019, 4, 1, 9, 0)  # noqa: DTZ001 - as the recordings write times
TIHM_KINDS = {
    "Systolic blood pressure": (140, 8, "mm[Hg]"),
    "Diastolic blood pressure": (80, 5, "mm[Hg]"),
    "Heart rate": (72, 5, "beats/min"),
    "Body Temperature": (36.5, 0.3, "Cel"),
    "Body weight": (70, 0.4, "kg"),
    "Total body water": (52, 1, "%"),
    "O/E - muscle mass": (30, 0.5, "kg"),
}


def write(folder: Path, name: str, header: str, rows: Iterable[Row]) -> None:
    """A CSV, gzipped where its name says so."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(header.split(","))
    table.writerows(rows)
    folder.mkdir(parents=True, exist_ok=True)
    data = text.getvalue().encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def tihm(
    folder: Path,
    physiology: str = "Physiology.csv.gz",
    kinds: Sequence[str] = tuple(TIHM_KINDS),
    labels: Sequence[Row] | None = None,
    more: Sequence[Row] = (),
    days: int = 40,
) -> None:
    """Two patients, one behind the other; pressures of 175 on three days of each, verified."""
    rng, rows, verified = np.random.default_rng(3), list[Row](), list[Row]()
    for patient in ("aaaa1", "bbbb2"):
        for i in range(days):
            for kind in kinds:
                level, deviation, unit = TIHM_KINDS[kind]
                high = kind.startswith("Systolic") and i in (20, 21, 30)
                value = round(175 if high else float(rng.normal(level, deviation)), 1)
                rows.append((patient, FIRST + timedelta(days=i, seconds=len(rows) % 600), kind, value, unit))
                if high:
                    verified.append((patient, FIRST + timedelta(days=i, hours=1), "Blood pressure"))
        verified.append((patient, FIRST + timedelta(days=25), "Agitation"))
    write(folder, physiology, "patient_id,date,device_type,value,unit", [*rows, *more])
    write(folder, "Labels.csv", "patient_id,date,type", verified if labels is None else labels)


def icu(
    folder: Path,
    name: str = "b",
    died: Sequence[object] = (1, 0, 0, 1, 0, 0),
    more: Sequence[Row] = (),
    gzipped: bool = True,
) -> None:
    """Stays of two days; those who die breathe fast and are short of oxygen."""
    rng, rows = np.random.default_rng(4), list[Row]()
    for stay, outcome in enumerate(died):
        for minute in range(0, 2880, 60):
            sick = 8 * (outcome == 1)
            usual = {"HR": 80 + sick, "RespRate": 16 + sick, "SysABP": 120, "Temp": 37, "SaO2": 97 - sick}
            for param, level in usual.items():
                rows.append((1000 + stay, minute, param, round(float(rng.normal(level, 1)), 1)))
    suffix = ".gz" if gzipped else ""
    write(folder, f"vitals_set_{name}.csv{suffix}", "RecordID,minute,param,value", [*rows, *more])
    header = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death"
    outcomes = [(1000 + i, 10, -1, 5, -1, outcome) for i, outcome in enumerate(died)]
    write(folder, f"outcomes_set_{name}.csv", header, outcomes)


def welltory(
    folder: Path,
    onsets: Sequence[object] = ("6/20/2020", "6/25/2020", ""),
    days: range = range(80),
    more: Sequence[Row] = (),
    suffix: str = ".gz",
) -> None:
    """Persons whose resting pulse rises by 8 two days before their onset."""
    rng, rows = np.random.default_rng(5), list[Row]()
    first = date(2020, 4, 10)
    for person, onset in enumerate(onsets):
        begun = datetime.strptime(str(onset), "%m/%d/%Y").date() if onset else date(2100, 1, 1)  # noqa: DTZ007
        for i in days:
            day = first + timedelta(days=i)
            rise = 8 * (-2 <= (day - begun).days <= 6)
            rows.append((f"u{person}", day, round(float(rng.normal(60, 1.5)) + rise), "", ""))
    header = "user_code,day,resting_pulse,pulse_average,steps_count"
    write(folder, f"wearables.csv{suffix}", header, [*rows, *more])
    people = [(f"u{i}", "f", onset) for i, onset in enumerate(onsets)]
    write(folder, "participants.csv", "user_code,gender,symptoms_onset", people)


def diary(
    folder: Path,
    symptoms: Sequence[Row] = (
        ("1", "05-03-1991", "12:30", "65", "0"),
        ("2", "05-20-1991", "12:10", "65", "0"),
    ),
    more: Sequence[Row] = (),
    name: str = "events.csv.gz",
) -> None:
    """Two diaries of four glucoses a day for five weeks; at noon of some days 55."""
    rng, rows = np.random.default_rng(6), list[Row]()
    for patient in ("1", "2"):
        for i in range(35):
            day = (date(1991, 4, 20) + timedelta(days=i)).strftime("%m-%d-%Y")
            for hour in (8, 12, 18, 22):
                low = hour == 12 and i in (13, 30)
                rows.append((patient, day, f"{hour}:00", "58", 55 if low else round(rng.normal(150, 20))))
    write(folder, name, "patient,date,time,code,value", [*rows, *symptoms, *more])
