"""Random input logs: readings good and bad, plans, actions and ticks, for the laws."""

import json
from typing import NamedTuple

from hypothesis import strategies as st

from models.times import rfc3339

START = 1_772_409_600_000  # 2026-03-02T00:00:00Z, a Monday
WEEK = 7 * 86_400_000
VITALS = {
    "heart-rate": ("/min", 40, 150),
    "systolic-bp": ("mm[Hg]", 80, 210),
    "blood-glucose": ("mg/dL", 40, 300),
    "body-weight": ("kg", 70, 80),
    "breathlessness": ("{score}", 0, 10),
    "spo2": ("%", 84, 100),
    "respiratory-rate": ("/min", 8, 30),
    "oxygen-flow": ("L/min", 0, 2),
    "body-temperature": ("Cel", 34, 41),
    "consciousness": ("{score}", 0, 4),
}
PATIENTS = ("p-one", "p-two", "p-three")
HOSTILE = (
    b"",
    b"nonsense",
    b"[1,2]",
    b'{"patient":"p-one"}',
    b"\xff\xfe",
    b'{"patient":"p-one","patient":"p-two"}',
    b"[" * 5000,
    b'{"kind":"party"}',
    b'{"patient":"p-one","device":"d","vital":"heart-rate","value":NaN,"unit":"/min","measured_at":"x"}',
    b'{"patient":"p-one","device":"d","vital":"heart-rate","value":true,"unit":"/min","measured_at":"x"}',
    b'{"kind":"plan","patient":"p-one"}',
    b'{"kind":"action","patient":"p-one"}',
)
OWN_PLAN = {
    "programme": "own",
    "version": "2",
    "time_zone": "",
    "limits": [
        {
            "rule": "heart-rate-above-100",
            "vital": "heart-rate",
            "direction": "above",
            "value": 100.0,
            "clear": 95.0,
            "severity": "medium",
            "when": "night",
        },
        {
            "rule": "blood-glucose-below-150",
            "vital": "blood-glucose",
            "direction": "below",
            "value": 150.0,
            "clear": 160.0,
            "severity": "low",
            "readings": 2,
            "lasting": 60.0,
            "within": 600.0,
            "clear_lasting": 120.0,
        },
        {
            "rule": "breathlessness-above-5",
            "vital": "breathlessness",
            "direction": "above",
            "value": 5.0,
            "clear": 3.0,
            "severity": "low",
        },
    ],
    "gains": [
        {
            "rule": "gain-beside-breathlessness",
            "vital": "body-weight",
            "amount": 1.0,
            "clear": 0.5,
            "severity": "low",
            "days": 3,
            "symptoms": ["breathlessness"],
        }
    ],
    "baselines": [
        {
            "vital": "body-weight",
            "acute": 0.0,
            "trend": "above",
            "severity": "low",
            "symptoms": ["breathlessness"],
        }
    ],
    "joint": {"vitals": ["heart-rate", "spo2", "respiratory-rate"]},
    "estimators": [
        {
            "name": "gaussian",
            "vital": "heart-rate",
            "window": "1m",
            "features": ["mean"],
            "score_above": 0.9,
            "ready": 1,
            "severity": "low",
            "pipeline": [{"estimator": "anomaly.GaussianScorer", "grace_period": 2}],
        }
    ],
    "expectations": [
        {"vital": "body-weight", "every": 86400.0, "grace": 3600.0, "severity": "low"},
        {"vital": "spo2", "every": 3600.0, "grace": 600.0, "severity": "medium"},
    ],
}
NEWS2 = (
    None,
    {"population": "adult", "scale": 1, "oxygen": "air", "alert_from": "low", "readings": 1},
    {"population": "adult", "scale": 2, "oxygen": "measured", "age": 3600.0, "ages": {"spo2": 600.0}},
    {"population": "pregnant", "scale": 1, "oxygen": "air"},
)


class Entry(NamedTuple):
    """A record of a log with its receipt; `patient` is "" for ticks and hostile records."""

    received: int
    value: bytes
    patient: str


def reading(
    patient: str,
    vital: str,
    value: float,
    at: int,
    offset: int = 3600,
    device: str = "d-1",
    battery: float | None = None,
) -> bytes:
    body = {
        "patient": patient,
        "device": device,
        "vital": vital,
        "value": value,
        "unit": VITALS[vital][0],
        "measured_at": rfc3339(at, offset),
    }
    if battery is not None:
        body["battery"] = battery
    return json.dumps(body).encode()


