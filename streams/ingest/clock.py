"""The time of a recording: when each record was received, and the ticks between.

`received_at` is the record's own field where it carries one, else the running maximum of measured_at;
it never goes back. A tick stands at every multiple of the tick interval that received time passes, so
that windows close and silence begins as they would live. Only what was read so far decides.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from models.times import parse_times
from streams.ingest.sources import Line

TICK_MILLISECONDS: Final = 900_000
MAXIMUM_TICKS: Final = 3000  # in one gap: a date far off must not make millions
TICK: Final = b'{"kind":"tick"}'
_FIELD: Final = re.compile(rb'"(measured_at|received_at)"\s*:\s*"([^"]{0,64})"')
BATCH: Final = 1000


class Stamped(NamedTuple):
    """A record with its receipt in ms. `line` is None for a tick."""

    received: int
    value: bytes
    line: Line | None


def ticks_between(before: int, until: int, every: int = TICK_MILLISECONDS) -> range:
    """The ticks after `before`, up to and with `until`: multiples of `every`, coarser over long gaps."""
    gap = until - before
    step = every * max(1, -(-gap // (every * MAXIMUM_TICKS)))
    return range((before // step + 1) * step, until + 1, step)


def stamp(lines: Iterable[Line], every: int = TICK_MILLISECONDS, then: int = 0) -> Iterator[Stamped]:
    """Give records their receipt, ticks between; `then` ms pass after the last one.

    Records before the first readable time are received at that time.
    """
    now: int | None = None
    waiting: list[Line] = []
    for line, received, measured in _times(lines):
        time = received if received is not None else measured
        if now is None:
            if time is None:
                waiting.append(line)
                continue
            now = time
            for early in waiting:
                yield Stamped(now, early.value, early)
        elif time is not None and time > now:
            for tick in ticks_between(now, time, every):
                yield Stamped(tick, TICK, None)
            now = time
        yield Stamped(now, line.value, line)
    if now is None:
        for line in waiting:
            yield Stamped(0, line.value, line)
        return
    if then:
        for tick in ticks_between(now, now + then, every):
            yield Stamped(tick, TICK, None)


def _times(lines: Iterable[Line]) -> Iterator[tuple[Line, int | None, int | None]]:
    """Each line with its received_at and measured_at in ms, None where it has none that reads."""
    held: list[Line] = []
    for line in lines:
        held.append(line)
        if len(held) == BATCH:
            yield from _times_of(held)
            held = []
    yield from _times_of(held)


def _times_of(lines: list[Line]) -> Iterator[tuple[Line, int | None, int | None]]:
    texts: list[str] = []
    places: list[tuple[int, int]] = []
    for line in lines:
        found = dict(_FIELD.findall(line.value))
        pair = []
        for field in (b"received_at", b"measured_at"):
            text = found.get(field)
            pair.append(len(texts) if text is not None else -1)
            if text is not None:
                texts.append(text.decode("ascii", "replace"))
        places.append((pair[0], pair[1]))
    at, _, good = parse_times(texts)
    for line, (received, measured) in zip(lines, places, strict=True):
        yield (
            line,
            int(at[received]) if received >= 0 and good[received] else None,
            int(at[measured]) if measured >= 0 and good[measured] else None,
        )
