"""The watch agent: readings in; results, alerts and rejects out; state saved every few seconds."""

from typing import Any

from models.pipeline import Pipeline
from models.wire import reject_body
from streams import metrics
from streams.checkpoint import Checkpoint, frames
from streams.configuration import load_catalog, load_default_plan
from streams.crash_points import reach
from streams.settings import Settings
from streams.state_table import StateTable
from streams.zones import zone

READING = (
    b'{"patient":"p","device":"d","vital":"heart-rate","value":70,"unit":"/min",'
    b'"measured_at":"2026-01-01T00:00:00Z"}'
)
TICK = b'{"kind":"tick"}'
DAY = 86_400_000


def warm_up(pipeline: Pipeline) -> None:
    """Compile what the first batch needs, or load it: before the worker joins, since it takes a while.

    Half a minute on a fresh machine: a worker that did it as a member would be put out of its group, and
    one that is killed meanwhile would never get any further than its first batch.
    """
    at = 1_767_225_600_000
    pipeline.process([READING, TICK], [at, at + DAY], [0, 1], [b"p", None])  # by then something is due


def attach(app: Any, settings: Settings) -> None:
    """Give the app its watch agent, its checkpoints and, when the worker makes them, its ticks."""
    catalog = load_catalog(settings.catalogue)
    default = load_default_plan(settings.default_plan, catalog)
    readings = settings.topic("readings")
    source = app.topic(readings, value_serializer="raw", key_serializer="raw", partitions=settings.partitions)
    state = app.topic(
        settings.topic("state"),
        value_serializer="raw",
        key_serializer="raw",
        partitions=settings.partitions,
        compacting=True,
    )
    app.batch_topics.add(readings)
    table = app.tables.add(
        StateTable(
            app,
            name="state",
            key_type=bytes,
            value_type=bytes,
            partitions=settings.partitions,
            changelog_topic=state,
            beacon=app.tables.beacon,
        )
    )
    warm_up(Pipeline(catalog, default, zone))
    checkpoint = Checkpoint(app, table, state.get_topic_name(), lambda: Pipeline(catalog, default, zone))
    app.before_revoke = checkpoint.release
    app.final_checkpoint = checkpoint.save
    app.recovered = lambda: set(checkpoint.cores) == owned()

    def owned() -> set[int]:
        return {tp.partition for tp in app.consumer.assignment() if tp.topic == readings}

    @table.on_recover
    async def recovered() -> None:
        try:
            await checkpoint.recover(owned())
        except Exception as error:  # Faust swallows what this raises: an unknown format must stop us
            await app.crash(error)
            raise

    @app.agent(source, name="watch")
    async def watch(stream: Any) -> None:
        async for event in stream.noack().events():
            batch = event.value
            partition, records = batch.tp.partition, len(batch)  # before the records are let go of
            async with checkpoint.applying:
                with metrics.timed(metrics.BATCH):
                    outputs = checkpoint.apply(batch)
                if outputs is None:
                    continue
                reach("batch-applied")
                for alert in outputs.alerts:
                    key = alert.patient.encode()
                    await checkpoint.send(settings.topic("alerts"), key, alert.body, None)
                for frame in frames(outputs.results):
                    await checkpoint.send(settings.topic("results"), None, frame, partition)
                for reject in outputs.rejects:
                    position = {"topic": readings, "partition": partition, "offset": reject.offset}
                    await checkpoint.send(
                        settings.topic("rejects"), None, reject_body(reject, position), partition
                    )
                checkpoint.took(event)
                reach("outputs-queued")
            metrics.count_outputs(records, outputs)
            if checkpoint.crowded():
                await checkpoint.save()

    @app.timer(interval=settings.checkpoint_seconds)
    async def save() -> None:
        await checkpoint.save()

    if settings.ticks == "worker":

        @app.timer(interval=settings.tick_seconds)
        async def tick() -> None:
            for partition in list(checkpoint.cores):
                await app.producer.send(readings, None, TICK, partition, None, None)
