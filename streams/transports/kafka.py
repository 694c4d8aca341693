"""`batch://host:port`: the aiokafka driver with one event per partition and poll."""

from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.transports import kafka_records
from streams.transports.batch import Batch, Tracking

FETCH_WAIT_MILLISECONDS = 100  # a broker answers at the first byte; this bounds an idle fetch


class Thread(driver.AIOKafkaConsumerThread):
    """The consumer's thread, with a fetch wait of our own (the driver fixes it to 1.5 s)."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MILLISECONDS
        return consumer


class Consumer(Tracking, driver.Consumer):
    """Coalesces what a poll brings of a batched topic."""

    def _new_consumer_thread(self) -> Any:
        kafka_records.install(self.batched)
        return Thread(self, loop=self.loop, beacon=self.beacon)

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has, None without it; the stock code knows it of the leader alone."""
        found = self._thread._ensure_consumer().partitions_for_topic(topic)
        return len(found) if found else None

    async def _fetch(self, active: Any, timeout: float) -> dict[Any, list[Any]]:
        return await driver.Consumer._getmany(self, active, timeout)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if isinstance(record, Batch):
            return record.message(self.app.consumer_generation_id)
        return super()._to_message(tp, record)


class Transport(driver.Transport):
    """The entry point `batch`."""

    Consumer = Consumer
