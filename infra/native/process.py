"""A server as a process of its own: started, waited for, and ended by its process id. Linux."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST_START = 60.0  # seconds
LONGEST_STOP = 20.0
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """How a server is started, where it answers and how to see that it does."""

    name: str
    command: list[str]
    folder: Path
    address: str
    ready: Callable[[], bool]
    stop_signal: int = signal.SIGTERM

    def start(self) -> subprocess.Popen[bytes]:
        """Start it and wait until it answers. Raises as `wait` does."""
        process = self.spawn()
        self.wait(process)
        return process

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start it; its words go to a file in its folder."""
        with self._words().open("ab") as out:
            return subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C at the terminal is not meant for it
            )

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it answers; whatever comes between, a Ctrl-C too, ends it.

        Raises RuntimeError with its last words when it ends or does not answer.
        """
        until = time.monotonic() + LONGEST_START
        try:
            while time.monotonic() < until and process.poll() is None:
                if self.ready():
                    return
                time.sleep(0.05)
            words = self._words().read_text(errors="replace")[-1000:]
            raise RuntimeError(f"{self.name} did not come up: {words}")
        except BaseException:
            end(Identity.of(process.pid), signal.SIGKILL)
            process.wait()
            raise

    def _words(self) -> Path:
        return self.folder / f"{self.name}.txt"

    @contextmanager
    def running(self) -> Iterator["Running"]:
        """The server while the block runs, however often it is killed and started again inside."""
        running = Running(self, self.start())
        try:
            yield running
        finally:
            end(Identity.of(running.process.pid), self.stop_signal)
            running.process.wait()


@dataclass
class Running:
    """A server and its process of the moment."""

    server: Server
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """Where it answers, also after a restart."""
        return self.server.address

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start it again, over the same data and at the same port."""
        self.process = self.server.start()


@dataclass(frozen=True)
class Identity:
    """A process: its id alone may be somebody else's tomorrow, so the tick of its start goes with it."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The process that has this id now; start is -1 when there is none, or only its shell is left."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return cls(pid, -1)
        fields = text.rpartition(")")[2].split()
        return cls(pid, -1 if fields[0] == "Z" else int(fields[19]))

    def lives(self) -> bool:
        """Whether that very process still runs."""
        return self.start >= 0 and Identity.of(self.pid) == self


def end(process: Identity, first: int) -> bool:
    """End a process, by force when it does not go. True when it went by itself, or was gone already."""
    for number, seconds in ((first, LONGEST_STOP), (signal.SIGKILL, LONGEST_STOP)):
        if not process.lives():
            return True
        os.kill(process.pid, number)
        until = time.monotonic() + seconds
        while process.lives() and time.monotonic() < until:
            time.sleep(0.02)
    return first == signal.SIGKILL


def free_port() -> int:
    """A port on loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def listens(address: str) -> bool:
    """Whether somebody takes connections at host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
