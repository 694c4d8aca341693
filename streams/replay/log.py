"""A log as journeys, one per partition: the very records, times, keys and offsets that its worker met.

Ticks are the log's own. State begins empty: what lies before `from` (plans too) is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

import click

from models.times import parse_times
from streams.input import open_log
from streams.replay import Journey, Records
from streams.settings import Settings
from streams.transports.log.file import FILE
from streams.transports.log.store import Log
from streams.transports.records import Place, Record

if TYPE_CHECKING:
    from streams.transports.kafka_log import KafkaLog

AT_ONCE: Final = 2000
SCHEMES: Final = ("log://", "kafka://", "batch://")


class Source(NamedTuple):
    """A log to replay: its broker, one topic, received times in ms (from ≤ t < until; None = open)."""

    broker: str
    topic: str
    begin: int | None
    until: int | None


def is_log(source: str) -> bool:
    """Whether a source is a log, not a recording."""
    return source.startswith(SCHEMES)


def parse_source(source: str, settings: Settings) -> Source:
    """log://DIR[/TOPIC], kafka://host:port[/TOPIC] or batch://…, each with ?from=…&until=….

    The topic is the settings' input topic where none is named. Raises click.UsageError.
    """
    address, _, query = source.partition("?")
    scheme, _, rest = address.partition("://")
    times = _times(source, query)
    if scheme == "log":
        folder, topic = Path(rest), settings.topic("readings")
        if not (folder / FILE).is_file() and (folder.parent / FILE).is_file():
            folder, topic = folder.parent, folder.name
        return Source(f"log://{folder}", topic, *times)
    hosts, _, named = rest.partition("/")
    return Source(f"batch://{hosts}", named or settings.topic("readings"), *times)


def _times(source: str, query: str) -> tuple[int | None, int | None]:
    """The two ends of the range in ms."""
    ends: dict[str, int | None] = {"from": None, "until": None}
    for part in query.split("&") if query else []:
        name, _, text = part.partition("=")
        if name not in ends:
            raise click.UsageError(f"{source}: unknown option {name}; write ?from=TIME&until=TIME")
        at, _, good = parse_times([unquote(text)])
        if not good[0]:
            raise click.UsageError(
                f"{source}: {name} is no RFC 3339 time with an offset; write 2026-03-01T08:00:00+01:00"
            )
        ends[name] = int(at[0])
    if None not in ends.values() and ends["from"] >= ends["until"]:  # type: ignore[operator]
        raise click.UsageError(f"{source}: from is not before until; swap them")
    return ends["from"], ends["until"]


def journeys(source: Source, settings: Settings, plans: Sequence[bytes] = ()) -> Iterator[Journey]:
    """One journey per partition in their order, up to the ends that the log has now.

    plans: records that each partition meets before its first one, received with it.
    Raises click.UsageError when there is no such log or topic.
    """
    log = open_log(settings.model_copy(update={"broker": source.broker}), make=False)
    try:
        ends = {place: end for place, end in log.refresh().items() if place[0] == source.topic}
        if not ends:
            raise click.UsageError(f"there is no topic {source.topic} in {source.broker}; name it at the end")
        for place in sorted(ends):
            yield _journey(log, place, source, ends[place], plans)
    finally:
        log.close()


def _journey(log: Log | KafkaLog, place: Place, source: Source, end: int, plans: Sequence[bytes]) -> Journey:
    at = log.earliest(place) if source.begin is None else log.from_time(place, source.begin)
    if source.until is not None:
        end = min(end, _or(log.from_time(place, source.until), end))
    at, opening = _or(at, end), [*plans]
    where = partial(_position, place)
    while at < end and (found := log.read(place, at, AT_ONCE)):
        if records := [record for record in found if record.offset < end]:
            if opening:
                early = [
                    Record(*place, records[0].offset, records[0].timestamp, None, p, None) for p in opening
                ]
                records, opening = early + records, []
            yield Records(
                [record.value or b"" for record in records],
                [record.timestamp for record in records],
                [record.offset for record in records],
                [record.key for record in records],
                where,
            )
        at = found[-1].offset + 1


def _or(offset: int | None, end: int) -> int:
    return end if offset is None else offset


def _position(place: Place, offset: int) -> dict[str, Any]:
    return {"topic": place[0], "partition": place[1], "offset": offset}
