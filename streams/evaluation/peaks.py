"""From `baseline` lines to the threshold of acute alerts that spends a budget.

A line tells the highest score of a window and how many readings its series had by then. The episodes that
another threshold would have opened are those of `models.score.acute.episode` itself, with each reading of a
window at the window's highest score: exact where a window holds one reading, else a reading early.
"""

from __future__ import annotations

import itertools
import math
from array import array
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from models.calibration import LEAST_THRESHOLD
from models.record import SERIES
from models.score import acute
from models.score.acute_parameters import parameters
from streams.evaluation.budget import NANOSECONDS, Spent, account

HIGHEST: Final = 30.0  # a threshold that nothing reaches: all channels at their cap


class Peaks(NamedTuple):
    """One vital of a cohort: patient i has the windows first[i] to first[i + 1], in order of time.

    readings: int64 that its series had by the end of a window; score: float64, the window's highest; counted:
    bool, whether the window is of the days that count; weeks: float64 of such days of each patient.
    """

    patients: list[str]
    first: NDArray[np.int64]
    readings: NDArray[np.int64]
    score: NDArray[np.float64]
    counted: NDArray[np.bool_]
    weeks: NDArray[np.float64]


class Windows:
    """The windows of baseline lines as they come, in 24 bytes each: there may be millions."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, tuple[array[int], array[int], array[float]]]] = {}

    def add(self, line: bytes) -> None:
        """Take up a baseline line. Raises ValueError when it is none."""
        try:
            key, fields, time = line.decode("ascii", "replace").split(" ")
            _, patient, vital = (tag.rpartition("=")[2] for tag in key.split(","))
            *_, readings, score = (field.rpartition("=")[2] for field in fields.split(","))
            row = int(time), int(readings.removesuffix("i")), float(score)
            if not (0 <= row[0] < 2**63 and 0 <= row[1] < 2**63 and math.isfinite(row[2])):
                raise ValueError("a number out of range")
        except ValueError as error:
            raise ValueError(f"no baseline line of `vigie replay`: {line[:80]!r}") from error
        blank = array("q"), array("q"), array("d")
        times, counts, scores = self._found.setdefault(vital, {}).setdefault(patient, blank)
        times.append(row[0])
        counts.append(row[1])
        scores.append(row[2])

    def peaks(self, days: int) -> dict[str, Peaks]:
        """By vital, the windows in order of time, of which the last `days` days count."""
        return {vital: _of(by_patient, days) for vital, by_patient in sorted(self._found.items())}


def _of(by_patient: dict[str, tuple[array[int], array[int], array[float]]], days: int) -> Peaks:
    patients = sorted(by_patient)
    day, readings, score = (
        np.concatenate([np.asarray(by_patient[patient][i]) for patient in patients]) for i in range(3)
    )
    first = np.concatenate([[0], np.cumsum([len(by_patient[patient][0]) for patient in patients])])
    order = np.lexsort((day, np.repeat(np.arange(len(patients)), np.diff(first))))
    day, readings, score = day[order] // NANOSECONDS, readings[order], score[order]
    counted = day > day.max() - days
    ready = counted & (readings > acute.READY)
    weeks = [len(np.unique(day[a:b][ready[a:b]])) / 7 for a, b in itertools.pairwise(first)]
    return Peaks(patients, first, readings, score, counted, np.array(weeks))


@njit
def _count(first, readings, score, counted, threshold, p, s, out):  # type: ignore[no-untyped-def]
    """Count into `out`, int64 (patients,), the episodes that open; s: a blank record of SERIES."""
    for i in range(len(out)):
        s["acute_open"] = 0
        s["calm"] = 0
        s["refractory"] = 0.0
        before = readings[first[i]] - 1
        for k in range(first[i], first[i + 1]):
            while before < readings[k]:
                before += 1
                s["n"] = before
                if acute.episode(s, score[k], threshold, p) > 0 and counted[k]:
                    out[i] += 1


def spent(table: Peaks, threshold: float) -> Spent:
    """What a threshold would have spent on the days that count."""
    out = np.zeros(len(table.patients), np.int64)
    blank = np.zeros(1, SERIES)[0]
    _count(table.first, table.readings, table.score, table.counted, threshold, parameters()[0], blank, out)
    return account(table.patients, out, table.weeks)


def calibrate(table: Peaks, budget: float) -> tuple[float, Spent]:
    """The least threshold, in hundredths, that keeps as many new patients within the budget.

    Raises ValueError when no day is ready.
    """
    if not table.weeks.sum():
        raise ValueError("no patient has a ready day yet; replay more days")
    low, high = LEAST_THRESHOLD, HIGHEST
    while high - low > 0.005:
        middle = (low + high) / 2
        low, high = (middle, high) if spent(table, middle).bound > budget else (low, middle)
    threshold = math.ceil(high * 100) / 100
    return threshold, spent(table, threshold)
