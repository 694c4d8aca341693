"""One event per partition and poll, and acknowledgement by identity: what both transports share.

Faust spends some 87 µs on each event, whatever it holds; a batch of records as one event makes that
cost vanish. Its own tracking of acknowledged offsets can step over a hole; here the messages
themselves stand in a queue, and the commit follows the acknowledged ones at its head.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from faust.types import TP, ConsumerMessage

from models.packed import Packed
from streams.crash_points import reach


class Batch:
    """The records of one poll of one partition by column, in offset order.

    offsets and timestamps (ms): int64 (n,), n > 0.
    """

    __slots__ = ("first", "keys", "last", "offsets", "timestamps", "tp", "values")

    def __init__(
        self,
        tp: TP,
        offsets: np.ndarray,
        timestamps: np.ndarray,
        keys: Packed,
        values: Packed,
    ) -> None:
        self.tp, self.offsets, self.timestamps, self.keys, self.values = tp, offsets, timestamps, keys, values
        self.first, self.last = int(offsets[0]), int(offsets[-1])

    @classmethod
    def of(
        cls,
        tp: TP,
        offsets: Sequence[int],
        timestamps: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> "Batch":
        """A batch of records that exist one by one; an absent value is as bad as an empty one."""
        times = np.array(offsets, np.int64), np.array(timestamps, np.int64)
        return cls(tp, *times, Packed.of(keys), Packed.of(values))

    def after(self, offset: int) -> "Batch":
        """Its records beyond an offset, at least one of which there must be."""
        if offset < self.first:
            return self
        later = slice(int(np.searchsorted(self.offsets, offset, "right")), None)
        times = self.offsets[later], self.timestamps[later]
        return Batch(self.tp, *times, self.keys[later], self.values[later])

    def let_go(self) -> None:
        """Free the records: an unacknowledged batch stays in memory until the next checkpoint."""
        self.offsets = self.timestamps = np.zeros(0, np.int64)
        self.keys = self.values = Packed.of([])

    def message(self, generation: int) -> ConsumerMessage:
        """The one message that Faust sees."""
        at = int(self.timestamps[-1]) / 1000.0
        head = self.tp.topic, self.tp.partition, self.last, at, 0, (), None, self
        return ConsumerMessage(*head, None, 0, 0, self.tp, generation_id=generation)

    def __len__(self) -> int:
        return len(self.offsets)


class Tracking:
    """Mixin of a Faust consumer: commit exactly up to the first message that is not acknowledged."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._waiting: dict[TP, deque[Any]] = defaultdict(deque)
        self._done: dict[TP, int] = {}
        self._fetching = asyncio.Lock()
        self._held = False  # between a seek and the flow's resumption
        self._seeks = self._seeks_at_fetch = 0
        super().__init__(*args, **kwargs)
        deliver = self.callback  # type: ignore[has-type]
        acknowledged_topic = self.app.topics.acks_enabled_for  # type: ignore[attr-defined]

        async def tracked(message: ConsumerMessage) -> None:
            if acknowledged_topic(message.topic):
                self._advance(message.tp)  # let go of acknowledged batches now: they are large
                self._expect(message)
            await deliver(message)

        self.callback = tracked

    def batched(self, topic: str) -> bool:
        """Whether a topic's records come in batches."""
        return topic in self.app.batch_topics  # type: ignore[attr-defined]

    def _expect(self, message: ConsumerMessage) -> None:
        """Stand in line for an acknowledgement, in the place of whatever is read again with this message.

        At the end of a recovery Faust may fetch before it seeks, and drops what it has queued: such a
        message comes again, and its first copy is never acknowledged.
        """
        queue, batch = self._waiting[message.tp], message.value
        first = batch.first if isinstance(batch, Batch) else message.offset
        while queue and queue[-1].offset >= first:
            queue.pop()
        queue.append(message)

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

    async def _commit_offsets(self, offsets: Any, start_new_transaction: bool = True) -> bool:
        reach("offsets-committing")
        done = await super()._commit_offsets(offsets, start_new_transaction)  # type: ignore[misc]
        reach("offsets-committed")
        return done

    def _forget(self) -> None:
        self._waiting.clear()
        self._done.clear()

    async def _fetch(self, active: Any, timeout: float) -> dict[Any, list[Any]]:
        """Records of the active partitions as the transport gives them, batches where it should."""
        raise NotImplementedError

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[Any, list[Any]]:
        """None while partitions are being placed: Faust would open some in the midst of a fetch."""
        if self._held:
            await self.sleep(0.005)  # type: ignore[attr-defined]
            return {}
        async with self._fetching:
            self._seeks_at_fetch = self._seeks
            return await self._fetch(set(active_partitions), timeout)

    async def getmany(self, timeout: float) -> Any:
        """Messages of one fetch, unless a seek came since: then they come again."""
        async for place, message in super().getmany(timeout):  # type: ignore[misc]
            if self._seeks != self._seeks_at_fetch:
                return
            yield place, message

    async def perform_seek(self) -> None:
        """The end of every rebalance: whatever was delivered before comes again.

        The stock code opens the partitions before it seeks, leaves those without a commit where a fetch
        in between took them, and then clears its queues: records would be lost until the next start.
        """
        async with self._fetching:
            self._seeks += 1
            self._held = True
            self._forget()
            await super().perform_seek()  # type: ignore[misc]
            acknowledged = self.app.topics.acks_enabled_for  # type: ignore[attr-defined]
            fresh = [
                tp
                for tp in self.assignment()  # type: ignore[attr-defined]
                if acknowledged(tp.topic) and not self._committed_offset.get(tp)  # type: ignore[attr-defined]
            ]
            if fresh:
                await self.seek_wait(await self.earliest_offsets(*fresh))  # type: ignore[attr-defined]

    def resume_flow(self) -> None:
        """Faust has cleared its queues: from here on what is fetched is delivered."""
        self._held = False
        super().resume_flow()  # type: ignore[misc]

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Save and commit before partitions go: the stock code forgets what is not committed yet."""
        if revoked:
            self.stop_flow()  # type: ignore[attr-defined]
            self.app.flow_control.suspend()  # type: ignore[attr-defined]
            await self.app.prepare_revoke()  # type: ignore[attr-defined]
            reach("partitions-revoked")
            await self.commit() or await self.commit()  # type: ignore[attr-defined]
            self._forget()
        await super().on_partitions_revoked(revoked)  # type: ignore[misc]

    async def _wait_next_records(self, timeout: float) -> Any:
        """The stock code sleeps a full second when every partition's buffer is full."""
        if self.flow_active and not self._get_active_partitions():  # type: ignore[attr-defined]
            await self.sleep(0.005)  # type: ignore[attr-defined]
            return {}, set()
        return await super()._wait_next_records(timeout)  # type: ignore[misc]
