"""A mature log for the laws: five weeks of two patients whose every detector is ready and has spoken.

Random logs of some draws hardly reach a day of readings, nights, fourteen days of several vitals, a valid
action, or a gain beside a symptom. This one is always the same, whatever the week in which it begins.
"""

import functools
import json
from typing import Any

import numpy as np

from models.pipeline import Pipeline
from models.times import parse_times
from streams.configuration import load_catalog, load_default_plan
from streams.zones import zone
from tests.logs import TICK, Entry, reading

DAYS = 36
HOUR, DAY = 3_600_000, 86_400_000
PATIENTS = ("m-one", "m-two")
PLAN: dict[str, Any] = {
    "programme": "mature",
    "version": "7",
    "time_zone": "",
    "limits": [
        {"rule": "spo2-below-91", "vital": "spo2", "direction": "below", "value": 91, "clear": 93,
         "severity": "high", "readings": 2, "within": 14400.0},
        {"rule": "breathlessness-above-6", "vital": "breathlessness", "direction": "above", "value": 6,
         "clear": 4, "severity": "medium"},
    ],
    "gains": [
        {"rule": "gain-with-symptoms", "vital": "body-weight", "amount": 1.0, "days": 3, "clear": 0.5,
         "severity": "medium", "symptoms": ["breathlessness"]},
    ],
    "baselines": [
        {"vital": "heart-rate", "acute": 5.0, "trend": "both", "severity": "low"},
        {"vital": "body-weight", "acute": 0.0, "trend": "above", "severity": "low"},
    ],
    "news2": {"population": "adult", "scale": 1, "oxygen": "air", "alert_from": "low", "readings": 1},
    "joint": {"vitals": ["heart-rate", "respiratory-rate", "spo2"], "score_above": 3.0},
    "estimators": [
        {"name": "trees", "vital": "heart-rate", "window": "1h", "features": ["mean", "max"],
         "score_above": 0.95, "ready": 72, "severity": "low",
         "pipeline": [{"estimator": "preprocessing.MinMaxScaler"},
                      {"estimator": "anomaly.HalfSpaceTrees", "n_trees": 5, "height": 5, "window_size": 48,
                       "seed": 3}]},
        {"name": "forecast", "vital": "heart-rate", "window": "1h", "features": ["mean"],
         "score_above": 0.99, "ready": 48, "severity": "low",
         "pipeline": [{"estimator": "anomaly.PredictiveAnomalyDetection", "n_std": 4.0,
                       "predictive_model": {"estimator": "time_series.HoltWinters", "alpha": 0.3,
                                            "beta": 0.05, "gamma": 0.1, "seasonality": 24}}]},
    ],
    "expectations": [
        {"vital": "body-weight", "every": 86400.0, "grace": 43200.0, "severity": "low"},
    ],
}  # fmt: skip
CALIBRATION = {
    "kind": "calibration", "programme": "mature", "version": "cohort", "budget": 0.1,
    "vitals": {"heart-rate": {"variance": {"level": 4.1, "variability": 0.06, "rhythm": 6.2},
                              "threshold": {"above": 1.2, "below": 1.2, "variability": 1.6, "rhythm": 1.5}},
               "body-weight": {"variance": {"level": 0.14}, "threshold": {"above": 1.0}}},
    "joint": 2.5,
}  # fmt: skip
LIKELIHOOD = {
    "kind": "calibration", "programme": "*", "version": "verdicts",
    "likelihood": {"intercept": -0.3, "verdicts": 90, "weights": {
        "severity=high": {"weight": 0.9, "mean": 0.2}, "recent": {"weight": -0.7, "mean": 1.1},
        "judged_cause": {"weight": 1.2, "mean": 0.0}}},
}  # fmt: skip


