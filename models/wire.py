"""What leaves the core as JSON: rejects and alert transitions, with a fixed order of keys."""

import base64
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

_encoder = msgspec.json.Encoder()


class Reject(msgspec.Struct, frozen=True, gc=False):
    """A record that was not taken: one of REASONS, a sentence, its offset and its very bytes."""

    reason: str
    detail: str
    offset: int
    original: bytes


def reject_body(reject: Reject, position: dict[str, Any]) -> bytes:
    """The JSON of a reject. `position` says where it stood (topic, partition, offset; or file, line)."""
    try:
        original = {"original": reject.original.decode("utf-8")}
    except UnicodeDecodeError:
        original = {"original_base64": base64.b64encode(reject.original).decode("ascii")}
    body = {"reason": reject.reason, "detail": reject.detail, **original, "position": position}
    return _encoder.encode(body)


def encode(body: dict[str, Any]) -> bytes:
    """One JSON object on one line; None values are left out."""
    return _encoder.encode({key: value for key, value in body.items() if value is not None})
