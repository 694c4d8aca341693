"""From kill -9 to moving again: a worker with much state is killed and started at once, as its manager would.

Moving means that a crisis appended after the kill has its alert in vigie.alerts.
"""

import itertools
import time

from streams.bench.core import Shape, readings
from streams.bench.deployment import NotAnswered, crisis, prepare, start, stop, worker
from streams.input import key_of, open_log
from streams.settings import Settings
from streams.transports.kafka_log import KafkaLog
from streams.transports.log.store import Log

SERIES = 40_000
LONGEST = 300.0  # seconds


def measure(settings: Settings, series: int = SERIES) -> float:
    """Seconds from the kill to the alert. Raises NotAnswered when the worker does not come to it."""
    ours = prepare(settings)
    log, topic = open_log(ours), ours.topic("readings")
    try:
        load = readings(Shape("recovery", series, 10_000, True), 3 * series)
        while part := list(itertools.islice(load, 5000)):
            log.append([(topic, None, key_of(value), value, at, None) for value, at in part])
        with worker(ours) as process:
            _alert(log, ours, "before")
            time.sleep(2 * ours.checkpoint_seconds)  # all of it is saved, as it would be in a long life
            process.kill()
            begin = time.monotonic()
        again = start(ours)
        try:
            _alert(log, ours, "after")
            return time.monotonic() - begin
        finally:
            stop(again)
    finally:
        log.close()


def _alert(log: Log | KafkaLog, settings: Settings, patient: str) -> None:
    """Append a crisis and wait for its alert."""
    at = int(time.time() * 1000)
    values = [crisis(patient, at), crisis(patient, at + 1000)]
    log.append([(settings.topic("readings"), None, patient.encode(), v, at, None) for v in values])
    until = time.monotonic() + LONGEST
    places = [(settings.topic("alerts"), p) for p in range(settings.partitions)]
    read = dict.fromkeys(places, 0)
    while time.monotonic() < until:
        ends = log.refresh()
        for place in places:
            while read[place] < ends.get(place, 0):
                records = log.read(place, read[place], 1000)
                read[place] = records[-1].offset + 1
                if any(record.key == patient.encode() for record in records):
                    return
        time.sleep(0.02)
    raise NotAnswered(f"no alert within {LONGEST:.0f} s")
