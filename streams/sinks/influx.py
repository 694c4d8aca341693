"""The InfluxDB 2 sink: bounded batches, each write synchronous and confirmed by its 204.

What the server answers decides (measured on 2.7 and 2.9): after a 400 nothing of the batch has landed,
after a 422 all but the dropped points; both are halved until the offending lines stand alone. Writing a
point again is harmless: the same series and time are the same point. The server's text repeats
patients' lines, so none of it is ever passed on. Why version 1's address is written to, and which
buckets there are: streams/influx/plan.py.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import urllib3
from influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException

from models.packed import Packed
from streams import pulse
from streams.crash_points import reach
from streams.influx.api import authorization
from streams.influx.plan import HISTORY, RAW
from streams.settings import Settings
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

LINES: Final = 5000  # of a request; the server's own advice
REQUEST_MILLISECONDS: Final = 10_000
LONGEST_WAIT: Final = 300.0  # seconds; a longer Retry-After is cut to this
REMEDIES: Final = {
    0: "InfluxDB's certificate is not trusted: set VIGIE_INFLUX_CA",  # so the client numbers a TLS fault
    401: "InfluxDB knows no such token (401): set VIGIE_INFLUX_TOKEN",
    403: "the token may not write to the bucket (403): give it the right, or set VIGIE_INFLUX_TOKEN",
    404: "nothing leads to the bucket (404): `vigie influx setup`, or set VIGIE_INFLUX_BUCKET",
}
TOO_MANY: Final = 429
SPLIT: Final = {
    400: "InfluxDB cannot read it (400)",
    413: "too large for InfluxDB (413)",
    422: "InfluxDB dropped it (422): another type than its field has, or older than the bucket keeps",
}
# a shard that it could not open while the disk was full stays shut until a restart (measured on 2.9)
FULL: Final = "InfluxDB's disk is full ({}): make room; restart it if it still says so"
_FULL: Final = b"no space left on device"  # the system's own words, as Go repeats them
_DROPPED: Final = re.compile(rb"dropped=([0-9]+)")
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
    """Writes through influxdb-client on a thread; one request at a time."""

    def __init__(self, url: str, bucket: str, credential: str, ca: Path | None = None) -> None:
        self._bucket = bucket
        self._client = InfluxDBClient(
            url,
            credential,
            timeout=REQUEST_MILLISECONDS,
            ssl_ca_cert=None if ca is None else str(ca),
            retries=False,  # retries are ours
        )
        self._client.api_client.set_default_header("Authorization", authorization(credential))
        self._lock = asyncio.Lock()
        self._ours: Ours = always  # of the write under way

    @classmethod
    def of(cls, settings: Settings) -> "InfluxSink":
        """The sink that settings describe; load_settings has seen to it that nothing lacks."""
        if not (settings.influx_url and settings.influx_bucket and settings.influx_token):
            raise ValueError("the influx sink needs url, bucket and token")
        token = settings.influx_token.get_secret_value()
        return cls(settings.influx_url, settings.influx_bucket, token, settings.influx_ca)

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
        answer = self._post(policy, lines.body(batch))
        if answer is None:
            return []
        status, dropped = answer
        if len(batch) == 1 or dropped == len(batch):  # all of it: no use to look for the culprit
            return [Refused(line, SPLIT[status]) for line in batch]
        middle = len(batch) // 2
        return self._some(policy, batch[:middle]) + self._some(policy, batch[middle:])

    def _post(self, policy: str, body: bytes) -> tuple[int, int] | None:
        """None when confirmed, else (status to split at, points dropped). Raises SinkUnavailable, NotOurs."""
        pulse.check()  # an old point would replace a newer one of the worker that took over
        if not self._ours():
            raise NotOurs
        try:
            self._client.api_client.call_api(
                "/write",
                "POST",
                query_params=[("db", self._bucket), ("rp", policy), ("precision", "ns")],
                header_params={"Content-Type": "text/plain; charset=utf-8"},
                body=body,
            )
        except ApiException as error:
            status = int(error.status or 0)
            told = error.body if isinstance(error.body, bytes) else str(error.body).encode()
            if _FULL in told:  # whatever the status: no line is at fault
                raise SinkUnavailable(FULL.format(status)) from None
            if status in SPLIT:
                found = _DROPPED.search(told)
                return status, int(found[1]) if found and status == 422 else 0
            raise _away(status, error) from None  # the cause would repeat the server's text
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SinkUnavailable(f"InfluxDB does not answer ({type(error).__name__})") from None
        return None


def _away(status: int, error: ApiException) -> SinkUnavailable:
    if status in REMEDIES:
        return SinkMisconfigured(REMEDIES[status])
    after = str((error.headers or {}).get("Retry-After", ""))
    wait = min(float(after), LONGEST_WAIT) if after.isascii() and after.isdigit() else None
    if status == TOO_MANY:
        return SinkUnavailable("InfluxDB asks for a pause (429)", "throttled", wait)
    if status >= 500:
        return SinkUnavailable(f"InfluxDB has a fault of its own ({status})", wait=wait)
    return SinkMisconfigured(f"InfluxDB answers {status}: is VIGIE_INFLUX_URL the address of its API?")
