"""One box: the worker as a process of its own, and small servers on loopback beside it."""

import asyncio
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

PORT: Final = 8710  # the page's, unless it is taken
LOOPBACK: Final = "127.0.0.1"
STOP_SECONDS: Final = 15.0  # a worker saves its state when it stops; after this it is killed
LAST_LINES: Final = 15


def bound(port: int | None, host: str = LOOPBACK) -> socket.socket:
    """A listening socket: at the port asked for, or the usual one, or any when that is taken.

    Raises OSError when the port asked for is taken, or the host is no address of this machine.
    """
    for candidate in (port,) if port is not None else (PORT, 0):
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, candidate))
            made.listen(64)
        except OSError:
            made.close()
            if candidate != PORT or port is not None:
                raise
        else:
            return made
    raise OSError(f"no port of {host} is free")


@asynccontextmanager
async def served(
    app: web.Application, listening: socket.socket, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve an application on a socket while the block runs; gives its address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.SockSite(runner, listening, ssl_context=tls)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


class Worker:
    """`vigie worker` in a process of its own; what it says goes to a file."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, out of reach of the terminal's Ctrl-C: it is stopped in its turn."""
        with self._log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "from streams.cli import main; main()",
                "worker",
                env=dict(self._environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    async def ended(self) -> int:
        """Wait until it ends; its exit code."""
        if self._process is None:
            raise RuntimeError("the worker was not started")
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to save and stop; kill it when it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def last_words(self) -> str:
        """The end of what it said."""
        try:
            lines = self._log.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LAST_LINES:])


def stop_event() -> asyncio.Event:
    """An event that Ctrl-C and a polite kill set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop
