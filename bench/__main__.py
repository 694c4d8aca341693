"""`python -m bench`: the same small job on every peer beside Vigie, in one run, one core each."""

import dataclasses
import itertools
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench import measure, topics
from bench.load import VITALS
from bench.peers import HERE, PEERS, Peer
from bench.table import table
from infra.native.artefacts import NotToBeHad, need

NAMES = [peer.name for peer in PEERS]
FEWEST = 60  # readings of each series, so that scores are warm for half of a run


@click.command()
@click.option("--readings", default=400_000, show_default=True, help="Readings of the full share.")
@click.option("--patients", default=250, show_default=True, help="Each with four vitals.")
@click.option("--repeat", default=1, show_default=True, help="Rounds; the median of each figure is told.")
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="These peers alone; may come twice.")
@click.option("--light-seconds", default=20, show_default=True, help="Of the light load; 0: leave it out.")
@click.option("--kill/--no-kill", default=True, show_default=True, help="Also with a kill -9 in the middle.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=HERE / "results" / "peers.json",
    help="Every figure as JSON; default bench/results/peers.json.",
)
def main(
    readings: int,
    patients: int,
    repeat: int,
    only: tuple[str, ...],
    light_seconds: int,
    kill: bool,
    out: Path,
) -> None:
    """Run the job on every peer and tell what each costs. Exits with 1 when one could not be measured."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise click.ClickException("one core for the worker and one for the broker are needed; give two")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the broker and the worker go with it
    chosen = [peer for peer in PEERS if not only or peer.name in only]
    runs: list[dict[str, Any]] = []
    told = {"readings": readings, "patients": patients, "light_seconds": light_seconds, "runs": runs}
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        need("pinning a worker", "taskset")
        for peer in chosen:
            peer.command()  # installs
        os.sched_setaffinity(0, {cores[0]})  # this program and the broker; a worker gets the other core
        with tempfile.TemporaryDirectory() as name, topics.broker(Path(name) / "kafka") as address:
            place = measure.Place(address, Path(name), cores[1])
            for number, peer in itertools.product(range(repeat), chosen):
                runs.append(_round(place, peer, number, readings, patients, light_seconds, kill))
                out.write_text(json.dumps(told, indent=1) + "\n", "utf-8")  # what is measured is kept
    except NotToBeHad as error:
        raise click.ClickException(str(error)) from error
    click.echo(table(runs))
    if any(run["faults"] for run in runs):
        raise SystemExit(1)


def _round(
    place: measure.Place, peer: Peer, number: int, readings: int, patients: int, seconds: int, kill: bool
) -> dict[str, Any]:
    """All measurements of one peer; one that fails is told of and does not stop the others."""
    count = max(round(readings * peer.share), FEWEST * patients * len(VITALS))
    prefix = f"{peer.name}-{number}"
    run: dict[str, Any] = {"peer": peer.name, "what": peer.what, "round": number, "faults": []}
    steps: dict[str, Callable[[], measure.Full | measure.Killed | measure.Light]]
    steps = {"full": lambda: measure.full(place, f"{prefix}-full", peer, count, patients)}
    if kill:
        steps["killed"] = lambda: measure.killed(place, f"{prefix}-killed", peer, count, patients)
    if seconds:
        steps["light"] = lambda: measure.light(place, f"{prefix}-light", peer, seconds)
    for step, act in steps.items():
        click.echo(f"{peer.what}: {step} …", err=True)
        try:
            result = act()
        except (RuntimeError, TimeoutError) as error:
            run["faults"].append(f"{step}: {error}")
            click.echo(f"{peer.what}: {step}: {error}", err=True)
            continue
        run[step] = dataclasses.asdict(result) | {"exact": result.findings.exact}
    return run


if __name__ == "__main__":
    main()
