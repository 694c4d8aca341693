"""Several vitals of one patient in a care plan: hours as they close, result lines, and the alert.

An hour is judged when a later one begins to be told, or when all of the plan's vitals have told it. It is
learned unless an alert of any of them stands (for at most slow.FREEZE days).
"""

import math
from typing import Final, Literal

import msgspec
import numpy as np

from models import texts_windows, triage
from models.catalog import Catalog
from models.record import LIMIT_CLEARED, LIMIT_OPENED, WINDOW_NAMES
from models.score import joint, limit, slow
from models.strict import nearest
from models.times import rfc3339
from models.triage import Cause, Desk, Transition

SIZE: Final = WINDOW_NAMES.index("1h")
HOUR: Final = 3_600_000
CAUSE: Final = "baseline/joint"
RULE: Final = "joint"
FREEZE: Final = slow.FREEZE * 24  # hours
TURN: Final = ("since", "pending", "open")  # of a rule with persistence
LEAST: Final = 1.0  # score that one of six usual hours passes


class Interplay(msgspec.Struct):
    """What is remembered of a patient's vitals together: JOINT (1,) as bytes, and the alert's persistence."""

    state: bytearray = msgspec.field(default_factory=lambda: bytearray(joint.JOINT.itemsize))
    frozen: int = 0  # hours in a row that were not learned
    turn: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(TURN, 0))


class Joint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The vitals whose interplay is watched, and the score (about standard normal) that alerts."""

    vitals: tuple[str, ...]
    score_above: float = 4.5
    readings: int = 2  # hours in a row
    severity: Literal["low", "medium", "high"] = "low"


def check_joint(plan: Joint | None, catalog: Catalog) -> list[tuple[str, str, str]]:
    """(key, problem, remedy) of whatever a well-typed [plan.joint] may not say."""
    if plan is None:
        return []
    out = [
        ("joint.vitals", f"unknown vital {code}", nearest(code, catalog.index))
        for code in plan.vitals
        if code not in catalog.index
    ]
    for code in plan.vitals:
        if code in catalog.index and "1h" not in catalog[code].windows:
            out.append(
                ("joint.vitals", f"{code} has no hourly windows", "name vitals that are measured often")
            )
    if not 2 <= len(set(plan.vitals)) == len(plan.vitals) <= joint.VITALS:
        out.append(("joint.vitals", "are too few, too many or come twice", f"name 2 to {joint.VITALS}"))
    if not (plan.score_above >= LEAST and math.isfinite(plan.score_above)):
        out.append(("joint.score_above", f"{plan.score_above:g} would alert nearly always", "give 3 to 8"))
    if not 1 <= plan.readings <= 100:
        out.append(("joint.readings", f"{plan.readings} is out of range", "give 1 to 100"))
    return out


def take(
    plan: Joint,
    memory: Interplay,
    desk: Desk,
    catalog: Catalog,
    event: np.void,
    code: str,
    parameters: np.void,
) -> tuple[bytes, list[Cause | Transition]]:
    """(result lines, what to raise and what resolved) of one vital's closed hour."""
    if event["rule"] != SIZE or code not in plan.vitals:
        return b"", []
    states = np.frombuffer(memory.state, joint.JOINT)
    hour, x = int(event["measured"]) // HOUR, float(event["value"])  # the mean
    k, place = len(plan.vitals), plan.vitals.index(code)
    found = joint.collect(states, k, place, hour, x)
    if found == joint.COLLECTING:
        return b"", []
    told = _judge(plan, memory, desk, catalog, states, event, parameters)
    if found == joint.COMPLETE:
        joint.begin(states, hour + 1)
    else:
        joint.begin(states, hour)
        joint.collect(states, k, place, hour, x)  # the first of two or more completes no hour
    return told


