"""A worker of its own prefix on the broker of the settings, for measures that need a deployment.

Its topics are named bench-… and stay on a real broker until somebody deletes them.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec

from models.times import rfc3339
from streams.bench.worker import VIGIE
from streams.input import open_log
from streams.kafka_topics import make_in_kafka
from streams.settings import Settings
from streams.topics import make_in_log
from streams.transports.log.store import Log


def prepare(settings: Settings) -> Settings:
    """The settings of a deployment that nobody else uses, with its topics made."""
    ours = settings.model_copy(update={"prefix": f"bench-{time.time_ns() // 1_000_000}", "sink": "none"})
    if ours.log_folder() is None:
        make_in_kafka(ours)
        return ours
    log = open_log(ours)
    if isinstance(log, Log):
        make_in_log(ours, log)
    log.close()
    return ours


def start(settings: Settings, roles: str = "watch", **changes: str) -> subprocess.Popen[bytes]:
    """A worker with some roles and changes of settings, written as in the environment."""
    environment = {k: v for k, v in os.environ.items() if k not in ("VIGIE_PREFIX", "VIGIE_ENDPOINTS")}
    environment |= {"VIGIE_PREFIX": settings.prefix, "VIGIE_BROKER": settings.broker}
    environment |= {"VIGIE_LOG_LEVEL": "error", "VIGIE_SINK": "none"} | changes
    return subprocess.Popen([*VIGIE, "--roles", roles], env=environment, stdout=subprocess.DEVNULL)


@contextmanager
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A worker while the block runs."""
    process = start(settings)
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a worker, by force when it does not go."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def crisis(patient: str, at: int) -> bytes:
    """A systolic pressure beyond the default plan's limit: the second of a patient opens an alert."""
    reading = {
        "patient": patient,
        "device": "d",
        "vital": "systolic-bp",
        "value": 195,
        "unit": "mm[Hg]",
        "measured_at": rfc3339(at, 0),
    }
    return msgspec.json.encode(reading)


class NotAnswered(click.ClickException):
    """The worker did not do its work in time."""
