"""A batch of records as columns: readings of the plain kind by compiled code, all others one by one."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from models.decode import Item, Reading, decode_one, is_name
from models.fields import COLUMNS, PLAIN, UNKNOWN, read
from models.packed import Packed
from models.routes import Routes
from models.times import parse_times

_decode = msgspec.json.Decoder(Reading).decode
_NO_KEYS: Final = Packed.of([])


class Arrivals(NamedTuple):
    """A batch. Columns of what is no reading are meaningless."""

    values: Packed
    columns: np.ndarray  # COLUMNS (n,)
    others: dict[int, Item]  # what had to be decoded one by one: odd readings, other records, rejects

    def reading(self, i: int) -> Reading:
        """The i-th record, known to be a reading."""
        held = self.others.get(i)
        return held if isinstance(held, Reading) else _decode(self.values[i])


def arrive(
    values: Sequence[bytes],
    offsets: Sequence[int],
    keys: Sequence[bytes | None] | None,
    routes: Routes,
) -> Arrivals:
    """Decode a batch; never raises for what a record holds. keys: None = they are not checked."""
    columns = np.zeros(len(values), COLUMNS)
    values = Packed.of(values)
    named = _NO_KEYS if keys is None else Packed.of(keys)
    read(
        *(values.data, values.begins, values.ends),
        *(named.data, named.begins, named.ends),
        *(routes.slots, routes.names, columns),
    )
    others = {
        i: decode_one(values[i], int(offsets[i])) for i in np.flatnonzero(columns["plain"] != PLAIN).tolist()
    }
    odd = [(i, item) for i, item in others.items() if isinstance(item, Reading)]
    if odd:
        at, zone, timely = parse_times([m.measured_at for _, m in odd])
        for n, (i, m) in enumerate(odd):
            row, factor, shift = routes.get(m.patient, m.vital, m.unit) or (UNKNOWN, 1.0, 0.0)
            columns[i] = (
                *(False, timely[n], is_name(m.device)),
                keys is None or named[i] == m.patient.encode(),
                *(zone[n], row, at[n], m.value * factor + shift),
                np.nan if m.battery is None else m.battery,
            )
    return Arrivals(values, columns, others)


def fault_of(column: np.void) -> tuple[str, str]:
    """(reason, detail) of the first thing that a column of a reading tells against it."""
    if not column["timely"]:
        return (
            "bad-time",
            "measured_at is no RFC 3339 time with an offset; send 2026-03-01T08:00:07+01:00",
        )
    if not np.isfinite(column["x"]):
        return "not-a-number", "value is not finite"
    if not column["named"]:
        return "invalid-field", "device is no name of 1-64 of [A-Za-z0-9_-]"
    return "wrong-key", "the record's key is not its patient; key it by patient"
