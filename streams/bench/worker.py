"""The whole worker as a process pinned to one core, on a filled embedded log, watched from outside."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from streams.bench.core import SHAPES, readings
from streams.input import key_of
from streams.transports.log.store import Log

TOPIC = "vigie.readings"
VIGIE = [sys.executable, "-c", "from streams.cli import main; main()", "worker"]
ORDINARY = [sys.executable, "-m", "streams.bench.ordinary"]


def fill(folder: Path, count: int) -> None:
    """Put the load of 4,000 series into the log."""
    log = Log(folder, sync="normal")
    load = readings(SHAPES[0], count)
    while part := list(itertools.islice(load, 5000)):
        log.append([(TOPIC, None, key_of(value), value, at, None) for value, at in part])
    log.close()


def measure(command: list[str], group: str, count: int, core: int) -> float:
    """Readings per second from the first commit seen to the last, of a worker on one core."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, count)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")}
        environment |= {"VIGIE_BROKER": f"log://{folder}", "VIGIE_TICKS": "log", "VIGIE_LOG_LEVEL": "error"}
        environment["VIGIE_CHECKPOINT_SECONDS"] = "1"  # more often than by default: the end is seen sooner
        worker = subprocess.Popen(
            command if command is VIGIE else [*command, str(folder)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            return _watch(folder, group, count)
        finally:
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _watch(folder: Path, group: str, count: int) -> float:
    """Until every reading is committed, and whatever the worker wrote for itself as well."""
    log = Log(folder)
    first: tuple[float, int] | None = None
    until = time.monotonic() + 300
    try:
        while time.monotonic() < until:
            committed = log.committed(group)
            done = sum(offset for (topic, _), offset in committed.items() if topic == TOPIC)
            now = time.monotonic()
            if first is None and done:
                first = now, done
            if done == count and first is not None and _caught_up(log, committed):
                return (count - first[1]) / (now - first[0]) if done > first[1] else float("nan")
            time.sleep(0.02)
    finally:
        log.close()
    raise TimeoutError(f"the worker of group {group} did not finish {count} readings")


def _caught_up(log: Log, committed: dict[tuple[str, int], int]) -> bool:
    """Whether the results and alerts are stored, too."""
    ends = log.refresh()
    return all(
        committed.get(place, 0) == end
        for place, end in ends.items()
        if place[0] in ("vigie.results", "vigie.alerts")
    )
