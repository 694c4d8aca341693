"""The topics of a deployment as they are declared, and in what those of a cluster differ: nothing is done.

Faust declares none of them on Kafka: partitions, copies, retention and compaction are decided here alone.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from models.state import LARGEST_BLOCK
from streams.drift import Drift
from streams.settings import Settings
from streams.transports.log.store import Log

DAY: Final = 86_400_000  # ms
POLICY, STAMP, LARGEST = "cleanup.policy", "message.timestamp.type", "max.message.bytes"
BATCH_BYTES: Final = 1 << 20  # of the records that a worker sends together to a partition
MESSAGE_BYTES: Final = LARGEST_BLOCK + 4096  # of the largest record of all, with its key and headers
# Kafka's own limit, a batch and its head. Declared, since a cluster's may be lower: a record that its topic
# refused would stop a partition for ever.
WRITTEN: Final = {LARGEST: str(BATCH_BYTES + 12)}
COMPACTED: Final = {POLICY: "compact", LARGEST: str(2 * BATCH_BYTES)}  # the largest delivery is half of it
# Only closed segments are compacted: with Kafka's 1 GiB and half of it dirty, a worker that takes over 40,000
# series would first read gigabytes of blocks that newer ones have replaced.
STATE: Final = {
    POLICY: "compact",
    LARGEST: str(MESSAGE_BYTES),
    "segment.bytes": str(64 << 20),
    "min.cleanable.dirty.ratio": "0.1",
}
# The broker's clock is `now`. Kafka looks at the bounds only where somebody has altered the type of stamp:
# then a record whose stamp would carry its patient's time ahead by more than this, or far back, is not taken.
STAMPED: Final = {
    STAMP: "LogAppendTime",
    "message.timestamp.after.max.ms": str(5 * 60_000),
    "message.timestamp.before.max.ms": str(60 * 60_000),
}
SAFE: Final = 3  # copies from which on one broker may be away: each record is in two before it is confirmed
CREATE: Final = "vigie topics create"
RELIED_ON: Final = (POLICY, STAMP)  # without these a worker loses state, or decides by another clock


class Topic(NamedTuple):
    """A topic. replication: copies of each partition, the fewest of any; None: as the cluster likes."""

    partitions: int
    replication: int | None
    config: dict[str, str]


def declared(settings: Settings) -> dict[str, Topic]:
    """Full name → what the settings want; retention in ms.

    Of an embedded log that is compaction alone: records there may carry a recording's own times, and
    retention by age would remove them at once.
    """
    # A recording brings its own times and ticks. Those may lie far back: retention by age would remove its
    # records before they are read, and bounds would refuse them.
    own = {"retention.ms": "-1", STAMP: "CreateTime"}
    plan = {
        "readings": {"retention.ms": str(30 * DAY)} | STAMPED if settings.ticks == "worker" else own,
        "rejects": {"retention.ms": str(90 * DAY)} | WRITTEN,
        "results": {"retention.ms": str(7 * DAY)} | WRITTEN,
        "alerts": {"retention.ms": str(90 * DAY)} | WRITTEN,
        "deliveries": COMPACTED,
        "state": STATE,
    }
    copies = settings.replication
    safe = {"min.insync.replicas": "2"} if copies is not None and copies >= SAFE else {}
    if settings.log_folder() is not None:
        copies, safe = None, {}
        plan = {name: {k: v for k, v in config.items() if k == POLICY} for name, config in plan.items()}
    return {
        settings.topic(name): Topic(settings.partitions, copies, config | safe)
        for name, config in plan.items()
    }


def unusable(settings: Settings, found: Mapping[str, Topic]) -> list[Drift]:
    """What of it keeps a worker from its work: topics that are missing, or not what it relies on.

    A topic of which no setting is told, since we may not look, is taken as good.
    """
    wanted = {}
    for name, topic in declared(settings).items():
        told = name in found and found[name].config
        config = {key: value for key, value in topic.config.items() if told and key in RELIED_ON}
        wanted[name] = topic._replace(replication=None, config=config)
    return _differences(settings, wanted, found)


def drifts(settings: Settings, found: Mapping[str, Topic]) -> list[Drift]:
    """All in which the topics found in a cluster are not as declared, each with the command that mends it."""
    return _differences(settings, declared(settings), found)


def _differences(
    settings: Settings, declared: Mapping[str, Topic], found: Mapping[str, Topic]
) -> list[Drift]:
    out = []
    readings = found.get(settings.topic("readings"))
    for name, wanted in declared.items():
        there = found.get(name)
        if there is None:
            out.append(Drift("topic", name, "is missing", CREATE))
            continue
        if there.partitions != wanted.partitions:
            # A patient lives in the partition of its name, and so does what is known of it: more partitions
            # would move patients away from their state: its number is everybody's. Kafka takes none away.
            right = readings is None or readings.partitions == wanted.partitions
            more = right and there.partitions < wanted.partitions
            number = there.partitions if right or readings is None else readings.partitions
            remedy = f"{CREATE} --alter" if more else f"export VIGIE_PARTITIONS={number}"
            problem = f"has {there.partitions} partitions, the settings say {wanted.partitions}"
            out.append(Drift("topic", name, problem, remedy))
        if wanted.replication is not None and (there.replication or 0) < wanted.replication:
            problem = f"has {there.replication} copies of a partition, the settings say {wanted.replication}"
            out.append(Drift("topic", name, problem, f"{CREATE} --alter"))
        for key, value in wanted.config.items():
            present = there.config.get(key)
            if present != value:
                problem = f"has {key}={present}, the settings say {value}"
                out.append(Drift("topic", name, problem, f"{CREATE} --alter"))
    return out


def make_in_log(settings: Settings, log: Log) -> None:
    """Make what is missing in an embedded log."""
    for name, topic in declared(settings).items():
        log.topic(name, topic.partitions, compact=topic.config.get(POLICY) == "compact")


def look_in_log(settings: Settings, log: Log) -> dict[str, Topic]:
    """The declared topics that an embedded log has; it has no way to change one but to make it."""
    counts, wanted = Counter(topic for topic, _ in log.refresh()), declared(settings)
    return {name: wanted[name]._replace(partitions=counts[name]) for name in wanted if name in counts}
