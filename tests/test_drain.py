"""`vigie worker --drain` does what is there and ends."""

import subprocess
from pathlib import Path

from streams.lag import Bounds, behind
from streams.transports.log.cleaning import clean
from streams.transports.log.store import Log
from tests import workers
from tests.test_worker import append, ward

READINGS = ward(3000)


def drain(folder: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    env = workers.environment(folder, **more)
    return subprocess.run([*workers.VIGIE, "worker", "--drain"], env=env, capture_output=True, timeout=120)


def test_a_drained_log_is_committed_and_stored_to_its_end(tmp_path: Path) -> None:
    append(tmp_path, READINGS)
    done = drain(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    log = Log(tmp_path)
    committed, ends = log.committed("vigie"), log.refresh()
    log.close()
    topics = ("vigie.readings", "vigie.results", "vigie.alerts")
    assert {p: committed.get(p, 0) for p in ends if p[0] in topics} == {
        p: end for p, end in ends.items() if p[0] in topics
    }
    assert sum(end for place, end in ends.items() if place[0] == "vigie.results") > 0


def test_draining_in_two_parts_decides_as_one_life_does(tmp_path: Path) -> None:
    for name, parts in (("one", (READINGS,)), ("two", (READINGS, ()))):
        for part in parts:
            if part:
                append(tmp_path / name, part)
            assert drain(tmp_path / name).returncode == 0
    assert workers.told(tmp_path / "one") == workers.told(tmp_path / "two")


def test_an_empty_log_is_drained_at_once(tmp_path: Path) -> None:
    assert drain(tmp_path).returncode == 0


def test_what_has_expired_unread_waits_for_nobody() -> None:
    assert behind({}, Bounds({}, {}), []) == 0
    there = Bounds({"a": 0, "b": 0, "c": 7, "d": 5}, {"a": 2, "b": 3, "c": 7, "d": 9})
    assert behind({"a": None, "b": 3}, there, "ab") == 2
    assert behind({"c": None, "d": 3}, there, "c") == 0
    assert behind({"c": None, "d": 3}, there, "cd") == 4


def test_a_log_whose_records_have_all_expired_is_drained(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.topic("vigie.readings", 4, retention_ms=3_600_000)
    for row in READINGS[:100]:
        log.append([("vigie.readings", 0, None, row, 1_000, None)])
    clean(log, {})
    assert log.earliest(("vigie.readings", 0)) == log.refresh()["vigie.readings", 0] == 100
    log.close()
    assert drain(tmp_path).returncode == 0
