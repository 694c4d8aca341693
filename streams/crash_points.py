"""Named moments of a worker's life at which a test may kill it. They cost a comparison when off.

`VIGIE_CRASH_AT=state-written:3` kills the process with SIGKILL the third time that it gets there. It is no
setting: it is read by `vigie worker` only together with VIGIE_CRASH_TEST=1, from the environment alone, so
that no file of a deployment can hold it, and the worker says at its start that it is armed.
"""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Final

POINTS: Final = (
    "batch-applied",  # the state has changed, no output is queued
    "outputs-queued",  # before anything is known to be durable
    "snapshot-taken",  # blocks count as saved
    "outputs-durable",  # before the first block is sent
    "block-sent",  # in the midst of sending blocks
    "state-written",  # all blocks durable, nothing acknowledged
    "acknowledged",  # before the commit of offsets
    "offsets-committing",
    "offsets-committed",
    "partitions-revoked",  # in a rebalance, after the last checkpoint
    "partitions-recovered",  # some pipelines are built, others not
    "recovered",  # all of them, before the first record
    "sink-writing",  # some lines are written, others not
    "sink-written",  # confirmed, nothing acknowledged
    "alerts-taken",  # pending deliveries durable, not acknowledged
    "delivering",  # before a delivery's request
    "delivered",  # the receiver has said 2xx, nobody has recorded it
    "delivery-recorded",
)
_armed = ""
_left = 0


def arm(environment: Mapping[str, str]) -> None:
    """Take up VIGIE_CRASH_AT=point:count. Raises ValueError when it names no point, or without the test."""
    global _armed, _left
    wish = environment.get("VIGIE_CRASH_AT", "")
    if not wish:
        return
    if environment.get("VIGIE_CRASH_TEST") != "1":
        raise ValueError(
            "VIGIE_CRASH_AT kills the worker: it is for tests, which also set VIGIE_CRASH_TEST=1"
        )
    name, _, count = wish.partition(":")
    if name not in POINTS or not count.isdigit() or int(count) < 1:
        raise ValueError(f"VIGIE_CRASH_AT={wish}: write one of {', '.join(POINTS)} and :1 or more")
    _armed, _left = name, int(count)
    sys.stderr.write(f'{{"event": "armed: kills itself at {name}, time {count}"}}\n')
    sys.stderr.flush()


def reach(name: str) -> None:
    """Be at a point."""
    global _left
    if name == _armed:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
