"""A new treatment makes another normal: the learning of a vital begins anew, from a record of the log.

    {"kind":"action","patient":"p-7f3a","action":"reset-learning","vital":"heart-rate","by":"n-4"}

What was learned is forgotten: of the series itself, of the vitals watched together when it is one of them,
and by the plan's estimators on it. The alerts that rest on it resolve, and until enough days came again the
vital is not ready; its trend lines say how many days are missing. Limits, windows and gains go on.
"""

from typing import Final

import numpy as np

from models import checklist, joint, report, triage
from models.partition import Partition
from models.state import Patient
from models.triage import Transition

FIRST: Final = "slow_day"  # of SERIES, from which on everything is learned


def forget(series: np.void) -> None:
    """Put all that a series of SERIES learned back to what it was before its first reading."""
    names = series.dtype.names or ()
    for name in names[names.index(FIRST) :]:
        series[name] = np.zeros_like(series[name])


def begin_anew(
    partition: Partition, patient: Patient, row: int, code: str, received: int
) -> list[Transition]:
    """Forget what was learned of a vital, the patient's series in `row`: the alerts that end with it."""
    forget(partition.state.series[row])
    patient.held.pop(checklist.of_trend(code), None)
    rested = (
        (f"baseline/{report.ACUTE}/{code}", report.ACUTE),
        (f"trend/{report.TREND}/{code}", report.TREND),
        (f"trend/{report.TREND}/{code}", checklist.RULE),
    )
    ended = [
        triage.clear(patient.desk, cause, rule, received, None, {}, "learning") for cause, rule in rested
    ]
    plan = partition.plan_of(patient)
    if plan.joint is not None and code in plan.joint.vitals:
        patient.interplay = None
        ended += joint.forget(patient.desk, received, "learning")
    ended += partition.watches.forget(patient, plan, code, received)
    return [transition for transition in ended if transition is not None]
