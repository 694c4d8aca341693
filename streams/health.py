"""What a worker tells its managers over HTTP: /metrics, /live and /ready, from a thread of their own.

Live: the event loop has turned within LONGEST_TURN, and each partition takes what the broker has
(streams/progress.py). Not live means stuck: start it anew. Ready: the worker has its place in the group, its
topics are there, and the state of every partition that it owns is recovered. A probe that fails says why.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

import structlog
from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from streams.metrics import REGISTRY, STALL
from streams.settings import Settings

TURN: Final = 1.0  # seconds
LONGEST_TURN: Final = 60.0  # the first batch compiles, the longest ones take a second
log = structlog.get_logger(__name__)
Probe = Callable[[], str]
"""What is wrong, in a sentence; "" when all is well."""


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Probes are no news."""


def unready(app: Any) -> str:
    """What keeps the worker from its work."""
    if app.rebalancing_count == 0:
        return "it has not joined its group yet"
    if app.rebalancing:
        return "partitions are on the move"
    missing = [name for name in sorted(app.batch_topics) if not app.consumer.topic_partitions(name)]
    if missing:
        return f"there is no topic {missing[0]}; make it with `vigie topics create`"
    if app.in_recovery or not app.recovered():
        return "state is being recovered"
    return ""


def is_ready(app: Any) -> bool:
    """Whether the worker has joined, no partition is on the move, and all state is there."""
    return not unready(app)


def stuck(turned: float, stalled: float, longest_stall: float) -> str:
    """What only a new start mends. Seconds: since the event loop turned; without a record, and at most."""
    if turned >= LONGEST_TURN:
        return f"the event loop has stood still for {turned:.0f} s"
    if stalled >= longest_stall:
        return f"a partition has taken nothing for {stalled:.0f} s, though the broker has records of it"
    return ""


def application(ready: Probe, live: Probe) -> Callable[..., Iterable[bytes]]:
    """A WSGI application: /ready and /live with 200, or 503 and the reason; /metrics; else 404."""
    metrics = make_wsgi_app(REGISTRY)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        probes = {"/ready": ready, "/live": live}
        status, told = "404 Not Found", ""
        if path in probes:
            told = probes[path]()
            status = "503 Service Unavailable" if told else "200 OK"
        start_response(status, [("Content-Type", "text/plain")])
        return [f"{told or status}\n".encode()]

    return answer


def attach(app: Any, settings: Settings) -> None:
    """Serve while the app runs. No port in the settings: no server."""
    port = settings.metrics_port
    if port is None:
        return
    turned, stalled = time.monotonic(), 0.0

    @app.timer(interval=TURN)
    async def turn() -> None:
        nonlocal turned, stalled
        turned = time.monotonic()
        stalled = app.stalled() if is_ready(app) else 0.0
        STALL.set(stalled)

    def live() -> str:
        return stuck(time.monotonic() - turned, stalled, app.longest_stall)

    @app.task
    async def serve() -> None:
        answer = application(lambda: unready(app), live)
        try:
            server = make_server(settings.metrics_host, port, answer, ThreadingWSGIServer, _Handler)
        except (OSError, UnicodeError) as error:
            remedy = "free the port, or set VIGIE_METRICS_HOST and VIGIE_METRICS_PORT"
            log.error(
                "no metrics there", host=settings.metrics_host, port=port, error=str(error), remedy=remedy
            )
            raise
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            thread.join()
