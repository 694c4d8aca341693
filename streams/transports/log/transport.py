"""`log:///path`: Faust on a Log. This process owns every partition; a second consumer is refused.

URL options: sync=full|normal (fsync at each commit, or leave it to the system), poll=0.02 (seconds
between looks at other processes' appends), clean=60 (seconds between cleanings), dirty=1000 (new
records that make a compaction worth while).
"""

import asyncio
import fcntl
import json
import os
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from faust.assignor.client_assignment import ClientAssignment
from faust.exceptions import ImproperlyConfigured, ProducerSendError
from faust.tables.manager import TableManager as FaustTableManager
from faust.transport import base, consumer, producer
from faust.types import TP, ConsumerMessage, RecordMetadata
from mode import Service

from streams.transports.batch import Batch, Tracking
from streams.transports.log.cleaning import clean
from streams.transports.log.file import OPTIONS
from streams.transports.log.segments import Columns
from streams.transports.log.store import Log


class Shared:
    """The Log of this process at a path: producer and consumer use one, with one writer thread."""

    open: ClassVar[dict[str, "Shared"]] = {}

    def __init__(self, path: str, options: Mapping[str, str], partitions: int) -> None:
        unknown = set(options) - set(OPTIONS)
        if unknown:
            raise ImproperlyConfigured(
                f"log://: unknown option {', '.join(unknown)}; known: {', '.join(OPTIONS)}"
            )
        options = {**OPTIONS, **options}
        self.path, self.users = path, 0
        self.log = Log(path, options["sync"], partitions)
        self.poll, self.clean, self.dirty = (float(options[k]) for k in ("poll", "clean", "dirty"))
        self.writer = ThreadPoolExecutor(1)

    @classmethod
    def acquire(cls, url: Any, partitions: int) -> "Shared":
        """The Log of a URL: log:///absolute/folder or log://./relative/folder."""
        if (url.host or ".") != ".":
            raise ImproperlyConfigured("write log:///absolute/folder or log://./relative/folder")
        path = os.path.abspath((url.host or "") + url.path)
        if path not in cls.open:
            cls.open[path] = cls(path, dict(url.query), partitions)
        cls.open[path].users += 1
        return cls.open[path]

    def release(self) -> None:
        """Close when the last user goes."""
        self.users -= 1
        if self.users == 0:
            del self.open[self.path]
            self.writer.shutdown()
            self.log.close()

    async def call(self, function: Any, *args: Any) -> Any:
        """Run a write on the writer thread."""
        return await asyncio.get_running_loop().run_in_executor(self.writer, function, *args)


