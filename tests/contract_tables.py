"""The tables of docs/contracts that are made of the code. `python -m tests.contract_tables` writes them.

What a setting means is written by hand there, and kept.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from prometheus_client.metrics import MetricWrapperBase

from streams import metrics
from streams.cli import main
from streams.settings import Settings
from streams.topics import declared

FOLDER = Path(__file__).parent.parent / "docs/contracts"
MARKED = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)
LABELS = {
    "fate": metrics.FATES,
    "reason": (*metrics.REASONS, *metrics.SINK_REASONS),
    "kind": metrics.KINDS,
    "severity": metrics.SEVERITIES,
    "event": metrics.EVENTS,
    "topic": metrics.TOPICS,
    "outcome": metrics.OUTCOMES,
}


def settings_table(before: str) -> str:
    meanings = dict(re.findall(r"^\| `VIGIE_(\w+)` \|[^|]*\| (.*?) \|$", before, re.M))
    rows = [
        f"| `VIGIE_{name.upper()}` | {_default(field.get_default(call_default_factory=True))} "
        f"| {meanings.get(name.upper(), '')} |"
        for name, field in Settings.model_fields.items()
    ]
    return _table("setting | default | meaning", rows)


def _default(value: Any) -> str:
    return "–" if value is None else "`[]`" if value == [] else f"`{value}`"


def topics_table(before: str) -> str:
    kept = declared(Settings(broker="batch://127.0.0.1:9092"))
    rows = [
        f"| `{name}` | {', '.join(f'`{k}={v}`' for k, v in topic.config.items())} |"
        for name, topic in kept.items()
    ]
    return _table("topic | Kafka's settings", rows)


def metrics_table(before: str) -> str:
    labels = {
        made._name: made._labelnames for made in vars(metrics).values() if isinstance(made, MetricWrapperBase)
    }
    rows = [
        f"| `{family.name}` | {family.type} | {', '.join(labels.get(family.name, ())) or '–'} "
        f"| {family.documentation} |"
        for family in metrics.REGISTRY.collect()
    ]
    return _table("metric | type | labels | meaning", rows)


def labels_table(before: str) -> str:
    rows = [f"| {name} | {', '.join(f'`{value}`' for value in values)} |" for name, values in LABELS.items()]
    return _table("label | values", [*rows, "| endpoint | the names of `VIGIE_ENDPOINTS` |"])


def commands_table(before: str) -> str:
    return "\n".join(_commands(main, "vigie"))


def _commands(group: click.Group, path: str) -> Iterator[str]:
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
            continue
        yield from _command(command, f"{path} {name}")


def _command(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    yield f"### `{' '.join([path, *arguments])}`\n"
    yield f"{' '.join((command.help or '').split())}\n"
    rows = [
        f"| {', '.join(f'`{name}`' for name in option.opts)} | {_cell((option.help or '').strip())} |"
        for option in command.params
        if isinstance(option, click.Option)
    ]
    if rows:
        yield _table("option | meaning", rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: str, rows: list[str]) -> str:
    return "\n".join([f"| {head} |", "|" + "---|" * len(head.split("|")), *rows, ""])


MAKERS: dict[str, Callable[[str], str]] = {
    "settings": settings_table,
    "topics": topics_table,
    "metrics": metrics_table,
    "labels": labels_table,
    "commands": commands_table,
}


def written(text: str) -> str:
    """A document with its tables as the code has them."""
    return MARKED.sub(lambda found: found[1] + MAKERS[found[2]](found[3]) + found[4], text)


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.md")):
        path.write_text(written(path.read_text("utf-8")), "utf-8")
