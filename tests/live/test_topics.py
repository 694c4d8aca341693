"""Topics on a real Kafka of three brokers: made, drifted, altered back; a copy outlives its leader."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient

from infra.native.kafka import PROPERTIES, server_of
from infra.native.process import LOOPBACK, Running, Server, free_port
from streams.cli import main
from tests import live

BROKERS = 3
Vigie = Callable[..., tuple[int, list[str]]]


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Running]]:
    ports = [(free_port(), free_port()) for _ in range(BROKERS)]
    voters = ",".join(f"{i + 1}@{LOOPBACK}:{controller}" for i, (_, controller) in enumerate(ports))
    with ExitStack() as stack:
        servers, running = list[Server](), list[Running]()
        for i, (port, controller) in enumerate(ports):
            folder = tmp_path_factory.mktemp(f"broker-{i + 1}")
            text = PROPERTIES.format(broker=port, controller=controller, folder=folder / "data")
            text = text.replace("node.id=1\n", f"node.id={i + 1}\n")
            text = text.replace(f"voters=1@{LOOPBACK}:{controller}\n", f"voters={voters}\n")
            address = f"{LOOPBACK}:{port}"
            servers.append(live.server(partial(server_of, text=text, address=address), folder))
        with ThreadPoolExecutor(BROKERS) as pool:  # a quorum comes up together
            for started in [pool.submit(stack.enter_context, server.running()) for server in servers]:
                running.append(started.result())
        yield running


@pytest.fixture
def vigie(brokers: list[Running]) -> Vigie:
    addresses = ";".join(one.address for one in brokers)

    def run(*arguments: str, prefix: str = "vigie", copies: int = 0) -> tuple[int, list[str]]:
        settings = {"VIGIE_BROKER": f"batch://{addresses}", "VIGIE_SINK": "none", "VIGIE_PREFIX": prefix}
        if copies:
            settings["VIGIE_REPLICATION"] = str(copies)
        done = CliRunner().invoke(main, ["topics", *arguments], env=settings)
        return done.exit_code, done.output.splitlines()

    return run


def test_topics_that_drifted_are_told_altered_and_then_as_declared(
    brokers: list[Running], vigie: Vigie
) -> None:
    assert vigie("create") == (0, ["6 topics, 4 partitions each"])
    assert vigie("check") == (0, ["6 topics, 4 partitions each"])
    admin = KafkaAdminClient(bootstrap_servers=brokers[0].address)
    drifted = {"message.timestamp.type": "CreateTime", "retention.ms": "1000"}
    admin.alter_configs([ConfigResource("topic", "vigie.readings", drifted)])
    admin.close()

    code, told = vigie("check", copies=3)
    assert code == 1
    assert (
        "topic vigie.readings has message.timestamp.type=CreateTime, the settings say LogAppendTime; "
        "run `vigie topics create --alter`" in told
    )
    assert (
        "topic vigie.state has 1 copies of a partition, the settings say 3; run `vigie topics create --alter`"
        in told
    )
    assert vigie("create", copies=3) == (0, told), "what is there is changed only when it is asked for"
    assert vigie("create", "--alter", copies=3) == (0, ["6 topics, 4 partitions each"])
    assert vigie("check", copies=3)[0] == 0

    code, told = vigie("describe", "--json", copies=3)
    described = {json.loads(line)["topic"]: json.loads(line) for line in told}
    assert code == 0
    assert described["vigie.readings"]["replication"] == 3
    assert described["vigie.readings"]["config"]["min.insync.replicas"] == "2"
    assert described["vigie.state"]["config"]["segment.bytes"] == str(64 << 20)


def test_what_readings_and_state_lack_in_partitions_is_never_added(
    brokers: list[Running], vigie: Vigie
) -> None:
    admin = KafkaAdminClient(bootstrap_servers=brokers[0].address)
    admin.create_topics(
        {"few.readings": {"num_partitions": 2}, "few.alerts": {"num_partitions": 2}}, wait_for_metadata=True
    )
    admin.close()
    code, told = vigie("create", "--alter", prefix="few")
    assert code == 1
    assert told == [
        "topic few.readings has 2 partitions, the settings say 4; run `export VIGIE_PARTITIONS=2`",
    ]


def test_a_confirmed_record_outlives_the_leader_of_its_partition(
    brokers: list[Running], vigie: Vigie
) -> None:
    assert vigie("create", prefix="safe", copies=3)[0] == 0
    options = {"bootstrap_servers": [one.address for one in brokers]}
    producer = KafkaProducer(**options, acks="all")
    place = TopicPartition("safe.readings", 0)
    producer.send(place.topic, b"before", partition=0).get(30)
    admin = KafkaAdminClient(**options)
    leader = admin.describe_topics([place.topic])[0]["partitions"][0]["leader_id"]
    admin.close()
    brokers[leader - 1].kill()
    try:
        producer.send(place.topic, b"after", partition=0).get(60)
        consumer = KafkaConsumer(**options, auto_offset_reset="earliest", consumer_timeout_ms=10_000)
        consumer.assign([place])
        assert [next(consumer).value, next(consumer).value] == [b"before", b"after"]
        consumer.close()
    finally:
        producer.close()
        brokers[leader - 1].start()
