"""Records on their way into the input log: the key, the partition and the time of receipt of each."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from streams.ingest.clock import Stamped
from streams.ingest.sources import Line
from streams.settings import Settings
from streams.transports.log.file import FILE
from streams.transports.log.store import Log
from streams.transports.records import Row

if TYPE_CHECKING:
    from streams.transports.kafka_log import KafkaLog


class Keyed(msgspec.Struct):
    """Enough of a record to know its partition."""

    patient: str | None = None
    kind: str = "reading"


class Appended(NamedTuple):
    """Where a record stands in the input log."""

    partition: int
    offset: int


_keyed = msgspec.json.Decoder(Keyed).decode


def key_of(value: bytes) -> bytes | None:
    """The Kafka key of a record: its patient; None when it has none that reads."""
    try:
        patient = _keyed(value).patient
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return patient.encode("utf-8", "replace") if patient is not None and patient != "*" else None


def _calibrates(value: bytes) -> bool:
    """Whether a record is a calibration, which every partition needs."""
    try:
        return b"calibration" in value and _keyed(value).kind == "calibration"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def rows(records: Iterable[Stamped], topic: str, partitions: int, as_recorded: bool) -> Iterator[Row]:
    """Rows for the log: what is for everyone (ticks, plans, calibrations) goes to every partition."""
    for record in records:
        at = record.received if as_recorded else None
        key = key_of(record.value)
        if record.line is None or (
            key is None and (record.line.file == "plans" or _calibrates(record.value))
        ):
            for partition in range(partitions):
                yield topic, partition, None, record.value, at, None
        else:
            place = None if key is not None else sum(record.value) % partitions
            yield topic, place, key, record.value, at, None


def open_log(settings: Settings, make: bool = True) -> Log | KafkaLog:
    """The log of the settings, embedded or Kafka. Raises LogUnusable when it cannot be had.

    make: whether an embedded log that is missing is made, or click.UsageError is raised.
    """
    folder = settings.log_folder()
    if folder is not None:
        if not make and not (folder / FILE).is_file():
            raise click.UsageError(f"there is no log in {folder}; check the path or VIGIE_BROKER")
        return Log(folder, partitions=settings.partitions)
    from streams.transports.kafka_log import KafkaLog  # a quarter of a second that the embedded log is spared

    return KafkaLog(settings)


def received_now(settings: Settings, log: Log | KafkaLog, partition: int) -> int:
    """What a record appended now is received at, in ms: the clock's time, or the log's own.

    A log whose ticks come from a recording keeps the recording's time: the wall clock would carry its
    patients years ahead.
    """
    topic = settings.topic("readings")
    if settings.ticks == "log":
        end = log.refresh().get((topic, partition), 0)
        if end and (last := log.read((topic, partition), end - 1, 1)):
            return last[0].timestamp
    return int(time.time() * 1000)


def send_to_all(settings: Settings, record: bytes) -> str:
    """Append a record to every partition of the settings' log; where it stands. Raises LogUnusable."""
    log = open_log(settings)
    [places] = append(settings, log, [record])
    log.close()
    return ", ".join(f"partition {place.partition} offset {place.offset}" for place in places)


def append(settings: Settings, log: Log | KafkaLog, values: Sequence[bytes]) -> list[list[Appended]]:
    """Append plans and actions as received now, all of them or, when the log cannot be written, none.

    Returns the places of each; a plan for everyone ("*") has one in every partition.
    """
    topic = settings.topic("readings")
    partitions = log.topic(topic)[1]
    placed: list[Row] = []
    counts = []
    for value in values:
        record = Stamped(0, value, Line(value, "plans", 1))
        before = len(placed)
        for _, wanted, key, _, _, _ in rows([record], topic, partitions, as_recorded=False):
            partition = log.partition(topic, key, wanted)
            placed.append((topic, partition, key, value, received_now(settings, log, partition), None))
        counts.append(len(placed) - before)
    places = iter(log.append(placed))
    return [[Appended(*place) for place in itertools.islice(places, count)] for count in counts]
