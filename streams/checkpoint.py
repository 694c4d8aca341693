"""State that survives a kill: pipelines per partition, their blocks in the state topic.

Order is everything. The sends of a batch (alerts, results, rejects) are awaited before the blocks that
reflect the batch are sent; the blocks are awaited before the batch is acknowledged. A kill at any point
repeats some records, and the stamp of each block tells which of them it reflects already.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import structlog

from models.outputs import Ledger
from models.state import LARGEST_BLOCK
from streams import metrics, pulse
from streams.crash_points import reach
from streams.packing import pack, unpack
from streams.progress import Progress
from streams.transports.batch import Batch
from streams.transports.records import UP_TO

FRAME_BYTES = 256_000
OUTSTANDING_BATCHES = 8192  # a light load has a thousand a second, of a reading each
# Bytes of blocks under way. The client puts what it has for all partitions of a broker into one request, and
# Kafka ends the connection of one that has more than 100 MB.
UNDER_WAY = 32 << 20
log = structlog.get_logger(__name__)


class BlockTooLarge(Exception):
    """A block that its topic would refuse, at each start anew. Everything in it is bounded: it is a fault."""


class Core(Protocol):
    """What a checkpoint needs of a partition's pipeline."""

    def process(self, values: Any, timestamps: Any, offsets: Any, keys: Any) -> Any:
        """Take a batch and return its Outputs."""

    def snapshot(self) -> dict[bytes, bytes]:
        """Changed blocks by number."""

    def restore(self, blocks: Mapping[bytes, bytes]) -> None:
        """Take up saved blocks."""

    def rewrite(self) -> None:
        """Count every block as changed."""

    @property
    def ledger(self) -> Ledger:
        """What became of everything received."""


def frames(lines: bytes) -> list[bytes]:
    """Cut line protocol into frames of at most FRAME_BYTES, at line ends."""
    out, begin = [], 0
    while len(lines) - begin > FRAME_BYTES:
        end = lines.rindex(b"\n", begin, begin + FRAME_BYTES) + 1
        out.append(lines[begin:end])
        begin = end
    if begin < len(lines):
        out.append(lines[begin:])
    return out


class Block(NamedTuple):
    """A changed block of a partition; up_to: the last input offset that it reflects."""

    partition: int
    key: bytes
    body: bytes
    up_to: int


