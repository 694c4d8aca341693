"""`vigie topics create|check|describe`: topics of a deployment, and how they differ from the settings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from streams.drift import Drift
from streams.settings import Settings, load_settings
from streams.topics import Topic, declared, drifts, look_in_log, make_in_log
from streams.transports.log.file import FILE
from streams.transports.log.store import Log


@click.group(name="topics", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Topics of this deployment; without a command, those that are missing are made."""
    if context.invoked_subcommand is None:
        context.invoke(create, alter=False)


@command.command()
@click.option("--alter", is_flag=True, help="Also change topics that are there to what the settings say.")
def create(alter: bool) -> None:
    """Make missing topics; tell what differs of the others. Exits with 1 when --alter could not mend it."""
    settings = load_settings()
    folder = settings.log_folder()
    if folder is not None:
        log = Log(folder, partitions=settings.partitions)
        make_in_log(settings, log)
        found = look_in_log(settings, log)
        log.close()
        _tell(settings, drifts(settings, found), alter)
        return
    with _answered():
        from streams.kafka_topics import make_in_kafka

        _tell(settings, make_in_kafka(settings, alter), alter)


@command.command()
def check() -> None:
    """Tell each difference from the settings, with the command that mends it. Exits with 1 then."""
    settings = load_settings()
    _tell(settings, drifts(settings, _found(settings)))


@command.command()
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line, with every setting of a topic."
)
def describe(as_json: bool) -> None:
    """Print the topics as they are: partitions, copies, and the settings that are declared for them."""
    settings = load_settings()
    found, wanted = _found(settings), declared(settings)
    for name in wanted:
        there = found.get(name)
        if as_json:
            if there is not None:
                click.echo(json.dumps({"topic": name, **there._asdict()}))
        elif there is None:
            click.echo(f"{name}: missing")
        else:
            said = [f"partitions {there.partitions}"]
            said += [] if there.replication is None else [f"copies {there.replication}"]
            said += [f"{key}={there.config.get(key)}" for key in wanted[name].config]
            click.echo(f"{name}: {', '.join(said)}")


def _found(settings: Settings) -> dict[str, Topic]:
    """The topics that are there."""
    folder = settings.log_folder()
    if folder is None:
        with _answered():
            from streams.kafka_topics import cluster, look

            with cluster(settings) as admin:
                return look(admin, settings)
    if not (folder / FILE).exists():  # looking makes none
        return {}
    log = Log(folder, partitions=settings.partitions)
    try:
        return look_in_log(settings, log)
    finally:
        log.close()


def _tell(settings: Settings, found: list[Drift], fails: bool = True) -> None:
    """What differs; where it may be somebody's decision it fails nobody."""
    for drift in found:
        click.echo(str(drift), err=True)
    if found and fails:
        raise SystemExit(1)
    if not found:
        click.echo(f"{len(declared(settings))} topics, {settings.partitions} partitions each")


@contextmanager
def _answered() -> Iterator[None]:
    """A cluster's refusal in one sentence."""
    from kafka.errors import KafkaError

    try:
        yield
    except KafkaError as error:
        raise click.ClickException(f"the broker does not answer as it should: {error!r}") from error
