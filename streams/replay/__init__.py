"""What `vigie replay` runs: a journey per partition, from recordings or from a log, into four files."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Records(NamedTuple):
    """Records in log order, by column; times in ms. `keys` None: nobody checks them.

    `position` tells where the record of an offset stood, as a reject names it.
    """

    values: Sequence[bytes]
    timestamps: Sequence[int]
    offsets: Sequence[int]
    keys: Sequence[bytes | None] | None
    position: Callable[[int], dict[str, Any]]


Journey = Iterable[Records]
"""The records of one partition, batch by batch: what one Pipeline takes."""
