"""`vigie topics`: make the topics of this deployment, or tell in what they differ."""

import click

from streams.settings import load_settings
from streams.topics import make_in_kafka, make_in_log, topics
from streams.transports.log.store import Log


@click.command(name="topics")
@click.option("--check", "check_only", is_flag=True, help="Make nothing; tell what is missing or different.")
def command(check_only: bool) -> None:
    """Make missing topics. Exits with 1 when one is missing or not as the settings want it."""
    settings = load_settings()
    folder = settings.log_folder()
    if folder is not None:
        if not check_only:
            log = Log(folder, partitions=settings.partitions)
            make_in_log(settings, log)
            log.close()
        faults: list[str] = []
    else:
        from kafka.errors import KafkaError

        try:
            faults = make_in_kafka(settings, check_only)
        except KafkaError as error:
            raise click.ClickException(f"the broker does not answer as it should: {error!r}") from error
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise SystemExit(1)
    click.echo(f"{len(topics(settings))} topics, {settings.partitions} partitions each")
