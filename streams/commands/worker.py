"""`vigie worker`: the agents of this deployment, until a signal ends them."""

import gc
import os

import click
import mode

from streams import crash_points, drain, logs, pulse
from streams.app import ROLES, create_app
from streams.settings import load_settings


@click.command(name="worker")
@click.option("--roles", default=",".join(ROLES), help=f"Agents to run, of {', '.join(ROLES)}.")
@click.option("--drain", "until_drained", is_flag=True, help="Do what is in the topics now, then end with 0.")
def command(roles: str, until_drained: bool) -> None:
    """Run the agents. Exits with 1 when a fault stops them; start it again then."""
    chosen = set(roles.split(","))
    if not chosen <= set(ROLES):
        raise click.UsageError(f"--roles: choose of {', '.join(ROLES)}")
    try:
        crash_points.arm(os.environ)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    settings = load_settings()
    logs.configure(settings)
    if settings.log_folder() is None:
        from streams.kafka_topics import require  # a quarter of a second that the embedded worker is spared

        require(settings)
    app = create_app(settings, chosen)
    if until_drained:
        drain.attach(app, settings)
    gc.collect()
    gc.freeze()  # what stands by now stays: a full collection of it would hold an alert up for 0.1 s
    if settings.log_folder() is None:  # the embedded log has one worker, whose lock a frozen one keeps
        pulse.start(settings.session_seconds * 2 / 3)
    worker = mode.Worker(
        app, loglevel=settings.log_level, override_logging=False, redirect_stdouts=False, daemon=True
    )
    worker.execute_from_commandline()
