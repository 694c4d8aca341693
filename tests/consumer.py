"""A consumer on the settings' transport: writes every record that it takes to a file, then acknowledges.

Run as `python -m tests.consumer FILE`, with VIGIE_BROKER and VIGIE_PREFIX set.
"""

import sys
from pathlib import Path
from typing import Any

import mode
import msgspec

from streams import logs
from streams.app import create_app
from streams.settings import load_settings


def main(out: Path) -> None:
    settings = load_settings()
    logs.configure(settings)
    app = create_app(settings, set())
    topic = settings.topic("readings")
    app.batch_topics.add(topic)
    source = app.topic(topic, value_serializer="raw", key_serializer="raw", partitions=settings.partitions)
    file = out.open("ab", buffering=0)
    batches = 0

    @app.agent(source, name="take")
    async def take(stream: Any) -> None:
        nonlocal batches
        async for event in stream.noack().events():
            batch, batches = event.value, batches + 1
            columns = batch.offsets.tolist(), batch.timestamps.tolist(), batch.keys, batch.values
            for offset, at, key, value in zip(*columns, strict=True):
                text = key.decode(), value.decode()
                file.write(msgspec.json.encode([batch.tp.partition, offset, at, *text, batches]) + b"\n")
            event.ack()

    mode.Worker(
        app, loglevel="info", override_logging=False, redirect_stdouts=False, daemon=True
    ).execute_from_commandline()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
