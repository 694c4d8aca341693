"""Time passes without readings: windows close, silence begins, acknowledgements run out."""

import numpy as np

from models import kernel, triage
from models.decisions import drain
from models.partition import Partition
from models.state import NEVER, Patient


def pass_time(partition: Partition, now: int, offset: int) -> None:
    """Received time reaches `now` for every series of the partition."""
    state = partition.state
    due = np.flatnonzero(state.due[: state.series_count] <= now)
    if offset <= partition.replay_until:
        due = due[state.stamps[state.row_block[due]] < offset]
    order = np.lexsort((state.series["vital"][due], state.series["patient"][due]))
    rows = due[order]
    state.dirty[state.row_block[rows]] = True
    i = 0
    while i < len(rows):
        partition.used[:] = 0
        i = kernel.tick(
            i,
            rows,
            now,
            state.series,
            state.patients,
            partition.vitals,
            partition.codes,
            partition.zone_tables.starts,
            partition.zone_tables.offsets,
            state.due,
            partition.acute,
            partition.buffer,
            partition.events,
            partition.used,
        )
        drain(partition)
    if now >= partition.next_expiry:
        _expire(partition, now, offset)


def _expire(partition: Partition, now: int, offset: int) -> None:
    """Acknowledgements run out."""
    partition.next_expiry = NEVER
    for patient in partition.state.roster:
        if partition.state.stamps[patient.block] < offset:
            fallen = triage.expire(patient.desk, now)
            if fallen:
                partition.out.alerts.extend(fallen)
                partition.state.dirty[patient.block] = True
        note_expiry(partition, patient)


def note_expiry(partition: Partition, patient: Patient) -> None:
    """Look again when the first acknowledgement of a patient runs out."""
    for alert in patient.desk.alerts:
        if alert.acknowledged_until is not None:
            partition.next_expiry = min(partition.next_expiry, alert.acknowledged_until)
