"""Probes that mean something: live while the loop turns, ready once the state is there."""

import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

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


def test_a_probe_says_what_it_is_told() -> None:
    said: list[str] = []

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        said.append(status)

    for ready, live in ((True, False), (False, True)):
        answer = application(lambda ready=ready: ready, lambda live=live: live)  # type: ignore[misc]
        for path in ("/ready", "/live"):
            answer({"PATH_INFO": path}, start)
    assert [one[:3] for one in said] == ["200", "503", "503", "200"]
