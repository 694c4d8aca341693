"""What an answer of InfluxDB to a write means, decided without a connection (measured on 2.7 and 2.9).

InfluxDB marks its own errors with a header. What lacks it comes from something else (a proxy, Go's answer to
http:// where the server speaks TLS): no line is at fault then, whatever the status.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from streams.sinks import SinkMisconfigured, SinkUnavailable

OURS: Final = "X-Platform-Error-Code"  # in every error that InfluxDB itself tells
WORDS: Final = 300  # characters of the server's message in a reject
LONGEST_WAIT: Final = 300.0  # seconds; a longer Retry-After is cut to this
TOO_LARGE: Final = 413
TOO_MANY: Final = 429
UNKNOWN: Final = 401
REMEDIES: Final = {
    UNKNOWN: "InfluxDB knows no such token (401): set VIGIE_INFLUX_TOKEN",
    403: "the token may not write to the bucket (403): give it the right, or set VIGIE_INFLUX_TOKEN",
    404: "nothing leads to the bucket (404): `vigie influx setup`, or set VIGIE_INFLUX_BUCKET",
}
UNTRUSTED: Final = "InfluxDB's certificate is not trusted: set VIGIE_INFLUX_CA"
STRANGER: Final = (
    "something that is not InfluxDB answers with {} (a proxy, or http:// to a server that speaks TLS): "
    "mend VIGIE_INFLUX_URL"
)
NARROW: Final = "something before InfluxDB takes no request of one line (413): raise its limit"
SPLIT: Final = {
    400: "InfluxDB cannot read it (400)",
    TOO_LARGE: "too large for InfluxDB (413)",
    422: "InfluxDB dropped it (422): another type than its field has, or older than the bucket keeps",
}
# a shard that it could not open while the disk was full stays shut until a restart (measured on 2.9)
FULL: Final = "InfluxDB's disk is full ({}): make room; restart it if it still says so"
_FULL: Final = b"no space left on device"  # the system's own words, as Go repeats them
_DROPPED: Final = re.compile(r"dropped=([0-9]+)")


class Refusal(NamedTuple):
    """A batch that is not taken as it is: why, how many points were dropped, the server's own words."""

    reason: str
    dropped: int
    words: str
    by_influxdb: bool

    def of_one_line(self) -> str:
        """Why a line that stands alone is refused: the server's words are about this line and no other.

        Raises SinkMisconfigured when it is not InfluxDB that refuses.
        """
        if not self.by_influxdb:
            raise SinkMisconfigured(NARROW)
        return f"{self.reason}; it says: {self.words}" if self.words else self.reason


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """Why a batch is refused for its lines.

    Raises SinkUnavailable, or SinkMisconfigured with the remedy, when no line is at fault; their texts repeat
    nothing of what the server says, since that repeats patients' lines.
    """
    if _FULL in body:  # whatever the status
        raise SinkUnavailable(FULL.format(status))
    by_influxdb = OURS in headers
    if status == TOO_MANY:
        raise SinkUnavailable("InfluxDB asks for a pause (429)", "throttled", _wait(headers))
    if status >= 500:
        raise SinkUnavailable(f"InfluxDB has a fault of its own ({status})", wait=_wait(headers))
    if not by_influxdb and status != TOO_LARGE:
        raise SinkMisconfigured(STRANGER.format(status))
    if status not in SPLIT:
        raise SinkMisconfigured(REMEDIES.get(status, STRANGER.format(status)))
    words = _words(body)
    dropped = _DROPPED.search(words) if status == 422 else None
    return Refusal(SPLIT[status], int(dropped[1]) if dropped else 0, words[:WORDS], by_influxdb)


def _wait(headers: Mapping[str, str]) -> float | None:
    after = headers.get("Retry-After", "")
    return min(float(after), LONGEST_WAIT) if after.isascii() and after.isdigit() else None


def _words(body: bytes) -> str:
    """The message of InfluxDB's error, on one line; "" when there is none."""
    try:
        return " ".join(str(json.loads(body)["message"]).split())
    except (ValueError, KeyError, TypeError):
        return ""
