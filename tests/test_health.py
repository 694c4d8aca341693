"""Probes that mean something: live while the loop turns, ready once the state is there."""

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from streams.health import application
from tests import workers
from tests.test_worker import append, ward


def status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_a_worker_is_ready_once_its_state_is_recovered(tmp_path: Path) -> None:
    port = unused_port()
    append(tmp_path, ward(1000))
    first = workers.start(tmp_path)
    workers.wait_until_drained(tmp_path)
    first.send_signal(signal.SIGKILL)
    first.wait()
    worker = workers.start(tmp_path, VIGIE_METRICS_PORT=str(port))
    seen = []
    until = time.monotonic() + 60
    while (not seen or seen[-1] != 200) and time.monotonic() < until:
        seen.append(status(port, "/ready"))
        time.sleep(0.01)
    assert seen[-1] == 200
    assert set(seen) <= {0, 503, 200}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"vigie_records_total" in answer.read()
    assert status(port, "/live") == 200
    assert status(port, "/other") == 404
    assert workers.stop(worker) == 0


@pytest.mark.parametrize("taken", ["VIGIE_METRICS_PORT", "VIGIE_SQLITE_PATH"])
def test_a_port_or_a_file_that_cannot_be_had_is_told_by_its_setting(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        value = str(tmp_path) if "PATH" in taken else str(server.getsockname()[1])
        done = subprocess.run(
            [*workers.VIGIE, "worker"],
            env=workers.environment(tmp_path / "log") | {taken: value},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert taken in done.stderr


def reason(port: int, path: str) -> str:
    """What a probe says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def told(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def wait_for(port: int, path: str, code: int, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while status(port, path) != code:
        assert time.monotonic() < until, f"{path} is never {code}"
        time.sleep(0.1)


def test_a_worker_that_takes_nothing_of_what_is_there_is_not_live(tmp_path: Path) -> None:
    port, mark = unused_port(), tmp_path / "deaf"
    more = {"VIGIE_TICK_SECONDS": "0.2", "VIGIE_CHECKPOINT_SECONDS": "0.2", "VIGIE_METRICS_PORT": str(port)}
    worker = workers.start_deaf(tmp_path, mark, 3.0, **more)
    wait_for(port, "/ready", 200)
    time.sleep(2)
    saved = told(port, "vigie_checkpoint_timestamp_seconds")
    assert status(port, "/live") == 200
    assert told(port, "vigie_stall_seconds") < 2
    mark.touch()
    wait_for(port, "/live", 503)
    assert "taken nothing for" in reason(port, "/live")
    assert status(port, "/ready") == 200
    assert told(port, "vigie_stall_seconds") >= 3
    stands = told(port, "vigie_checkpoint_timestamp_seconds")
    assert stands > saved
    time.sleep(1)
    assert told(port, "vigie_checkpoint_timestamp_seconds") == stands  # no sign of life but of timers
    mark.unlink()
    wait_for(port, "/live", 200)
    assert workers.stop(worker) == 0


def test_a_probe_says_what_it_is_told() -> None:
    said: list[str] = []

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        said.append(status)

    for ready, live in (("", "it stands still"), ("it waits", "")):
        answer = application(lambda ready=ready: ready, lambda live=live: live)  # type: ignore[misc]
        for path, told in (("/ready", ready), ("/live", live)):
            body = b"".join(answer({"PATH_INFO": path}, start))
            assert body.decode() == f"{told or '200 OK'}\n"
    assert [one[:3] for one in said] == ["200", "503", "503", "200"]
