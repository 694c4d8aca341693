"""What was learned of verdicts, as a record of the log, in force from its place on.

    {"kind":"calibration","programme":"*","version":"2026-03","likelihood":{"intercept":-0.4,
      "verdicts":812,"weights":{"severity=high":{"weight":0.8,"mean":0.31},…}}}

It orders what nurses look at (models/verdicts/likelihood.py says how). It never hides an alert and never
changes a severity. `vigie learn` makes records.
"""

import math

import msgspec

from models import strict
from models.calibration import EVERYONE
from models.verdicts.likelihood import Weights


class LikelihoodCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One calibration record about verdicts; thresholds and variances are other records."""

    kind: str = "calibration"
    patient: str = EVERYONE
    programme: str
    version: str
    likelihood: Weights


History = list[tuple[int, LikelihoodCalibration]]
"""(offset, calibration) in log order."""


def is_likelihood(data: bytes) -> bool:
    """Whether a calibration record is about verdicts."""
    try:
        return "likelihood" in msgspec.json.decode(data, type=dict)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def decode_likelihood(data: bytes) -> LikelihoodCalibration:
    """A calibration about verdicts out of the log. Raises ValueError with field, problem and remedy."""
    calibration, complaints = strict.decode(msgspec.json.decode(data), LikelihoodCalibration, "")
    if complaints:
        raise ValueError("; ".join(f"{key}: {problem} ({remedy})" for key, problem, remedy in complaints))
    if calibration.patient != EVERYONE:
        raise ValueError('patient: a calibration is for everyone; leave it out or send "*"')
    told = calibration.likelihood
    numbers = {"intercept": told.intercept}
    for name, entry in told.weights.items():
        numbers |= {f"weights.{name}.weight": entry.weight, f"weights.{name}.mean": entry.mean}
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"likelihood.{name}: {number} is not finite; make the record with `vigie learn`")
    return calibration
