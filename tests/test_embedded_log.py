"""The embedded log alone: its lock, its file, kills and full disks."""

import os
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.transports import LogUnusable
from streams.transports.log.cleaning import clean
from streams.transports.log.file import FILE, FORMAT
from streams.transports.log.store import Log
from tests import workers
from tests.transports import Embedded

PLACE = "t", 0
APPENDING = """
import resource, sys
from streams.transports.log.store import Log
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
log = Log(sys.argv[1], partitions=1)
number = 0
while True:
    log.append([("t", 0, b"k", b"%08d" % (number + i) * 50, None, None) for i in range(100)])
    number += 100
    print(number, flush=True)
"""


def appending(folder: Path, limit: int = 0) -> subprocess.Popen[str]:
    """A process that appends 100 records a transaction and tells how many are durable."""
    command = [sys.executable, "-c", APPENDING, str(folder), str(limit)]
    return workers.process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def values(log: Log) -> list[bytes | None]:
    out: list[bytes | None] = []
    while found := log.read(PLACE, len(out), 1000):
        assert [record.offset for record in found] == list(range(len(out), len(out) + len(found)))
        out += [record.value for record in found]
    return out


def numbers(count: int) -> list[bytes]:
    return [b"%08d" % i * 50 for i in range(count)]


def test_a_second_worker_on_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    transport = Embedded(tmp_path, "vigie")
    first = transport.consume()
    workers.wait_until_ready(tmp_path, first.process)
    second = transport.consume()
    assert second.process.wait(30) == 1
    assert (
        f"is consumed by process {first.process.pid} already: log:// has one worker"
        in second.words.read_text()
    )
    transport.log.append([(transport.topic("readings"), 0, b"k", b"v", None, None)])
    assert first.wait_for(1)[0].value == "v"
    transport.close()


def test_kill_9_amid_appends_keeps_every_durable_record_and_no_half_transaction(tmp_path: Path) -> None:
    kept = 0
    for wait in (0.3, 0.5, 0.4):
        process = appending(tmp_path)
        assert process.stdout is not None
        said = [process.stdout.readline()]
        time.sleep(wait)
        process.kill()
        said += process.stdout.readlines()
        process.communicate()
        durable = int([line for line in said if line.endswith("\n")][-1])
        log = Log(tmp_path, partitions=1)
        found = values(log)
        assert kept + durable <= len(found) <= kept + durable + 100
        assert len(found) % 100 == 0
        for begin in range(0, len(found) - kept, 100):
            assert found[kept + begin : kept + begin + 100] == numbers(begin + 100)[begin:]
        kept = len(found)
        log.close()


@pytest.mark.parametrize("torn", [1, 1000, 5000])
def test_a_torn_write_ahead_log_loses_only_its_torn_end(tmp_path: Path, torn: int) -> None:
    process = appending(tmp_path)
    assert process.stdout is not None
    for _ in range(5):
        process.stdout.readline()
    process.kill()
    process.communicate()
    wal = tmp_path / f"{FILE}-wal"
    size = wal.stat().st_size
    with wal.open("r+b") as file:
        file.truncate(size - torn)
    log = Log(tmp_path, partitions=1)
    found = values(log)
    assert len(found) >= 300
    assert found == numbers(len(found))
    log.append([("t", 0, b"k", b"after", None, None)])
    assert values(log)[-1] == b"after"
    log.close()


def test_a_full_disk_is_a_clear_error_and_nothing_is_lost(tmp_path: Path) -> None:
    process = appending(tmp_path, limit=2_000_000)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot be written" in err
    assert "make room and start again" in err
    durable = int(out.splitlines()[-1])
    log = Log(tmp_path, partitions=1)
    assert values(log) == numbers(durable)
    log.append([("t", 0, b"k", b"after", None, None)])
    assert values(log)[-1] == b"after"
    log.close()


def test_after_a_full_disk_the_same_process_appends_again_once_there_is_room(tmp_path: Path) -> None:
    log = Log(tmp_path, partitions=1)
    log.append([("t", 0, b"k", b"before", None, None)])
    pages = log._write.execute("pragma page_count").fetchone()[0]
    log._write.execute(f"pragma max_page_count={pages}")
    with pytest.raises(LogUnusable, match="database or disk is full; nothing of this append is kept"):
        log.append([("t", 0, b"k", b"x" * 100_000, None, None) for _ in range(10)])
    log._write.execute("pragma max_page_count=1000000")
    assert log.append([("t", 0, b"k", b"after", None, None)]) == [(0, 1)]
    assert values(log) == [b"before", b"after"]
    log.close()


