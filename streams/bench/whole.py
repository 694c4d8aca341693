"""Whole workers, one processor each, that take a filled topic of the broker down to its end.

The broker and the store are processes of their own: what they use of the same processors is missing here.
"""

import itertools
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from streams.app import ROLES
from streams.bench.core import SHAPES, readings
from streams.bench.deployment import NotAnswered, prepare, start, stop
from streams.input import key_of, open_log
from streams.settings import Settings
from streams.transports.kafka_log import KafkaLog
from streams.transports.log.store import Log

LONGEST = 300.0  # seconds
LOOK = 0.05  # seconds between looks
TICKS = os.sysconf("SC_CLK_TCK")


class Figure(NamedTuple):
    """Readings per second decided, and with every result stored; processor seconds per million."""

    read: float
    stored: float
    processor: float


def measure(settings: Settings, workers: int, count: int) -> Figure:
    """From the moment when every partition moves to the end. Raises NotAnswered when it does not come."""
    ours = prepare(settings.model_copy(update={"ticks": "log"}))  # time is that of the readings
    log = open_log(ours)
    try:
        fill(log, ours.topic("readings"), count)
        with tempfile.TemporaryDirectory() as name:
            running = [_start(ours, Path(name), number, settings.sink) for number in range(workers)]
            try:
                return _watch(log, ours, running, count)
            finally:
                for process in running:
                    stop(process)
    finally:
        log.close()


def fill(log: Log | KafkaLog, topic: str, count: int) -> None:
    """Put the load of 4,000 series into the topic."""
    load = readings(SHAPES[0], count)
    while part := list(itertools.islice(load, 20_000)):
        log.append([(topic, None, key_of(value), value, at, None) for value, at in part])


def _start(settings: Settings, folder: Path, number: int, sink: str) -> subprocess.Popen[bytes]:
    processors = sorted(os.sched_getaffinity(0))
    process = start(
        settings,
        ",".join(ROLES),
        VIGIE_TICKS="log",
        VIGIE_CHECKPOINT_SECONDS="1",  # more often than by default: the end is seen sooner
        VIGIE_SINK=sink,
        VIGIE_SQLITE_PATH=str(folder / f"results-{number}.db"),
        VIGIE_METRICS_PORT="0",
    )
    os.sched_setaffinity(process.pid, {processors[number % len(processors)]})
    return process


def _watch(log: Log | KafkaLog, ours: Settings, running: list[subprocess.Popen[bytes]], count: int) -> Figure:
    readings_topic, results, alerts = map(ours.topic, ("readings", "results", "alerts"))
    first: tuple[float, int, float] | None = None
    decided = 0.0
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        done = log.committed(ours.prefix)
        moved = [offset for (topic, _), offset in done.items() if topic == readings_topic]
        now = time.monotonic()
        if first is None and len(moved) == ours.partitions and all(moved):
            first = now, sum(moved), sum(map(_used, running))
        if first is not None and sum(moved) == count:
            begin, before, used = first
            decided = decided or (count - before) / (now - begin)
            ends = log.refresh()
            if all(done.get(place, 0) == end for place, end in ends.items() if place[0] in (results, alerts)):
                if any(end for (topic, _), end in ends.items() if topic == ours.topic("rejects")):
                    raise NotAnswered("readings were rejected: this is no measure of decisions")
                spent = 1e6 * (sum(map(_used, running)) - used) / (count - before)
                return Figure(decided, (count - before) / (now - begin), spent)
        time.sleep(LOOK)
    raise NotAnswered(f"the end was not reached within {LONGEST:.0f} s")


def _used(process: subprocess.Popen[bytes]) -> float:
    """Processor seconds of all threads so far (Linux)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
