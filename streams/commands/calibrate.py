"""`vigie calibrate`: what a cohort's results teach, as one calibration record for the input log."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from models.calibration import EVERYONE, Calibration, VitalCalibration
from models.plan import Plan
from streams.configuration import load_catalog, load_default_plan, load_plans
from streams.evaluation import budget as spending


def lines(results: tuple[Path, ...]) -> Iterator[bytes]:
    """The lines of result files, plain or gzipped."""
    for path in results:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file


def of_programme(found: Iterator[bytes], plans: list[Plan], programme: str) -> Iterator[bytes]:
    """Only the lines of the patients whose plan is of this programme."""
    members = {plan.patient.encode() for plan in plans if plan.programme == programme}
    for line in found:
        patient = line.partition(b",patient=")[2].partition(b",")[0]
        if patient in members:
            yield line


@click.command(name="calibrate")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--budget", type=click.FloatRange(0.001, 7), required=True, help="Alerts per patient-week and vital."
)
@click.option("--days", default=14, show_default=True, help="How many of the last days to count.")
@click.option("--version", "version", default="1", show_default=True, help="Name of this calibration.")
@click.option("--programme", default=EVERYONE, show_default=True, help="Who it is for; wants --plans.")
@click.option("--plans", "plans_file", type=click.Path(path_type=Path, exists=True), help="Care plans.")
@click.option("--append", "log", type=click.Path(path_type=Path), help="Append the record to this file, too.")
def command(
    results: tuple[Path, ...],
    budget: float,
    days: int,
    version: str,
    programme: str,
    plans_file: Path | None,
    log: Path | None,
) -> None:
    """Cohort variances and thresholds for a budget, from result lines of `vigie replay` or of the store.

    The record goes to standard output: send it to every partition with `vigie send`. What each vital
    would have spent on those days, and the busiest 5 % of the patients, go to standard error.
    """
    catalog = load_catalog()
    plans = load_plans(plans_file, catalog) if plans_file else []
    found = lines(results)
    if programme != EVERYONE:
        if not any(plan.programme == programme for plan in plans):
            raise click.UsageError(f"no plan of programme {programme}; name the file with --plans")
        found = of_programme(found, plans, programme)
    default = load_default_plan(None, catalog)
    plan = next((p for p in plans if p.programme == programme), default)
    sides = {baseline.vital: baseline.trend for baseline in plan.baselines}
    try:
        tables = spending.tables(found, days)
    except (ValueError, OSError, EOFError) as error:
        raise click.ClickException(f"results cannot be read: {error}") from error
    vitals: dict[str, VitalCalibration] = {}
    for vital, table in tables.items():
        side = sides.get(vital, "off")
        if vital not in catalog.index or side == "off":
            continue
        try:
            vitals[vital], spent = spending.calibrate(table, budget, side)
        except ValueError as error:
            click.echo(f"{vital}: left out: {error}", err=True)
            continue
        busy = ", ".join(f"{who} {alerts}" for who, alerts in spent.who[:10] if alerts)
        click.echo(
            f"{vital}: {len(table.patients)} patients, {spent.rate:.3f} alerts per patient-week, as many new "
            f"patients at most {spent.bound:.3f} in 19 of 20 cases, busiest {spending.BUSIEST:.0%}: "
            f"{spent.busiest:.2f} ({busy or 'none'})",
            err=True,
        )
        if spent.bound > budget:
            click.echo(f"{vital}: too few patient-weeks to promise {budget:g}; replay more days", err=True)
    if not vitals:
        raise click.ClickException("no vital can be calibrated: no trend line with scores; replay more days")
    record = msgspec.json.encode(
        Calibration(programme=programme, version=version, budget=budget, vitals=vitals)
    )
    click.echo(record.decode())
    if log:
        with log.open("ab") as file:
            file.write(record + b"\n")
