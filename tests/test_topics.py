"""What differs between declared topics and those of a cluster is decided without one."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.state import LARGEST_BLOCK
from models.wire import LARGEST_REJECT
from streams.checkpoint import FRAME_BYTES
from streams.cli import main
from streams.kafka_topics import copies
from streams.outbox import LARGEST_BODY
from streams.settings import Settings
from streams.topics import BATCH_BYTES, LARGEST, POLICY, STAMP, Topic, declared, drifts, unusable

SETTINGS = Settings(broker="batch://127.0.0.1:9092", partitions=8, replication=3)
GOOD = declared(SETTINGS)


def changed(name: str, **changes: object) -> dict[str, Topic]:
    return GOOD | {name: GOOD[name]._replace(**changes)}  # type: ignore[arg-type]


def test_a_cluster_that_is_as_declared_has_no_drift() -> None:
    assert drifts(SETTINGS, GOOD) == []


def test_three_copies_ask_for_two_that_are_in_step() -> None:
    assert {topic.config["min.insync.replicas"] for topic in GOOD.values()} == {"2"}
    one = declared(SETTINGS.model_copy(update={"replication": None}))
    assert not any("min.insync.replicas" in topic.config for topic in one.values())


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            {name: topic for name, topic in GOOD.items() if name != "vigie.state"},
            "topic vigie.state is missing; run `vigie topics create`",
        ),
        (
            changed("vigie.readings", partitions=4),
            "topic vigie.readings has 4 partitions, the settings say 8; run `export VIGIE_PARTITIONS=4`",
        ),
        (
            changed("vigie.alerts", partitions=4),
            "topic vigie.alerts has 4 partitions, the settings say 8; run `vigie topics create --alter`",
        ),
        (
            changed("vigie.alerts", partitions=9),
            "topic vigie.alerts has 9 partitions, the settings say 8; run `export VIGIE_PARTITIONS=9`",
        ),
        (
            changed("vigie.results", replication=1),
            "topic vigie.results has 1 copies of a partition, the settings say 3; "
            "run `vigie topics create --alter`",
        ),
        (
            changed("vigie.readings", config=GOOD["vigie.readings"].config | {"retention.ms": "1"}),
            "topic vigie.readings has retention.ms=1, the settings say 2592000000; "
            "run `vigie topics create --alter`",
        ),
    ],
)
def test_each_drift_is_told_with_the_command_that_mends_it(found: dict[str, Topic], told: str) -> None:
    assert [str(drift) for drift in drifts(SETTINGS, found)] == [told]


def test_more_copies_and_foreign_settings_are_nobodys_fault() -> None:
    richer = changed("vigie.results", replication=5, config=GOOD["vigie.results"].config | {"x": "y"})
    assert drifts(SETTINGS, richer) == []


def test_the_log_of_a_recording_keeps_its_own_times_for_ever() -> None:
    topic = declared(SETTINGS.model_copy(update={"ticks": "log"}))["vigie.readings"]
    assert topic.config["message.timestamp.type"] == "CreateTime"
    assert topic.config["retention.ms"] == "-1"
    assert not any("before" in key or "after" in key for key in topic.config)


@given(
    st.sets(st.integers(0, 20), min_size=1, max_size=9).map(sorted),
    st.integers(1, 9),
    st.integers(1, 9),
    st.data(),
)
def test_a_copy_is_added_and_none_is_moved(
    brokers: list[int], there: int, wanted: int, data: st.DataObject
) -> None:
    now = data.draw(st.permutations(brokers))[: min(there, len(brokers))]
    then = copies(now, brokers, wanted)
    assert then[: len(now)] == list(now)
    assert len(set(then)) == len(then) == max(len(now), min(wanted, len(brokers)))
    assert set(then) <= set(brokers)


def test_topics_of_another_number_all_follow_the_readings() -> None:
    found = {name: topic._replace(partitions=4) for name, topic in GOOD.items()}
    assert {drift.remedy for drift in drifts(SETTINGS, found)} == {"export VIGIE_PARTITIONS=4"}


def test_an_embedded_log_of_another_number_of_partitions_is_told_and_left(tmp_path: Path) -> None:
    env = {"VIGIE_BROKER": f"log://{tmp_path}/log", "VIGIE_PARTITIONS": "2"}
    assert CliRunner().invoke(main, ["topics", "create"], env=env).exit_code == 0
    env["VIGIE_PARTITIONS"] = "8"
    for arguments, code in (["create"], 0), (["create", "--alter"], 1), (["check"], 1):
        done = CliRunner().invoke(main, ["topics", *arguments], env=env)
        assert done.exit_code == code
        assert "has 2 partitions, the settings say 8; run `export VIGIE_PARTITIONS=2`" in done.output
        assert "8 partitions each" not in done.output
        assert "--alter`" not in done.output


def test_an_embedded_log_is_made_checked_and_described(tmp_path: Path) -> None:
    def vigie(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["topics", *arguments], env={"VIGIE_BROKER": f"log://{tmp_path}/log"})
        return done.exit_code, done.output

    code, text = vigie("check")
    assert (code, text.splitlines()[0]) == (1, "topic vigie.readings is missing; run `vigie topics create`")
    assert not (tmp_path / "log").exists(), "looking makes nothing"
    assert vigie("create") == (0, "6 topics, 4 partitions each\n")
    assert vigie("check") == (0, "6 topics, 4 partitions each\n")
    assert vigie() == vigie("create"), "making is what it does by itself"
    code, text = vigie("describe")
    assert code == 0
    assert "vigie.state: partitions 4, cleanup.policy=compact" in text.splitlines()
    code, text = vigie("describe", "--json")
    assert (
        '{"topic": "vigie.alerts", "partitions": 4, "replication": null, "config": {}}' in text.splitlines()
    )


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({name: topic for name, topic in GOOD.items() if name != "vigie.alerts"}, "is missing"),
        (changed("vigie.readings", partitions=4), "has 4 partitions"),
        (
            changed("vigie.readings", config=GOOD["vigie.readings"].config | {STAMP: "CreateTime"}),
            "message.timestamp.type=CreateTime",
        ),
        (
            changed("vigie.state", config=GOOD["vigie.state"].config | {POLICY: "delete"}),
            "cleanup.policy=delete",
        ),
    ],
)
def test_what_a_worker_relies_on_keeps_it_from_starting(found: dict[str, Topic], told: str) -> None:
    (drift,) = unusable(SETTINGS, found)
    assert told in str(drift)
    assert "run `" in str(drift)


def test_what_a_worker_can_do_without_does_not_keep_it_from_starting() -> None:
    assert unusable(SETTINGS, GOOD) == []
    assert unusable(SETTINGS, changed("vigie.alerts", replication=1)) == []
    assert (
        unusable(SETTINGS, changed("vigie.results", config=GOOD["vigie.results"].config | {LARGEST: "1"}))
        == []
    )
    assert unusable(SETTINGS, changed("vigie.state", config={})) == [], "it may not be looked at"


def test_each_topic_takes_the_largest_record_that_is_written_to_it() -> None:
    takes = {name.removeprefix("vigie."): int(t.config.get(LARGEST, 0)) for name, t in GOOD.items()}
    assert takes["state"] > LARGEST_BLOCK
    assert takes["rejects"] > BATCH_BYTES > LARGEST_REJECT
    assert min(takes["results"], takes["alerts"]) > BATCH_BYTES > max(FRAME_BYTES, LARGEST_BODY)
    assert takes["deliveries"] > 2 * LARGEST_BODY  # a body with each of its quotes escaped
