"""`vigie replay`: a recording through the core, with no broker. The same input gives the same bytes."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from models.pipeline import Ledger, Pipeline
from models.plan import plan_record
from models.strict import duration
from models.wire import reject_body
from streams.configuration import load_catalog, load_default_plan, load_plans, read
from streams.ingest.clock import Stamped, stamp
from streams.ingest.columns import parse_map
from streams.ingest.sources import Line, read_source
from streams.zones import zone

BATCH = 2000


class Duration(click.ParamType):
    """A duration option such as 2d or 15min, in ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds of the text; a usage error otherwise."""
        if isinstance(value, int):
            return value
        try:
            return round(duration(str(value)) * 1000)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def lines_of(sources: Iterable[str], map_file: Path | None) -> Iterator[Line]:
    """All records of the sources, one source after the other."""
    column_map = parse_map(read(map_file), str(map_file)) if map_file else None
    return itertools.chain.from_iterable(read_source(source, column_map) for source in sources)


def run(pipeline: Pipeline, records: Iterable[Stamped], out: Path, plans: list[bytes]) -> Ledger:
    """Write the four files of a replay to `out`; they appear under their names only when whole."""
    out.mkdir(parents=True, exist_ok=True)
    names = ("results.lp", "alerts.jsonl", "rejects.jsonl")
    files = [(out / f"{name}.part").open("wb") for name in names]
    offset = 0
    iterator = iter(records)
    first = next(iterator, None)
    if first is not None:
        iterator = itertools.chain([first], iterator)
        opening = (Stamped(first.received, plan, Line(plan, "plans", i)) for i, plan in enumerate(plans, 1))
        iterator = itertools.chain(opening, iterator)
    while batch := list(itertools.islice(iterator, BATCH)):
        outputs = pipeline.process(
            [record.value for record in batch],
            [record.received for record in batch],
            range(offset, offset + len(batch)),
        )
        files[0].write(outputs.results)
        files[1].writelines(alert.body + b"\n" for alert in outputs.alerts)
        for reject in outputs.rejects:
            line = batch[reject.offset - offset].line
            position = {"file": line.file, "line": line.line} if line else {"offset": reject.offset}
            files[2].write(reject_body(reject, position) + b"\n")
        offset += len(batch)
    for name, file in zip(names, files, strict=True):
        file.close()
        (out / f"{name}.part").replace(out / name)
    ledger = pipeline.ledger
    text = msgspec.json.format(msgspec.json.encode(ledger), indent=2)
    (out / "ledger.json").write_bytes(text + b"\n")
    return ledger


@click.command(name="replay")
@click.argument("sources", nargs=-1, required=True)
@click.option("--map", "map_file", type=click.Path(path_type=Path, exists=True), help="Column map of a CSV.")
@click.option("--plans", "plans_file", type=click.Path(path_type=Path, exists=True), help="Care plans.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the four files.")
@click.option("--then", type=Duration(), default=0, help="Time that passes after the last reading, e.g. 2d.")
@click.option("--tick", type=Duration(), default=900_000, help="Received time between ticks.")
def command(
    sources: tuple[str, ...], map_file: Path | None, plans_file: Path | None, out: Path, then: int, tick: int
) -> None:
    """Run recordings through the core and write results, alerts, rejects and the ledger."""
    catalog = load_catalog()
    plans = [plan_record(plan) for plan in load_plans(plans_file, catalog)] if plans_file else []
    pipeline = Pipeline(catalog, load_default_plan(None, catalog), zone)
    try:
        ledger = run(pipeline, stamp(lines_of(sources, map_file), tick, then), out, plans)
    except (OSError, EOFError) as error:
        raise click.ClickException(f"a source cannot be read to its end: {error}") from error
    for name, value in msgspec.structs.asdict(ledger).items():
        click.echo(f"{name:13} {value if not isinstance(value, dict) else sum(value.values())}")
    if not balances(ledger):
        raise click.ClickException("the ledger does not balance")


def balances(ledger: Ledger) -> bool:
    """Whether every record received has exactly one fate."""
    told = ledger.accepted + ledger.duplicate + ledger.late + sum(ledger.rejected.values())
    return ledger.received == told
