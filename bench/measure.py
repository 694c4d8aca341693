"""The three measurements of a peer: a full log, a kill -9 in the middle of one, and a light load."""

import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from bench import topics
from bench.load import VITALS, Reading, load
from bench.output import Findings, Reader
from bench.peers import Peer
from bench.reference import Reference, compute
from bench.worker import Worker, environment

FIRST = 120.0  # seconds that a worker may take until its first result, also after a kill
QUIET = 20.0  # seconds without a result after which no more are waited for
AFTER = 3.0  # seconds that are waited for repeats once all has come
IN_FLIGHT = 0.1  # seconds in which the broker has taken what a killed worker had sent
KILL_AT = 0.4  # of the windows have come
LIGHT = 1000  # readings per second
LIGHT_PATIENTS = 75
LIGHT_WARM = 45  # readings of each series before


@dataclass(frozen=True)
class Place:
    """Where a run happens."""

    address: str
    folder: Path
    core: int


@dataclass(frozen=True)
class Full:
    """A log read from its beginning to its end. `rate` is that of its second half.

    whole_rate and processor time: from the start of the process to the last result. Of a part, processor time
    would be wrong, since a worker may be far ahead of what the broker has taken of its results.
    """

    readings: int
    rate: float
    whole_rate: float
    processor_seconds_per_million: float
    peak_megabytes: float
    seconds_to_first: float
    findings: Findings


@dataclass(frozen=True)
class Killed:
    """The same with a SIGKILL. `killed_at`: share of the windows that had come then."""

    killed_at: float
    seconds_to_move_again: float
    findings: Findings


@dataclass(frozen=True)
class Light:
    """Milliseconds from the sending of a reading to its alert."""

    alerts: int
    median: float
    percentile_99: float
    findings: Findings


@lru_cache(maxsize=1)
def prepared(count: int, patients: int) -> tuple[list[Reading], Reference]:
    """A load and what must come of it."""
    readings = list(load(count, patients))
    reference = compute(readings)
    gc.collect()
    gc.freeze()  # millions of objects: to look through them would hold up the reading of alerts for seconds
    return readings, reference


@contextmanager
def started(place: Place, prefix: str, peer: Peer, backlog: list[Reading]) -> Iterator[tuple[Worker, Reader]]:
    """A worker on a log that holds a backlog, and its output."""
    folder = place.folder / prefix
    folder.mkdir()
    told = environment(peer, place.address, prefix, folder)
    topics.make(place.address, prefix, peer, told)
    topics.fill(place.address, prefix, backlog)
    output = Reader(peer, place.address, prefix)
    worker = Worker(peer, told, folder, place.core)
    try:
        yield worker, output
    finally:
        worker.stop()
        output.close()


def full(place: Place, prefix: str, peer: Peer, count: int, patients: int) -> Full:
    """Read a whole log."""
    readings, reference = prepared(count, patients)
    with started(place, prefix, peer, readings) as (worker, output):
        begin, samples = time.time(), list[tuple[float, float]]()

        def sample() -> None:
            samples.append((time.time(), worker.processor_seconds()))

        _follow(worker, output, len(reference.windows), sample)
        memory = worker.peak_megabytes()
    findings = output.judge(reference)
    progress = output.progress(reference)
    half = next((step for step in progress if step[1] >= reference.readings / 2), None)
    if half is None or progress[-1][0] <= half[0]:
        raise RuntimeError(f"{peer.name}: too few windows came to tell a rate: {findings}")
    last = progress[-1]
    times, used = zip(*samples, strict=True)
    processor = float(np.interp(last[0], times, used))
    done = last[1] - half[1]
    rate, whole = done / (last[0] - half[0]), last[1] / (last[0] - begin)
    per_million, first = processor / last[1] * 1e6, progress[0][0] - begin
    return Full(reference.readings, rate, whole, per_million, memory, first, findings)


def killed(place: Place, prefix: str, peer: Peer, count: int, patients: int) -> Killed:
    """Read a whole log, with a SIGKILL in its middle and a restart at once."""
    readings, reference = prepared(count, patients)
    with started(place, prefix, peer, readings) as (worker, output):
        wanted = KILL_AT * len(reference.windows)
        _until(worker, output, lambda: output.come >= wanted)
        worker.kill()
        output.read(0)
        output.read_records()
        share = len(output.windows) / len(reference.windows)
        if share >= 1:
            raise RuntimeError(f"{peer.name} was done before it could be killed; give more --readings")
        worker.start()
        restarted = output.newest = time.time()
        _until(worker, output, lambda: output.newest_appended > restarted + IN_FLIGHT)
        moving = output.newest_appended
        _follow(worker, output, len(reference.windows), lambda: None)
    return Killed(share, moving - restarted, output.judge(reference))


def light(place: Place, prefix: str, peer: Peer, seconds: int) -> Light:
    """A steady trickle of readings, each sent by itself."""
    series = LIGHT_PATIENTS * len(VITALS)
    warm = LIGHT_WARM * series
    readings, reference = prepared(warm + seconds * LIGHT, LIGHT_PATIENTS)
    with started(place, prefix, peer, readings[:warm]) as (worker, output):
        _until(worker, output, lambda: time.time() > output.newest + AFTER)
        trickle = readings[warm:]
        # In a process of its own: reading the alerts must not wait for sending
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            sending = pool.submit(topics.trickle, place.address, prefix, trickle, LIGHT)
            _until(worker, output, sending.done)
            sent = dict(zip(((r.patient, r.vital, r.at) for r in trickle), sending.result(), strict=True))
        _follow(worker, output, len(reference.windows), lambda: None)
    found = {key: times[0] for key, times in output.alerts.items() if key in sent}
    if not found:
        raise RuntimeError(f"{peer.name}: no alert came of {len(sent)} readings")
    delays = np.array([at - sent[key] for key, at in found.items()]) * 1000
    median, high = np.percentile(delays, [50, 99])
    return Light(len(delays), float(median), float(high), output.judge(reference))


def _until(worker: Worker, output: Reader, met: Callable[[], bool]) -> None:
    """Read until something is so. Raises TimeoutError when nothing comes for long."""
    begin = time.time()
    while not (output.newest and met()):
        output.read()
        worker.raise_if_ended()
        if time.time() > max(begin, output.newest) + FIRST:
            raise TimeoutError("no result came for two minutes")


def _follow(worker: Worker, output: Reader, windows: int, each: Callable[[], None]) -> None:
    """Read to the end: all windows are there and no more come, or nothing comes for long."""
    begin = time.time()
    while True:
        output.read()
        each()
        worker.raise_if_ended()
        silent = time.time() - max(begin, output.newest)
        if silent > (AFTER if output.complete(windows) else QUIET if output.newest else FIRST):
            return
