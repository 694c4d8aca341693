"""The four files of a replay: results.lp, alerts.jsonl, rejects.jsonl, ledger.json."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from models.outputs import Ledger
from models.pipeline import Pipeline
from models.wire import reject_body
from streams.replay import Journey

NAMES: Final = ("results.lp", "alerts.jsonl", "rejects.jsonl")


def write(make: Callable[[], Pipeline], journeys: Iterable[Journey], out: Path) -> Ledger:
    """Run each journey through a pipeline of its own; files appear under their names only when whole.

    Outputs stand in the order of the journeys; the ledger is the sum of theirs.
    """
    out.mkdir(parents=True, exist_ok=True)
    ledgers = []
    with ExitStack() as stack:
        results, alerts, rejects = (stack.enter_context((out / f"{name}.part").open("wb")) for name in NAMES)
        for journey in journeys:
            pipeline = make()
            for records in journey:
                outputs = pipeline.process(records.values, records.timestamps, records.offsets, records.keys)
                results.write(outputs.results)
                alerts.writelines(alert.body + b"\n" for alert in outputs.alerts)
                rejects.writelines(
                    reject_body(reject, records.position(reject.offset)) + b"\n" for reject in outputs.rejects
                )
            ledgers.append(pipeline.ledger)
    for name in NAMES:
        (out / f"{name}.part").replace(out / name)
    ledger = summed(ledgers)
    (out / "ledger.json").write_bytes(msgspec.json.format(msgspec.json.encode(ledger), indent=2) + b"\n")
    return ledger


def summed(ledgers: Iterable[Ledger]) -> Ledger:
    """One ledger over all partitions."""
    counts: Counter[str] = Counter(dict.fromkeys(Ledger.__struct_fields__, 0))
    rejected: Counter[str] = Counter()
    for ledger in ledgers:
        fates = msgspec.structs.asdict(ledger)
        rejected.update(fates.pop("rejected"))
        counts.update(fates)
    return msgspec.convert({**counts, "rejected": dict(sorted(rejected.items()))}, Ledger)


def balances(ledger: Ledger) -> bool:
    """Whether every record received has exactly one fate."""
    told = ledger.accepted + ledger.duplicate + ledger.late + sum(ledger.rejected.values())
    return ledger.received == told
