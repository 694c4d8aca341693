"""A light load: how long from a reading's append until its alert is read from vigie.alerts, on Kafka.

Both ends are this process, so the figure holds the client's way to the broker and back as well.
"""

import threading
import time
from typing import Any

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from models.times import rfc3339
from streams.bench.deployment import NotAnswered, crisis, prepare, worker
from streams.kafka_access import client_options
from streams.settings import Settings

RATE = 1000  # readings/s
PROBES = 20  # of them, each second, the second reading of a crisis
PATIENTS = 500
WARM_UP = 5.0  # seconds that do not count


class _Alert(msgspec.Struct):
    patient: str


class Listener:
    """Notes when the alert of each patient was read."""

    def __init__(self, options: dict[str, Any], topic: str, partitions: int) -> None:
        self._consumer = KafkaConsumer(**options, fetch_max_wait_ms=100)
        self._consumer.assign([TopicPartition(topic, p) for p in range(partitions)])
        self._consumer.seek_to_beginning()
        self.seen: dict[str, float] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ending.is_set():
            for records in self._consumer.poll(timeout_ms=100).values():
                now = time.perf_counter()
                for record in records:
                    alert = msgspec.json.decode(record.value, type=_Alert)
                    self.seen.setdefault(alert.patient, now)

    def close(self) -> None:
        """Stop listening."""
        self._ending.set()
        self._thread.join()
        self._consumer.close()


def measure(settings: Settings, seconds: float) -> list[float]:
    """Milliseconds of each probe, sorted. Raises NotAnswered when an alert does not come."""
    ours = prepare(settings)
    options = client_options(ours.broker, ours)
    producer = KafkaProducer(**options, linger_ms=0, acks=1)
    listener = Listener(options, ours.topic("alerts"), ours.partitions)
    try:
        with worker(ours):
            _first_alert(producer, listener, ours.topic("readings"))
            sent = _load(producer, ours.topic("readings"), seconds)
            until = time.monotonic() + 10
            while not sent.keys() <= listener.seen.keys():
                if time.monotonic() > until:
                    raise NotAnswered(f"{len(sent.keys() - listener.seen.keys())} alerts did not come")
                time.sleep(0.05)
    finally:
        listener.close()
        producer.close()
    return sorted(1000 * (listener.seen[patient] - at) for patient, at in sent.items())


def _first_alert(producer: KafkaProducer, listener: Listener, topic: str) -> None:
    """Until the worker moves."""
    at = int(time.time() * 1000)
    for measured in (at - 60_000, at):
        producer.send(topic, key=b"first", value=crisis("first", measured))
    until = time.monotonic() + 120
    while "first" not in listener.seen:
        if time.monotonic() > until:
            raise NotAnswered("the worker does not move")
        time.sleep(0.05)


def _load(producer: KafkaProducer, topic: str, seconds: float) -> dict[str, float]:
    """Send at RATE; when each probe was sent."""
    sent: dict[str, float] = {}
    begin = time.perf_counter()
    every, count = RATE // PROBES, int(RATE * (seconds + WARM_UP))
    for i in range(count):
        ahead = begin + i / RATE - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        at = int(time.time() * 1000)
        probe, place = divmod(i, every)
        if place in (0, every // 2):  # half of a probe's time between its readings
            patient = f"probe-{probe}"
            if place and i > RATE * WARM_UP:
                sent[patient] = time.perf_counter()
            producer.send(topic, key=patient.encode(), value=crisis(patient, at if place else at - 60_000))
            continue
        patient = f"p-{i % PATIENTS}"
        reading = {
            "patient": patient,
            "device": "d",
            "vital": "heart-rate",
            "value": 60 + i % 40,
            "unit": "/min",
            "measured_at": rfc3339(at, 0),
        }
        producer.send(topic, key=patient.encode(), value=msgspec.json.encode(reading))
    producer.flush()
    return sent
