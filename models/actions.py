"""What a nurse did: an alert is acknowledged or given a verdict, the learning of a vital begun anew."""

import msgspec

from models import triage
from models.decode import Other, is_name
from models.partition import Partition
from models.reset import begin_anew
from models.state import Patient
from models.ticks import note_expiry
from models.times import parse_times
from models.triage import Transition


class Action(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a nurse did: to an alert, or to what was learned of a vital."""

    kind: str = "action"
    patient: str
    action: str
    by: str
    alert_id: str = ""
    vital: str = ""
    until: str | None = None
    verdict: str | None = None


def take(partition: Partition, item: Other, received: int, offset: int) -> None:
    """A nurse acknowledges or judges an alert."""
    try:
        action = msgspec.json.decode(item.data, type=Action)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        partition.reject("invalid-action", f"{error}", offset, item.data)
        return
    patient = partition.state.by_name.get(action.patient)
    outcome: Transition | list[Transition] | str
    if patient is None:
        outcome = "patient is not known here"
    elif not is_name(action.by):
        outcome = "by is no name of 1-64 of [A-Za-z0-9_-]; name who acts by a pseudonym"
    elif action.action == "reset-learning":
        outcome = _reset(partition, patient, action.vital, received)
    elif action.action == "acknowledge":
        until = None
        if action.until is not None:
            times, _, good = parse_times([action.until])
            until = int(times[0]) if good[0] else -1
        if until is not None and until <= received:
            outcome = "until is no RFC 3339 time in the future"
        else:
            outcome = triage.acknowledge(patient.desk, action.alert_id, action.by, until, received)
    elif action.action == "verdict" and action.verdict in triage.VERDICTS:
        outcome = triage.judge(patient.desk, action.alert_id, action.by, action.verdict, received)
    elif action.action == "verdict":
        outcome = f"verdict is none of {', '.join(triage.VERDICTS)}"
    else:
        outcome = "action is none of acknowledge, verdict, reset-learning"
    if isinstance(outcome, str) or patient is None:
        partition.reject("invalid-action", str(outcome), offset, item.data)
        return
    partition.count("actions", offset)
    partition.out.alerts += outcome if isinstance(outcome, list) else [outcome]
    partition.state.dirty[patient.block] = True
    note_expiry(partition, patient)


def _reset(partition: Partition, patient: Patient, code: str, received: int) -> list[Transition] | str:
    """Forget what was learned of a vital: the alerts that rested on it, resolved; or why not."""
    row = patient.rows.get(partition.catalog.index.get(code, -1))
    if row is None:
        return "vital names none that was measured of this patient"
    return begin_anew(partition, patient, row, code, received)
