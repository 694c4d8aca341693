"""Recordings as one journey: plans first, received with the first record; a line has no key to check."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

from streams.ingest.clock import Stamped
from streams.ingest.sources import Line
from streams.replay import Journey, Records

BATCH: Final = 2000


def journey(records: Iterable[Stamped], plans: Sequence[bytes] = ()) -> Journey:
    """Batches of stamped records, numbered from 0; a reject names the file and the line."""
    iterator, offset = iter(records), 0
    first = next(iterator, None)
    if first is None:
        return
    opening = (Stamped(first.received, plan, Line(plan, "plans", i)) for i, plan in enumerate(plans, 1))
    iterator = itertools.chain(opening, [first], iterator)
    while batch := list(itertools.islice(iterator, BATCH)):

        def position(at: int, batch: list[Stamped] = batch, begin: int = offset) -> dict[str, Any]:
            line = batch[at - begin].line
            return {"file": line.file, "line": line.line} if line else {"offset": at}

        offsets = range(offset, offset + len(batch))
        yield Records([r.value for r in batch], [r.received for r in batch], offsets, None, position)
        offset += len(batch)
