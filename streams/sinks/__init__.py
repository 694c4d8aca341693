"""Where results and alerts go."""

from typing import NamedTuple, Protocol


class SinkUnavailable(Exception):
    """The sink is away; the same write may succeed later."""


class Refused(NamedTuple):
    """A line that the sink will never take, and its words."""

    line: bytes
    message: str


class Sink(Protocol):
    """Writes are confirmed when they return and idempotent by key. Raise SinkUnavailable when away."""

    async def write_results(self, frames: list[bytes]) -> list[Refused]:
        """Write frames of line protocol."""

    async def write_alerts(self, bodies: list[bytes]) -> None:
        """Write alert transitions."""

    async def close(self) -> None:
        """Let go of what is open."""
