"""Workers on real servers under a manager that starts anew whatever ends, for the tests that harm them."""

import base64
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests import workers

SECRET = "whsec_" + base64.b64encode(b"a test's secret of thirty bytes").decode()


class Receiver(ThreadingHTTPServer):
    """Takes every delivery and counts its id."""

    daemon_threads = True

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        super().__init__(("127.0.0.1", 0), _Handler)

    def endpoint(self) -> dict[str, str]:
        return {"name": "nurse", "url": f"http://127.0.0.1:{self.server_address[1]}/", "secret": SECRET}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.told[self.headers["webhook-id"]] += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Manager:
    """Keeps `count` workers running, as systemd or Kubernetes would; what they say is kept per slot."""

    def __init__(
        self, folder: Path, settings: dict[str, str], count: int, arguments: tuple[str, ...] = ()
    ) -> None:
        self.folder, self.settings, self.arguments = folder, settings, arguments
        self.exits: Counter[int] = Counter()
        self.processes = [self._start(slot) for slot in range(count)]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _start(self, slot: int) -> subprocess.Popen[bytes]:
        with (self.folder / f"worker-{slot}.txt").open("ab") as out:
            return subprocess.Popen(
                [*workers.VIGIE, "worker", *self.arguments], env=self.settings, stdout=out, stderr=out
            )

    def _watch(self) -> None:
        while not self._ending.wait(0.1):
            for slot, process in enumerate(self.processes):
                if process.poll() is not None:
                    self.exits[process.returncode] += 1
                    self.processes[slot] = self._start(slot)

    def kill(self, slot: int) -> None:
        self.processes[slot].kill()

    def freeze(self, slot: int, seconds: float) -> None:
        """Stop a worker for some seconds: its group goes on without it, then it wakes as a zombie."""
        process = self.processes[slot]
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    def stop(self) -> list[int]:
        """End all of them by SIGTERM, one after the other; their exit codes."""
        self._ending.set()
        self._thread.join()
        codes = []
        for process in self.processes:
            process.terminate()
            try:
                codes.append(process.wait(30))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        return codes

    def end(self) -> None:
        """Whatever still runs ends now."""
        self._ending.set()
        self._thread.join()
        for process in self.processes:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()

    def said(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("worker-*.txt")))


def with_receiver(settings: dict[str, str], nurse: Receiver) -> dict[str, str]:
    return {**settings, "VIGIE_ENDPOINTS": json.dumps([nurse.endpoint()])}
