"""A plan takes hold: rules that it dropped resolve, those that it kept go on, silence too."""

import numpy as np

from models import checklist, joint, news2, report, triage
from models.decisions import clear_cause
from models.decode import Other
from models.partition import Partition
from models.plan import Plan, decode_plan
from models.rules import allowance, expectation_of, gains_of, limits_of
from models.score import slow
from models.state import Patient


def take(partition: Partition, item: Other, received: int, offset: int) -> None:
    """A plan of the log, for one patient or for everyone without one of their own."""
    try:
        plan = decode_plan(item.data, partition.catalog, partition.zones)
    except ValueError as error:
        partition.reject("invalid-plan", str(error), offset, item.data)
        return
    partition.count("plans", offset)
    if plan.patient == "*":
        if offset > partition.state.stamps[0]:
            partition.state.defaults.append((offset, plan))
            partition.state.dirty[0] = True
        before, partition.default = partition.default, plan
        for patient in partition.state.roster:
            if patient.plan is None and offset > partition.state.stamps[patient.block]:
                _apply(partition, patient, before, plan, received)
        return
    patient = partition.state.by_name.get(plan.patient) or partition.add_patient(plan.patient)
    before, patient.plan = partition.plan_of(patient), plan
    _apply(partition, patient, before, plan, received)


def _apply(partition: Partition, patient: Patient, before: Plan, plan: Plan, received: int) -> None:
    """Let a plan take hold: rules that it dropped resolve, those that it kept go on, silence too."""
    partition.state.dirty[patient.block] = True
    partition.enrol(patient, plan)
    partition.out.alerts += partition.watches.apply(patient, before, plan, received)
    if before.joint != plan.joint:
        partition.out.alerts += joint.forget(patient.desk, received, "plan")
        patient.interplay = None
    if before.news2 != plan.news2:
        _forget_risk(partition, patient, received)
    for expectation in plan.expectations:
        vital = partition.catalog.index[expectation.vital]
        if expectation.required and vital not in patient.rows:
            partition.add_series(patient, vital)
    for vital, row in patient.rows.items():
        code, series = partition.catalog.vitals[vital].code, partition.state.series[row]
        partition.state.rule_index[row] = partition.rule(patient, vital)
        group = "symptom" if partition.catalog.vitals[vital].symptom else "limit"
        _keep_limits(partition, patient, series, before, plan, code, group, received)
        _keep_gains(partition, patient, series, before, plan, code, received)
        _keep_baselines(partition, patient, row, code, received)
        _expect(partition, patient, series, row, before, plan, code, received)
    for baseline in before.baselines:
        if baseline.symptoms and baseline not in plan.baselines:
            patient.held.pop(checklist.of_trend(baseline.vital), None)
            cause = f"trend/{report.TREND}/{baseline.vital}"
            clear_cause(partition, patient, cause, checklist.RULE, received, None)


def _keep_limits(
    partition: Partition,
    patient: Patient,
    series: np.void,
    before: Plan,
    plan: Plan,
    code: str,
    group: str,
    received: int,
) -> None:
    """Limits that another plan keeps go on, maybe in another place; those that it dropped resolve."""
    old, kept = limits_of(before, code), limits_of(plan, code)
    was = series.copy()
    for name in ("limit_since", "limit_pending", "limit_open", "recent_breach"):
        series[name] = np.zeros_like(series[name])
    for j, limit in enumerate(kept):
        if limit in old:
            i = old.index(limit)
            for name in ("limit_since", "limit_pending"):
                series[name][j] = was[name][i]
            for name in ("limit_open", "recent_breach"):
                series[name] |= (was[name] >> i & 1) << j
    for i, limit in enumerate(old):
        if was["limit_open"] >> i & 1 and limit not in kept:
            cause = f"{group}/{limit.direction}/{code}"
            alert = triage.standing(patient.desk, cause)
            vital = partition.catalog[code]
            words = partition.reporter.eased(plan, vital, alert, limit, None) if alert else {}
            clear_cause(partition, patient, cause, limit.rule, received, None, words)


def _keep_gains(
    partition: Partition,
    patient: Patient,
    series: np.void,
    before: Plan,
    plan: Plan,
    code: str,
    received: int,
) -> None:
    """Gains that another plan keeps go on, maybe in another place; those that it dropped resolve."""
    old, kept = gains_of(before, code), gains_of(plan, code)
    was = series["gain_open"].copy()
    series["gain_open"] = 0
    for j, gain in enumerate(old):
        if gain in kept and (not gain.of or before.dry_weight == plan.dry_weight):
            series["gain_open"][kept.index(gain)] = was[j]
        elif was[j]:
            patient.held.pop(gain.rule, None)
            alert = triage.standing(patient.desk, f"trend/gain/{code}")
            words = (
                partition.reporter.gain_eased(plan, partition.catalog[code], alert, gain, None)
                if alert
                else {}
            )
            clear_cause(partition, patient, f"trend/gain/{code}", gain.rule, received, None, words)


def _keep_baselines(partition: Partition, patient: Patient, row: int, code: str, received: int) -> None:
    """What the plan watches no longer resolves: it is not back to the usual."""
    series = partition.state.series[row]
    rules = partition.rules.table[partition.state.rule_index[row]]
    channel = int(series["slow_open"]) - 1
    if channel >= 0 and rules["trend" if slow.nightly(series) else "trend_daily"][channel] == 0:
        series["slow_open"] = 0
        clear_cause(partition, patient, f"trend/{report.TREND}/{code}", report.TREND, received, None)
    if series["acute_open"] and rules["acute"] == 0:
        series["acute_open"] = series["calm"] = 0
        cause = f"baseline/{report.ACUTE}/{code}"
        clear_cause(partition, patient, cause, report.ACUTE, received, None)


def _forget_risk(partition: Partition, patient: Patient, received: int) -> None:
    """Another NEWS2 holds, or none: the risk that stood resolves, the next scores find it anew."""
    record = partition.state.patients[patient.row]
    if record["band"]:
        clear_cause(partition, patient, news2.CAUSE, news2.rule_of(int(record["band"])), received, None)
    for name in ("band", "band_readings", "band_next", "band_parts", "band_asked"):
        record[name] = 0


def _expect(
    partition: Partition,
    patient: Patient,
    series: np.void,
    row: int,
    before: Plan,
    plan: Plan,
    code: str,
    received: int,
) -> None:
    """Start the wait for a vital anew, unless the plan goes on to wait for it as before."""
    expectation = expectation_of(plan, code)
    waits = expectation is not None and (expectation.required or bool(series["seen"]))
    if series["silent"] and not waits:
        clear_cause(partition, patient, f"silence/{code}", "silence", received, None)
        series["silent"] = 0
    goes_on = series["deadline"] > 0 and expectation == expectation_of(before, code)
    if not (series["silent"] or goes_on):
        series["deadline"] = received + allowance(expectation) if expectation and waits else 0
    partition.state.due[row] = 0
