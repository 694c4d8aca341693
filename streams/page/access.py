"""Who may see the page and act there.

Without a password: this machine alone, by one of its own names (a web page elsewhere whose name is made to
lead here is none). With one: whoever sends it, by HTTP's basic authentication, for everything; the name that
comes with it is a pseudonym that the page offers, and proves nothing.
"""

import asyncio
import base64
import hmac
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import SecretStr

from streams.endpoints import is_loopback

HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Vigie", charset="UTF-8"'}
ASK: Final = (
    "Your pseudonym as the name, and the console's password. / "
    "Votre pseudonyme comme nom, et le mot de passe de la console."
)
OPEN: Final = "/ready"  # a probe has no password, and learns nothing about anybody
WRONG_SECONDS: Final = 1.0  # what a wrong guess costs


def is_here(remote: str, host: str) -> bool:
    """Whether a request comes from this machine, and to one of its own names."""
    return is_loopback(remote) and (host in HOSTS or host.rpartition(":")[0] in HOSTS)


def given(authorization: str) -> tuple[str, str] | None:
    """Name and password as a browser sends them; None when it sends no such thing."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (name, password) if colon else None


def is_right(authorization: str, password: str) -> bool:
    """Whether the password comes with a request; in the same time for every wrong one."""
    found = given(authorization)
    return found is not None and hmac.compare_digest(found[1].encode(), password.encode())


def is_own_page(origin: str | None, host: str) -> bool:
    """Whether a request was made by a page of this server, as browsers tell."""
    return origin is None or origin.partition("://")[2] == host


async def admit(request: web.Request, password: SecretStr | None) -> None:
    """Raises HTTPForbidden or HTTPUnauthorized when a request may not come in."""
    if request.path == OPEN:
        return
    if password is None:
        if not is_here(request.remote or "", request.headers.get("Host", "")):
            raise web.HTTPForbidden(text="this page answers to 127.0.0.1 only")
        return
    sent = request.headers.get("Authorization")
    if sent is None or not is_right(sent, password.get_secret_value()):
        if sent is not None:
            await asyncio.sleep(WRONG_SECONDS)
        raise web.HTTPUnauthorized(text=ASK, headers=CHALLENGE)


def create_guard(password: SecretStr | None) -> Middleware:
    """What stands before every handler, and tells the browser to trust nothing but this page."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            await admit(request, password)
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(HEADERS)
            raise
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    return guard
