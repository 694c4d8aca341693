"""Where results and alerts go."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

Ours = Callable[[], bool]
"""Whether what is written still belongs to this worker; asked before each request, on the writing thread."""


def always() -> bool:
    """Nobody else writes."""
    return True


class SinkUnavailable(Exception):
    """The sink is away; the same write may succeed later.

    `wait` is how many seconds the sink asked for, None when it did not say. `reason` is of the closed
    set of streams.metrics.SINK_REASONS. The text holds neither secrets nor anybody's data.
    """

    def __init__(self, message: str, reason: str = "unavailable", wait: float | None = None) -> None:
        super().__init__(message)
        self.reason, self.wait = reason, wait


class SinkMisconfigured(SinkUnavailable):
    """The sink will not take anything until somebody mends it or its settings; the text is the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "misconfigured")


class NotOurs(Exception):
    """What is written went to another worker meanwhile: the rest of it is that worker's."""


class Refused(NamedTuple):
    """A line or an alert that the sink will never take, and why: for the rejects alone, not for logs.

    What the sink itself says may repeat the line.
    """

    line: bytes
    message: str


class Sink(Protocol):
    """Writes are confirmed when they return and idempotent by key.

    Raise SinkUnavailable when away, NotOurs before a request that `ours` says is another worker's.
    """

    async def write_results(self, frames: list[bytes], ours: Ours = always) -> list[Refused]:
        """Write frames of line protocol; returns the lines it will never take."""

    async def write_alerts(self, bodies: list[bytes], ours: Ours = always) -> list[Refused]:
        """Write alert transitions; returns those it will never take."""

    async def close(self) -> None:
        """Let go of what is open."""
