"""What the kernel decided, in its order, on its way to triage: causes are raised and cleared.

Result lines that a decision brings stand behind those that the kernel had written by then.
"""

from typing import Any

import numpy as np

from models import checklist, devices, joint, news2, report, triage
from models import record as R
from models.arrivals import Arrivals
from models.calibration import of_joint, of_programme
from models.catalog import Vital
from models.decode import Reading
from models.partition import Partition
from models.plan import Plan
from models.rules import gains_of, limits_of
from models.state import Patient
from models.triage import Cause
from models.verdicts.features import WORDS, at_opening, remember_opening, vector
from models.verdicts.reasons import estimate

DEVICE_EVENTS = (R.CLOCK_AHEAD, R.IMPOSSIBLE_VALUE, R.DEVICE_HEARD)


def drain(partition: Partition, arrivals: Arrivals | None = None, first: int = 0) -> None:
    """Take what the kernel wrote: result lines, and decisions in their order.

    first: the place among the arrivals that the kernel counted from.
    """
    begin = 0
    for event in partition.events[: partition.used[0]]:
        if event["kind"] in DEVICE_EVENTS:
            assert arrivals is not None  # a tick hears of no device
            _suspect(partition, arrivals.reading(first + int(event["rule"])), event)
            continue
        lines = _decide(partition, event)
        if lines:  # behind what the kernel had written by then, whatever the batch
            partition.lines += [partition.buffer[begin : event["written"]].tobytes(), lines]
            begin = int(event["written"])
    if partition.used[1] > begin:
        partition.lines.append(partition.buffer[begin : partition.used[1]].tobytes())


def _decide(partition: Partition, event: np.void) -> bytes:
    """Hand one decision of the kernel to triage; returns the result lines that it brings."""
    row, kind = int(event["row"]), int(event["kind"])
    series = partition.state.series[row]
    patient = partition.state.roster[series["patient"]]
    vital = partition.catalog.vitals[series["vital"]]
    plan, received = partition.plan_of(patient), int(event["received"])
    code = vital.code
    if kind == R.WINDOW_CLOSED:
        return _window(partition, patient, plan, vital, event)
    if kind == R.SCORE_CHANGED:
        _risk(partition, patient, event)
        return b""
    if kind == R.SCORE_WAITS:
        facts, measured = news2.facts_of(partition.catalog, event), int(event["measured"])
        transition = triage.remark(patient.desk, news2.CAUSE, received, measured, facts)
        partition.out.alerts += [transition] if transition is not None else []
        return b""
    cause = None
    if kind == R.LIMIT_OPENED:
        cause = partition.reporter.limit(plan, vital, event)
    elif kind == R.GAIN_OPENED:
        cause = partition.reporter.gain(plan, vital, event)
        rule = gains_of(plan, code)[event["rule"]]
        if rule.symptoms:
            if symptoms := checklist.reported(patient.desk, rule.symptoms):
                cause = checklist.told(partition.catalog, cause, symptoms)
            else:
                patient.held[rule.rule] = cause
                return b""
    elif kind == R.GAIN_HOLDS:
        name = gains_of(plan, code)[event["rule"]].rule
        if name in patient.held:
            newest = partition.reporter.gain(plan, vital, event)
            patient.held[name] = checklist.refreshed(patient.held[name], newest)
        return b""
    elif kind == R.ACUTE_OPENED:
        cause = partition.reporter.baseline(plan, vital, event)
    elif kind == R.TREND_OPENED:
        cause = partition.reporter.trend(plan, vital, event, None)
    elif kind == R.TREND_GROWN:
        before = triage.standing(patient.desk, f"trend/{report.TREND}/{code}")
        if before is not None:
            grown = partition.reporter.trend(plan, vital, event, before)
            partition.out.alerts.append(triage.renew(patient.desk, before, grown))
        return b""
    elif kind == R.TREND_SCORED:
        cause = _borderline(partition, patient, plan, vital, event)
    elif kind == R.SILENCE_OPENED:
        cause = partition.reporter.silence(plan, vital, event)
    if cause is not None:
        raise_cause(partition, patient, cause, event)
        if kind == R.LIMIT_OPENED and patient.held:
            measured, offset = int(event["measured"]), int(event["offset"])
            args = partition.catalog, plan, patient.desk, patient.held, measured, received, offset
            for released in checklist.released(*args):
                raise_cause(partition, patient, released, event)
        return b""
    if kind == R.LIMIT_CLEARED:
        limit = limits_of(plan, code)[event["rule"]]
        over = f"{'symptom' if vital.symptom else 'limit'}/{limit.direction}/{code}"
        alert = triage.standing(patient.desk, over)
        words = partition.reporter.eased(plan, vital, alert, limit, event) if alert else {}
        clear_cause(partition, patient, over, limit.rule, received, event, words)
    elif kind == R.GAIN_CLEARED:
        ended = gains_of(plan, code)[event["rule"]]
        patient.held.pop(ended.rule, None)
        alert = triage.standing(patient.desk, f"trend/gain/{code}")
        words = partition.reporter.gain_eased(plan, vital, alert, ended, event) if alert else {}
        clear_cause(partition, patient, f"trend/gain/{code}", ended.rule, received, event, words)
    elif kind == R.ACUTE_CLEARED:
        clear_cause(partition, patient, f"baseline/{report.ACUTE}/{code}", report.ACUTE, received, event)
    elif kind == R.TREND_CLEARED:
        clear_cause(partition, patient, f"trend/{report.TREND}/{code}", report.TREND, received, event)
    elif kind == R.SILENCE_CLEARED:
        clear_cause(partition, patient, f"silence/{code}", "silence", received, event)
    return b""


