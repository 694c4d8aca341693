"""The job as a plain loop over confluent-kafka and dictionaries: no state survives, nothing is guaranteed."""

import math
import os
import signal

import msgspec
from confluent_kafka import Consumer, Producer

WINDOW, LATENESS = 60_000, 10_000  # ms
PREFIX = os.environ["PREFIX"]


class Reading(msgspec.Struct):
    """What the job needs of a reading."""

    patient: str
    vital: str
    value: float


class Series:
    """What is kept of one vital of one patient."""

    __slots__ = ("mean", "n", "newest", "open", "variance")

    def __init__(self, x: float) -> None:
        self.open, self.newest, self.n, self.mean, self.variance = {}, 0, 0, x, 0.0


decode, encode = msgspec.json.Decoder(Reading).decode, msgspec.json.Encoder().encode
consumer = Consumer(
    {
        "bootstrap.servers": os.environ["BROKER"],
        "group.id": f"{PREFIX}-job",
        "auto.offset.reset": "earliest",
        # Tuned as for throughput: more in a fetch, more in the queue (peers.md: 115 k/s become 255 k/s)
        "fetch.message.max.bytes": 8 << 20,
        "queued.max.messages.kbytes": 1 << 18,
    }
)
producer = Producer({"bootstrap.servers": os.environ["BROKER"], "linger.ms": 5})
consumer.subscribe([f"{PREFIX}.readings"])
series: dict[tuple[str, str], Series] = {}


def watch(reading: Reading, at: int) -> None:
    """Take one reading and send its results."""
    x, name = reading.value, {"patient": reading.patient, "vital": reading.vital}
    key = reading.patient, reading.vital
    s = series.get(key)
    if s is None:
        s = series[key] = Series(x)
    step = x - s.mean
    z = step / math.sqrt(s.variance) if s.variance > 0 else 0.0
    if s.n >= 30 and abs(z) > 4:
        producer.produce(f"{PREFIX}.alerts", encode({**name, "at": at, "value": x, "z": z}), reading.patient)
    start = at // WINDOW * WINDOW
    window = s.open.get(start)
    if window is None:
        s.open[start] = [1, x, x, x]
    else:
        window[0] += 1
        window[1] += x
        window[2], window[3] = min(window[2], x), max(window[3], x)
    s.newest = max(s.newest, at)
    for begin in [b for b in s.open if s.newest >= b + WINDOW + LATENESS]:
        count, total, low, high = s.open.pop(begin)
        body = {**name, "start": begin, "count": count, "mean": total / count, "min": low, "max": high}
        producer.produce(f"{PREFIX}.windows", encode(body), reading.patient)
    s.n += 1
    s.mean += 0.02 * step
    s.variance += 0.02 * (step * step - s.variance)


def main() -> None:
    """Consume until a signal ends it."""
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while not stopped:
        for message in consumer.consume(1000, 0.02):  # up to 1,000, or what 20 ms bring
            if message.error() is None:
                watch(decode(message.value()), message.timestamp()[1])
        producer.poll(0)
    producer.flush()
    consumer.close()


if __name__ == "__main__":
    main()
