"""A small webhook receiver: what an on-call nurse would get, printed.

It checks the Standard Webhooks signature, takes each webhook-id once, and answers 204. The demo uses
it; it also shows the receiving side of the contract to whoever writes a real one.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, Final

import click
import msgspec
from aiohttp import web

TOLERANCE_SECONDS: Final = 300.0  # how old or early a timestamp may be (Standard Webhooks' five minutes)
KNOWN: Final = 10_000  # webhook ids remembered against repeats
LARGEST: Final = 65_536  # bytes of a body
MARKS: Final = {"high": "▲", "medium": "◆", "low": "●"}
WORDS: Final = {
    "en": {
        "high": "HIGH", "medium": "MEDIUM", "low": "LOW", "opened": "", "updated": "changed",
        "score": "score",
        "resolved": "resolved", "closed": "closed", "acknowledged": "acknowledged", "limit": "limit",
        "baseline": "own normal", "trend": "trend", "symptom": "symptom", "silence": "no measurement",
        "technical": "device", "at": "at", "retrospective": "found afterwards",
    },
    "fr": {
        "high": "ÉLEVÉE", "medium": "MOYENNE", "low": "FAIBLE", "opened": "", "updated": "modifiée",
        "score": "score", "resolved": "résolue", "closed": "close", "acknowledged": "prise en compte",
        "limit": "limite", "baseline": "normale propre", "trend": "tendance", "symptom": "symptôme",
        "silence": "pas de mesure", "technical": "appareil", "at": "à",
        "retrospective": "constatée après coup",
    },
}  # fmt: skip


class Refused(Exception):
    """A delivery that is not to be believed; the text says why."""


def verify(secret: str, headers: Any, body: bytes, now: float) -> str:
    """The webhook-id of a signed delivery. `secret` is "whsec_" and base64; `now` in seconds since 1970.

    Raises Refused when a header is missing, the time is off by more than TOLERANCE_SECONDS, or no
    signature fits.
    """
    number, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (number and stamp and signatures):
        raise Refused("webhook-id, webhook-timestamp and webhook-signature are needed")
    if not re.fullmatch("[0-9]{1,12}", stamp) or abs(int(stamp) - now) > TOLERANCE_SECONDS:
        raise Refused("webhook-timestamp is not of now")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is no base64") from error
    content = f"{number}.{stamp}.".encode(errors="replace") + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
    for signature in signatures.split(" "):
        version, _, given = signature.partition(",")
        if version == "v1" and hmac.compare_digest(expected, given.encode(errors="replace")):
            return str(number)
    raise Refused("no signature fits")


def notice(alert: dict[str, Any], locale: str, zone: tzinfo | None = None) -> str:
    """What a nurse reads of one transition: a line, and the explanation below it; times of `zone` or ours."""
    words = WORDS[locale]
    when = datetime.fromisoformat(alert["received_at"]).astimezone(zone).strftime("%d.%m. %H:%M")
    parts = [
        f"{MARKS.get(alert['severity'], '●')} {words.get(alert['severity'], alert['severity']):<7}",
        alert["patient"],
        words.get(alert["kind"], alert["kind"]),
        f"{words['at']} {when}",
    ]
    if words.get(alert["event"], alert["event"]):
        parts.append(words.get(alert["event"], alert["event"]))
    if alert.get("retrospective"):
        parts.append(words["retrospective"])
    explanation = alert.get("explanation", {}).get(locale) or alert.get("rule", "")
    return "  ".join(parts) + "\n           " + explanation.replace("mm[Hg]", "mmHg").replace(" Cel", " °C")


def coloured(text: str, severity: str, event: str) -> str:
    """The notice as a terminal shows it: shape and word already tell the severity; colour only helps."""
    if event in ("resolved", "closed"):
        return click.style(text, dim=True)
    return click.style(text, bold=severity == "high", fg={"high": "red", "medium": "yellow"}.get(severity))


class Receiver:
    """Takes deliveries; `show` gets the transition of each one that is new."""

    def __init__(self, secret: str, show: Callable[[dict[str, Any]], None]) -> None:
        self._secret, self._show = secret, show
        self._known: OrderedDict[str, None] = OrderedDict()

    async def take(self, request: web.Request) -> web.Response:
        """204 for a believed delivery, new or repeated; 401 without a good signature, 400 for no alert."""
        body = await request.read()
        try:
            number = verify(self._secret, request.headers, body, time.time())
        except Refused as error:
            return web.Response(status=401, text=str(error))
        if number in self._known:
            return web.Response(status=204)
        try:
            self._show(msgspec.json.decode(body, type=dict[str, Any]))
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            return web.Response(status=400, text=f"no alert: {type(error).__name__}")
        self._known[number] = None
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return web.Response(status=204)


def create_receiver(secret: str, show: Callable[[dict[str, Any]], None]) -> web.Application:
    """The receiver's server: POST /alerts."""
    app = web.Application(client_max_size=LARGEST)
    app.add_routes([web.post("/alerts", Receiver(secret, show).take)])
    return app
