"""`vigie send`: a recording into the input log, as it comes or as it was recorded."""

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from models.plan import plan_record
from streams.commands.replay import Duration, lines_of
from streams.configuration import load_catalog, load_plans
from streams.ingest.clock import Stamped, stamp
from streams.settings import Settings, load_settings
from streams.transports.log.store import Log, Row

TRANSACTION = 1000


class Keyed(msgspec.Struct):
    """Enough of a record to know its partition."""

    patient: str | None = None
    kind: str = "reading"


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


def paced(records: Iterable[Stamped], speed: float) -> Iterator[Stamped]:
    """Let recorded time pass `speed` times as fast as ours."""
    begin: tuple[float, int] | None = None
    for record in records:
        if begin is None:
            begin = time.monotonic(), record.received
        ahead = begin[0] + (record.received - begin[1]) / 1000 / speed - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        yield record


def send_to_log(records: Iterable[Stamped], settings: Settings, as_recorded: bool, at_once: int) -> int:
    """Append records to the embedded log in transactions; returns how many rows."""
    folder = settings.log_folder()
    if folder is None:
        raise click.UsageError("the broker is no log:// folder")
    log = Log(folder, partitions=settings.partitions)
    topic = settings.topic("readings")
    count, iterator = 0, rows(records, topic, log.topic(topic)[1], as_recorded)
    while chunk := list(itertools.islice(iterator, at_once)):
        log.append(chunk)
        count += len(chunk)
    log.close()
    return count


@click.command(name="send")
@click.argument("sources", nargs=-1, required=True)
@click.option("--map", "map_file", type=click.Path(path_type=Path, exists=True), help="Column map of a CSV.")
@click.option("--plans", "plans_file", type=click.Path(path_type=Path, exists=True), help="Care plans first.")
@click.option("--to", "broker", help="Broker, instead of the settings' one.")
@click.option("--as-recorded", is_flag=True, help="Stamp records with their own received time; send ticks.")
@click.option("--speed", type=float, help="Pace: recorded seconds per second. As fast as it goes without.")
@click.option("--then", type=Duration(), default=0, help="Time that passes after the last reading, e.g. 2d.")
@click.option("--tick", type=Duration(), default=900_000, help="Received time between ticks.")
def command(
    sources: tuple[str, ...],
    map_file: Path | None,
    plans_file: Path | None,
    broker: str | None,
    as_recorded: bool,
    speed: float | None,
    then: int,
    tick: int,
) -> None:
    """Send recordings into the input log."""
    settings = load_settings(**({"broker": broker} if broker else {}))
    records = stamp(lines_of(sources, map_file), tick, then)
    if plans_file:
        records = with_plans(records, plans_file)
    if not as_recorded:
        records = (record for record in records if record.line is not None)
    if speed:
        records = paced(records, speed)
    try:
        count = send_to_log(records, settings, as_recorded, 1 if speed else TRANSACTION)
    except (OSError, EOFError) as error:
        raise click.ClickException(f"a source cannot be read to its end: {error}") from error
    click.echo(f"{count} records sent")


def with_plans(records: Iterable[Stamped], file: Path) -> Iterator[Stamped]:
    """Plans before the first record, received with it."""
    from streams.ingest.sources import Line

    plans = [plan_record(plan) for plan in load_plans(file, load_catalog())]
    iterator = iter(records)
    first = next(iterator, None)
    if first is None:
        return
    for i, plan in enumerate(plans, 1):
        yield Stamped(first.received, plan, Line(plan, "plans", i))
    yield first
    yield from iterator