class Producer(producer.Producer):
    """Group commit: whatever came while one transaction was written goes into the next."""

    MAXIMUM_QUEUE = 20_000
    TRANSACTION = 5000

    async def on_start(self) -> None:
        """Open the log."""
        self.shared = Shared.acquire(self.transport.url[0], self.app.conf.topic_partitions)
        self._queue: list[tuple[Any, asyncio.Future[RecordMetadata]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._failed: Exception | None = None
        await super().on_start()

    async def on_stop(self) -> None:
        """Write what waits, then close."""
        await super().on_stop()
        try:
            await self.flush()
        finally:
            self.shared.release()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: Any,
        *,
        transactional_id: str | None = None,
    ) -> Any:
        """Queue a record; the future holds its place once it is durable."""
        partition = self.shared.log.partition(topic, key, partition)
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        at = int(timestamp * 1000) if timestamp else None
        pairs = list(headers.items() if hasattr(headers, "items") else headers or ())
        self._queue.append(((topic, partition, key, value, at, pairs), future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())
        if len(self._queue) > self.MAXIMUM_QUEUE:  # back-pressure
            await asyncio.shield(self._writing)
        return future

    async def _write(self) -> None:
        await asyncio.sleep(0)
        while self._queue:
            batch, self._queue = self._queue[: self.TRANSACTION], self._queue[self.TRANSACTION :]
            try:
                done = await self.shared.call(self.shared.log.append, [row for row, _ in batch])
            except Exception as error:  # a full disk: tell the senders, stop rather than lose quietly
                self._failed = ProducerSendError(f"log://: {error!r}")
                for _, future in batch + self._queue:
                    if not future.done():
                        future.set_exception(self._failed)
                self._queue = []
                await self.crash(error)
                return
            for (row, future), (p, offset) in zip(batch, done, strict=True):
                if not future.done():
                    future.set_result(RecordMetadata(row[0], p, TP(row[0], p), offset, row[4], 0))
            if self.app._consumer:
                self.app.consumer.wake.set()

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> Any:
        """Append and wait until it is durable."""
        return await (await self.send(*args, **kwargs))

    async def flush(self) -> None:
        """Wait for all that is queued. Raises ProducerSendError when a write failed."""
        await self.buffer.flush()
        while self._writing and not self._writing.done():
            await asyncio.shield(self._writing)
        if self._failed:
            raise self._failed

    async def create_topic(self, topic: str, partitions: int, replication: int, **options: Any) -> None:
        """Make a topic; its retention and compaction as declared."""
        config = options.get("config") or {}
        compact = bool(options.get("compacting")) or "compact" in config.get("cleanup.policy", "")
        retention = int(float(options.get("retention") or 0) * 1000) or int(config.get("retention.ms", 0))
        await self.shared.call(self.shared.log.topic, topic, partitions, retention or None, None, compact)

    def key_partition(self, topic: str, key: bytes) -> TP:
        """The place of a key."""
        return TP(topic, self.shared.log.partition(topic, key))

    def supports_headers(self) -> bool:
        """Headers are kept."""
        return True


class Consumer(Tracking, consumer.Consumer):
    """Owns every partition of the log; one rebalance per subscription."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._places: dict[TP, int] = {}
        self._assigned: set[TP] = set()
        self.wake = asyncio.Event()
        self._lock: Any = None
        super().__init__(*args, **kwargs)

    async def on_start(self) -> None:
        """Open the log and take its lock. Raises ImproperlyConfigured when another process holds it."""
        if self.in_transaction or self.app.client_only:
            raise ImproperlyConfigured("log:// has no exactly_once and no client_only mode")
        self.shared = Shared.acquire(self.transport.url[0], self.app.conf.topic_partitions)
        self._lock = Path(self.shared.path, "consumer.lock").open("a+")  # noqa: SIM115 - held while we live
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            holder = self._lock.read()
            raise ImproperlyConfigured(
                f"{self.shared.path} is consumed by process {holder} already: log:// has one worker"
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        await super().on_start()

    async def on_stop(self) -> None:
        """Commit for the last time and let go."""
        await super().on_stop()
        if self._lock:
            self._lock.close()
            self.shared.release()

    @Service.task
    async def _cleaner(self) -> None:
        async for _ in self.itertimer(self.shared.clean, name="log.clean"):
            keep = {
                (tp.topic, tp.partition): self._committed_offset[tp] or 0
                for tp in self._assigned
                if self.app.topics.acks_enabled_for(tp.topic)
            }
            await asyncio.to_thread(clean, self.shared.log, keep, int(self.shared.dirty))

    # -- assignment

    async def subscribe(self, topics: Any) -> None:
        """Take every partition of the topics; in the background, since the app waits for this call."""
        log = self.shared.log
        self.add_future(self._rebalance({TP(t, p) for t in topics for p in range(log.topic(t)[1])}))

    async def _rebalance(self, assigned: set[TP]) -> None:
        app, before = self.app, self._assigned
        app.on_rebalance_start()
        await self.on_partitions_revoked(before)
        actives = defaultdict(list)
        for topic, partition in sorted(assigned):
            actives[topic].append(partition)
        app.assignor._assignment = ClientAssignment(actives=dict(actives), standbys={})
        self._assigned = assigned
        app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(assigned), app.consumer_generation_id)

    def assignment(self) -> set[TP]:
        """All partitions of the subscribed topics."""
        return set(self._assigned)

    def topic_partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return self.shared.log.topic(topic)[1]

    def key_partition(self, topic: str, key: bytes, partition: int | None = None) -> int:
        """The partition of a key."""
        return self.shared.log.partition(topic, key, partition)

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Make a topic through the producer."""
        await self.app.producer.create_topic(*args, **kwargs)

    # -- offsets

    def highwater(self, tp: TP) -> int:
        """The end offset, as last seen."""
        return self.shared.log._ends[tp.topic, tp.partition]

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        """The end offsets now."""
        ends = self.shared.log.refresh()
        return {tp: ends[tp.topic, tp.partition] for tp in tps}

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        """The first kept offsets."""
        return {tp: self.shared.log.earliest((tp.topic, tp.partition)) for tp in tps}

    async def position(self, tp: TP) -> int | None:
        """The next offset to be read."""
        return self._places.get(tp)

    async def _seek(self, tp: TP, offset: int) -> None:
        self._places[tp] = offset

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek several partitions."""
        for tp, offset in partitions.items():
            await self.seek(tp, offset)

    async def seek_to_committed(self) -> dict[TP, int | None]:
        """Go on after what is committed; a new group begins at the first record."""
        committed = self.shared.log.committed(self.app.conf.id)
        for tp in self._assigned:
            self._places[tp] = committed.get((tp.topic, tp.partition), 0)
        return {tp: committed.get((tp.topic, tp.partition)) for tp in self._assigned}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        await self.shared.call(self.shared.log.commit, self.app.conf.id, offsets)
        return True

    # -- records

    async def _fetch(self, active: Any, timeout: float) -> dict[Any, list[Any]]:
        until = time.monotonic() + timeout
        most = self.app.conf.broker_max_poll_records or 500
        while self.flow_active and not self.should_stop:
            self.wake.clear()
            ends, out, room = self.shared.log.refresh(), {}, most
            places = sorted(active)
            for tp in random.sample(places, len(places)):  # fair when one partition could fill every poll
                at, end = self._places.get(tp, 0), ends[tp.topic, tp.partition]
                if room > 0 and at < end:
                    offsets, found = self.shared.log.columns((tp.topic, tp.partition), at, room)
                    self._places[tp] = offsets[-1] + 1 if offsets else end
                    if offsets:
                        out[tp] = self._records(tp, offsets, found)
                    room -= len(offsets)
            if out or time.monotonic() >= until:
                return out
            try:
                await asyncio.wait_for(self.wake.wait(), self.shared.poll)
            except TimeoutError:
                continue
        return {}

    def _records(self, tp: TP, offsets: list[int], found: Columns) -> list[Any]:
        if self.batched(tp.topic):
            return [Batch.of(tp, offsets, found.timestamps, found.keys, found.values)]
        return list(zip(offsets, found.timestamps, found.keys, found.values, found.headers, strict=True))

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        generation = self.app.consumer_generation_id
        if isinstance(record, Batch):
            return record.message(generation)
        offset, at, key, value, text = record
        headers = [(name, held.encode("latin1")) for name, held in json.loads(text)] if text else []
        head = tp.topic, tp.partition, offset, at / 1000.0, 0, headers, key, value
        return ConsumerMessage(*head, None, 0, 0, tp, generation_id=generation)


class TableManager(FaustTableManager):
    """Faust's table manager without its second of sleep at the start."""

    async def on_start(self) -> None:
        """Recover at once."""
        await self._update_channels()
        await self.recovery.start()


class Transport(base.Transport):
    """The entry point `log`."""

    Consumer, Producer = Consumer, Producer
    default_port = 0
    driver_version = f"sqlite={sqlite3.sqlite_version}"
