"""Whether what the broker has is taken: what tells a quiet night from a worker that has gone deaf.

A fetcher may die without a word: the group keeps its member, the event loop turns, and nothing comes. But a
worker writes ticks into its own partitions. Once the broker has confirmed one, each of these partitions has
something to be taken; one that takes nothing for long then is stalled.

A broker that is away confirms nothing. From then on nothing is expected, and when it is back the wait begins
anew: to start a worker again would not bring its broker back.
"""

from typing import Final

LEAST_SECONDS: Final = 60.0  # without a record from which a worker counts as stalled …
LEAST_TICKS: Final = 10  # … or so many ticks, whichever is longer
AWAY_TICKS: Final = 3  # ticks without a confirmation from which the broker counts as away


class Progress:
    """Ticks confirmed and records taken, by partition. Times in seconds of a clock that never goes back."""

    def __init__(self, tick_seconds: float) -> None:
        self.longest = max(LEAST_SECONDS, LEAST_TICKS * tick_seconds)
        self._away = AWAY_TICKS * tick_seconds
        self._confirmed: dict[int, float] = {}  # when the broker last confirmed a tick
        self._waiting: dict[int, tuple[int, float]] = {}  # offset of a tick not taken yet; since when we wait
        self._taken: dict[int, int] = {}  # the last offset taken

    def confirmed(self, partition: int, offset: int, now: float) -> None:
        """The broker has a tick at an offset."""
        back = now - self._confirmed.get(partition, now) > self._away
        self._confirmed[partition] = now
        if offset > self._taken.get(partition, -1) and (back or partition not in self._waiting):
            self._waiting[partition] = offset, now

    def took(self, partition: int, offset: int, now: float) -> None:
        """Records up to an offset were taken; what still waits behind them has its turn now."""
        self._taken[partition] = max(offset, self._taken.get(partition, -1))
        if partition in self._waiting:
            tick = self._waiting[partition][0]
            if tick > offset:
                self._waiting[partition] = tick, now
            else:
                del self._waiting[partition]

    def begin_anew(self) -> None:
        """Partitions have moved: what is expected is learned again."""
        self._confirmed.clear()
        self._waiting.clear()
        self._taken.clear()

    def waits(self) -> bool:
        """Whether some partition has a tick that was not taken yet."""
        return bool(self._waiting)

    def stalled(self, now: float) -> float:
        """For how many seconds the worst partition has taken nothing although the broker is there and has."""
        return max(
            (
                now - since
                for partition, (_, since) in self._waiting.items()
                if now - self._confirmed[partition] <= self._away
            ),
            default=0.0,
        )
