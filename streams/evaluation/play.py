"""A recording through the product's own pipeline, in memory: what every evaluation stands on."""

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from models.catalog import Catalog
from models.outputs import Ledger
from models.pipeline import Pipeline
from models.plan import Plan
from models.times import rfc3339
from streams.configuration import load_catalog, load_default_plan
from streams.ingest.clock import TICK_MILLISECONDS, stamp
from streams.ingest.sources import Line
from streams.zones import zone

BATCH = 5000


class Played(NamedTuple):
    """What a recording caused: alert bodies, the kept result lines, the ledger; all in log order."""

    alerts: list[dict[str, Any]]
    lines: list[str]
    ledger: Ledger


def reading(patient: str, vital: str, value: float | str, unit: str, measured_at: str) -> bytes:
    """One reading as a device would send it; a value that is no number stays text, for the core to name."""
    return msgspec.json.encode(
        {
            "patient": patient,
            "device": "recording",
            "vital": vital,
            "value": value,
            "unit": unit,
            "measured_at": measured_at,
        }
    )


def instant(milliseconds: int) -> str:
    """RFC 3339 of UTC milliseconds."""
    return rfc3339(milliseconds)


def play(
    records: Iterable[bytes],
    plan: Plan | None = None,
    keep: tuple[str, ...] = (),
    catalog: Catalog | None = None,
    then: int = 0,
    tick: int = TICK_MILLISECONDS,
    acute: np.ndarray | None = None,
    slow: np.ndarray | None = None,
) -> Played:
    """Run readings in their order under one plan (the shipped default without one).

    keep: measurements whose result lines are kept; then: ms that pass after the last reading;
    acute, slow: PARAMETERS (1,) of the acute baseline and of change over days, other than the shipped ones.
    """
    catalog = catalog or load_catalog()
    pipeline = Pipeline(catalog, plan or load_default_plan(None, catalog), zone, acute=acute, slow=slow)
    alerts: list[dict[str, Any]] = []
    lines: list[str] = []
    starts = tuple(f"{name},".encode() for name in keep)
    offset = 0
    stamped = stamp((Line(value, "-", i) for i, value in enumerate(records, 1)), tick, then)
    while batch := list(itertools.islice(stamped, BATCH)):
        outputs = pipeline.process(
            [r.value for r in batch], [r.received for r in batch], range(offset, offset + len(batch))
        )
        alerts += [msgspec.json.decode(alert.body) for alert in outputs.alerts]
        lines += [line.decode() for line in outputs.results.splitlines() if line.startswith(starts)]
        offset += len(batch)
    return Played(alerts, lines, pipeline.ledger)


def not_taken(ledger: Ledger) -> dict[str, int]:
    """How many readings were not accepted, by why."""
    told = {"duplicate": ledger.duplicate, "late": ledger.late, **ledger.rejected}
    return {why: count for why, count in told.items() if count}


def fields_of(line: str) -> tuple[dict[str, str], dict[str, float], int]:
    """(tags, fields, time in ms) of a result line."""
    key, fields, nanoseconds = line.split(" ")
    tags = dict(tag.split("=") for tag in key.split(",")[1:])
    numbers = (field.split("=") for field in fields.split(","))
    return tags, {name: float(text.rstrip("i")) for name, text in numbers}, int(nanoseconds) // 1_000_000
