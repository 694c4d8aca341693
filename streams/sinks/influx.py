"""The InfluxDB 2 sink: bounded batches, each write synchronous and confirmed by its 204.

What the server answers decides (streams/sinks/influx_answer.py): after a 400 nothing of the batch has landed,
after a 422 all but the dropped points; both are halved until the offending lines stand alone. Writing a
point again is harmless: the same series and time are the same point. The server's text repeats patients'
lines: it is passed on with a line that stands alone, into the rejects, and nowhere else. Why version 1's
address is written to, and which buckets there are: streams/influx/plan.py.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from traceback import clear_frames
from typing import Final

import urllib3
from influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException

from models.packed import Packed
from models.strict import ConfigurationError
from streams import pulse
from streams.crash_points import reach
from streams.influx.api import authorization
from streams.influx.plan import HISTORY, RAW
from streams.settings import Settings, load_settings
from streams.sinks import (
    NotOurs,
    Ours,
    Refused,
    SinkMisconfigured,
    SinkUnavailable,
    always,
    lines,
    transitions,
)
from streams.sinks.influx_answer import OURS, UNKNOWN, UNTRUSTED, Refusal, refusal

LINES: Final = 5000  # of a request; the server's own advice
CONFIRMED: Final = 204
REQUEST_MILLISECONDS: Final = 10_000
_TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": " ", "\r": " "})


def alert_line(t: transitions.Transition) -> bytes:
    """A transition as a point of the measurement `alert`, at its receipt.

    The nanoseconds below the millisecond hold a hash of alert and sequence, so that two transitions of
    one instant stay two points and a repeat stays one. Pseudonyms and words of closed sets are tags; a
    tag that is anything else raises ValueError.
    """
    tags = {"patient": t.patient, "vital": t.vital, "kind": t.kind, "severity": t.severity}
    for name, value in tags.items():
        if not _TAG.fullmatch(value) and (value or name != "vital"):  # some alerts concern no vital
            raise ValueError(transitions.REASON)
    moment = datetime.fromisoformat(t.received_at)
    if moment.tzinfo is None:
        raise ValueError(transitions.REASON)
    digest = hashlib.sha256(f"{t.alert_id}-{t.sequence}".encode()).digest()
    apart = int.from_bytes(digest[:4], "big") % 1_000_000
    texts = {
        "alert_id": t.alert_id,
        "event": t.event,
        "status": t.status,
        "rule": t.rule,
        "opened_at": t.opened_at,
        "verdict": t.verdict,
        "explanation_en": t.explanation.get("en"),
        "explanation_fr": t.explanation.get("fr"),
    }
    fields = [
        f"{name}={number!r}"
        for name, number in (("value", t.value), ("limit", t.limit))
        if number is not None
    ]
    fields += [f"retrospective={str(t.retrospective).lower()}", f"sequence={t.sequence}i"]
    fields += [f'{name}="{text.translate(_ESCAPES)}"' for name, text in texts.items() if text]
    keys = ",".join(f"{name}={value}" for name, value in tags.items() if value)
    return f"alert,{keys} {','.join(fields)} {round(moment.timestamp() * 1000) * 1_000_000 + apart}".encode()


class InfluxSink:
    """Writes through influxdb-client on a thread; one request at a time.

    renew: gives the credential as it is now, asked whenever the server knows the present one no more.
    """

    def __init__(
        self,
        url: str,
        bucket: str,
        credential: str,
        ca: Path | None = None,
        renew: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._bucket, self._renew = bucket, renew
        self._client = InfluxDBClient(
            url,
            credential,
            timeout=REQUEST_MILLISECONDS,
            ssl_ca_cert=None if ca is None else str(ca),
            retries=False,  # retries are ours
        )
        self._enter_with(credential)
        self._lock = asyncio.Lock()
        self._ours: Ours = always  # of the write under way

    @classmethod
    def of(cls, settings: Settings) -> "InfluxSink":
        """The sink that settings describe; load_settings has seen to it that nothing lacks."""
        if not (settings.influx_url and settings.influx_bucket and settings.influx_token):
            raise ValueError("the influx sink needs url, bucket and token")
        token = settings.influx_token.get_secret_value()
        return cls(settings.influx_url, settings.influx_bucket, token, settings.influx_ca, token_now)

    async def write_results(self, frames: list[bytes], ours: Ours = always) -> list[Refused]:
        """Write the lines of the frames, in bounded requests."""
        return await self._run(self._results, frames, ours)

    async def write_alerts(self, bodies: list[bytes], ours: Ours = always) -> list[Refused]:
        """Write each transition as a point."""
        return await self._run(self._alerts, bodies, ours)

    async def close(self) -> None:
        """Close the connections, after the write under way."""
        async with self._lock:
            self._client.close()

    async def _run(
        self, write: Callable[[list[bytes]], list[Refused]], values: list[bytes], ours: Ours
    ) -> list[Refused]:
        async with self._lock:
            self._ours = ours
            return await asyncio.to_thread(write, values)

    def _results(self, frames: list[bytes]) -> list[Refused]:
        found = lines.read(frames)
        raw = self._all(RAW, found.raw())
        return found.refused + raw + self._all(HISTORY, found.kept_for_years())

    def _alerts(self, bodies: list[bytes]) -> list[Refused]:
        known, refused = transitions.read(bodies)
        bodies_of: dict[bytes, bytes] = {}
        for transition, body in known:
            try:
                bodies_of[alert_line(transition)] = body
            except ValueError as error:
                refused.append(Refused(body, str(error)))
        dropped = self._all(HISTORY, Packed.of(list(bodies_of)))
        return refused + [Refused(bodies_of[line], message) for line, message in dropped]

    def _all(self, policy: str, good: Packed) -> list[Refused]:
        refused: list[Refused] = []
        for begin in range(0, len(good), LINES):
            refused += self._some(policy, good[begin : begin + LINES])
            reach("sink-writing")
        return refused

    def _some(self, policy: str, batch: Packed) -> list[Refused]:
        """Write a batch; halve it until what the server will not take stands alone."""
        refused = self._post(policy, lines.body(batch))
        if refused is None:
            return []
        if len(batch) == 1:
            return [Refused(line, refused.of_one_line()) for line in batch]
        if refused.dropped == len(batch):  # all of it: no use to look for the culprit
            return [Refused(line, refused.reason) for line in batch]
        middle = len(batch) // 2
        return self._some(policy, batch[:middle]) + self._some(policy, batch[middle:])

    def _post(self, policy: str, body: bytes) -> Refusal | None:
        """None when confirmed. Raises SinkUnavailable, NotOurs."""
        pulse.check()  # an old point would replace a newer one of the worker that took over
        if not self._ours():
            raise NotOurs
        try:
            answer = self._client.api_client.call_api(
                "/write",
                "POST",
                query_params=[("db", self._bucket), ("rp", policy), ("precision", "ns")],
                header_params={"Content-Type": "text/plain; charset=utf-8"},
                body=body,
                _return_http_data_only=True,
                _preload_content=False,  # the client would decode whatever comes as UTF-8
            )
            status, headers, told = answer.status, answer.headers, answer.data
        except ApiException as error:
            status, headers, told = int(error.status or 0), error.headers or {}, error.body or b""
        except (urllib3.exceptions.HTTPError, OSError) as error:
            # urllib3's frames refer to their own error: each try would keep its lines until a full collection
            clear_frames(error.__traceback__)
            raise SinkUnavailable(f"InfluxDB does not answer ({type(error).__name__})") from None
        except ValueError:  # no header can hold the credential: nothing was sent
            status, headers, told = UNKNOWN, {OURS: ""}, b""
        if status == CONFIRMED:
            return None
        if status == 0:  # so the client numbers a TLS fault
            raise SinkMisconfigured(UNTRUSTED)
        if status == UNKNOWN and self._renewed():
            return self._post(policy, body)
        return refusal(status, headers, told)

    def _renewed(self) -> bool:
        """Whether there is another credential by now; it is used from here on."""
        credential = self._renew()
        if credential is None or credential == self._credential:
            return False
        self._enter_with(credential)
        return True

    def _enter_with(self, credential: str) -> None:
        self._credential = credential
        self._client.api_client.set_default_header("Authorization", authorization(credential))


def token_now() -> str | None:
    """The token as environment and files give it now; None while they do not hold together."""
    try:
        token = load_settings().influx_token
    except ConfigurationError:
        return None
    return token.get_secret_value() if token else None
