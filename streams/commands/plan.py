"""`vigie plan`: care plans of a running deployment, and learning begun anew.

They take hold when the worker meets them in the log.
"""

from pathlib import Path

import click
import msgspec

from models.actions import Action
from models.news2 import excluded
from models.plan import Plan, plan_record
from models.strict import nearest
from streams.commands.alert import Name, by_option
from streams.configuration import load_catalog, load_plans
from streams.input import append, open_log
from streams.settings import load_settings


@click.group(name="plan")
def command() -> None:
    """Give patients their care plans."""


@command.command(name="apply")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "broker", help="Broker, instead of the settings' one.")
@click.option("--dry-run", is_flag=True, help="Check and tell; send nothing.")
def apply(file: Path, broker: str | None, dry_run: bool) -> None:
    """Check the plans of FILE and append one record per patient to the input log.

    Nothing is sent when one of them has a fault; each is told, and the exit code is 1.
    """
    settings = load_settings(**({"broker": broker} if broker else {}))
    plans = load_plans(file, load_catalog(settings.catalogue))
    if dry_run:
        for plan in plans:
            click.echo(f"would send {told(plan)}")
        remark(plans)
        return
    log = open_log(settings)
    sent = append(settings, log, [plan_record(plan) for plan in plans])
    log.close()
    for plan, places in zip(plans, sent, strict=True):
        where = ", ".join(f"partition {partition} offset {offset}" for partition, offset in places)
        click.echo(f"sent {told(plan)}: {where}")
    remark(plans)


@command.command(name="reset")
@click.argument("patient", type=Name())
@click.argument("vital")
@by_option
@click.option("--to", "broker", help="Broker, instead of the settings' one.")
def reset(patient: str, vital: str, by: str, broker: str | None) -> None:
    """Begin the learning of a patient's VITAL anew: a new treatment makes another normal.

    Alerts that rest on the old normal resolve; until enough days came again the vital is not ready.
    """
    settings = load_settings(**({"broker": broker} if broker else {}))
    catalog = load_catalog(settings.catalogue)
    if vital not in catalog.index:
        raise click.UsageError(f"unknown vital {vital}; {nearest(vital, catalog.index)}")
    log = open_log(settings, make=False)
    record = Action(patient=patient, action="reset-learning", by=by, vital=vital)
    [[place]] = append(settings, log, [msgspec.json.encode(record)])
    log.close()
    click.echo(
        f"sent reset of {vital} of {patient} by {by}: partition {place.partition} offset {place.offset}"
    )


def told(plan: Plan) -> str:
    """A plan in one line: whose, which, and how much it watches."""
    whose = "everyone without a plan of their own (*)" if plan.patient == "*" else plan.patient
    counts = {
        "limits": plan.limits,
        "gains": plan.gains,
        "baselines": plan.baselines,
        "expectations": plan.expectations,
    }
    rules = [f"{len(entries)} {name}" for name, entries in counts.items()]
    if plan.estimators:
        rules.append(f"{len(plan.estimators)} estimators")
    if plan.joint is not None:
        rules.append(f"{' + '.join(plan.joint.vitals)} together")
    if plan.news2 is not None and not excluded(plan.news2):
        rules.append(f"NEWS2 on SpO2 scale {plan.news2.scale}")
    return f"{whose}: programme {plan.programme} version {plan.version}, {', '.join(rules)}"


def remark(plans: list[Plan]) -> None:
    """Say for whom NEWS2 is not computed: nobody may take its silence for a score of 0."""
    for plan in plans:
        if reason := excluded(plan.news2):
            click.echo(f"{plan.patient}: news2: {reason}")
    silent = sum(plan.news2 is None for plan in plans)
    if silent:
        click.echo(f"{silent} of {len(plans)} plans ask for no NEWS2")
