"""A simulated ward with simulated nurses, whose idea of an actionable alert changes midway.

A nurse's preference is a logistic function of what she sees of an alert, with a share of her own about the
patient that no feature tells; her verdict is a draw of it. The core sees neither weights nor draws.
"""

import math
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np

from models.plan import Limit, Plan
from models.times import rfc3339

DAY: Final = 86_400_000
HOUR: Final = 3_600_000
START: Final = 1_772_409_600_000  # 2026-03-02T00:00:00Z, a Monday
MISSING: Final = 0.25  # share of alerts that nobody judges
DELAY_HOURS: Final = (14.0, 0.8)  # median and log-spread of the wait from resolution to verdict

Alert = dict[str, Any]
# vital: unit, usual level, spread between patients, spread of readings, what can be shown, hours of the day
VITALS: Final = {
    "systolic-bp": ("mm[Hg]", 138, 9, 9, 70, 250, (8, 20)),
    "heart-rate": ("/min", 82, 8, 9, 30, 200, (3, 8, 14, 20)),
    "spo2": ("%", 94.5, 0.8, 1.2, 70, 99.9, (3, 8, 20)),
    "body-temperature": ("Cel", 37.0, 0.2, 0.45, 34, 42, (8,)),
    "blood-glucose": ("mg/dL", 165, 25, 35, 40, 500, (8, 13, 19)),
}
LIMITS: Final = (
    ("systolic-bp", "above", 160, 155, "medium"),
    ("systolic-bp", "above", 175, 165, "high"),
    ("heart-rate", "above", 105, 100, "medium"),
    ("heart-rate", "above", 115, 105, "high"),
    ("spo2", "below", 92, 93, "medium"),
    ("spo2", "below", 90, 92, "high"),
    ("body-temperature", "above", 38, 37.7, "low"),
    ("blood-glucose", "above", 250, 230, "medium"),
    ("blood-glucose", "below", 70, 80, "high"),
)
# log odds of a nurse for each vital, per high severity, per 10 % beyond the limit, at night, per alert a week
BEFORE: Final = {
    "systolic-bp": -1.0, "heart-rate": -1.6, "spo2": 1.4, "body-temperature": 1.6, "blood-glucose": -0.2,
    "high": 0.8, "beyond": 0.8, "night": -1.2, "recent": -0.5, "constant": 0.3,
}  # fmt: skip
AFTER: Final = {
    "systolic-bp": 1.5, "heart-rate": 1.0, "spo2": -1.5, "body-temperature": -0.8, "blood-glucose": 0.4,
    "high": 0.4, "beyond": 0.8, "night": 0.6, "recent": -0.5, "constant": 0.0,
}  # fmt: skip
OWN: Final = 0.8  # spread of a nurse's idea of a patient, log odds


def plan() -> Plan:
    """Two limits a side, without persistence: many alerts, of two severities."""
    rules = tuple(
        Limit(f"{vital}-{side}-{value}", vital, side, value, clear, severity)  # type: ignore[arg-type]
        for vital, side, value, clear, severity in LIMITS
    )
    return Plan("*", "simulated", "1", time_zone="Europe/Paris", limits=rules)


def readings(patients: int, days: int, seed: int) -> list[tuple[int, bytes]]:
    """(received_at, record) of a ward, ascending: levels wander from day to day, readings around them."""
    chance = np.random.default_rng(seed)
    out = []
    for number in range(patients):
        for vital, (unit, level, between, within, lowest, highest, hours) in VITALS.items():
            own = chance.normal(level, between)
            wander = 0.0
            for day in range(days):
                wander = 0.8 * wander + chance.normal(0, 0.6 * within)
                for hour in hours:
                    at = START + day * DAY + hour * HOUR + int(chance.integers(0, 40 * 60)) * 1000
                    value = float(own + wander + chance.normal(0, 0.7 * within))
                    record = {
                        "patient": f"p-{number}",
                        "device": f"{vital}-{number}",
                        "vital": vital,
                        "value": round(min(max(value, lowest), highest), 1),
                        "unit": unit,
                        "measured_at": rfc3339(at, 3600),
                    }
                    out.append((at + int(chance.exponential(20 * 60)) * 1000, msgspec.json.encode(record)))
    return sorted(out)


class Nurses:
    """Judge alerts: the preference BEFORE until the day of change, AFTER from then on."""

    def __init__(self, patients: int, change: int, seed: int) -> None:
        """change: ms at which the preference changes."""
        self.change = change
        self._chance = np.random.default_rng(seed)
        self._own = {f"p-{i}": float(x) for i, x in enumerate(self._chance.normal(0, OWN, patients))}

    def likelihood(self, alert: Alert) -> float:
        """How likely the nurse is to call an alert actionable: the truth that is to be learned."""
        opened = datetime.fromisoformat(alert["opened_at"])
        weights = BEFORE if opened.timestamp() * 1000 < self.change else AFTER
        beyond = abs(alert["value"] - alert["limit"]) / abs(alert["limit"])
        recent = math.expm1(alert["features"].get("recent", 0.0))
        odds = weights["constant"] + weights[alert["vital"]] + self._own[alert["patient"]]
        odds += weights["high"] * (alert["severity"] == "high") + weights["beyond"] * min(10 * beyond, 3)
        odds += weights["night"] * (opened.hour < 7) + weights["recent"] * min(recent, 7) / 3
        return 1 / (1 + math.exp(-odds))

    def __call__(self, opening: Alert, resolution: Alert) -> tuple[str, int] | None:
        """A verdict some hours after the resolution; of some alerts none ever comes."""
        missing, drawn, wait = self._chance.random(), self._chance.random(), self._chance.normal()
        if missing < MISSING:
            return None
        verdict = "actionable" if drawn < self.likelihood(opening) else "not-actionable"
        median, spread = DELAY_HOURS
        resolved = round(datetime.fromisoformat(resolution["received_at"]).timestamp() * 1000)
        return verdict, resolved + round(median * math.exp(spread * wait) * HOUR)
