"""What the core hands out: the outputs of a batch, and the fate of everything received."""

import msgspec

from models.record import ACCEPTED, DUPLICATE, FATES, FUTURE, IMPLAUSIBLE, LATE
from models.state import State
from models.triage import Transition
from models.wire import Reject


class Outputs(msgspec.Struct):
    """What a batch caused, each in log order. `results` is line protocol."""

    results: bytes
    alerts: list[Transition]
    rejects: list[Reject]


class Ledger(msgspec.Struct, frozen=True):
    """The fate of everything received: received = accepted + duplicate + late + the sum of rejected."""

    received: int
    accepted: int
    duplicate: int
    late: int
    rejected: dict[str, int]
    plans: int
    actions: int
    calibrations: int
    ticks: int
    estimators_failed: int = 0


def ledger_of(state: State) -> Ledger:
    """Counts over everything that a partition ever took, saved state included."""
    total = state.ledger.sum(axis=0)
    rejected = dict(state.rejected)
    for fate in (IMPLAUSIBLE, FUTURE):
        if total[fate]:
            rejected[FATES[fate]] = int(total[fate])
    return Ledger(
        received=int(total.sum()) + sum(state.rejected.values()),
        accepted=int(total[ACCEPTED]),
        duplicate=int(total[DUPLICATE]),
        late=int(total[LATE]),
        rejected=dict(sorted(rejected.items())),
        plans=state.records.get("plans", 0),
        actions=state.records.get("actions", 0),
        calibrations=state.records.get("calibrations", 0),
        ticks=state.records.get("ticks", 0),
        estimators_failed=sum(w.failures for p in state.roster for w in p.watches.values()),
    )
