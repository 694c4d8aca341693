"""`vigie demo` and `vigie up` as a person runs them: processes, ports, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PATIENCE = 90.0  # seconds; a fresh machine compiles the core first
VIGIE = [sys.executable, "-c", "from streams.cli import main; main()"]


class Run:
    """A running command and what it has said so far."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [*VIGIE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def until(self, check: Callable[[], Any]) -> Any:
        """What `check` gives once it gives something."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = check()
            if found:
                return found
            assert self.process.poll() is None, self.said
            time.sleep(0.1)
        raise AssertionError(f"waited in vain; said:\n{self.said}")

    def hears(self, pattern: str) -> str:
        match = self.until(lambda: re.search(pattern, self.said))
        return str(match[match.re.groups and 1])

    def interrupted(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self._reader.join(5)
        return code


@contextmanager
def running(arguments: list[str], folder: Path) -> Iterator[Run]:
    run = Run(arguments, folder)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGTERM)
            run.process.wait(30)


def fetch(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return json.load(answer)


def test_the_demo_shows_a_nurse_the_wards_alerts_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(["demo", "--port", "0", "--speed", "600", "--lang", "fr"], tmp_path) as demo:
        address = demo.hears(r"(http://127\.0\.0\.1:\d+)/")
        demo.hears("Première alerte")
        demo.hears("ÉLEVÉE")
        demo.hears("L'horloge de l'appareil")

        def stories() -> set[str]:
            ward = fetch(f"{address}/api/ward")
            return {a["kind"] for p in ward["patients"] for a in p["alerts"]}

        demo.until(lambda: {"silence", "technical", "trend"} <= stories())
        assert demo.interrupted() == 0
        assert "Terminé" in demo.said
    assert list(tmp_path.iterdir()) == []


def readings(file: Path, values: list[float], start: datetime) -> None:
    lines = [
        {
            "patient": "p-7f3a",
            "device": "cgm-1",
            "vital": "blood-glucose",
            "value": value,
            "unit": "mg/dL",
            "measured_at": (start + timedelta(minutes=5 * i)).isoformat(),
        }
        for i, value in enumerate(values)
    ]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n", "utf-8")


def test_the_demo_plays_a_recording_and_ends_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "recording.jsonl"
    readings(file, [120.0, 110.0, 90.0, 71.0, 52.0, 50.0], datetime(2026, 3, 1, 8, tzinfo=UTC))
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    with running(["demo", "--readings", str(file), "--no-page", "--for", "15s"], folder) as demo:
        assert demo.process.wait(PATIENCE) == 0
        time.sleep(0.2)
        assert "Glucose 52 mg/dL" in demo.said
        assert "6 records played" in demo.said
        assert "Page" not in demo.said.splitlines()[1]
    assert list(folder.iterdir()) == []


def test_a_recording_that_is_not_there_is_bad_use(tmp_path: Path) -> None:
    with running(["demo", "--readings", str(tmp_path / "none.jsonl")], tmp_path) as demo:
        assert demo.process.wait(PATIENCE) == 2


def test_one_box_takes_readings_shows_them_and_keeps_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    file = tmp_path / "now.jsonl"
    readings(file, [90.0, 51.0], datetime.now(UTC) - timedelta(minutes=6))
    for attempt in range(2):
        with running(["up", "--data", str(data), "--port", "0"], tmp_path) as up:
            address = up.hears(r"(http://127\.0\.0\.1:\d+)/")
            if attempt == 0:
                sent = subprocess.run(
                    [*VIGIE, "send", str(file), "--to", f"log://{data}"], capture_output=True, check=False
                )
                assert sent.returncode == 0, sent.stderr

            def alerts(address: str = address) -> list[Any]:
                ward = fetch(f"{address}/api/ward")
                return [a for p in ward["patients"] for a in p["alerts"]]

            (alert,) = up.until(alerts)
            assert alert["rule"] == "blood-glucose-below-54"
            assert up.interrupted() == 0
