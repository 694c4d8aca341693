"""`vigie replay`: recordings or a log through the core, without a worker. Same input, same bytes."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from models.pipeline import Pipeline
from models.plan import plan_record
from models.strict import LONGEST, duration
from streams.configuration import load_catalog, load_default_plan, load_plans, read
from streams.ingest.clock import TICK_MILLISECONDS, stamp
from streams.ingest.columns import parse_map
from streams.ingest.sources import Line, read_source
from streams.replay import Journey
from streams.replay.files import balances, write
from streams.replay.log import is_log, journeys, parse_source
from streams.replay.recordings import journey
from streams.settings import load_settings
from streams.zones import zone


class Duration(click.ParamType):
    """A duration option such as 2d or 15min, in ms; `least` is the shortest."""

    name = "duration"

    def __init__(self, least: int = 0) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds of the text; a usage error otherwise."""
        if isinstance(value, int):
            return value
        try:
            seconds = duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not self.least / 1000 <= seconds <= LONGEST:
            self.fail(f"{value} is out of range; give {self.least / 1000:g}s to ten years", param, ctx)
        return round(seconds * 1000)


def lines_of(sources: Iterable[str], map_file: Path | None) -> Iterator[Line]:
    """All records of the sources, one source after the other."""
    column_map = parse_map(read(map_file), str(map_file)) if map_file else None
    return itertools.chain.from_iterable(read_source(source, column_map) for source in sources)


@click.command(name="replay")
@click.argument("sources", nargs=-1, required=True)
@click.option("--map", "map_file", type=click.Path(path_type=Path, exists=True), help="Column map of a CSV.")
@click.option("--plans", "plans_file", type=click.Path(path_type=Path, exists=True), help="Care plans.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the four files.",
)
@click.option("--then", type=Duration(), help="Time that passes after a recording's last reading, e.g. 2d.")
@click.option("--tick", type=Duration(least=1000), help="Received time between a recording's ticks [15min].")
def command(
    sources: tuple[str, ...],
    map_file: Path | None,
    plans_file: Path | None,
    out: Path,
    then: int | None,
    tick: int | None,
) -> None:
    """Run SOURCES through the core and write results, alerts, rejects and the ledger.

    Recordings are JSON Lines or CSV, plain or gzipped, or - for standard input. A log is log://DIR or
    kafka://HOST:PORT, with /TOPIC and ?from=TIME&until=TIME where wanted.
    """
    settings = load_settings()
    catalog = load_catalog(settings.catalogue)
    default = load_default_plan(settings.default_plan, catalog)
    plans = [plan_record(plan) for plan in load_plans(plans_file, catalog)] if plans_file else []
    found: Iterable[Journey]
    if any(is_log(source) for source in sources):
        if len(sources) > 1:
            raise click.UsageError("a log is replayed alone; give one SOURCE")
        for option, given in {"--map": map_file, "--then": then, "--tick": tick}.items():
            if given is not None:
                raise click.UsageError(f"{option} is for recordings; a log has records and ticks of its own")
        found = journeys(parse_source(sources[0], settings), settings, plans)
    else:
        found = [journey(stamp(lines_of(sources, map_file), tick or TICK_MILLISECONDS, then or 0), plans)]
    try:
        ledger = write(lambda: Pipeline(catalog, default, zone), found, out)
    except (OSError, EOFError) as error:
        raise click.ClickException(f"a source cannot be read to its end: {error}") from error
    for name, value in msgspec.structs.asdict(ledger).items():
        click.echo(f"{name:13} {value if not isinstance(value, dict) else sum(value.values())}")
    if not balances(ledger):
        raise click.ClickException("the ledger does not balance")