def plan_of(patient: str, news2: object = None) -> bytes:
    return json.dumps({"kind": "plan", "patient": patient, **OWN_PLAN, "news2": news2}).encode()


TICK = b'{"kind":"tick"}'
CALIBRATIONS = tuple(
    json.dumps(
        {
            "kind": "calibration",
            "programme": programme,
            "version": "1",
            "budget": 0.1,
            "vitals": {"body-weight": {"daily": {"variance": 0.2, "above": above}}},
        }
    ).encode()
    for programme, above in (("*", 0.5), ("*", 3.0), ("own", 1.0), ("*", -1.0))
) + tuple(
    json.dumps(
        {
            "kind": "calibration",
            "programme": programme,
            "version": "verdicts",
            "likelihood": {
                "intercept": -0.3,
                "verdicts": 90,
                "weights": {
                    "severity=high": {"weight": weight, "mean": 0.2},
                    "recent": {"weight": -0.7, "mean": 1.1},
                    "hour_sin": {"weight": 0.4, "mean": 0.0},
                    "judged_cause": {"weight": 1.2, "mean": 0.0},
                },
            },
        }
    ).encode()
    for programme, weight in (("*", 0.9), ("own", -0.4))
)


@st.composite
def logs(draw: st.DrawFn, hostile: bool = True, size: int = 60) -> list[Entry]:
    """A log of up to `size` draws, in received order; a draw may be a burst of readings."""
    now, out = START, []
    for _ in range(draw(st.integers(1, size))):
        now += draw(st.sampled_from((0, 1000, 60_000, 400_000, 3_600_000, 30_000_000, 100_000_000)))
        kind = draw(st.integers(0, 19))
        patient = draw(st.sampled_from(PATIENTS))
        if kind == 0:
            whose = draw(st.sampled_from((patient, patient, "*")))
            plan = plan_of(whose, draw(st.sampled_from(NEWS2)))
            out.append(Entry(now, plan, "" if whose == "*" else patient))
        elif kind <= 3:
            out.append(Entry(now, TICK, ""))
        elif kind == 4:
            out.append(Entry(now, draw(st.sampled_from(CALIBRATIONS)), ""))
        elif kind == 5:  # days of weights that end higher than they began, and a symptom
            if draw(st.booleans()):
                out.append(Entry(now, plan_of(patient), patient))
            gained = draw(st.sampled_from((0.8, 5)))
            for i in range(14):
                x = 70 + i % 3 / 4 + gained * (i > 11)
                out.append(Entry(now, reading(patient, "body-weight", x, now), patient))
                now += 86_400_000
            out.append(Entry(now, reading(patient, "breathlessness", 8, now), patient))
        elif kind == 7 and hostile:  # a confusion that nobody asks about again
            out.append(Entry(now, plan_of(patient, NEWS2[1]), patient))
            for later, vital, x in ((0, "consciousness", 1), (50_000_000, "spo2", 97), (1000, "spo2", 98)):
                now += later
                out.append(Entry(now, reading(patient, vital, x, now), patient))
        elif kind == 6 and hostile:
            out.append(Entry(now, draw(st.sampled_from(HOSTILE)), ""))
        else:
            vital = draw(st.sampled_from(tuple(VITALS)))
            _, low, high = VITALS[vital]
            behind = draw(st.sampled_from((0, 0, 0, 0, 1000, 200_000, 4_000_000, 90_000_000, -400_000)))
            burst = draw(st.sampled_from((1, 1, 1, 2, 6, 40)))
            device = draw(st.sampled_from(("d-1", "d-1", "d-2")))
            battery = draw(st.sampled_from((None, None, 0.05, 0.1, 0.2, 0.8, 85.0, -1.0)))
            impossible = burst in (1, 6) and draw(st.integers(0, 3)) == 0
            for i in range(burst):
                at = now - behind + i * 60_000
                value = draw(st.integers(low, high)) if burst < 6 else low + (i * 7919) % (high - low)
                value = -1 - i if impossible else value
                record = reading(patient, vital, value, at, device=device, battery=battery)
                out.append(Entry(now + i * 60_000, record, patient))
            now += (burst - 1) * 60_000
    return out
