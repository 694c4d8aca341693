"""`vigie calibrate`: what a cohort's results teach, as one calibration record, and what was really spent."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import msgspec

from models.calibration import EVERYONE, Calibration
from streams.alerts import transitions
from streams.configuration import load_catalog, load_default_plan, load_plans
from streams.evaluation import budget as spending
from streams.evaluation import joint_budget, peaks, programme, spent
from streams.evaluation.deployment import result_lines
from streams.evaluation.recording import lines
from streams.evaluation.report import BUDGET, as_text
from streams.input import send_to_all
from streams.settings import load_settings


def of_members(found: Iterable[bytes], members: set[bytes]) -> Iterator[bytes]:
    """Only the lines of these patients."""
    for line in found:
        if line.partition(b",patient=")[2].partition(b",")[0] in members:
            yield line


def told(part: programme.Part) -> Iterator[str]:
    """How a part of the budget was spent, in a sentence or two."""
    if part.spent is None:
        yield f"{part.name}: left out: {part.missing}"
        return
    busy = ", ".join(f"{who} {alerts}" for who, alerts in part.spent.who[:10] if alerts)
    yield (
        f"{part.name}: {part.patients} patients, {part.spent.rate:.3f} alerts per patient-week, as many new "
        f"patients at most {part.spent.bound:.3f} in 19 of 20 cases, busiest {spending.BUSIEST:.0%}: "
        f"{part.spent.busiest:.2f} ({busy or 'none'})"
    )
    if part.spent.bound > part.share:
        yield f"{part.name}: too few patient-weeks to promise {part.share:.3g}; replay more days"


LONGEST = 3_660  # days
path = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(name="calibrate")
@click.argument("results", nargs=-1, type=path)
@click.option(
    "--budget",
    type=BUDGET,
    required=True,
    help="Learned alerts per patient-week, of all vitals that the programme watches, alone and together.",
)
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST),
    default=14,
    show_default=True,
    help="How many of the last days to count.",
)
@click.option("--version", "version", default="1", show_default=True, help="Name of this calibration.")
@click.option("--programme", "name", default=EVERYONE, show_default=True, help="For whom; wants --plans.")
@click.option("--plans", "plans_file", type=path, help="Care plans.")
@click.option("--alerts", "alert_files", multiple=True, type=path, help="Alerts told in those days.")
@click.option("--append", "log", type=click.Path(path_type=Path), help="Append the record to this file, too.")
@click.option("--send", is_flag=True, help="Append the record to every partition of the deployment's log.")
@click.option("--to", "broker", help="Broker, instead of the settings' one.")
def command(
    results: tuple[Path, ...],
    budget: float,
    days: int,
    version: str,
    name: str,
    plans_file: Path | None,
    alert_files: tuple[Path, ...],
    log: Path | None,
    send: bool,
    broker: str | None,
) -> None:
    """Cohort variances and thresholds for a programme's budget, and what was spent of it by whom.

    Reads files of result lines (results.lp of `vigie replay`) and of alerts (alerts.jsonl) or, without one,
    what the deployment keeps of both. The record goes to standard output. What each vital, and several
    together, would have spent on those days, and the alerts that were really told, by rule and to whom, go
    to standard error.
    """
    catalog = load_catalog()
    plans = load_plans(plans_file, catalog) if plans_file else []
    plan = load_default_plan(None, catalog)
    members: set[bytes] | None = None
    if name != EVERYONE:
        own = [plan for plan in plans if plan.programme == name]
        if not own:
            raise click.UsageError(f"no plan of programme {name}; name the file with --plans")
        members = {plan.patient.encode() for plan in own}
        several = next((plan.joint for plan in own if plan.joint is not None), None)
        plan = msgspec.structs.replace(own[0], joint=several)  # often of some patients only
    settings = load_settings(**({"broker": broker} if broker else {}))
    found = lines(results) if results else result_lines(settings)
    if members is not None:
        found = of_members(found, members)
    bodies = lines(alert_files) if alert_files else [] if results else transitions(settings)
    try:
        known, windows, hours = [], peaks.Windows(), joint_budget.Hours()
        for line in found:
            if line.startswith(b"baseline,"):
                windows.add(line)
            elif plan.joint is not None and line.startswith(b"joint,"):
                hours.add(line)
            elif line.startswith(b"trend,") or (line.startswith(b"window,") and b"=1d " in line):
                known.append(line)
        made = programme.calibrate(
            spending.tables(known, days), windows.peaks(days), hours.cohort(days), plan, catalog, budget
        )
        by_patient, first = spent.measured(known, days)
        told_alerts = [alert for alert in spent.alerts(bodies, first) if alert.patient in by_patient]
    except ValueError as error:
        raise click.ClickException(f"results or alerts cannot be read: {error}") from error
    for part in made.parts:
        for sentence in told(part):
            click.echo(sentence, err=True)
    if not made.vitals and not made.joint:
        raise click.ClickException("no vital can be calibrated: no line with scores; replay more days")
    if told_alerts or alert_files or not results:
        for table in spent.report(told_alerts, by_patient):
            click.echo(as_text(table), err=True)
    calibration = Calibration(
        programme=name, version=version, budget=budget, vitals=made.vitals, joint=made.joint
    )
    record = msgspec.json.encode(calibration)
    click.echo(record.decode())
    if log:
        try:
            with log.open("ab") as file:
                file.write(record + b"\n")
        except OSError as error:
            raise click.ClickException(f"--append: not appended: {error}; name another file") from error
    if send:
        click.echo(f"sent: {send_to_all(settings, record)}", err=True)
