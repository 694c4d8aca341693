"""The peers: how each is had, started and read."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from bench import install
from bench.reference import Key, Window

HERE = Path(__file__).parent
ROUNDING = 1e-9  # of sums in another order: none should be needed, since all sum in the order of the log


@dataclass(frozen=True)
class Peer:
    """One row of the table.

    command: installs it at first use and tells how it is started. share: its part of the readings, for those
    that would take minutes. windows: the topic of its windows. tolerance: of the mean of a window.
    """

    name: str
    what: str
    command: Callable[[], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    share: float = 1.0
    windows: str = "windows"
    ours: bool = False
    tolerance: float = ROUNDING


def _job(environment: str, file: str) -> Callable[[], list[str]]:
    return lambda: [str(install.python(environment)), str(HERE / "jobs" / file)]


def _faust() -> list[str]:
    return [*_job("faust", "faust_job.py")(), "worker", "-l", "warn"]


def _kafka_streams() -> list[str]:
    return ["java", "-Xmx1g", "-cp", install.java(), "Job"]


def _vigie() -> list[str]:
    return [sys.executable, "-c", "from streams.cli import main; main()", "worker", "--roles", "watch"]


PEERS = (
    Peer("faust", "Faust, Table", _faust, share=0.1),
    Peer("faust-memory", "Faust, dictionaries", _faust, {"STATE": "memory"}, share=0.1),
    Peer("quix", "Quix Streams, at least once", _job("quix", "quix_job.py"), share=0.25),
    Peer(
        "quix-exactly-once",
        "Quix Streams, exactly once",
        _job("quix", "quix_job.py"),
        {"GUARANTEE": "exactly-once"},
        share=0.5,
    ),
    Peer("bytewax", "Bytewax, recovery on", _job("bytewax", "bytewax_job.py"), share=0.5),
    Peer("kafka-streams", "Kafka Streams, at least once", _kafka_streams),
    Peer(
        "kafka-streams-exactly-once",
        "Kafka Streams, exactly once v2",
        _kafka_streams,
        {"GUARANTEE": "exactly_once_v2"},
    ),
    Peer("plain", "plain loop, no guarantee", _job("plain", "plain_job.py")),
    # Vigie writes the mean of a window with one decimal more than its vital: four here
    Peer("vigie", "Vigie, whole worker", _vigie, windows="results", ours=True, tolerance=0.00005001),
)


def windows_of(peer: Peer, value: bytes) -> Iterator[tuple[Key, int, Window]]:
    """(key, revision, window) of each window in one record."""
    if not peer.ours:
        body = msgspec.json.decode(value)
        key = body["patient"], body["vital"], body["start"]
        yield key, 0, Window(body["count"], body["mean"], body["min"], body["max"])
        return
    for line in value.decode().splitlines():
        if line.startswith("window,") and ",window=1m " in line:
            head, fields, at = line.split(" ")
            tags = dict(part.split("=") for part in head.split(",")[1:])
            found = dict(part.split("=") for part in fields.split(","))
            count, revision = int(found["count"][:-1]), int(found["revision"][:-1])
            window = Window(count, float(found["mean"]), float(found["min"]), float(found["max"]))
            yield (tags["patient"], tags["vital"], int(at) // 1_000_000), revision, window


def count_of(peer: Peer, value: bytes) -> int:
    """How many windows are in one record."""
    return value.count(b",window=1m ") if peer.ours else 1


def alert_of(peer: Peer, value: bytes) -> Key | None:
    """The reading that an alert is about; None when the record tells no new alert."""
    body: dict[str, Any] = msgspec.json.decode(value)
    if not peer.ours:
        return body["patient"], body["vital"], body["at"]
    if body["event"] != "opened":
        return None
    return (
        body["patient"],
        body["vital"],
        round(datetime.fromisoformat(body["measured_at"]).timestamp() * 1000),
    )
