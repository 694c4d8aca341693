"""Real workers as processes on a real embedded log, for the tests that kill them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streams.transports.log.store import Log
from streams.transports.records import Place, Record

VIGIE = [sys.executable, "-c", "from streams.cli import main; main()"]
_started: list[subprocess.Popen[Any]] = []  # in the test that runs


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")}
    return {**kept, "VIGIE_BROKER": f"log://{folder}", "VIGIE_TICKS": "log", **more}


def process(command: list[str], **options: Any) -> subprocess.Popen[Any]:
    """A process that ends with the test that starts it, however that ends (tests/conftest.py)."""
    _started.append(subprocess.Popen(command, **options))
    return _started[-1]


def end_all() -> None:
    """Whatever the test has started and still runs ends now."""
    while _started:
        with _started.pop() as left:  # closes its pipes
            left.kill()


def start(folder: Path, **more: str) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "worker.txt").open("ab") as out:
        return process([*VIGIE, "worker"], env=environment(folder, **more), stdout=out, stderr=out)


def start_deaf(folder: Path, mark: Path, seconds: float, **more: str) -> subprocess.Popen[bytes]:
    """A worker that fetches nothing while a file exists (tests/deaf.py)."""
    with (folder / "worker.txt").open("ab") as out:
        return process(
            [sys.executable, "-m", "tests.deaf", str(mark), str(seconds), "worker"],
            env=environment(folder, VIGIE_TICKS="worker", **more),
            cwd=Path(__file__).parent.parent,
            stdout=out,
            stderr=out,
        )


def wait_until_ready(folder: Path, worker: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Until the worker holds the log, its signal handlers with it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lock = folder / "consumer.lock"
        if lock.exists() and lock.read_text() == str(worker.pid):
            return
        time.sleep(0.05)
    raise AssertionError(f"not ready: {(folder / 'worker.txt').read_text()[-2000:]}")


def stop(worker: subprocess.Popen[bytes]) -> int:
    worker.send_signal(signal.SIGTERM)
    return worker.wait(20)


def wait_until_drained(folder: Path, seconds: float = 120) -> None:
    """Until every record of every consumed topic is committed."""
    log, until = Log(folder), time.monotonic() + seconds
    while time.monotonic() < until:
        committed, ends = log.committed("vigie"), log.refresh()
        topics = ("vigie.readings", "vigie.results", "vigie.alerts")
        wanted = {place: end for place, end in ends.items() if place[0] in topics and end > 0}
        if wanted and all(committed.get(place) == end for place, end in wanted.items()):
            log.close()
            return
        time.sleep(0.2)
    raise AssertionError(f"not drained: {(folder / 'worker.txt').read_text()[-2000:]}")


def records(log: Log, place: Place) -> Iterator[Record]:
    """All records of a partition: one read gives some megabytes of them at most."""
    at = log.earliest(place)
    while found := log.read(place, at, 1 << 40):
        yield from found
        at = found[-1].offset + 1


def values(folder: Path, topic: str) -> list[bytes]:
    """All values of a topic."""
    log = Log(folder)
    out = []
    for place in sorted(log.refresh()):
        if place[0] == topic:
            out += [record.value or b"" for record in records(log, place)]
    log.close()
    return out


def told(folder: Path) -> tuple[set[bytes], set[bytes]]:
    """(result lines, alert bodies) as sets, as a reader downstream keeps them by key."""
    lines = {line for frame in values(folder, "vigie.results") for line in frame.splitlines()}
    return lines, set(values(folder, "vigie.alerts"))
