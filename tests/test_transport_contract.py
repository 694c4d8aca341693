"""What Vigie relies on, held by both transports: the embedded log always, Kafka with VIGIE_LIVE=1."""

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.input import append, open_log, received_now
from streams.transports.records import Row
from tests import transports
from tests.live import kafka
from tests.transports import Embedded, OnKafka, Taken, Transport

BEGIN = 1_772_409_600_000  # 2026-03-02T00:00:00Z
KEYS = [b"p-%d" % i for i in range(20)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as found:
        yield found


@pytest.fixture(params=["embedded", "kafka"])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Transport]:
    if request.param == "embedded":
        made: Transport = Embedded(tmp_path, "vigie")
    elif transports.live():
        made = OnKafka(tmp_path, f"c{time.time_ns() % 10**9}", request.getfixturevalue("address"))
    else:
        pytest.skip("VIGIE_LIVE=1 tests the contract on a real Kafka too")
    yield made
    made.close()


def records(topic: str, count: int, begin: int = 0) -> list[Row]:
    """Records of twenty patients, each with its own time, a second apart."""
    return [
        (topic, None, KEYS[i % len(KEYS)], b"value %d" % i, BEGIN + i * 1000, None)
        for i in range(begin, begin + count)
    ]


def by_partition(taken: list[Taken]) -> dict[int, list[Taken]]:
    out: dict[int, list[Taken]] = defaultdict(list)
    for record in taken:
        out[record.partition].append(record)
    return out


def test_what_is_appended_is_read_in_order_with_key_value_and_time(transport: Transport) -> None:
    topic, rows = transport.topic("readings"), records(transport.topic("readings"), 500)
    places = transport.log.append(rows)
    ends = transport.log.refresh()
    assert sum(ends[topic, p] for p in range(4)) == 500
    assert transport.log.ends(topic) == {place: end for place, end in ends.items() if place[0] == topic}
    assert transport.log.ends("nothing") == {}
    for partition in range(4):
        read, at = [], transport.log.earliest((topic, partition))
        while found := transport.log.read((topic, partition), at, 100):
            read += found
            at = found[-1].offset + 1
        mine = [(row, place) for row, place in zip(rows, places, strict=True) if place[0] == partition]
        assert [(r.offset, r.key, r.value, r.timestamp) for r in read] == [
            (offset, row[2], row[3], row[4]) for row, (_, offset) in mine
        ]
        assert [r.offset for r in read] == list(range(len(mine)))


def test_a_key_goes_to_the_partition_that_murmur2_gives_on_both(transport: Transport) -> None:
    topic = transport.topic("readings")
    placed = {
        row[2]: place[0]
        for row, place in zip(records(topic, 20), transport.log.append(records(topic, 20)), strict=True)
    }
    # as the reference client of Kafka places them (murmur2, positive, modulo 4)
    assert [placed[key] for key in KEYS[:8]] == [3, 0, 0, 3, 3, 0, 3, 3]
    assert all(transport.log.partition(topic, key) == partition for key, partition in placed.items())


def test_a_time_finds_the_first_record_received_then_or_later(transport: Transport) -> None:
    topic = transport.topic("readings")
    transport.log.append([(topic, 0, b"k", b"%d" % i, BEGIN + i * 1000, None) for i in range(100)])
    transport.log.append([(topic, 0, b"k", b"%d" % i, BEGIN + i * 1000, None) for i in range(100, 150)])
    place = topic, 0
    assert transport.log.from_time(place, BEGIN - 1) == 0
    assert transport.log.from_time(place, BEGIN + 41_500) == 42
    assert transport.log.from_time(place, BEGIN + 120_000) == 120
    assert transport.log.from_time(place, BEGIN + 150_000) is None


def test_another_process_of_the_group_starts_after_the_commit(transport: Transport) -> None:
    topic = transport.topic("readings")
    transport.log.append(records(topic, 300))
    first = transport.consume()
    taken = first.wait_for(300)
    assert first.stop() == 0, first.said()
    transport.log.append(records(topic, 200, begin=300))
    second = transport.consume()
    more = second.wait_for(200)
    time.sleep(1)
    assert len(second.taken()) == 200
    values = [record.value for record in taken + more]
    assert sorted(values) == sorted(f"value {i}" for i in range(500))


def test_records_come_in_batches_in_order_with_key_value_and_time(transport: Transport) -> None:
    topic = transport.topic("readings")
    transport.log.append(records(topic, 3000))
    consumer = transport.consume()
    taken = consumer.wait_for(3000)
    wanted = {b"%s" % row[3]: row for row in records(topic, 3000)}
    for found in by_partition(taken).values():
        assert [record.offset for record in found] == list(range(len(found)))
        assert all(
            (record.key.encode(), record.timestamp) == (row[2], row[4])
            for record in found
            for row in [wanted[record.value.encode()]]
        )
    for batch in {record.batch for record in taken}:
        assert len({record.partition for record in taken if record.batch == batch}) == 1
    assert len({record.batch for record in taken}) < 100


