"""Webhooks by Standard Webhooks 1.0: signature, and what an answer means. Decides; sends nothing."""

import base64
import hashlib
import hmac
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple

Outcome = Literal["delivered", "unavailable", "throttled", "refused", "gone", "expired"]

FIRST_WAIT: Final = 1.0  # seconds; doubled at each try
LONGEST_WAIT: Final = 600.0  # of one delivery
LONGEST_PAUSE: Final = 60.0  # of an endpoint: one try a minute finds out soon that it is back
GIVE_UP_SECONDS: Final = 3 * 86_400.0  # about what the standard's schedule spans
LONGEST_RETRY_AFTER: Final = 3600.0


class Decision(NamedTuple):
    """What became of an attempt; `wait` seconds until the next one, None when there is none."""

    outcome: Outcome
    wait: float | None


def secret_bytes(secret: str) -> bytes:
    """The key of a `whsec_…` secret: base64 of 24 to 64 bytes. Raises ValueError with the remedy."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ValueError("a webhook secret is whsec_ and the base64 of 24 to 64 random bytes")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The webhook-signature header: v1 and the HMAC-SHA256 of id.timestamp.body."""
    content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    digest = hmac.new(secret_bytes(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """All headers of an attempt; the id is the same over all attempts."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, body),
    }


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header (RFC 9110: a number or a date in GMT), at most an hour; else None."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):  # a receiver may write anything
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER) if seconds == seconds else None


def backoff(failures: int, longest: float, jitter: float) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, spread by `jitter` in [0, 1)."""
    return min(FIRST_WAIT * 2 ** min(failures - 1, 20), longest) * (0.5 + jitter / 2)


def decide(
    status: int | None, after: str | None, attempts: int, first_at: float, now: float, jitter: float
) -> Decision:
    """What an answer means. status None = no answer; attempts so far, this one included.

    Only a 2xx delivers, and only a 410 asks to stop for good. Everything else, a redirect, a 401 or a 404
    too, is tried again with exponential waits for three days: a receiver whose address or secret is being
    mended must not cost a nurse an alert. `jitter` in [0, 1).
    """
    if status is not None and 200 <= status < 300:
        return Decision("delivered", None)
    if status == 410:
        return Decision("gone", None)
    if now - first_at > GIVE_UP_SECONDS:
        return Decision("expired", None)
    outcome: Outcome = "unavailable"
    if status == 429:
        outcome = "throttled"
    elif status is not None and status < 500 and status not in (408, 425):
        outcome = "refused"
    wait = backoff(attempts, LONGEST_WAIT, jitter)
    return Decision(outcome, max(wait, retry_after(after, now) or 0.0))
