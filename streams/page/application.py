"""The page's server: loopback only, everything from itself; it can acknowledge an alert and nothing else."""

import asyncio
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec
from aiohttp import web

from models.catalog import Catalog
from streams.endpoints import is_loopback
from streams.page import views
from streams.page.desk import Acknowledgement, Desk
from streams.page.results import Results
from streams.settings import Settings

STATIC: Final = Path(__file__).parent / "static"
FILES: Final = {
    "app.js": "text/javascript",
    "chart.js": "text/javascript",
    "texts.js": "text/javascript",
    "style.css": "text/css",
}
HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
EVENT_SECONDS: Final = 1.0
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """Handlers over one database; `clock` says whose now ages are told by.

    "data": the newest time of the results, for a ward that runs at its own pace. "wall": this machine's.
    `settings`: of the embedded log whose plans are shown and alerts acknowledged; None: neither.
    """

    def __init__(
        self,
        path: Path,
        catalog: Catalog,
        clock: Literal["data", "wall"],
        locale: str,
        simulated: bool,
        settings: Settings | None,
    ) -> None:
        self._results, self._catalog = Results(path), catalog
        self._desk = Desk(settings, catalog) if settings is not None else None
        self._token = secrets.token_urlsafe(32)
        self._lock = asyncio.Lock()
        self._clock = clock
        self._version = 0
        self._changed = time.monotonic()
        self._fixed = {
            "locale": locale,
            "simulated": simulated,
            "token": self._token if self._desk else None,
            "vitals": {
                v.code: {"names": v.names, "unit": v.unit, "decimals": v.decimals, "symptom": v.symptom}
                for v in catalog.vitals
            }
            | {
                "news2": {"names": {"en": "NEWS2", "fr": "NEWS2"}, "unit": "", "decimals": 0},
                "joint": {
                    "names": {"en": "Several vitals", "fr": "Plusieurs paramètres"},
                    "unit": "",
                    "decimals": 0,
                },
            },
        }

    async def ask(self, question: Callable[[Results], T]) -> T:
        """One question at a time, off the event loop."""
        async with self._lock:
            return await asyncio.to_thread(question, self._results)

    def now(self, results: Results) -> int:
        """Now in ms, by the page's clock."""
        if self._clock == "wall":
            return round(time.time() * 1000)
        return results.data_until() or round(time.time() * 1000)

    def health(self, results: Results) -> dict[str, Any]:
        """How the pipeline is: seconds since it last stored anything, what it stored, its own time."""
        version = results.version()
        if version != self._version:
            self._version, self._changed = version, time.monotonic()
        return {
            "version": version,
            "age": round(time.monotonic() - self._changed) if version else None,
            "now": self.now(results),
            **results.counts(),
        }

    async def index(self, request: web.Request) -> web.StreamResponse:
        """The one HTML page."""
        return web.Response(
            body=(STATIC / "index.html").read_bytes(), content_type="text/html", charset="utf-8"
        )

    async def icon(self, request: web.Request) -> web.StreamResponse:
        """None: browsers ask for it unbidden."""
        return web.Response(status=204)

    async def static(self, request: web.Request) -> web.StreamResponse:
        """A file that ships with the page."""
        name = request.match_info["name"]
        if name not in FILES:
            raise web.HTTPNotFound
        body = (STATIC / name).read_bytes()
        return web.Response(body=body, content_type=FILES[name], charset="utf-8")

    async def fixed(self, request: web.Request) -> web.StreamResponse:
        """What does not change while the page stands: names, units, the first language."""
        return answer(self._fixed)

    async def ward(self, request: web.Request) -> web.StreamResponse:
        """Everybody, those who need attention first."""

        def question(results: Results) -> dict[str, Any]:
            health = self.health(results)
            return {"health": health, **views.ward(results, health["now"], self._desk)}

        return answer(await self.ask(question))

    async def patient(self, request: web.Request) -> web.StreamResponse:
        """One patient; `range` is one of 1d, 7d, 21d."""
        length = request.query.get("range", "1d")
        if length not in views.RANGES:
            raise web.HTTPBadRequest(text=f"range is one of {', '.join(views.RANGES)}")

        def question(results: Results) -> dict[str, Any]:
            health = self.health(results)
            name = request.match_info["patient"]
            return {
                "health": health,
                **views.patient(results, name, length, health["now"], self._desk, self._catalog),
            }

        return answer(await self.ask(question))

    async def acknowledge(self, request: web.Request) -> web.StreamResponse:
        """A nurse takes an alert. Only a page that this server gave its token may ask, and only from here."""
        token, origin = request.headers.get("X-Vigie-Token", ""), request.headers.get("Origin")
        if self._desk is None or not is_loopback(request.remote or ""):
            raise web.HTTPForbidden(text="alerts are not acknowledged here")
        if not hmac.compare_digest(token.encode(), self._token.encode()) or (
            origin is not None and origin != f"http://{request.headers.get('Host', '')}"
        ):
            raise web.HTTPForbidden(text="this is not the page of this server; load it again")
        try:
            wanted = msgspec.json.decode(await request.read(), type=Acknowledgement)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise web.HTTPBadRequest(text=f"{error}; send alert_id, by, minutes") from error
        desk = self._desk

        def take(results: Results) -> str | None:
            alert = results.alert(wanted.alert_id)
            return "there is no such alert" if alert is None else desk.acknowledge(alert, wanted)

        if reason := await self.ask(take):
            raise web.HTTPConflict(text=reason)
        return web.Response(status=202)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: one a second with the pipeline's health; its version tells of news."""
        stream = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request)
        try:
            while True:
                data = msgspec.json.encode(await self.ask(self.health))
                await stream.write(b"event: health\ndata: " + data + b"\n\n")
                await asyncio.sleep(EVENT_SECONDS)
        except ConnectionResetError:
            return stream

    async def close(self, app: web.Application) -> None:
        """Let the database go."""
        async with self._lock:
            self._results.close()
            if self._desk is not None:
                self._desk.close()


def answer(data: Any) -> web.Response:
    """JSON."""
    return web.Response(body=msgspec.json.encode(data), content_type="application/json")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only to a loopback name (against DNS rebinding), and tell the browser to trust nothing else."""
    host = request.headers.get("Host", "")
    if host.rsplit(":", 1)[0] not in HOSTS and host not in HOSTS:
        raise web.HTTPForbidden(text="this page answers to 127.0.0.1 only")
    response = await handler(request)
    if not response.prepared:
        response.headers.update(HEADERS)
    return response


def create_page(
    path: Path,
    catalog: Catalog,
    clock: Literal["data", "wall"] = "wall",
    locale: str = "en",
    simulated: bool = False,
    settings: Settings | None = None,
) -> web.Application:
    """The page over a results file, which need not exist yet. Serve it on 127.0.0.1 alone.

    settings: of the log whose plans are shown and whose alerts are acknowledged.
    """
    page = Page(path, catalog, clock, locale, simulated, settings)
    app = web.Application(middlewares=[guard])
    app.add_routes(
        [
            web.get("/", page.index),
            web.get("/favicon.ico", page.icon),
            web.get("/static/{name}", page.static),
            web.get("/api/fixed", page.fixed),
            web.get("/api/ward", page.ward),
            web.get("/api/patient/{patient:[A-Za-z0-9_-]{1,64}}", page.patient),
            web.get("/api/events", page.events),
            web.post("/api/acknowledge", page.acknowledge),
        ]
    )
    app.on_cleanup.append(page.close)
    return app
