"""`vigie send`: a recording into the input log, as it comes or as it was recorded."""

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from models.plan import plan_record
from streams.commands.replay import Duration, lines_of
from streams.configuration import load_catalog, load_plans
from streams.ingest.clock import Stamped, stamp
from streams.ingest.sources import Line
from streams.input import open_log, rows
from streams.settings import Settings, load_settings

TRANSACTION = 1000


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
    log = open_log(settings)
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
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    help="Pace: recorded seconds per second. As fast as it goes without.",
)
@click.option("--then", type=Duration(), default=0, help="Time that passes after the last reading, e.g. 2d.")
@click.option("--tick", type=Duration(least=1000), default=900_000, help="Received time between ticks.")
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
    plans = [plan_record(plan) for plan in load_plans(file, load_catalog())]
    iterator = iter(records)
    first = next(iterator, None)
    if first is None:
        return
    for i, plan in enumerate(plans, 1):
        yield Stamped(first.received, plan, Line(plan, "plans", i))
    yield first
    yield from iterator
