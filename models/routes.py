"""Which series a reading belongs to, by the names that it was sent with: a table for compiled look-ups.

It only remembers what the pipeline found once; losing it costs time, never a decision.
"""

from typing import Final

import numpy as np

from models.fields import FIELDS, PATIENT, UNIT, VITAL, find, route_hash

SLOT: Final = np.dtype(
    [
        ("hash", "u8"),
        ("row", "i8"),  # of the series
        ("factor", "f8"),  # canonical value = factor * value + shift
        ("shift", "f8"),
        ("start", "i8"),  # of its names among all names
        ("length", "i8"),  # of its names in bytes; 0 = the slot is free
    ],
    align=True,
)
MOST: Final = 1_000_000  # names remembered; more, and it begins anew


class Routes:
    """Open addressing with linear steps, at most half full."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.slots = np.zeros(1024, SLOT)
        self.names = np.zeros(1 << 15, np.uint8)
        self._count = self._used = 0

    def get(self, patient: str, vital: str, unit: str) -> tuple[int, float, float] | None:
        """(row, factor, shift) that were put for these names."""
        slot = find(*_spelled(patient, vital, unit), self.slots, self.names)
        found = self.slots[slot]
        return None if slot < 0 else (int(found["row"]), float(found["factor"]), float(found["shift"]))

    def put(self, patient: str, vital: str, unit: str, row: int, factor: float, shift: float) -> None:
        """Remember names not met before."""
        if self._count >= MOST:
            self._clear()
        if 2 * (self._count + 1) > len(self.slots):
            self._grow()
        data, spans = _spelled(patient, vital, unit)
        while self._used + len(data) > len(self.names):
            self.names = np.concatenate([self.names, np.zeros_like(self.names)])
        self.names[self._used : self._used + len(data)] = data
        slot = np.zeros(1, SLOT)
        slot[0] = route_hash(data, spans), row, factor, shift, self._used, len(data)
        self._place(slot[0])
        self._used += len(data)
        self._count += 1

    def _grow(self) -> None:
        old = self.slots[self.slots["length"] != 0]
        self.slots = np.zeros(2 * len(self.slots), SLOT)
        for slot in old:
            self._place(slot)

    def _place(self, slot: np.void) -> None:
        mask = len(self.slots) - 1
        at = int(slot["hash"]) & mask
        while self.slots[at]["length"]:
            at = (at + 1) & mask
        self.slots[at] = slot


def _spelled(patient: str, vital: str, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Names as the look-up wants them: their bytes, and where each begins and ends."""
    names = patient.encode(), vital.encode(), unit.encode()
    spans = np.zeros((len(FIELDS), 2), np.int64)
    at = 0
    for field, name in zip((PATIENT, VITAL, UNIT), names, strict=True):
        spans[field] = at, at + len(name)
        at += len(name) + 1
    return np.frombuffer(b"\0".join(names) + b"\0", np.uint8), spans
