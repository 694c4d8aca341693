"""The command line: `vigie COMMAND`. Each command is a file of streams/commands, loaded when it is called."""

import importlib
from pathlib import Path

import click

from models.strict import ConfigurationError, Fault
from streams.transports import LogUnusable

COMMANDS = Path(__file__).parent / "commands"


class Commands(click.Group):
    """A group whose commands are the files of streams/commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(path.stem for path in COMMANDS.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The click command of a name, or None."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"streams.commands.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a configuration, a log or a file of no use is told whole, and exits with 1."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            for fault in error.faults:
                click.echo(f"vigie: {fault}", err=True)
            ctx.exit(1)
        except LogUnusable as error:
            click.echo(f"vigie: {error}", err=True)
            ctx.exit(1)
        except OSError as error:
            if error.filename is None:
                raise
            fault = Fault(str(error.filename), "-", str(error.strerror), "check the path and its rights")
            click.echo(f"vigie: {fault}", err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vigie")
def main() -> None:
    """Vigie watches patients at home. It is no medical device and no emergency service."""
