"""`vigie evaluate`: how good the detectors are on a recording; each evaluation is a file of its own."""

import importlib
from typing import Final

import click

NAMES: Final = ("diary", "drift", "icu", "joint", "nab", "tihm", "verdicts", "welltory")


class Evaluations(click.Group):
    """A group whose commands are files of streams/evaluation, each loaded when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all evaluations."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The click command of a name, or None."""
        if cmd_name not in NAMES:
            return None
        command: click.Command = importlib.import_module(f"streams.evaluation.{cmd_name}").command
        return command


@click.group(name="evaluate", cls=Evaluations)
def command() -> None:
    """Run the pipeline on a recording with known outcomes and print how good it was, beside baselines."""
