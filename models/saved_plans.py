"""The plans that saved blocks hold: what a reader of the state needs that is no worker."""

import msgspec

from models.plan import Plan
from models.state import read_block


class Named(msgspec.Struct):
    """Of a patient's alerts whose they are."""

    patient: str


class Planned(msgspec.Struct):
    """Of a saved patient the plan that a clinician made; None: everyone's holds."""

    desk: Named
    plan: Plan | None


class PlannedBlock(msgspec.Struct):
    """Of a saved block the plans; `defaults` stand in block 0 alone, the newest last."""

    patients: list[Planned]
    defaults: list[tuple[int, Plan]] = []


def read_plans(number: int, data: bytes) -> PlannedBlock:
    """The plans of a saved block. Raises UnknownFormat."""
    return read_block(number, data, PlannedBlock)
