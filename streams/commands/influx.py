"""`vigie influx setup|check`: make in InfluxDB what Vigie needs, or tell what is not as the settings say."""

import time
from pathlib import Path

import click

from models.strict import ConfigurationError, Fault
from streams.influx.api import InfluxAnswer
from streams.influx.plan import drifts
from streams.influx.setup import admit, look, mend
from streams.settings import Settings, load_settings

secrets_option = click.option(
    "--secrets",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="secrets",
    show_default=True,
    envvar="VIGIE_SECRETS",
    help="Folder of the secrets' files, mode 600 each.",
)


@click.group(name="influx")
def command() -> None:
    """Organisation, buckets, database mapping, and credentials that can do no more than they must."""


@command.command()
@secrets_option
@click.option("--retention", is_flag=True, help="Also change how long buckets keep; shorter deletes data.")
def setup(folder: Path, retention: bool) -> None:
    """Make what is missing; run it as often as you like. What is yours to decide is told and left."""
    settings = _settings()
    try:
        mended, left = mend(admit(settings, folder, True), settings, folder, retention)
    except (InfluxAnswer, OSError) as error:
        raise click.ClickException(str(error)) from error
    for drift in mended:
        click.echo(f"{drift.what} {drift.name}: made anew, it {drift.problem}")
    for drift in left:
        click.echo(str(drift), err=True)
    click.echo(f"InfluxDB has what Vigie needs; the credentials are in {folder}")


@command.command()
@secrets_option
def check(folder: Path) -> None:
    """Tell each thing that is not as it should be, with the command that mends it. Exits with 1 then."""
    settings = _settings()
    try:
        found = drifts(settings, look(admit(settings, folder, False), settings, folder), time.time())
    except (InfluxAnswer, OSError) as error:
        raise click.ClickException(str(error)) from error
    for drift in found:
        click.echo(str(drift), err=True)
    if found:
        raise SystemExit(1)
    click.echo("InfluxDB is as Vigie needs it")


def _settings() -> Settings:
    """Settings with an address; the writer's credential need not be there yet. Raises ConfigurationError."""
    settings = load_settings(sink="none")
    missing = [key for key in ("influx_url", "influx_org", "influx_bucket") if getattr(settings, key) is None]
    if missing:
        raise ConfigurationError(
            [Fault("environment", key, "is not set", f"set VIGIE_{key.upper()}") for key in missing]
        )
    return settings
