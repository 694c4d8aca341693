"""How far the commits of a consumer are behind what the broker has."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Bounds(NamedTuple):
    """The first kept offset and the end of some partitions, as the broker tells them now."""

    starts: dict[Any, int]
    ends: dict[Any, int]


async def bounds(consumer: Any, places: Iterable[Any]) -> Bounds:
    """Ask the broker itself: what the consumer last heard stands still when its fetching does."""
    wanted = list(places)
    if not wanted:
        return Bounds({}, {})
    starts = dict(await consumer.earliest_offsets(*wanted))
    return Bounds(starts, dict(await consumer.highwaters(*wanted)))


def behind(committed: Mapping[Any, int | None], there: Bounds, places: Iterable[Any]) -> int:
    """Records of some partitions that are not committed yet; what has expired unread waits for nobody."""
    return sum(
        max(0, there.ends[place] - max(committed.get(place) or 0, there.starts[place])) for place in places
    )
