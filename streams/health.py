"""What a worker tells its managers over HTTP: /metrics, /live and /ready, from a thread of their own.

Live: the event loop has turned within LONGEST_TURN. Not live means stuck: start it anew. Ready: the worker
has its place in the group, and the state of every partition that it owns is recovered.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from streams.metrics import REGISTRY
from streams.settings import Settings

TURN: Final = 1.0  # seconds
LONGEST_TURN: Final = 60.0  # the first batch compiles, the longest ones take a second


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Probes are no news."""


def is_ready(app: Any) -> bool:
    """Whether the worker has joined, no partition is on the move, and all state is there."""
    joined = app.rebalancing_count > 0 and not app.rebalancing and not app.in_recovery
    return joined and app.recovered()


def application(ready: Callable[[], bool], live: Callable[[], bool]) -> Callable[..., Iterable[bytes]]:
    """A WSGI application: 200 or 503 on /ready and /live, the metrics on /metrics, else 404."""
    metrics = make_wsgi_app(REGISTRY)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        probes = {"/ready": ready, "/live": live}
        status = "404 Not Found"
        if path in probes:
            status = "200 OK" if probes[path]() else "503 Service Unavailable"
        start_response(status, [("Content-Type", "text/plain")])
        return [status.encode() + b"\n"]

    return answer


def attach(app: Any, settings: Settings) -> None:
    """Serve while the app runs. No port in the settings: no server."""
    port = settings.metrics_port
    if port is None:
        return
    turned = time.monotonic()

    @app.timer(interval=TURN)
    async def turn() -> None:
        nonlocal turned
        turned = time.monotonic()

    def live() -> bool:
        return time.monotonic() - turned < LONGEST_TURN

    @app.task
    async def serve() -> None:
        answer = application(lambda: is_ready(app), live)
        server = make_server(settings.metrics_host, port, answer, ThreadingWSGIServer, _Handler)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            thread.join()