class Checkpoint:
    """The pipelines of the partitions that this worker owns."""

    def __init__(
        self, app: Any, table: Any, state_topic: str, make: Callable[[], Core], progress: Progress
    ) -> None:
        self.app, self.table, self.state_topic, self.make = app, table, state_topic, make
        self.progress = progress
        self.cores: dict[int, Core] = {}
        self._events: dict[int, list[Any]] = {}  # partition → applied, not yet acknowledged
        self._sends: list[Any] = []
        self._lock = asyncio.Lock()
        # Held from applying a batch until its last output is queued: a snapshot between the two would
        # save blocks that reflect outputs nobody awaits, and a kill would lose them.
        self.applying = asyncio.Lock()
        self.saved = 0
        self._applied: dict[int, int] = {}  # partition → the last offset its pipeline took
        self._paused = False  # between losing partitions and taking up the next ones

    async def send(self, topic: str, key: bytes | None, value: bytes, partition: int | None) -> None:
        """Queue an output; the next checkpoint awaits it."""
        future = await self.app.producer.send(topic, key, value, partition, None, None)
        self._sends.append(future)

    def took(self, event: Any) -> None:
        """A batch has been applied, its outputs queued: acknowledge it at the next checkpoint."""
        self._events.setdefault(event.value.tp.partition, []).append(event)

    def crowded(self) -> bool:
        """Whether so much waits that a checkpoint should come early."""
        return sum(map(len, self._events.values())) >= OUTSTANDING_BATCHES

    async def release(self) -> None:
        """Before partitions go: save, then touch nothing until the next ones are here.

        A block sent after another worker took its partition over would hide a newer one.
        """
        await self.save()
        self._paused = True

    async def save(self) -> None:
        """Outputs durable → blocks durable → events acknowledged.

        A failure stops the worker: blocks count as saved from the snapshot on.
        """
        if self._paused:
            return
        try:
            await self._save()
        except Exception as error:
            await self.app.crash(error)
            raise

    async def _save(self) -> None:
        async with self._lock:
            begin = time.perf_counter()
            blocks, events = await self._snapshot()
            # Outputs of batches that came meanwhile are among these: they are awaited early, no harm.
            sends, self._sends = self._sends, []
            reach("snapshot-taken")
            if sends:
                await asyncio.gather(*sends)
            reach("outputs-durable")
            packed = await asyncio.to_thread(lambda: [pack(block.body) for block in blocks])
            pulse.check()
            places: list[Any] = []
            saving: list[Any] = []
            size = 0
            for block, body in zip(blocks, packed, strict=True):
                if len(body) > LARGEST_BLOCK:
                    raise BlockTooLarge(
                        f"state block {block.key.decode()} has {len(body)} bytes, no more than "
                        f"{LARGEST_BLOCK} can be saved; nothing is lost, but its partition stands still"
                    )
                if size + len(body) > UNDER_WAY:
                    places += await asyncio.gather(*saving)
                    saving, size = [], 0
                stamp = {UP_TO: b"%d" % block.up_to}
                saving.append(
                    await self.app.producer.send(
                        self.state_topic, block.key, body, block.partition, None, stamp
                    )
                )
                size += len(body)
                reach("block-sent")
            places += await asyncio.gather(*saving)
            self._look_for_zombies(places)
            if blocks:
                reach("state-written")
            for event in events:
                event.ack()
            if events:
                reach("acknowledged")
            self.saved += len(events)
            metrics.CHECKPOINT.observe(time.perf_counter() - begin)
            if events or blocks or not self.progress.waits():
                metrics.CHECKPOINT_AT.set_to_current_time()
            metrics.show_ledgers(core.ledger for core in self.cores.values())

    async def _snapshot(self) -> tuple[list[Block], list[Any]]:
        """The changed blocks and the events that they reflect.

        Partition by partition: an alert that comes meanwhile waits for one of them, not for all.
        """
        blocks: list[Block] = []
        events: list[Any] = []
        for partition, core in list(self.cores.items()):
            async with self.applying:
                # Without an await between: the blocks reflect exactly these events.
                up_to = self._applied.get(partition, -1)
                events += self._events.pop(partition, [])
                blocks += [
                    Block(partition, b"%d/%s" % (partition, number), body, up_to)
                    for number, body in core.snapshot().items()
                ]
            await asyncio.sleep(0)
        return blocks, events

    def _look_for_zombies(self, places: Iterable[Any]) -> None:
        """Blocks between our own ones hide newer ones of ours: write all of that partition again."""
        offsets: dict[int, list[int]] = {}
        for place in places:
            offsets.setdefault(place.partition, []).append(place.offset)
        for partition, written in offsets.items():
            end = max(written) + 1
            if end - len(written) != self.table.ends.get(partition, 0) and partition in self.cores:
                log.warning("somebody else wrote state here, all of it is written again", partition=partition)
                self.cores[partition].rewrite()
            self.table.ends[partition] = end

    async def recover(self, partitions: set[int]) -> None:
        """Build the pipelines of newly assigned partitions from the table; drop those that went."""
        for partition in list(self.cores):
            if partition not in partitions:
                del self.cores[partition]
                self._applied.pop(partition, None)
        fresh = {p: dict[bytes, bytes]() for p in partitions - set(self.cores)}
        for key, block in self.table.data.items():
            partition, number = key.split(b"/")
            if int(partition) in fresh:
                fresh[int(partition)][number] = unpack(block)
        for partition, saved in fresh.items():
            core = self.make()
            core.restore(saved)
            self.cores[partition] = core
            reach("partitions-recovered")
        self.progress.begin_anew()
        self._paused = False
        reach("recovered")

    def stalled(self) -> float:
        """For how many seconds a partition has taken nothing although it should; 0.0 while it may not.

        A save that waits for the broker holds it up as well as a move does, and a new start mends neither.
        """
        return 0.0 if self._paused or self._lock.locked() else self.progress.stalled(time.monotonic())

    def apply(self, batch: Batch) -> Any:
        """Run a batch through its partition's pipeline; its records are let go of.

        None while partitions are on the move: the batch comes again, here or to another worker.
        """
        if self._paused:
            return None
        # A rebalance reads again from the commit, into a pipeline that kept its place.
        partition = batch.tp.partition
        applied = self._applied.get(partition, -1)
        self._applied[partition] = max(applied, batch.last)
        self.progress.took(partition, batch.last, time.monotonic())
        fresh = batch if batch.first > applied else batch.after(applied) if batch.last > applied else None
        outputs = self.cores[partition].process(
            *((fresh.values, fresh.timestamps, fresh.offsets, fresh.keys) if fresh else ([], [], [], []))
        )
        batch.let_go()
        return outputs
