"""`vigie bench`: measures, and judges nothing; ratios within one run are what to compare."""

import os

import click

from models.record import SERIES
from models.score.joint import JOINT
from streams.bench import core, detectors, worker
from streams.bench.share import used
from streams.settings import load_settings


def _there(ctx: click.Context, param: click.Parameter, process: int) -> int:
    """A process that can be asked; 0 = none. Raises a usage error before anything is measured."""
    try:
        used(process or os.getpid())
    except (OSError, OverflowError) as error:
        problem = f"there is no process {process}; `make servers` tells the broker's"
        raise click.BadParameter(problem) from error
    return process


@click.command(name="bench")
@click.option("--readings", default=400_000, show_default=True, help="Readings of each shape.")
@click.option("--core-only", is_flag=True, help="Leave the workers out.")
@click.option("--latency", is_flag=True, help="Reading to alert at 1,000 readings/s, on a Kafka.")
@click.option("--recovery", is_flag=True, help="kill -9 to moving again with 40,000 series, on VIGIE_BROKER.")
@click.option("--workers", type=int, default=0, help="Whole workers, a processor each, on VIGIE_BROKER.")
@click.option(
    "--share", type=click.FloatRange(0.05, 1), default=1.0, show_default=True, help="Of its processor, each."
)
@click.option(
    "--broker-process", type=int, default=0, callback=_there, help="Tell what this process took meanwhile."
)
@click.option("--seconds", default=30.0, show_default=True, help="Length of --latency.")
def command(
    readings: int,
    core_only: bool,
    latency: bool,
    recovery: bool,
    workers: int,
    share: float,
    broker_process: int,
    seconds: float,
) -> None:
    """Measure the core, the whole worker on the embedded log, and an ordinary Faust agent beside it.

    --latency, --recovery and --workers measure a deployment on VIGIE_BROKER instead. With VIGIE_SINK=influx
    --workers writes points of patients p-0, p-1, … to VIGIE_INFLUX_BUCKET: give it one of its own.
    """
    if latency or recovery or workers:
        _on_broker(latency, recovery, seconds)
        for number in range(1, workers + 1):
            _whole(number, readings, share, broker_process)
        return
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
    click.echo(f"{f'detectors alone, {detectors.COUNT:,} series':34} {'ns/reading':>12}")
    costs = detectors.measure()
    for cost in costs:
        click.echo(f"{cost.name:34} {cost.nanoseconds:12,.0f}")
    several, an_hour = detectors.several(), 3_600_000 // detectors.EVERY * detectors.TOGETHER
    for cost in several:
        click.echo(f"{cost.name:54} {cost.nanoseconds:12,.0f} ns")
    reading = costs[-1].nanoseconds + several[0].nanoseconds / an_hour
    click.echo(f"{'all detectors and these, a reading every 15 minutes':54} {reading:12,.0f} ns")
    more, share = JOINT.itemsize, JOINT.itemsize / detectors.TOGETHER
    click.echo(
        f"such a patient's state holds {more} bytes more: {share:.0f} for each of {detectors.TOGETHER} series"
    )
    os.sched_setaffinity(0, everything)
    if core_only:
        return
    ours = worker.measure(worker.VIGIE, "vigie", 3 * readings, pinned)
    ordinary = worker.measure(worker.ORDINARY, "ordinary", max(readings // 10, 20_000), pinned)
    click.echo(f"{'whole worker, embedded log':34} {ours:12,.0f}")
    click.echo(f"{'ordinary Faust agent, same log':34} {ordinary:12,.0f}")
    click.echo(f"{'ratio':34} {ours / ordinary:12.1f}")


def _on_broker(latency: bool, recovery: bool, seconds: float) -> None:
    """The measures that need a deployment; each imports what it alone needs."""
    settings = load_settings()
    if latency:
        if settings.log_folder() is not None:
            raise click.UsageError("--latency is measured on Kafka: set VIGIE_BROKER=batch://host:9092")
        from streams.bench import latency as reading_to_alert

        found = reading_to_alert.measure(settings, seconds)
        shown = ", ".join(f"p{p} {found[len(found) * p // 100]:.1f} ms" for p in (50, 90, 99))
        click.echo(f"{len(found)} alerts at {reading_to_alert.RATE} readings/s: {shown}")
    if recovery:
        from streams.bench import recovery as kill_to_moving

        took = kill_to_moving.measure(settings)
        click.echo(f"kill -9 to moving again with {kill_to_moving.SERIES} series: {took:.1f} s")


def _whole(workers: int, readings: int, share: float, broker: int) -> None:
    from streams.bench import whole

    settings = load_settings()
    figure = whole.measure(settings, workers, 5 * readings * workers, share, broker)
    click.echo(
        f"{workers} whole worker(s), {share:g} of a processor each, store {settings.sink}: "
        f"{figure.read:,.0f} readings/s decided, {figure.stored:,.0f} with all results stored; "
        f"{figure.processor:.2f} processor seconds per million"
        + (f"; the broker took {figure.broker:.2f} of a processor" if broker else "")
    )
