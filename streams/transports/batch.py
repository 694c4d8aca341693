"""One event per partition and poll, and acknowledgement by identity: what both transports share.

Faust spends some 87 µs on each event, whatever it holds; a batch of records as one event makes that
cost vanish. Its own tracking of acknowledged offsets can step over a hole; here the messages
themselves stand in a queue, and the commit follows the acknowledged ones at its head.
"""

from collections import defaultdict, deque
from typing import Any

from faust.types import TP, ConsumerMessage


class Batch:
    """The records of one poll of one partition, in offset order."""

    __slots__ = ("records", "tp")

    def __init__(self, tp: TP, records: list[Any]) -> None:
        self.tp, self.records = tp, records

    def values(self) -> list[bytes]:
        """The value of each record; an absent value is empty."""
        return [record.value or b"" for record in self.records]

    def __len__(self) -> int:
        return len(self.records)


class Tracking:
    """Mixin of a Faust consumer: commit exactly up to the first message that is not acknowledged."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._waiting: dict[TP, deque[Any]] = defaultdict(deque)
        self._done: dict[TP, int] = {}
        super().__init__(*args, **kwargs)
        deliver = self.callback  # type: ignore[has-type]
        acknowledged_topic = self.app.topics.acks_enabled_for  # type: ignore[attr-defined]

        async def tracked(message: ConsumerMessage) -> None:
            if acknowledged_topic(message.topic):
                self._advance(message.tp)  # let go of acknowledged batches now: they are large
                self._waiting[message.tp].append(message)
            await deliver(message)

        self.callback = tracked

    def batched(self, topic: str) -> bool:
        """Whether a topic's records come in batches."""
        return topic in self.app.batch_topics  # type: ignore[attr-defined]

    def _advance(self, tp: TP) -> None:
        queue = self._waiting[tp]
        while queue and queue[0].acked:
            self._done[tp] = queue.popleft().offset + 1

    def _new_offset(self, tp: TP) -> int | None:
        self._advance(tp)
        self._acked[tp].clear()  # type: ignore[attr-defined]
        self._acked_index[tp].clear()  # type: ignore[attr-defined]
        return self._done.get(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps of compaction need no bookkeeping here."""

    def _forget(self) -> None:
        self._waiting.clear()
        self._done.clear()

    async def perform_seek(self) -> None:
        """The end of every rebalance, with flow stopped: whatever was delivered comes again."""
        self._forget()
        await super().perform_seek()  # type: ignore[misc]

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Save and commit before partitions go: the stock code forgets what is not committed yet."""
        if revoked:
            self.stop_flow()  # type: ignore[attr-defined]
            self.app.flow_control.suspend()  # type: ignore[attr-defined]
            await self.app.before_revoke()  # type: ignore[attr-defined]
            await self.commit() or await self.commit()  # type: ignore[attr-defined]
            self._forget()
        await super().on_partitions_revoked(revoked)  # type: ignore[misc]

    async def _wait_next_records(self, timeout: float) -> Any:
        """The stock code sleeps a full second when every partition's buffer is full."""
        if self.flow_active and not self._get_active_partitions():  # type: ignore[attr-defined]
            await self.sleep(0.005)  # type: ignore[attr-defined]
            return {}, set()
        return await super()._wait_next_records(timeout)  # type: ignore[misc]
