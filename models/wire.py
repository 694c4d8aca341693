"""What leaves the core as JSON: rejects and alert transitions, with a fixed order of keys."""

import base64
import codecs
import hashlib
from typing import Any, Final

import msgspec

REASONS: Final = (
    "malformed",
    "missing-field",
    "invalid-field",
    "unknown-kind",
    "unknown-vital",
    "unknown-unit",
    "not-a-number",
    "bad-time",
    "implausible",
    "future",
    "late",
    "duplicate",
    "wrong-key",
    "oversize",
    "invalid-plan",
    "invalid-action",
    "invalid-calibration",
    "refused-by-store",
)

ORIGINAL_BYTES: Final = 65_536  # of a refused record that are told; as much as a good record may hold
DETAIL_CHARACTERS: Final = 4096  # a plan may have a fault in each of a thousand rules
# A control character takes six bytes in JSON. The rest: keys and the position.
LARGEST_REJECT: Final = 6 * (ORIGINAL_BYTES + DETAIL_CHARACTERS) + 8192

_encoder = msgspec.json.Encoder()


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A record that was not taken: one of REASONS, a sentence, its offset and its very bytes."""

    reason: str
    detail: str
    offset: int
    original: bytes


def reject_body(reject: Reject, position: dict[str, Any]) -> bytes:
    """The JSON of a reject, at most LARGEST_REJECT bytes: a larger one would stop its partition for ever.

    `position` says where it stood (topic, partition, offset; or file, line). Of an original of more than
    ORIGINAL_BYTES its beginning is told, its length and the SHA-256 of the whole.
    """
    told = reject.original[:ORIGINAL_BYTES]
    cut = len(told) < len(reject.original)
    try:  # a character that the cut has torn is left out
        original = {"original": codecs.getincrementaldecoder("utf-8")().decode(told, final=not cut)}
    except UnicodeDecodeError:
        original = {"original_base64": base64.b64encode(told).decode("ascii")}
    detail = reject.detail
    if len(detail) > DETAIL_CHARACTERS:
        detail = detail[: DETAIL_CHARACTERS - 1] + "…"
    body: dict[str, Any] = {"reason": reject.reason, "detail": detail, **original}
    if cut:
        body["original_bytes"] = len(reject.original)
        body["original_sha256"] = hashlib.sha256(reject.original).hexdigest()
    return _encoder.encode({**body, "position": position})


def encode(body: dict[str, Any]) -> bytes:
    """One JSON object on one line; None values are left out."""
    return _encoder.encode({key: value for key, value in body.items() if value is not None})
