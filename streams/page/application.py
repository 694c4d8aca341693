"""The page's server: everything from itself; a nurse acts on alerts there, and on nothing else."""

import asyncio
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec
from aiohttp import web

from models.catalog import Catalog
from streams.following import Progress, keep_looking
from streams.page import views
from streams.page.access import HEADERS, OPEN, create_guard, given, is_own_page
from streams.page.desk import Act, take
from streams.page.plans import Plans
from streams.page.results import Results
from streams.settings import Settings
from streams.transports import LogUnusable

STATIC: Final = Path(__file__).parent / "static"
FILES: Final = {
    "app.js": "text/javascript",
    "chart.js": "text/javascript",
    "texts.js": "text/javascript",
    "style.css": "text/css",
}
EVENT_SECONDS: Final = 1.0
PLANS_SECONDS: Final = 10.0  # between two looks for plans
MOST_BEHIND: Final = 15.0  # seconds; a page that is further behind its log says so
WARD_SECONDS: Final = 10.0  # small curves go on while nothing is new, too
T = TypeVar("T")


class Ward(NamedTuple):
    """Everybody as seen at some moment (monotonic s), for all who ask: a large ward takes its time to see."""

    seen: dict[str, Any]
    version: int
    at: float
    took: float

    def until(self, version: int) -> float:
        """Until when it is shown: longer while nothing is new; else seeing takes a tenth of the time."""
        return self.at + (WARD_SECONDS if version == self.version else 10 * self.took)


class Page:
    """Handlers over one database; `clock` says whose now ages are told by.

    "data": the newest time of the results, for a ward that runs at its own pace. "wall": this machine's.
    `settings`: of the log whose plans are shown and whose alerts are acted on; None: neither.
    `progress`: how far the database is; without it, it is as far as can be.
    """

    def __init__(
        self,
        path: Path,
        catalog: Catalog,
        clock: Literal["data", "wall"],
        locale: str,
        simulated: bool,
        settings: Settings | None,
        progress: Callable[[], Progress],
    ) -> None:
        self._results, self._catalog, self._settings = Results(path), catalog, settings
        self._progress = progress
        self._plans = Plans(settings, catalog) if settings is not None else None
        self._token = secrets.token_urlsafe(32)
        self._lock = asyncio.Lock()
        self._clock = clock
        self._version = 0
        self._changed = time.monotonic()
        self._ward = Ward({}, -1, 0.0, 0.0)
        self._fixed = {
            "locale": locale,
            "simulated": simulated,
            "token": self._token if settings else None,
            "vitals": views.names(catalog),
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
        """How the pipeline is: seconds since it last stored anything, its time, whether alerts may lack."""
        version, (behind, until) = results.version(), self._progress()
        if version != self._version:
            self._version, self._changed = version, time.monotonic()
        return {
            "version": version,
            "age": round(time.monotonic() - self._changed) if version else None,
            "now": self.now(results),
            "until": until,
            "incomplete": behind is None or behind > MOST_BEHIND,
            "behind": None if behind is None else round(behind),
        }

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """For probes: 200 when the page has every alert of its log, else 503."""
        behind = self._progress().behind
        return web.Response(status=200 if behind is not None and behind <= MOST_BEHIND else 503)

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
        """What does not change while the page stands: names, units, the first language; who came in."""
        name, _ = given(request.headers.get("Authorization", "")) or ("", "")
        return answer({**self._fixed, "name": name})

    async def ward(self, request: web.Request) -> web.StreamResponse:
        """Everybody, those who need attention first."""

        def question(results: Results) -> dict[str, Any]:
            health = self.health(results)
            now = time.monotonic()
            if now >= self._ward.until(health["version"]):
                seen = views.ward(results, health["now"], self._plans)
                self._ward = Ward(seen, health["version"], now, time.monotonic() - now)
            return {"health": health, **self._ward.seen}

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
                **views.patient(results, name, length, health["now"], self._plans, self._catalog),
            }

        return answer(await self.ask(question))

    async def act(self, request: web.Request) -> web.StreamResponse:
        """A nurse acts on an alert. Only a page that this server gave its token may ask."""
        token, settings = request.headers.get("X-Vigie-Token", ""), self._settings
        if settings is None:
            raise web.HTTPForbidden(text="alerts are not acted on here")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode()) or not is_own_page(
            request.headers.get("Origin"), request.headers.get("Host", "")
        ):
            raise web.HTTPForbidden(text="this is not the page of this server; load it again")
        try:
            wanted = msgspec.json.decode(await request.read(), type=Act)
        except (msgspec.MsgspecError, UnicodeDecodeError, web.RequestPayloadError) as error:
            raise web.HTTPBadRequest(text=f"{error}; send alert_id, action, by, minutes, verdict") from error
        alert = await self.ask(lambda results: results.alert(wanted.alert_id))
        if alert is None:
            raise web.HTTPConflict(text="there is no such alert")
        try:
            reason = await asyncio.to_thread(take, settings, alert, wanted)
        except LogUnusable as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        if reason:
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

    async def living(self, app: web.Application) -> AsyncIterator[None]:
        """Look for plans while the page stands; then let the database go."""
        plans, tasks = self._plans, []
        if self._settings is not None and plans is not None:
            looking = keep_looking(
                self._settings, lambda source: asyncio.to_thread(plans.look, source), PLANS_SECONDS
            )
            tasks.append(asyncio.create_task(looking))
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        async with self._lock:
            self._results.close()


def answer(data: Any) -> web.Response:
    """JSON."""
    return web.Response(body=msgspec.json.encode(data), content_type="application/json")


def create_page(
    path: Path,
    catalog: Catalog,
    clock: Literal["data", "wall"] = "wall",
    locale: str = "en",
    simulated: bool = False,
    settings: Settings | None = None,
    progress: Callable[[], Progress] = Progress,
) -> web.Application:
    """The page over a results file, which need not exist yet. Without a password serve it on loopback alone.

    settings: of the log whose plans are shown and whose alerts are acted on, and the password.
    progress: how far the file is; without it, it is as far as can be.
    """
    page = Page(path, catalog, clock, locale, simulated, settings, progress)
    app = web.Application(middlewares=[create_guard(settings.console_password if settings else None)])
    app.add_routes(
        [
            web.get("/", page.index),
            web.get("/favicon.ico", page.icon),
            web.get("/static/{name}", page.static),
            web.get(OPEN, page.ready),
            web.get("/api/fixed", page.fixed),
            web.get("/api/ward", page.ward),
            web.get("/api/patient/{patient:[A-Za-z0-9_-]{1,64}}", page.patient),
            web.get("/api/events", page.events),
            web.post("/api/act", page.act),
        ]
    )
    app.cleanup_ctx.append(page.living)
    return app