def test_what_a_killed_consumer_did_not_commit_comes_again_and_nothing_is_lost(transport: Transport) -> None:
    topic = transport.topic("readings")
    first = transport.consume()
    for begin in range(0, 1000, 50):
        transport.log.append(records(topic, 50, begin))
        time.sleep(0.05)
    taken = first.wait_for(100)
    first.kill()
    second = transport.consume()
    transport.log.append(records(topic, 100, begin=1000))
    until = time.monotonic() + 60
    while len({record.value for record in taken} | {r.value for r in second.taken()}) < 1100:
        assert time.monotonic() < until, second.said()
        time.sleep(0.2)
        taken = first.taken()
    for found in by_partition(second.taken()).values():
        offsets = [record.offset for record in found]
        assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))


def test_a_compacted_topic_keeps_the_newest_of_each_key_and_its_last_record(transport: Transport) -> None:
    topic = transport.compacted()
    place = topic, 0
    for round_ in range(5):
        rows: list[Row] = [(topic, 0, key, b"%d" % round_, None, None) for key in KEYS]
        transport.log.append(rows)
        time.sleep(0.3)
    transport.log.append([(topic, 0, KEYS[0], b"last", None, None)])
    until = time.monotonic() + 90
    while True:
        transport.compact()
        kept, at = [], transport.log.earliest(place)
        while found := transport.log.read(place, at, 100):
            kept += found
            at = found[-1].offset + 1
        latest = {record.key: record.value for record in kept}
        assert latest == {**dict.fromkeys(KEYS, b"4"), KEYS[0]: b"last"}
        assert transport.log.refresh()[place] == 101
        if len(kept) <= 41:  # Kafka never cleans the segment that it writes
            break
        assert time.monotonic() < until, f"{len(kept)} records are still kept"
        time.sleep(1)


def test_what_retention_took_is_gone_and_a_reader_begins_after_it(transport: Transport) -> None:
    topic = transport.topic("readings")
    now = int(time.time() * 1000)
    transport.log.append([(topic, 0, b"k", b"old %d" % i, now - 7_200_000, None) for i in range(60)])
    transport.log.append([(topic, 0, b"k", b"new %d" % i, now, None) for i in range(40)])
    transport.let_go(topic, 60)
    assert transport.log.earliest((topic, 0)) == 60
    assert transport.log.refresh()[topic, 0] == 100
    assert transport.log.read((topic, 0), 0, 100)[0].value == b"new 0"
    consumer = transport.consume()
    taken = consumer.wait_for(40)
    assert [record.value for record in taken] == [f"new {i}" for i in range(40)]


def test_a_read_below_what_retention_took_begins_at_the_first_record_that_is_kept(
    transport: Transport,
) -> None:
    topic = transport.topic("readings")
    now = int(time.time() * 1000)
    transport.log.append([(topic, 0, b"k", b"old %d" % i, now - 7_200_000, None) for i in range(60)])
    transport.log.append([(topic, 0, b"k", b"new %d" % i, now, None) for i in range(40)])
    transport.let_go(topic, 60)
    found = transport.log.read((topic, 0), 10, 100)
    assert [(record.offset, record.value) for record in found] == [(60 + i, b"new %d" % i) for i in range(40)]
    assert transport.log.read((topic, 0), 100, 100) == []
    assert transport.log.read((topic, 0), 1000, 100) == []


def test_a_plan_can_be_appended_to_an_empty_log_of_a_recording(transport: Transport) -> None:
    record = b'{"kind":"plan","patient":"p-1","programme":"own","version":"1"}'
    settings, topic = transport.settings, transport.topic("readings")
    assert settings.ticks == "log"
    [[place]] = append(settings, transport.log, [record])
    (found,) = transport.log.read((topic, place.partition), 0, 10)
    assert abs(found.timestamp - time.time() * 1000) < 60_000
    transport.log.append([(topic, place.partition, b"p-1", b"later", BEGIN, None)])
    assert received_now(settings, transport.log, place.partition) == BEGIN


def test_a_log_opened_by_settings_is_the_same_log(transport: Transport) -> None:
    transport.log.append(records(transport.topic("readings"), 10))
    log = open_log(transport.settings, make=False)
    places = {place: end for place, end in log.refresh().items() if place[0].startswith(transport.prefix)}
    assert sum(places.values()) == 10
    log.close()


def test_a_second_consumer_takes_over_what_a_killed_one_held(transport: Transport) -> None:
    topic = transport.topic("readings")
    transport.log.append(records(topic, 200))
    first = transport.consume()
    first.wait_for(200)
    if isinstance(transport, OnKafka):  # there it may share the work first; here it is refused until then
        second = transport.consume()
        transport.log.append(records(topic, 100, begin=200))
        first.kill()
    else:
        first.kill()
        transport.log.append(records(topic, 100, begin=200))
        second = transport.consume()
    wanted = {f"value {i}" for i in range(200, 300)}
    until = time.monotonic() + 90
    while not wanted <= {record.value for record in first.taken() + second.taken()}:
        assert time.monotonic() < until, second.said()
        time.sleep(0.2)
    transport.log.append(records(topic, 100, begin=300))
    last = {f"value {i}" for i in range(300, 400)}
    while not last <= {record.value for record in second.taken()}:
        assert time.monotonic() < until, second.said()
        time.sleep(0.2)
