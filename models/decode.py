"""Bytes of the input log → readings and other records, or a named refusal. Nothing here raises for data."""

import json
import math
import re
from typing import Any, Final

import msgspec

from models.scan import FINE, TWICE, UNSURE, scan
from models.wire import Reject

OVERSIZE_BYTES: Final = 65_536
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
KINDS: Final = ("reading", "plan", "action", "calibration", "tick")


class Reading(msgspec.Struct, gc=False):
    """A reading as devices send it; unknown fields are ignored."""

    patient: str
    device: str
    vital: str
    value: float
    unit: str
    measured_at: str
    kind: str = "reading"
    battery: float | None = None
    measurement: str | None = None
    id: str | None = None
    context: dict[str, str] | None = None


class Other(msgspec.Struct, frozen=True):
    """A record that is no reading: kind, its patient when it has one, and its whole text."""

    kind: str
    patient: str
    data: bytes


_decode = msgspec.json.Decoder(Reading).decode
Item = Reading | Other | Reject


def decode_one(value: bytes, offset: int) -> Item:
    """A Reading (its names not yet checked), an Other, or a Reject, however odd the record is."""
    flag = scan(value)
    if flag == FINE and len(value) <= OVERSIZE_BYTES:
        try:
            reading = _decode(value)
            if reading.kind == "reading":
                return reading
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError):
            pass
    return _explain(value, offset, flag)


def _explain(value: bytes, offset: int, flag: int) -> Item:
    """Why a record is no reading: another kind, or the first fault with its field and remedy."""

    def refuse(reason: str, detail: str) -> Reject:
        return Reject(reason, detail, offset, value)

    if value is None or len(value) == 0:
        return refuse("malformed", "the record is empty; send one JSON object per record")
    if len(value) > OVERSIZE_BYTES:
        return refuse("oversize", f"{len(value)} bytes; a record has at most {OVERSIZE_BYTES}")
    if flag == TWICE:
        return refuse("malformed", "a key comes twice; send each field once")
    if flag not in (FINE, UNSURE):
        return refuse("malformed", "nested too deeply; a reading is a flat object")
    try:
        whole: Any = msgspec.json.decode(value)
        if flag == UNSURE:
            keys = [k for k, _ in json.loads(value, object_pairs_hook=list)]
            if len(set(keys)) != len(keys):
                return refuse("malformed", "a key comes twice; send each field once")
    except UnicodeDecodeError:
        return refuse("malformed", "not UTF-8; send UTF-8 without a byte-order mark")
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if "out of range" in str(error):  # JSON sets no bound, a double has one
            return refuse("malformed", "a number is out of range; send numbers of up to 1e308")
        return refuse("malformed", "not JSON; send one JSON object per record")
    if not isinstance(whole, dict):
        return refuse("malformed", "not an object; send one JSON object per record")
    kind = whole.get("kind", "reading")
    if not isinstance(kind, str) or kind not in KINDS:
        return refuse("unknown-kind", f"kind is none of {', '.join(KINDS)}")
    if kind != "reading":
        patient = whole.get("patient", "")
        return Other(kind, patient if isinstance(patient, str) else "", value)
    return refuse(*_fault(whole, value))


def _fault(whole: dict[str, Any], value: bytes) -> tuple[str, str]:
    """(reason, detail) of the first fault of a reading's fields."""
    for field in ("patient", "device", "vital", "value", "unit", "measured_at"):
        if field not in whole:
            return "missing-field", f"{field} is missing; add it"
    number = whole["value"]
    if isinstance(number, bool) or not isinstance(number, int | float):
        return "not-a-number", "value is no JSON number; send it without quotes"
    try:
        if not math.isfinite(float(number)):
            return "not-a-number", "value is not finite"
    except OverflowError:
        return "not-a-number", "value is too large for a number"
    for field in ("patient", "device", "vital", "unit", "measured_at"):
        if not isinstance(whole[field], str):
            return "invalid-field", f"{field} is no text; send a JSON string"
    try:
        _decode(value)
    except msgspec.MsgspecError as error:
        path = str(error).rpartition("`$.")[2].rstrip("`")
        return "invalid-field", f"{path if path.isidentifier() else 'a field'} has the wrong type"
    except (UnicodeDecodeError, RecursionError, TypeError):
        return "malformed", "not a reading"
    return "invalid-field", "not a reading"


def is_name(text: str) -> bool:
    """Whether a text may name a patient or a device: 1-64 of [A-Za-z0-9_-]."""
    return NAME.fullmatch(text) is not None
