"""Whole workers, a processor or a share of one each, that take a filled topic of the broker down to its end.

The broker and the store are processes of their own: what they use of the same processors, workers lack.
"""

import itertools
import math
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from streams.app import ROLES
from streams.bench.core import SHAPES, VITALS, readings
from streams.bench.deployment import NotAnswered, prepare, start, stop
from streams.bench.share import held, used
from streams.input import key_of, open_log
from streams.settings import Settings
from streams.transports.kafka_log import KafkaLog
from streams.transports.log.store import Log
from streams.transports.records import partition_of

LONGEST = 300.0  # seconds
LOOK = 0.05  # seconds between looks


class Figure(NamedTuple):
    """What workers did.

    read: readings per second decided, from the moment when every partition moves until one is at its end.
    stored: the same until all are at their end and every result is stored; a store may lag behind decisions.
    processor: processor seconds per million readings of the workers, all of that work included.
    broker: processors that the broker's process took meanwhile; NaN when nobody said which it is.
    """

    read: float
    stored: float
    processor: float
    broker: float


class Mark(NamedTuple):
    """What was done until a moment: readings, processor seconds of the workers and of the broker."""

    at: float
    done: int
    workers: float
    broker: float


def measure(settings: Settings, workers: int, count: int, share: float = 1.0, broker: int = 0) -> Figure:
    """Fill a topic with `count` readings and let workers have it, each with a share of a processor.

    broker: its process, 0 = not known. Raises NotAnswered when the end does not come.
    """
    ours = prepare(settings.model_copy(update={"ticks": "log"}))  # time is that of the readings
    log = open_log(ours)
    try:
        fill(log, ours.topic("readings"), ours.partitions, count)
        with tempfile.TemporaryDirectory() as name:
            running = [_start(ours, Path(name), number, settings.sink) for number in range(workers)]
            try:
                with held([process.pid for process in running], share):
                    return _watch(log, ours, running, count, broker)
            finally:
                for process in running:
                    stop(process)
    finally:
        log.close()


def fill(log: Log | KafkaLog, topic: str, partitions: int, count: int) -> None:
    """Put the load of 4,000 series into the topic, every partition as much of it."""
    shape = SHAPES[0]
    names = evenly(-(-shape.series // len(VITALS)), partitions)
    load = readings(shape, count, names.__getitem__)
    while part := list(itertools.islice(load, 20_000)):
        log.append([(topic, None, key_of(value), value, at, None) for value, at in part])


def evenly(patients: int, partitions: int) -> list[str]:
    """Names of patients, of each partition in turn, so that workers have as much work each."""
    names: list[list[str]] = [[] for _ in range(partitions)]
    numbers = itertools.count()
    while any(len(of_one) * partitions < patients for of_one in names):
        name = f"p-{next(numbers)}"
        names[partition_of(name.encode(), partitions)].append(name)
    return [name for turn in zip(*names, strict=False) for name in turn][:patients]


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


def _watch(
    log: Log | KafkaLog, ours: Settings, running: list[subprocess.Popen[bytes]], count: int, broker: int
) -> Figure:
    readings_topic, results, alerts, rejects = map(ours.topic, ("readings", "results", "alerts", "rejects"))
    whole = log.ends(readings_topic)
    marks: list[Mark] = []  # while all partitions move
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        done = log.committed(ours.prefix)
        moved = {place: done.get(place, 0) for place in whole}
        mark = Mark(
            time.monotonic(),
            sum(moved.values()),
            sum(used(process.pid) for process in running),
            used(broker) if broker else math.nan,
        )
        busy = all(0 < offset < whole[place] for place, offset in moved.items())
        if busy and (not marks or mark.done > marks[-1].done):
            marks.append(mark)
        if mark.done == count:
            ends = log.refresh()
            if all(done.get(place, 0) == end for place, end in ends.items() if place[0] in (results, alerts)):
                if any(end for (topic, _), end in ends.items() if topic == rejects):
                    raise NotAnswered("readings were rejected: this is no measure of decisions")
                return _figure(marks, mark)
        time.sleep(LOOK)
    raise NotAnswered(f"the end was not reached within {LONGEST:.0f} s")


def _figure(marks: list[Mark], end: Mark) -> Figure:
    if len(marks) < 2:
        raise NotAnswered("too few readings: a partition was at its end before all had moved; ask for more")
    first, last = marks[0], marks[-1]
    seconds, readings = end.at - first.at, end.done - first.done
    return Figure(
        (last.done - first.done) / (last.at - first.at),
        readings / seconds,
        1e6 * (end.workers - first.workers) / readings,
        (end.broker - first.broker) / seconds,
    )
