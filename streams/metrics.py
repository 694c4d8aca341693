"""Prometheus metrics: base units in the names, label values of closed sets only.

Closed means: fixed here, in the core, or by the settings (sinks, endpoints). Nothing that a record says
becomes a label value before it is found in its set, so that no input can make new series.
"""

import time
from collections import Counter as Counts
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from models.outputs import Ledger, Outputs
from models.wire import REASONS
from streams.lag import behind, bounds
from streams.settings import Settings

FATES: Final = ("accepted", "duplicate", "late", "rejected")
KINDS: Final = ("limit", "baseline", "trend", "score", "symptom", "silence", "technical")
EVENTS: Final = ("opened", "updated", "acknowledged", "resolved", "closed")
SEVERITIES: Final = ("low", "medium", "high")
SINK_REASONS: Final = ("unavailable", "throttled", "misconfigured")
OUTCOMES: Final = ("delivered", "unavailable", "throttled", "refused", "gone", "expired")
TOPICS: Final = ("readings", "results", "alerts")
OTHER: Final = "other"  # stands for whatever is not in a set
FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SLOW: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_SECONDS: Final = 5.0  # between looks at the lag
log = structlog.get_logger(__name__)

disable_created_metrics()  # a series more for each counter, of no use to Prometheus
REGISTRY: Final = CollectorRegistry()


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=REGISTRY)


RECORDS: Final = _counter("vigie_records", "Records of the input log taken, repeats after a kill included.")
LEDGER: Final = _gauge("vigie_ledger_readings", "Readings ever, of the partitions owned, by fate.", "fate")
REJECTS: Final = _counter("vigie_rejects", "Records sent to the rejects topic.", "reason")
ALERTS: Final = _counter("vigie_alerts", "Alert transitions.", "kind", "severity", "event")
RESULT_BYTES: Final = _counter("vigie_results_bytes", "Line protocol sent to the results topic.")
BATCH: Final = Histogram(
    "vigie_batch_seconds", "Time the core takes for a batch.", buckets=FAST, registry=REGISTRY
)
CHECKPOINT: Final = Histogram(
    "vigie_checkpoint_seconds", "Time to save changed state.", buckets=SLOW, registry=REGISTRY
)
CHECKPOINT_AT: Final = _gauge(
    "vigie_checkpoint_timestamp_seconds",
    "When state was last saved, or nothing waited for it, since 1970. Stands still in a stall.",
)
STALL: Final = _gauge(
    "vigie_stall_seconds", "For how long the worst partition has taken nothing of what the broker has."
)
LAG: Final = _gauge("vigie_lag_records", "Records written and not yet committed by this worker.", "topic")
STORED: Final = _counter("vigie_stored_records", "Frames and alerts confirmed by the sink.", "topic")
STORE_REFUSED: Final = _counter("vigie_store_refused", "Lines and alerts that the sink refused.", "topic")
STORE_WRITE: Final = Histogram(
    "vigie_store_write_seconds", "Time until the sink confirms a write.", buckets=SLOW, registry=REGISTRY
)
STORE_RETRIES: Final = _counter("vigie_store_retries", "Writes that the sink did not confirm.", "reason")
STORE_UP: Final = _gauge("vigie_store_up", "1 when the sink took the last write, 0 when not.")
ATTEMPTS: Final = _counter("vigie_delivery_attempts", "Webhook attempts.", "endpoint", "outcome")
ATTEMPT: Final = Histogram(
    "vigie_delivery_attempt_seconds",
    "Time of a webhook attempt.",
    ("endpoint",),
    buckets=SLOW,
    registry=REGISTRY,
)
PENDING: Final = _gauge("vigie_deliveries_pending", "Deliveries not settled yet.", "endpoint")
TOO_OLD: Final = _counter(
    "vigie_deliveries_too_old", "Alerts met too late to be sent: settled as expired, unsent.", "endpoint"
)
OLDEST: Final = _gauge(
    "vigie_delivery_oldest_timestamp_seconds", "Since when the oldest waits, 0 when none does.", "endpoint"
)


CLOCK: Final = _gauge("vigie_clock_timestamp_seconds", "This machine's clock when scraped, since 1970.")
CLOCK.set_function(time.time)  # beside Prometheus's own time of the scrape, it tells a wrong clock
ProcessCollector(namespace="vigie", registry=REGISTRY)  # memory, descriptors, start


class Words(msgspec.Struct):
    """What is counted of a transition."""

    kind: str
    severity: str
    event: str


_words = msgspec.json.Decoder(Words).decode


def known(value: str, names: Iterable[str]) -> str:
    """The value when its set holds it, else `other`."""
    return value if value in names else OTHER


def count_outputs(records: int, outputs: Outputs) -> None:
    """Count what the core made of a batch of records."""
    RECORDS.inc(records)
    RESULT_BYTES.inc(len(outputs.results))
    for reason, count in Counts(reject.reason for reject in outputs.rejects).items():
        REJECTS.labels(known(reason, REASONS)).inc(count)
    for alert in outputs.alerts:
        words = _words(alert.body)
        ALERTS.labels(
            known(words.kind, KINDS), known(words.severity, SEVERITIES), known(words.event, EVENTS)
        ).inc()


def show_ledgers(ledgers: Iterable[Ledger]) -> None:
    """Show the sum of the partitions' ledgers: it outlives restarts, since it is saved with the state."""
    total = dict.fromkeys(FATES, 0)
    for ledger in ledgers:
        total["accepted"] += ledger.accepted
        total["duplicate"] += ledger.duplicate
        total["late"] += ledger.late
        total["rejected"] += sum(ledger.rejected.values())
    for fate, count in total.items():
        LEDGER.labels(fate).set(count)


@contextmanager
def timed(histogram: Histogram) -> Iterator[None]:
    """Observe how long a block takes, when it ends well."""
    begin = time.perf_counter()
    yield
    histogram.observe(time.perf_counter() - begin)


def prepare(settings: Settings) -> None:
    """Make every series of the closed sets at once: a counter that first appears at 1 hides its rise."""
    for fate in FATES:
        LEDGER.labels(fate)
    for reason in REASONS:
        REJECTS.labels(reason)
    for topic in ("results", "alerts"):
        STORED.labels(topic)
        STORE_REFUSED.labels(topic)
    for reason in SINK_REASONS:
        STORE_RETRIES.labels(reason)
    for endpoint in settings.endpoints:
        PENDING.labels(endpoint.name)
        OLDEST.labels(endpoint.name)
        TOO_OLD.labels(endpoint.name)
        for outcome in OUTCOMES:
            ATTEMPTS.labels(endpoint.name, outcome)


def attach(app: Any, settings: Settings) -> None:
    """Make all series, and keep the lag fresh. No port in the settings: nobody asks."""
    if settings.metrics_port is None:
        return
    prepare(settings)

    @app.timer(interval=LAG_SECONDS)
    async def look() -> None:
        consumer, owned = app.consumer, app.consumer.assignment()
        try:
            there = await bounds(consumer, [tp for tp in owned if tp.topic in app.batch_topics])
        except Exception as error:  # a look must not end a worker: the broker may be away
            log.info("the lag cannot be told now", error=type(error).__name__)
            return
        for name in TOPICS:
            places = [tp for tp in there.ends if tp.topic == settings.topic(name)]
            LAG.labels(name).set(behind(consumer._committed_offset, there, places))
