"""A stretch of readings between two other records: each finds its series, then the kernel takes them all."""

from collections.abc import Sequence

import numpy as np

from models import kernel
from models import record as R
from models.arrivals import Arrivals, fault_of
from models.decisions import drain
from models.decode import Reading, is_name
from models.fields import UNKNOWN
from models.partition import Partition
from models.wire import Reject

_FATE_DETAILS = {
    "duplicate": "the same reading was accepted before",
    "late": "measured too long before the newest reading of its series",
    "implausible": "value is outside the plausible range of its vital",
    "future": "measured_at is ahead of receipt; set the device's clock",
}


def run(
    partition: Partition,
    arrivals: Arrivals,
    timestamps: Sequence[int],
    offsets: Sequence[int],
    begin: int,
    end: int,
) -> None:
    """Run a stretch of readings through the kernel."""
    if begin == end:
        return
    stretch = arrivals.columns[begin:end]
    rows = stretch["row"].copy()
    refused = {
        i: fault
        for i in np.flatnonzero(rows == UNKNOWN).tolist()
        if (fault := _meet(partition, arrivals, begin, stretch, rows, i)) is not None
    }
    good = stretch["timely"] & stretch["named"] & stretch["keyed"] & np.isfinite(stretch["x"])
    if not good.all():
        for i in np.flatnonzero(~good).tolist():
            refused.setdefault(i, fault_of(stretch[i]))
    for i in refused:
        rows[i] = -1
    if offsets[begin] <= partition.replay_until:
        at_offsets = np.asarray(offsets[begin:end], np.int64)
        known = partition.state.stamps[partition.state.row_block[np.maximum(rows, 0)]]
        rows[(rows >= 0) & (at_offsets <= known)] = -1
    fates = np.zeros(end - begin, np.uint8)
    _advance(partition, arrivals, begin, rows, np.asarray(timestamps[begin:end], np.int64), fates)
    fates[rows < 0] = R.ACCEPTED
    for i in sorted({*refused, *np.flatnonzero(fates).tolist()}):
        original, offset = arrivals.values[begin + i], int(offsets[begin + i])
        if i in refused:
            partition.reject(*refused[i], offset, original)
        else:
            reason = R.FATES[fates[i]]
            partition.out.rejects.append(Reject(reason, _FATE_DETAILS[reason], offset, original))


def _meet(
    partition: Partition, arrivals: Arrivals, begin: int, stretch: np.ndarray, rows: np.ndarray, i: int
) -> tuple[str, str] | None:
    """Find the series of a reading whose names the batch brought; or tell what is wrong with them."""
    m = arrivals.reading(begin + i)
    route = partition.routes.get(m.patient, m.vital, m.unit) or _route(partition, m)
    if isinstance(route[0], str):
        return route
    rows[i], factor, shift = route
    stretch["x"][i] = m.value * factor + shift
    return None


def _route(partition: Partition, m: Reading) -> tuple[int, float, float] | tuple[str, str]:
    """The series of a reading never met with these names, added where it is new; or the fault."""
    if not is_name(m.patient):
        return "invalid-field", "patient is no name of 1-64 of [A-Za-z0-9_-]"
    vital = partition.catalog.index.get(m.vital)
    if vital is None:
        return "unknown-vital", "vital is not in the catalogue"
    entry = partition.catalog.vitals[vital]
    if m.unit not in entry.conversions:
        known = ", ".join(sorted(entry.conversions))
        return "unknown-unit", f"unit is not one of {known}"
    patient = partition.state.by_name.get(m.patient) or partition.add_patient(m.patient)
    row = patient.rows.get(vital)
    if row is None:
        row = partition.add_series(patient, vital)
    route = (row, *entry.conversions[m.unit])
    partition.routes.put(m.patient, m.vital, m.unit, *route)
    return route


def _advance(
    partition: Partition,
    arrivals: Arrivals,
    begin: int,
    rows: np.ndarray,
    stamps: np.ndarray,
    fates: np.ndarray,
) -> None:
    """Call the kernel until it has taken every reading, draining its outputs in between."""
    state, i = partition.state, 0
    columns = arrivals.columns[begin : begin + len(rows)]
    # Copied out of their records: of a single reading numpy tells another layout, and numba would compile the
    # whole kernel a second time, in a worker that has joined its group.
    at, zone, x, battery = (np.ascontiguousarray(columns[name]) for name in ("at", "zone", "x", "battery"))
    while i < len(rows):
        partition.used[:] = 0
        i = kernel.read(
            i,
            rows,
            at,
            stamps,
            zone,
            x,
            battery,
            state.series,
            state.patients,
            state.rule_index,
            partition.rules.table,
            partition.vitals,
            partition.codes,
            partition.zone_tables.starts,
            partition.zone_tables.offsets,
            state.due,
            state.row_block,
            state.ledger,
            state.dirty,
            fates,
            partition.acute,
            partition.buffer,
            partition.events,
            partition.used,
        )
        drain(partition, arrivals, begin)