def _judge(
    plan: Joint,
    memory: Interplay,
    desk: Desk,
    catalog: Catalog,
    states: np.ndarray,
    event: np.void,
    parameters: np.void,
) -> tuple[bytes, list[Cause | Transition]]:
    """Judge the hour that was collected, tell it, and learn it."""
    k, start = len(plan.vitals), int(states["hour"][0]) * HOUR
    hour_of_day = (start + int(event["offset"]) * 1000) // HOUR % joint.HOURS
    m, shares = np.empty(k), np.empty(k)
    squared, score = joint.assess(states, k, hour_of_day, parameters, m, shares)
    lines = _lines(plan, desk.patient, states, m, squared, score, shares)
    told: Cause | Transition | None = None
    if not math.isnan(score):
        decided = limit.in_a_row(memory.turn, score > plan.score_above, plan.readings, start)
        if decided == LIMIT_OPENED:
            told = _cause(plan, memory, catalog, states, hour_of_day, squared, score, shares, event)
        elif decided == LIMIT_CLEARED:
            facts = {"score": round(score, 2)}
            told = triage.clear(desk, CAUSE, RULE, int(event["received"]), start, facts, "usual")
    stands = memory.turn["open"] or any(triage.stands(desk, code) for code in plan.vitals)
    memory.frozen = memory.frozen + 1 if stands else 0
    if not stands or memory.frozen > FREEZE:
        joint.learn(states, k, hour_of_day, parameters, m, score)
    return lines, [told] if told else []


def _lines(
    plan: Joint,
    patient: str,
    states: np.ndarray,
    m: np.ndarray,
    squared: float,
    score: float,
    shares: np.ndarray,
) -> bytes:
    """One result line for each vital of the hour: its departure, its share, and the whole's distance."""
    missing = joint.missing_days(states, len(plan.vitals))
    end = f" {int(states['hour'][0]) * HOUR}000000\n"
    scored = "" if math.isnan(score) else f",distance={math.sqrt(squared):.4f},score={score:.4f}"
    out = []
    for code, departure, share in zip(plan.vitals, m.tolist(), shares.tolist(), strict=True):
        if not math.isnan(departure):
            fields = f"departure={departure:.4f},missing_days={missing}i"
            fields += f",share={share:.4f}{scored}" if scored else ""
            out.append(f"joint,patient={patient},vital={code} {fields}{end}")
    return "".join(out).encode()


def _cause(
    plan: Joint,
    memory: Interplay,
    catalog: Catalog,
    states: np.ndarray,
    hour_of_day: int,
    squared: float,
    score: float,
    shares: np.ndarray,
    event: np.void,
) -> Cause:
    """Why the alert opens: every vital's value, what was usual at this hour, its share of the distance."""
    s = states[0]
    start, days = int(s["hour"]) * HOUR, int(s["hours"]) // joint.HOURS
    order = [int(j) for j in np.argsort(-shares, kind="stable") if not math.isnan(shares[j])]
    told = [
        (catalog[plan.vitals[j]], float(s["value"][j]), float(s["profile"][j, hour_of_day]), float(shares[j]))
        for j in order
    ]
    return Cause(
        cause=CAUSE,
        kind="baseline",
        vital="joint",
        rule=RULE,
        severity=plan.severity,
        opening=str(start),
        measured_at=start + HOUR,
        received_at=int(event["received"]),
        facts={
            "score": round(score, 2),
            "distance": round(math.sqrt(squared), 2),
            "since": rfc3339(memory.turn["since"] * 1000),
            "vitals": [
                {
                    "vital": vital.code,
                    "value": round(value, vital.decimals + 1),
                    "usual": round(usual, vital.decimals + 1),
                    "unit": vital.unit,
                    "share": round(share, 3),
                }
                for vital, value, usual, share in told
            ],
            "days": days,
            "explanation": {
                locale: texts_windows.joint(locale, told, days, plan.readings)
                for locale in texts_windows.LOCALES
            },
        },
    )


def forget(desk: Desk, received: int, why: str) -> list[Transition]:
    """Other vitals are watched together, or they are learned anew: the alert that stood resolves."""
    told = triage.clear(desk, CAUSE, RULE, received, None, {}, why)
    return [told] if told else []