def _borderline(
    partition: Partition, patient: Patient, plan: Plan, vital: Vital, event: np.void
) -> Cause | None:
    """A day's change over days, of a vital that has a check-list: what alerts now, if anything."""
    key = checklist.of_trend(vital.code)
    held = patient.held.pop(key, None)
    rules = partition.rules.table[partition.state.rule_index[event["row"]]]
    threshold = rules["trend" if event["nights"] else "trend_daily"][event["rule"]]
    if not 0 < checklist.BORDERLINE * threshold <= event["score"]:
        cause_ended = f"trend/{report.TREND}/{vital.code}"
        clear_cause(partition, patient, cause_ended, checklist.RULE, int(event["received"]), event)
        return None
    cause = partition.reporter.trend(plan, vital, event, None)
    cause = checklist.borderline(cause, held)
    symptoms = next(b.symptoms for b in plan.baselines if b.vital == vital.code)
    if now := checklist.reported(patient.desk, symptoms):
        return checklist.told(partition.catalog, cause, now)
    patient.held[key] = cause
    return None


def _window(partition: Partition, patient: Patient, plan: Plan, vital: Vital, event: np.void) -> bytes:
    """Hand a closed window to the plan's estimators, and to what watches several vitals."""
    lines, told = b"", partition.watches.window(patient, plan, vital, event)
    together = of_joint(partition.calibrations or {}, plan)
    if together is not None:
        memory = patient.interplay = patient.interplay or joint.Interplay()
        desk, catalog = patient.desk, partition.catalog
        lines, more = joint.take(together, memory, desk, catalog, event, vital.code, partition.together)
        told += more
    for found in told:
        if isinstance(found, Cause):
            raise_cause(partition, patient, found, event)
        else:
            partition.out.alerts.append(found)
    return lines


def _suspect(partition: Partition, reading: Reading, event: np.void) -> None:
    """Hand what speaks for or against a device to models/devices.py, and its judgement to triage."""
    series = partition.state.series[event["row"]]
    patient, vital = partition.state.roster[series["patient"]], partition.catalog.vitals[series["vital"]]
    measured, received = int(event["measured"]), int(event["received"])
    level = reading.battery if reading.battery is not None and 0 <= reading.battery <= 1 else None
    rule = {R.CLOCK_AHEAD: devices.CLOCK, R.IMPOSSIBLE_VALUE: devices.BURST}.get(int(event["kind"]))
    if rule is None:
        ended = devices.acquit(patient.suspicions, reading.device, vital.code, level, measured, received)
        told = [triage.clear(patient.desk, c, r, received, measured, {}, "technical") for c, r in ended]
        partition.out.alerts += [transition for transition in told if transition is not None]
        rule = devices.BATTERY if level is not None and level <= devices.BATTERY_LOW else None
    if rule is not None:
        cause = devices.accuse(patient.suspicions, rule, reading.device, vital.code, measured, received)
        if cause is not None:
            technical = partition.reporter.technical(cause, rule, vital, reading.device, level, event)
            raise_cause(partition, patient, technical, event)
    partition.state.patients[series["patient"]]["suspect"] = bool(patient.suspicions)


def _risk(partition: Partition, patient: Patient, event: np.void) -> None:
    """The clinical risk by NEWS2 changed: open its alert, change it, or resolve it."""
    before, received = int(event["readings"]), int(event["received"])
    cause = news2.cause_of(partition.catalog, event)
    if cause:
        raise_cause(partition, patient, cause, event)
    if before:
        facts = news2.facts_of(partition.catalog, event)
        measured = int(event["measured"])
        rule = news2.rule_of(before)
        transition = triage.clear(patient.desk, news2.CAUSE, rule, received, measured, facts)
        if transition is not None:
            partition.out.alerts.append(transition)


def raise_cause(partition: Partition, patient: Patient, cause: Cause, event: np.void) -> None:
    """Hand a cause to triage; of an alert that opens, with how likely it is to be actionable."""
    desk, features, judged = patient.desk, {}, None
    if triage.standing(desk, cause.cause) is None:
        since, offset = int(event["since"]), int(event["offset"])
        received, measured = cause.received_at, cause.measured_at
        suspect = bool(patient.suspicions)
        features = at_opening(desk.past, cause.cause, cause.facts, received, measured, since, offset, suspect)
        held = of_programme(partition.likelihoods, desk.programme)
        if held is not None:
            code = cause.vital
            names = partition.catalog[code].names if code in partition.catalog.index else news2.NAMES
            alert = {word: getattr(cause, word) for word in WORDS}
            judged = estimate(held.likelihood, held.version, alert, vector(alert, features), names)
        remember_opening(desk.past, cause.cause, received)
    transition = triage.raise_alert(desk, cause, features, judged)
    if transition is not None:
        partition.out.alerts.append(transition)


def clear_cause(
    partition: Partition,
    patient: Patient,
    cause: str,
    rule: str,
    received: int,
    event: np.void | None,
    more: dict[str, Any] | None = None,
) -> None:
    """Tell triage that a rule holds no more, with what else is new then.

    event: of the reading that showed it; None: a change of the care plan.
    """
    measured, facts = None, more or {}
    if event is not None:
        vital = partition.catalog.vitals[partition.state.series[event["row"]]["vital"]]
        measured = int(event["measured"])
        facts = {
            "value": round(float(event["value"]), vital.decimals),
            "last_points": report.last_points(event, vital.decimals),
            **(more or {}),
        }
        alert = triage.standing(patient.desk, cause)
        if alert is not None and set(alert.open_rules) == {rule}:
            facts["explanation"] = partition.reporter.over(vital, alert, event)
    why = "plan" if event is None else ""
    transition = triage.clear(patient.desk, cause, rule, received, measured, facts, why)
    if transition is not None:
        partition.out.alerts.append(transition)
