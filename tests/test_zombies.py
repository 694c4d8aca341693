"""A worker that wakes after another took over: what it still writes changes nothing."""

import json
from pathlib import Path

from streams import pulse
from streams.transports.log.store import Log
from streams.transports.records import Record
from tests import workers
from tests.test_worker import append, ward

READINGS = ward(6000)


def blocks(folder: Path) -> list[Record]:
    log = Log(folder)
    out = [
        record
        for place in sorted(log.refresh())
        if place[0] == "vigie.state"
        for record in workers.records(log, place)
    ]
    log.close()
    return out


def haunt(folder: Path, old: list[Record]) -> None:
    """Append blocks once more, as a zombie does."""
    log = Log(folder)
    log.append([(r.topic, r.partition, r.key, r.value, None, [("up-to", reflected(r))]) for r in old])
    log.close()


def reflected(record: Record) -> bytes:
    assert record.headers
    return dict(json.loads(record.headers))["up-to"].encode()


def test_an_old_block_in_front_of_a_recovery_changes_nothing(tmp_path: Path) -> None:
    calm, haunted = tmp_path / "calm", tmp_path / "haunted"
    for i in range(0, 6000, 2000):  # as below: the ticks of a recording begin with it
        append(calm, READINGS[i : i + 2000])
    worker = workers.start(calm)
    workers.wait_until_drained(calm)
    assert workers.stop(worker) == 0

    append(haunted, READINGS[:2000])
    worker = workers.start(haunted, VIGIE_CHECKPOINT_SECONDS="0.3")
    workers.wait_until_drained(haunted)
    old = blocks(haunted)
    append(haunted, READINGS[2000:4000])
    workers.wait_until_drained(haunted)
    worker.kill()
    worker.wait()
    haunt(haunted, old)
    worker = workers.start(haunted)
    append(haunted, READINGS[4000:])
    workers.wait_until_drained(haunted)
    assert workers.stop(worker) == 0
    assert workers.told(haunted) == workers.told(calm)


def test_the_owner_writes_its_state_again_once_a_zombie_has_written(tmp_path: Path) -> None:
    append(tmp_path, READINGS[:2000])
    worker = workers.start(tmp_path, VIGIE_CHECKPOINT_SECONDS="0.3")
    workers.wait_until_drained(tmp_path)
    old = blocks(tmp_path)
    append(tmp_path, READINGS[2000:4000])
    workers.wait_until_drained(tmp_path)
    haunt(tmp_path, old)
    append(tmp_path, READINGS[4000:5000])
    workers.wait_until_drained(tmp_path)
    assert workers.stop(worker) == 0
    newest: dict[bytes | None, int] = {}
    last: dict[bytes | None, int] = {}
    for record in blocks(tmp_path):
        last[record.key] = int(reflected(record))
        newest[record.key] = max(newest.get(record.key, -1), last[record.key])
    assert last == newest
    assert "somebody else wrote state" in (tmp_path / "worker.txt").read_text()


def test_a_process_that_stood_still_for_longer_than_its_session_knows_it() -> None:
    assert not pulse.stood_still(0.0, 1e9, 4.0)  # nobody beats: the embedded log
    assert not pulse.stood_still(100.0, 104.0, 4.0)
    assert pulse.stood_still(100.0, 104.1, 4.0)