def test_sending_into_a_full_log_says_so_and_exits_with_1(tmp_path: Path) -> None:
    source = tmp_path / "readings.jsonl"
    source.write_bytes(b'{"patient":"p-1"}\n' * 200_000)
    command = [*workers.VIGIE, "send", str(source)]
    done = subprocess.run(
        command,
        env=workers.environment(tmp_path / "log"),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)),
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["topics", "create"], ["send", os.devnull], ["worker"]])
def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("mine")
    env = workers.environment(tmp_path / "file")
    done = subprocess.run([*workers.VIGIE, *command], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{tmp_path / 'file'} cannot be made" in done.stderr
    assert "name another folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_of_another_format_is_refused_with_the_remedy_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as c:
        c.execute("pragma user_version=9")
    c.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(LogUnusable, match=f"has format 9, this Vigie reads {FORMAT}; begin a new folder"):
        Log(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    result = CliRunner().invoke(main, ["worker"], env={"VIGIE_BROKER": f"log://{tmp_path}"})
    assert result.exit_code == 1
    assert "has format 9" in result.output


def test_a_file_that_is_somebody_elses_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as c:
        c.execute("create table mine(x)")
    c.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(LogUnusable, match="has format 1"):
        Log(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    (tmp_path / FILE).write_bytes(b"this is a letter, no database\n" * 100)
    with pytest.raises(LogUnusable, match="file is not a database"):
        Log(tmp_path)


def test_processes_that_make_one_log_together_all_get_it(tmp_path: Path) -> None:
    code = "import sys; from streams.transports.log.store import Log; Log(sys.argv[1]).topic('t')"
    for attempt in range(3):
        command = [sys.executable, "-c", code, str(tmp_path / str(attempt))]
        running = [workers.process(command, stderr=subprocess.PIPE, text=True) for _ in range(6)]
        assert [process.communicate()[1] for process in running] == [""] * 6


def test_a_reader_with_an_open_log_sees_what_others_append(tmp_path: Path) -> None:
    one, other = Log(tmp_path), Log(tmp_path)
    assert one.append([("t", 2, b"k", b"1", None, None)]) == [(2, 0)]
    assert other.refresh()["t", 2] == 1
    assert one.append([("t", 2, b"k", b"2", None, None)]) == [(2, 1)]
    assert other.refresh()["t", 2] == 2
    assert [record.value for record in other.read(("t", 2), 0, 10)] == [b"1", b"2"]
    one.close()
    other.close()


def test_a_partition_that_is_not_there_is_refused(tmp_path: Path) -> None:
    log = Log(tmp_path)
    with pytest.raises(ValueError, match="has 4 partitions, none is number 4"):
        log.append([("t", 4, b"k", b"v", None, None)])
    assert sum(log.refresh().values()) == 0
    log.close()


def test_a_key_that_was_removed_is_kept_for_a_day_and_then_gone(tmp_path: Path) -> None:
    log, now = Log(tmp_path), int(time.time() * 1000)
    log.topic("t", 1, compact=True)
    log.append([("t", 0, b"a", b"1", now - 200_000_000, None), ("t", 0, b"b", b"1", now, None)])
    log.append([("t", 0, b"a", None, now - 100_000_000, None), ("t", 0, b"b", None, now, None)])
    log.append([("t", 0, b"c", b"1", now, None)])
    clean(log, {}, dirty=1)
    kept = [(record.offset, record.key, record.value) for record in log.read(PLACE, 0, 10)]
    assert kept == [(3, b"b", None), (4, b"c", b"1")]
    log.close()


def test_cleaning_never_takes_what_a_group_has_not_committed(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.topic("t", 1, retention_ms=1000)
    log.append([("t", 0, b"k", b"%d" % i, 1000, None) for i in range(10)])
    log.append([("t", 0, b"k", b"%d" % i, 1000, None) for i in range(10, 20)])
    clean(log, {PLACE: 9})
    assert log.earliest(PLACE) == 0
    clean(log, {PLACE: 10})
    assert log.earliest(PLACE) == 10
    clean(log, {PLACE: 20})
    assert log.earliest(PLACE) == 20
    assert log.append([("t", 0, b"k", b"20", None, None)]) == [(0, 20)]
    log.close()
