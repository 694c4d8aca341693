"""What sinks need of an alert transition, read strictly."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from models.triage import AlertId, Number
from streams.sinks import Refused

REASON: Final = "not an alert transition"


class Transition(msgspec.Struct):
    """The keys of a transition's body that a sink may index. Times as RFC 3339 text."""

    alert_id: AlertId
    sequence: Number
    event: str
    patient: str
    kind: str
    severity: str
    status: str
    opened_at: str
    received_at: str
    vital: str
    rule: str = ""
    retrospective: bool = False
    value: float | None = None
    limit: float | None = None
    verdict: str | None = None
    explanation: dict[str, str] = {}


class Read(NamedTuple):
    """Good transitions with their bodies, and bodies that are none."""

    transitions: list[tuple[Transition, bytes]]
    refused: list[Refused]


_decode = msgspec.json.Decoder(Transition).decode


def read(bodies: Iterable[bytes]) -> Read:
    """Every body, as a transition or as refused."""
    good: list[tuple[Transition, bytes]] = []
    refused: list[Refused] = []
    for body in bodies:
        try:
            body.decode()  # msgspec leaves strings of keys that it skips unchecked
            good.append((_decode(body), body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            refused.append(Refused(body, REASON))
    return Read(good, refused)
