"""The topics of a deployment: made when they are missing, compared when they are there.

Faust declares none of them on Kafka: partitions, retention and compaction are decided here alone.
"""

from typing import Any, Final

from streams.kafka_access import client_options
from streams.settings import Settings
from streams.transports.log.store import Log

DAY: Final = 86_400_000  # ms
BLOCK_BYTES: Final = 2 << 20  # a state block may reach 1.2 MB; Kafka's own limit is 1 MiB
COMPACTED: Final = {"cleanup.policy": "compact", "max.message.bytes": str(BLOCK_BYTES)}


def topics(settings: Settings) -> dict[str, dict[str, str]]:
    """Full name → Kafka's configuration of the topic; retention in ms."""
    # The broker's clock is `now`, unless a recording brings its own times and ticks. Those may lie far
    # back: retention by age would remove its records before they are read.
    stamp, days = ("LogAppendTime", 30) if settings.ticks == "worker" else ("CreateTime", None)
    plan = {
        "readings": {"retention.ms": str(days * DAY if days else -1), "message.timestamp.type": stamp},
        "rejects": {"retention.ms": str(90 * DAY)},
        "results": {"retention.ms": str(7 * DAY)},
        "alerts": {"retention.ms": str(90 * DAY)},
        "deliveries": COMPACTED,
        "state": COMPACTED,
    }
    return {settings.topic(name): config for name, config in plan.items()}


def make_in_log(settings: Settings, log: Log) -> None:
    """Make what is missing in an embedded log.

    Only compaction is taken over: records there may carry a recording's own times, and retention by
    age would remove them at once.
    """
    for name, config in topics(settings).items():
        log.topic(name, settings.partitions, compact=config.get("cleanup.policy") == "compact")


def make_in_kafka(settings: Settings, check_only: bool = False) -> list[str]:
    """Make what is missing in Kafka; returns what is not as wanted, one sentence each, [] when all is well.

    A topic that exists is never changed: fewer partitions or another retention may be somebody's decision.
    Raises kafka.errors.KafkaError when the broker cannot be reached, LogUnusable when it keeps us out.
    """
    from kafka.admin import ConfigResource, KafkaAdminClient

    from streams.transports.kafka_door import knock

    knock(settings)
    admin = KafkaAdminClient(**client_options(settings.broker, settings))
    try:
        wanted, present = topics(settings), set(admin.list_topics())
        missing = [name for name in wanted if name not in present]
        if check_only:
            faults = [f"{name} is missing; run `vigie topics`" for name in missing]
        else:
            faults = []
            specifications = {
                name: {"num_partitions": settings.partitions, "configs": wanted[name]} for name in missing
            }
            if specifications:
                admin.create_topics(specifications, wait_for_metadata=True)
        there = [name for name in wanted if name in present]
        if not there:
            return faults
        counts = {t["name"]: len(t["partitions"]) for t in admin.describe_topics(there)}
        resources = [ConfigResource("topic", name) for name in there]
        found = admin.describe_configs(resources, config_filter="all")["topic"]
        for name in there:
            faults += _differences(name, settings.partitions, wanted[name], counts[name], found[name])
        return faults
    finally:
        admin.close()


def _differences(
    name: str, partitions: int, wanted: dict[str, str], count: int, found: dict[str, Any]
) -> list[str]:
    faults = []
    if count != partitions:
        faults.append(f"{name} has {count} partitions, the settings say {partitions}; make them agree")
    for key, value in wanted.items():
        present = found.get(key, {}).get("value")
        if present != value:
            faults.append(f"{name} has {key}={present}, expected {value}; alter the topic")
    return faults
