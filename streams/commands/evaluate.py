"""`vigie evaluate NAME`: each evaluation is a file of streams/evaluation with a click `command`."""

import importlib

import click

NAMES = ("drift",)


class Evaluations(click.Group):
    """A group whose commands are files of streams/evaluation, loaded when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all evaluations."""
        return sorted(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The click command of a name, or None."""
        if cmd_name not in NAMES:
            return None
        command: click.Command = importlib.import_module(f"streams.evaluation.{cmd_name}").command
        return command


@click.group(cls=Evaluations, name="evaluate")
def command() -> None:
    """What the product's own pipeline finds in data whose truth is known."""
