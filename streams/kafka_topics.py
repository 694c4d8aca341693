"""The topics of a Kafka cluster: looked at, made, altered to what streams.topics declares."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import structlog
from kafka import TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from streams.drift import Drift
from streams.kafka_access import client_options
from streams.settings import Settings
from streams.topics import Topic, declared, drifts, unusable
from streams.transports import LogUnusable
from streams.transports.kafka_door import knock

log = structlog.get_logger(__name__)
SPREADING: Final = 10.0  # seconds in which every broker of a cluster has heard of a change


@contextmanager
def cluster(settings: Settings) -> Iterator[Any]:
    """The cluster's administration while the block runs.

    Raises kafka.errors.KafkaError when the broker cannot be reached, LogUnusable when it keeps us out.
    """
    knock(settings)
    admin = KafkaAdminClient(**client_options(settings.broker, settings))
    try:
        yield admin
    finally:
        admin.close()


def look(admin: Any, settings: Settings) -> dict[str, Topic]:
    """The declared topics that are there, as they are: every setting, the cluster's defaults too."""
    there = sorted(declared(settings).keys() & set(admin.list_topics()))
    if not there:
        return {}
    placed = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(there)}
    resources = [ConfigResource("topic", name) for name in there]
    told = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: Topic(
            len(placed[name]),
            min(len(partition["replica_nodes"]) for partition in placed[name]),
            {key: str(entry["value"]) for key, entry in told[name].items()},
        )
        for name in there
    }


def require(settings: Settings) -> None:
    """Whether a worker can begin: Faust itself only warns of topics that are missing, and owns nothing then.

    Raises LogUnusable with every difference that keeps it from its work, and the command that mends it;
    others are logged.
    """
    try:
        with cluster(settings) as admin:
            found = look(admin, settings)
    except KafkaError as error:
        remedy = "check VIGIE_BROKER and the cluster"
        raise LogUnusable(f"{settings.broker} does not answer as it should: {error!r}; {remedy}") from error
    faults = [str(drift) for drift in unusable(settings, found)]
    if not found:
        faults.append(f"no topic of the prefix {settings.prefix} is there: is VIGIE_PREFIX the right one?")
    if faults:
        raise LogUnusable("\nvigie: ".join(faults))
    for drift in drifts(settings, found):
        log.warning("topic not as declared", told=str(drift))


def make_in_kafka(settings: Settings, alter: bool = False) -> list[Drift]:
    """Make what is missing; returns what is not as declared then, [] when all is well.

    A topic that exists is changed only when it is asked for: another retention may be somebody's decision.
    Raises as `cluster` does, also when the cluster refuses a change.
    """
    wanted = declared(settings)
    with cluster(settings) as admin:
        found = look(admin, settings)
        missing = {
            name: {
                "num_partitions": topic.partitions,
                "replication_factor": topic.replication or -1,
                "configs": topic.config,
            }
            for name, topic in wanted.items()
            if name not in found
        }
        if missing:
            with suppress(TopicAlreadyExistsError):  # somebody else was quicker
                admin.create_topics(missing, wait_for_metadata=True)
        altered = found if alter and drifts(settings, found) else {}
        for name, there in altered.items():
            _alter(admin, name, there, wanted[name], name != settings.topic("readings"))
        until = time.monotonic() + (SPREADING if missing or altered else 0.0)
        while (left := drifts(settings, look(admin, settings))) and time.monotonic() < until:
            time.sleep(0.2)
        return left


def _alter(admin: Any, name: str, there: Topic, wanted: Topic, more: bool) -> None:
    """Bring one topic to what is declared; `more`: it may get further partitions."""
    changed = {key: value for key, value in wanted.config.items() if there.config.get(key) != value}
    if changed:
        admin.alter_configs([ConfigResource("topic", name, changed)])
    if more and there.partitions < wanted.partitions:
        admin.create_partitions({name: wanted.partitions})
    if wanted.replication is not None and (there.replication or 0) < wanted.replication:
        brokers = [broker["broker_id"] for broker in admin.describe_cluster()["brokers"]]
        placed = admin.describe_topics([name])[0]["partitions"]
        moves = {
            TopicPartition(name, partition["partition_index"]): copies(
                partition["replica_nodes"], brokers, wanted.replication
            )
            for partition in placed
        }
        admin.alter_partition_reassignments(moves)


def copies(now: Sequence[int], brokers: Sequence[int], wanted: int) -> list[int]:
    """The brokers that shall hold a partition: those of now first, then the others, from the next one on.

    Fewer than wanted when there are not so many brokers: the difference stays and is told.
    """
    order = sorted(brokers)
    begin = order.index(now[-1]) + 1 if now and now[-1] in order else 0
    others = [broker for broker in order[begin:] + order[:begin] if broker not in now]
    return [*now, *others][: max(wanted, len(now))]
