"""The care plans of the simulated ward: the shipped templates, with the cadence of the ward's devices."""

from typing import Final, cast

import msgspec

from models.catalog import Catalog
from models.plan import Expectation, Plan, Severity
from streams.configuration import load_templates
from streams.ward.roster import Patient

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

# Cadence and patience of each vital in seconds, and how grave its silence is.
CADENCES: Final[dict[str, tuple[float, float, str]]] = {
    "blood-glucose": (5 * MINUTE, 55 * MINUTE, "medium"),
    "heart-rate": (15 * MINUTE, 105 * MINUTE, "low"),
    "spo2": (15 * MINUTE, 105 * MINUTE, "medium"),
    "respiratory-rate": (15 * MINUTE, 105 * MINUTE, "low"),
    "steps": (HOUR, 23 * HOUR, "low"),
    "body-weight": (DAY, 6 * HOUR, "medium"),
    "systolic-bp": (12 * HOUR, 8 * HOUR, "low"),
    "peak-flow": (DAY, 12 * HOUR, "low"),
    "body-temperature": (12 * HOUR, 8 * HOUR, "low"),
}


def care_plan(patient: Patient, catalog: Catalog, locale: str, time_zone: str) -> Plan:
    """A patient's whole plan: the programme's template where one ships, else the default's limits."""
    templates = load_templates(catalog)
    template = patient.programme if patient.programme in templates else "default"
    plan = msgspec.structs.replace(
        templates[template],
        patient=patient.name,
        programme=patient.programme,
        version="1",
        time_zone=time_zone,
        route=patient.programme,
        locale=locale,
    )
    expectations = tuple(
        Expectation(vital, every, grace, cast("Severity", severity))
        for vital, (every, grace, severity) in CADENCES.items()
        if vital in patient.vitals and (patient.story != "never-sent" or vital == "body-weight")
    )
    return msgspec.structs.replace(plan, expectations=expectations)


def patience(plan: Plan, vital: str) -> float:
    """How long a plan waits for a vital before it calls it silent, in ms; 0 when it does not wait."""
    return sum(1000 * (e.every + e.grace) for e in plan.expectations if e.vital == vital)
