"""An HTTP server that answers writes as InfluxDB 2.7 and 2.9 were measured to, and keeps what lands."""

import asyncio
import re
from collections.abc import Callable

from aiohttp import web

from streams.influx.api import authorization

CREDENTIAL, BUCKET = "vigie-writer:a password of this test", "vigie"
# of http:// to a server that speaks TLS, by Go's own HTTP server
PLAIN_TO_TLS = b"Client sent an HTTP request to an HTTPS server.\n"
LINE = re.compile(rb'(\w+(?:,\w+=[\w-]+)+) ((?:\w+=(?:-?[\d.]+i?|true|false|"(?:[^"\\]|\\.)*"),?)+) (-?\d+)')
OLDEST = 1_500_000_000_000_000_000  # ns; what is older is older than the bucket keeps


def error(status: int, code: str, message: str = "") -> web.Response:
    """An error that InfluxDB itself tells."""
    body = {"code": code, "message": message}
    return web.json_response(body, status=status, headers={"X-Platform-Error-Code": code})


class Influx:
    """`points` by series and time; `answers` are given first, one a request, before it decides itself."""

    def __init__(self) -> None:
        self.points: dict[tuple[bytes, int], bytes] = {}
        self.requests: list[int] = []  # lines of each
        self.answers: list[Callable[[], web.Response]] = []
        self.largest = 5_000_000
        self.unreadable = b"\n"  # lines with this do not parse
        self.credential = CREDENTIAL
        self.away = False
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> "Influx":
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/write", self.take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        lines = body.split(b"\n")
        self.requests.append(len(lines))
        await asyncio.sleep(0)
        if self.away:
            return web.Response(status=503)
        if self.answers:
            return self.answers.pop(0)()
        if request.headers.get("Authorization") != authorization(self.credential):
            return error(401, "unauthorized", "Unauthorized")
        if request.query["db"] != BUCKET or request.query["rp"] not in ("autogen", "history"):
            return error(404, "not found")
        if len(body) > self.largest:
            return web.Response(status=413)  # a proxy's answer
        parsed = [None if self.unreadable in line else LINE.fullmatch(line) for line in lines]
        if not all(parsed):
            bad = b"\n".join(line for line, found in zip(lines, parsed, strict=True) if not found)
            return error(400, "invalid", f"unable to parse '{bad.decode()}': bad timestamp")
        dropped = 0
        for found in parsed:
            if found is not None and int(found[3]) < OLDEST:
                dropped += 1
            elif found is not None:
                self.points[found[1], int(found[3])] = found[2]
        if dropped:
            message = f"partial write: points beyond retention policy dropped={dropped}"
            return error(422, "unprocessable entity", message)
        return web.Response(status=204)
