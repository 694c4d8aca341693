"""`vigie diff`: what two replays decided differently, for who wrote the plan and for who wrote the code."""

import itertools
from pathlib import Path
from typing import Any

import click
import msgspec

from streams.compare import alerts, points
from streams.compare.alerts import Alert, Change, Comparison
from streams.compare.points import Counts

FILES = ("results.lp", "alerts.jsonl", "rejects.jsonl", "ledger.json")
Deltas = dict[str, tuple[int, int]]


class Difference(msgspec.Struct):
    """All that differs. `ledger`: name → its count in A and in B, only where they differ."""

    alerts: Comparison
    results: dict[str, Counts]
    rejects: dict[str, Counts]
    ledger: Deltas

    @property
    def equal(self) -> bool:
        """Whether both replays tell the same."""
        return self.alerts.equal and not (self.results or self.rejects or self.ledger)


@click.command(name="diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(a: Path, b: Path, as_json: bool) -> None:
    """Tell what differs between the replays in the folders A and B.

    Alerts by patient and rule, points of results and rejects by kind, counts of the ledger. Exits with 0
    when both tell the same, 1 when they differ, 2 when a file is missing or does not read.
    """
    for folder in (a, b):
        for name in FILES:
            if not (folder / name).is_file():
                raise click.UsageError(f"there is no {folder / name}; give folders that `vigie replay` wrote")
    try:
        difference = Difference(
            alerts.compare(alerts.read(a / FILES[1]), alerts.read(b / FILES[1])),
            points.compare(a / FILES[0], b / FILES[0], points.result_line),
            points.compare(a / FILES[2], b / FILES[2], points.reject_line),
            ledger(a / FILES[3], b / FILES[3]),
        )
    except ValueError as error:
        raise click.UsageError(f"{error}; give folders that `vigie replay` wrote") from error
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(plain(difference)), indent=2))
    elif difference.equal:
        click.echo(f"no difference: {difference.alerts.same} alerts and all results, rejects and counts")
    else:
        click.echo("\n".join([f"A is {a}, B is {b}; times in UTC", *told(difference)]))
    raise SystemExit(0 if difference.equal else 1)


def ledger(a: Path, b: Path) -> Deltas:
    """The counts that differ; a reason of `rejected` is told as rejected.reason. Raises ValueError."""
    left, right = counts(a), counts(b)
    names = {**left, **right}
    pairs = {name: (left.get(name, 0), right.get(name, 0)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def counts(path: Path) -> dict[str, int]:
    """A ledger as flat counts. Raises ValueError when it is none."""
    try:
        whole = msgspec.json.decode(path.read_bytes(), type=dict[str, int | dict[str, int]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    flat: dict[str, int] = {}
    for name, value in whole.items():
        flat |= {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def told(difference: Difference) -> list[str]:
    """The difference in lines of text."""
    out = told_alerts(difference.alerts)
    for title, groups in (("Results", difference.results), ("Rejects", difference.rejects)):
        if groups:
            out.append(f"{title + ', points':26}{'only in A':>12}{'only in B':>12}{'changed':>12}")
        for name, count in groups.items():
            out.append(f"  {name:24}{count.vanished:12,}{count.appeared:12,}{count.changed:12,}")
    if difference.ledger:
        out.append(f"{'Ledger':26}{'A':>12}{'B':>12}{'B - A':>12}")
    for name, (left, right) in difference.ledger.items():
        out.append(f"  {name:24}{left:12,}{right:12,}{right - left:+12,}")
    return out


def told_alerts(found: Comparison) -> list[str]:
    """The alerts that differ, by patient and rule."""
    both = found.same + len(found.changed) + len(found.reworded)
    out = [
        f"Alerts: {both + len(found.only_a)} in A, {both + len(found.only_b)} in B; "
        f"{len(found.only_a)} only in A, {len(found.only_b)} only in B, {len(found.changed)} went another "
        f"way, {len(found.reworded)} went the same way but are told otherwise, {found.same} the same"
    ]
    lines = [(alert, f"only in A  {life(alert)}") for alert in found.only_a]
    lines += [(alert, f"only in B  {life(alert)}") for alert in found.only_b]
    lines += [(change.a, f"changed    {life(change.a)}: {course(change)}") for change in found.changed]
    lines += [(change.a, "") for change in found.reworded]
    lines.sort(key=lambda line: (line[0].patient, line[0].rule, line[0].opened))
    fields = {change.a.alert_id: change.fields for change in found.reworded}
    for (patient, rule), group in itertools.groupby(lines, key=lambda line: (line[0].patient, line[0].rule)):
        several = list(group)
        vital = several[0][0].vital
        out.append(f"  {patient}  {rule}" + ("" if rule.startswith(vital) else f" ({vital})"))
        out += [f"    {text}" for _, text in several if text]
        reworded = [fields[alert.alert_id] for alert, text in several if not text]
        if reworded:
            names = dict.fromkeys(itertools.chain.from_iterable(reworded))
            out.append(f"    same way   {len(reworded)} told otherwise: {', '.join(names)}")
    return out


def life(alert: Alert) -> str:
    """An alert in a few words."""
    verdict = f", {alert.verdict}" if alert.verdict else ""
    return f"{words(alert.severities)}, {words(alert.opened)} to {words(alert.resolved)}{verdict}"


def course(change: Change) -> str:
    """What of an alert went another way in B."""
    pairs = [(name, getattr(change.a, name), getattr(change.b, name)) for name in change.course]
    return ", ".join(f"{name} {words(left)} -> {words(right)}" for name, left, right in pairs)


def words(value: str | list[str] | None) -> str:
    """A time to the minute, severities one after the other, and "not yet" for what did not come."""
    if isinstance(value, list):
        return " then ".join(value)
    if value is None:
        return "not yet"
    return value[:16].replace("T", " ") if value[10:11] == "T" else value


def plain(difference: Difference) -> dict[str, Any]:
    """The difference for a machine: the bodies of the alerts are left to the files."""
    whole: dict[str, Any] = {"equal": difference.equal, **msgspec.to_builtins(difference)}
    found = whole["alerts"]
    for alert in itertools.chain(
        found["only_a"], found["only_b"], *([c["a"], c["b"]] for c in found["changed"])
    ):
        del alert["bodies"]
    return whole
