"""The care plans of the simulated ward: the shipped programmes, with the cadence of its worn devices."""

from typing import Final

from models.catalog import Catalog
from models.plan import Plan
from models.plan_file import parse_plans
from streams.configuration import load_templates
from streams.ward.roster import Patient
from streams.zones import zone

# Worn devices send by themselves: their silence is told long before the programme's. Each is expected
# once it has sent; the scale, the cuff and the questions keep what the programme says.
WORN: Final = {
    "blood-glucose": ("5min", "55min", "medium"),
    "heart-rate": ("15min", "105min", "low"),
    "spo2": ("15min", "105min", "medium"),
    "respiratory-rate": ("15min", "105min", "low"),
}

# Who has COPD on the ward breathes air, with a target saturation of 88-92 %.
NEWS2: Final = """[plan.news2]
population = "adult"
scale = 2
oxygen = "air"
alert_from = "medium"
"""


def care_plan(patient: Patient, catalog: Catalog, locale: str, time_zone: str) -> Plan:
    """A patient's whole plan: the programme's template, and what is this patient's own."""
    text = (
        f'[[plan]]\npatient = "{patient.name}"\ntemplate = "{patient.programme}"\n'
        f'time_zone = "{time_zone}"\nroute = "{patient.programme}"\nlocale = "{locale}"\n'
    )
    for vital, (every, grace, severity) in WORN.items():
        if vital in patient.vitals:
            text += (
                f'[[plan.expectations]]\nvital = "{vital}"\nevery = "{every}"\ngrace = "{grace}"\n'
                f'severity = "{severity}"\nrequired = false\n'
            )
    if patient.programme == "copd":
        text += NEWS2
    return parse_plans(text, "ward", catalog, load_templates(catalog), zone)[0]


def patience(plan: Plan, vital: str) -> float:
    """How long a plan waits for a vital before it calls it silent, in ms; 0 when it does not wait."""
    return sum(1000 * (e.every + e.grace) for e in plan.expectations if e.vital == vital)