def readings(start: int, patient: str, seed: int) -> list[Entry]:
    """Everything that one patient's devices send, in the order of its times."""
    rng, out = np.random.default_rng(seed), list[Entry]()

    def put(at: int, vital: str, value: float) -> None:
        out.append(Entry(at + 5000, reading(patient, vital, round(value, 1), at), patient))

    for half in range(DAYS * 48):
        day, clock, at = half // 48, half % 48 / 2, start + half * HOUR // 2
        together = rng.normal()  # of pulse and breathing
        rate = 68 - 6 * np.cos(2 * np.pi * (clock - 3) / 24) + 2 * together + rng.normal(0, 1)
        rate += 8.0 * (24 <= day < 30 and clock < 7)  # nights
        rate += 45.0 * (day in (12, 33) and 10 <= clock < 13)  # hours far off
        odd = 20 <= day < 22  # pulse up, breathing down, each within its band
        put(at, "heart-rate", rate + 3 * odd)
        if half % 2 == 0:
            low = 15 <= clock < 20 and day == 17
            put(at + 60_000, "respiratory-rate", 15 + together + rng.normal(0, 0.5) - 2.5 * odd + 10 * low)
            put(at + 120_000, "spo2", min(100, 96 + rng.normal(0, 0.6) + 1.0 * odd - 7 * low))
        if clock == 8:
            put(at + 180_000, "body-weight", 80 + rng.normal(0, 0.2) + 0.5 * min(max(day - 25, 0), 4))
            put(at + 240_000, "body-temperature", 36.6 + rng.normal(0, 0.1))
            put(at + 300_000, "systolic-bp", 128 + rng.normal(0, 5))
            put(at + 360_000, "consciousness", 0)
            put(at + 420_000, "breathlessness", 8 if day in (28, 29) else 2)
    silent = start + 31 * DAY, start + 34 * DAY
    return [e for e in out if b"body-weight" not in e.value or not silent[0] <= e.received < silent[1]]


def record(at: int, body: dict[str, Any], patient: str = "") -> Entry:
    return Entry(at, json.dumps(body).encode(), patient)


def of_nurses(entries: list[Entry]) -> list[Entry]:
    """What nurses do about the alerts that a log causes: they take some, and judge those that are over."""
    pipeline = Pipeline(load_catalog(), load_default_plan(None, load_catalog()), zone)
    outputs = pipeline.process([e.value for e in entries], [e.received for e in entries], range(len(entries)))
    out, verdicts = list[Entry](), ("actionable", "not-actionable", "measurement-error")
    for number, alert in enumerate(outputs.alerts):
        told = json.loads(alert.body)
        act = {"kind": "action", "patient": alert.patient, "by": "nurse", "alert_id": alert.alert_id}
        at = int(parse_times([told["received_at"]])[0][0])
        if told["event"] == "opened" and number % 3 == 0:
            out.append(record(at + 1000, {**act, "action": "acknowledge"}, alert.patient))
        elif told["event"] == "resolved":
            verdict = verdicts[number % len(verdicts)]
            act = {**act, "action": "verdict", "verdict": verdict}
            out.append(record(at + 600_000, act, alert.patient))
    return out


@functools.cache
def log(start: int) -> tuple[Entry, ...]:
    """The log that begins at `start`, a Monday's midnight."""
    entries = [record(start, {"kind": "plan", "patient": patient, **PLAN}, patient) for patient in PATIENTS]
    entries += [record(start + 10 * DAY, CALIBRATION), record(start + 11 * DAY, LIKELIHOOD)]
    for number, patient in enumerate(PATIENTS):
        entries += readings(start, patient, 5 + number)
    reset = {"kind": "action", "patient": PATIENTS[0], "action": "reset-learning", "by": "nurse"}
    entries.append(record(start + 34 * DAY, {**reset, "vital": "heart-rate"}, PATIENTS[0]))
    entries += [Entry(start + i * 6 * HOUR, TICK, "") for i in range(1, 4 * DAYS + 1)]
    entries.sort(key=lambda entry: entry.received)
    return tuple(sorted([*entries, *of_nurses(entries)], key=lambda entry: entry.received))
