"""The table of state blocks: of several records of one block it keeps the one that reflects most.

A worker that was frozen or cut off while its partitions went to another (a zombie) may still send the
blocks of its last moment: later in the topic, older in truth. Each block says in a header up to which
input offset it reflects, so that a recovery is not misled, and the owner sees by the offsets of its own
blocks that somebody else wrote between them (streams/checkpoint.py).
"""

from collections.abc import Iterable
from typing import Any

import faust

from streams.transports.records import UP_TO


def up_to(event: Any) -> int:
    """The input offset that a block reflects; -1 when it does not say, as older releases' ones."""
    return int(dict(event.message.headers or ()).get(UP_TO, b"-1"))


class StateTable(faust.Table):
    """Blocks by partition/number, and where the topic of each partition ends as far as was read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ends: dict[int, int] = {}
        self._reflected: dict[bytes, int] = {}

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Take up records of the topic in their order, without those that reflect less than what is here."""
        for key in self._reflected.keys() - self.data.keys():  # of partitions that went
            del self._reflected[key]
        newest = []
        for event in batch:
            self.ends[event.message.partition] = event.message.offset + 1
            reflected = up_to(event)
            if reflected >= self._reflected.get(event.key, -1):
                self._reflected[event.key] = reflected
                newest.append(event)
        super().apply_changelog_batch(newest)
