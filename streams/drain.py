"""`vigie worker --drain`: finish what is in the topics, save, tell the sinks, and end with 0.

The readings that are there when the partitions are recovered are brought to their end; then whatever
results and alerts stand in the log by that time. Nothing is waited for that comes later.
"""

import asyncio
import os
import signal
from collections.abc import Iterable
from typing import Any, Final

import structlog

from streams.health import is_ready
from streams.lag import Bounds, behind, bounds
from streams.settings import Settings

LOOK_EVERY: Final = 0.2  # seconds
log = structlog.get_logger(__name__)


def attach(app: Any, settings: Settings) -> None:
    """Let the app end itself once it has done what is there."""

    @app.task
    async def drain() -> None:
        while not is_ready(app):
            await asyncio.sleep(LOOK_EVERY)
        for names in (("readings",), ("results", "alerts")):
            await _finish(app, {settings.topic(name) for name in names} & app.batch_topics)
        log.info("drained")
        os.kill(os.getpid(), signal.SIGTERM)  # the one way to stop: a last checkpoint, a last commit


async def _finish(app: Any, topics: Iterable[str]) -> None:
    """Until every record that is there now is committed, whoever's turn it is after a rebalance."""
    there = Bounds({}, {})
    while True:
        owned = [tp for tp in app.consumer.assignment() if tp.topic in topics]
        fresh = await bounds(app.consumer, [tp for tp in owned if tp not in there.ends])
        there.starts.update(fresh.starts)
        there.ends.update(fresh.ends)
        if is_ready(app) and not behind(app.consumer._committed_offset, there, owned):
            return
        await app.final_checkpoint()
        await app.consumer.commit()
        await asyncio.sleep(LOOK_EVERY)
