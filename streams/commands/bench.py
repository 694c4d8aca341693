"""`vigie bench`: measures, and judges nothing; ratios within one run are what to compare."""

import os

import click

from models.record import SERIES
from streams.bench import core, worker


@click.command(name="bench")
@click.option("--readings", default=400_000, show_default=True, help="Readings of each shape.")
@click.option("--core-only", is_flag=True, help="Leave the workers out.")
def command(readings: int, core_only: bool) -> None:
    """Measure the core, the whole worker on the embedded log, and an ordinary Faust agent beside it."""
    pinned = min(os.sched_getaffinity(0))
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {pinned})
    core.measure(core.Shape("warm-up", 10, 10_000), 20_000)
    click.echo(
        f"{'core alone, one processor':34} {'readings/s':>12} {'line bytes each':>16} {'state/series':>13}"
    )
    for shape in core.SHAPES:
        figure = core.measure(shape, readings)
        click.echo(
            f"{shape.name:34} {figure.rate:12,.0f} {figure.line_bytes:16.0f} {figure.state_bytes:13,.0f}"
        )
    click.echo(f"a series record has {SERIES.itemsize} bytes")
    os.sched_setaffinity(0, everything)
    if core_only:
        return
    ours = worker.measure(worker.VIGIE, "vigie", 3 * readings, pinned)
    ordinary = worker.measure(worker.ORDINARY, "ordinary", max(readings // 10, 20_000), pinned)
    click.echo(f"{'whole worker, embedded log':34} {ours:12,.0f}")
    click.echo(f"{'ordinary Faust agent, same log':34} {ordinary:12,.0f}")
    click.echo(f"{'ratio':34} {ours / ordinary:12.1f}")
