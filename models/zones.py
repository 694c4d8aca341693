"""Local time: the rules of the time zones that plans name, as tables for compiled look-ups."""

from collections.abc import Callable

import numpy as np
from numba import njit

from models.record import Zone
from models.state import NEVER


class ZoneTables:
    """A row for each time zone met, padded to the longest.

    starts: int64 (zones, transitions) UTC seconds, ascending; offsets: int32 seconds east of UTC.
    """

    def __init__(self, zones: Callable[[str], Zone]) -> None:
        self._zones = zones
        self._names: list[str] = []
        self.starts = np.full((1, 1), -NEVER, np.int64)
        self.offsets = np.zeros((1, 1), np.int32)

    def row(self, name: str) -> int:
        """Row of a time zone in the tables; -1 for none."""
        if not name:
            return -1
        if name not in self._names:
            self._names.append(name)
            tables = [self._zones(n) for n in self._names]
            width = max(len(starts) for starts, _ in tables)
            self.starts = np.full((len(tables), width), NEVER // 1000, np.int64)
            self.offsets = np.zeros((len(tables), width), np.int32)
            for i, (starts, offsets) in enumerate(tables):
                self.starts[i, : len(starts)] = np.maximum(starts, -NEVER // 1000)
                self.offsets[i, : len(starts)] = offsets
                self.offsets[i, len(starts) :] = offsets[-1]
        return self._names.index(name)


@njit
def _transition(starts, at):  # type: ignore[no-untyped-def]
    """Place of the last transition of a zone at or before an instant (ms)."""
    low = 0
    high = len(starts) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if starts[middle] <= at // 1000:
            low = middle
        else:
            high = middle - 1
    return low


@njit
def zone_offset(patient, at, zone_starts, zone_offsets, own):  # type: ignore[no-untyped-def]
    """Seconds east of UTC at `at` (ms): the patient's zone, or the reading's own offset without one."""
    zone = patient["zone"]
    if zone < 0:
        return own
    if patient["zone_from"] <= at < patient["zone_until"]:
        return patient["zone_offset"]
    starts = zone_starts[zone]
    low = _transition(starts, at)
    patient["zone_offset"] = zone_offsets[zone, low]
    patient["zone_from"] = starts[low] * 1000
    patient["zone_until"] = starts[low + 1] * 1000 if low + 1 < len(starts) else NEVER
    return patient["zone_offset"]


@njit
def midnight_offset(patient, day, zone_starts, zone_offsets, offset):  # type: ignore[no-untyped-def]
    """Seconds east of UTC where a local day (days since 1970-01-01) begins; `offset`: at an instant of it.

    On the days on which clocks change the two differ.
    """
    zone = patient["zone"]
    begins = day * 86_400_000 - offset * 1000
    if zone < 0 or patient["zone_from"] <= begins < patient["zone_until"]:
        return offset
    return zone_offsets[zone, _transition(zone_starts[zone], begins)]
