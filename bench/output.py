"""What a peer has told: read while it runs, judged against the reference afterwards."""

import time
from dataclasses import dataclass, field

from kafka import KafkaConsumer, TopicPartition

from bench.load import PARTITIONS
from bench.peers import Peer, alert_of, count_of, windows_of
from bench.reference import Key, Reference, Window


@dataclass
class Findings:
    """How results differ from the reference; all zero: they are exact.

    `repeated` are records that came again with the same content: a reader who keeps one per key does not see
    them. `contradicted` came again with another content.
    """

    windows_lost: int = 0
    windows_wrong: int = 0
    windows_contradicted: int = 0
    windows_repeated: int = 0
    alerts_lost: int = 0
    alerts_invented: int = 0
    alerts_repeated: int = 0

    @property
    def exact(self) -> bool:
        """Whether a reader who keeps the last record of each key has the right results."""
        wrong = self.windows_lost + self.windows_wrong + self.windows_contradicted
        return wrong + self.alerts_lost + self.alerts_invented == 0


@dataclass
class Output:
    """Every window and alert that came, with the broker's time (ms) of windows and ours (s) of alerts.

    records: what is not taken apart yet.
    """

    peer: Peer
    records: list[tuple[bytes, int]] = field(default_factory=list)
    come: int = 0  # windows in these, repeats too
    windows: dict[Key, dict[int, list[Window]]] = field(default_factory=dict)
    appended: dict[Key, int] = field(default_factory=dict)
    alerts: dict[Key, list[float]] = field(default_factory=dict)
    newest: float = 0.0  # when something came last
    newest_appended: float = 0.0  # when the broker took it

    def take(self, is_alert: bool, value: bytes, appended: int, now: float) -> None:
        """One record of the peer's alerts or windows, which the broker took at `appended` ms."""
        self.newest, self.newest_appended = now, max(self.newest_appended, appended / 1000)
        if is_alert:
            key = alert_of(self.peer, value)
            if key is not None:
                self.alerts.setdefault(key, []).append(now)
            return
        self.records.append((value, appended))
        self.come += count_of(self.peer, value)

    def read_records(self) -> None:
        """Take apart what has come: afterwards, or a reader would be slower than a fast peer."""
        for value, appended in self.records:
            for window, revision, content in windows_of(self.peer, value):
                self.windows.setdefault(window, {}).setdefault(revision, []).append(content)
                self.appended.setdefault(window, appended)
        self.records.clear()

    def complete(self, windows: int) -> bool:
        """Whether so many windows have come, each at least once."""
        if self.come < windows:
            return False
        self.read_records()
        return len(self.windows) >= windows

    def progress(self, reference: Reference) -> list[tuple[float, int]]:
        """(seconds, readings done by then) at each window, by where in the log the windows close."""
        self.read_records()
        done, out = dict[int, int](), []
        for key, at in sorted(self.appended.items(), key=lambda item: item[1]):
            if key in reference.closing:
                partition, count = reference.closing[key]
                done[partition] = max(done.get(partition, 0), count)
                out.append((at / 1000, sum(done.values())))
        return out

    def judge(self, reference: Reference) -> Findings:
        """Compare with what should have come, window by window and alert by alert."""
        self.read_records()
        found, tolerance = Findings(), self.peer.tolerance
        for key, right in reference.windows.items():
            revisions = self.windows.get(key)
            if revisions is None:
                found.windows_lost += 1
            elif not revisions[max(revisions)][-1].equals(right, tolerance):
                found.windows_wrong += 1
        found.windows_wrong += len(self.windows.keys() - reference.windows.keys())
        for revisions in self.windows.values():
            for first, *others in revisions.values():
                same = sum(first == other for other in others)
                found.windows_repeated += same
                found.windows_contradicted += len(others) - same
        wanted = reference.limits if self.peer.ours else reference.alerts
        found.alerts_lost = len(wanted - self.alerts.keys())
        found.alerts_invented = len(self.alerts.keys() - wanted)
        found.alerts_repeated = sum(len(times) - 1 for times in self.alerts.values())
        return found


class Reader(Output):
    """The output of a running peer, out of Kafka."""

    def __init__(self, peer: Peer, address: str, prefix: str) -> None:
        super().__init__(peer)
        # What an exactly-once peer has not committed yet does not exist for its readers.
        self._consumer = KafkaConsumer(
            bootstrap_servers=address,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_poll_records=5000,
        )
        topics = f"{prefix}.{peer.windows}", f"{prefix}.alerts"
        self._consumer.assign([TopicPartition(topic, p) for topic in topics for p in range(PARTITIONS)])

    def read(self, milliseconds: int = 50) -> None:
        """Take what has come, waiting at most so long for something."""
        for place, records in self._consumer.poll(timeout_ms=milliseconds).items():
            now = time.time()
            for record in records:
                self.take(place.topic.endswith(".alerts"), record.value, record.timestamp, now)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
