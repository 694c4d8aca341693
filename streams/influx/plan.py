"""What Vigie needs in InfluxDB 2, and in what a server differs from it: decided, nothing done.

The writer is a name and a password of version 1, not a token: InfluxDB 2 lets whoever may write to a bucket
delete its points and the bucket itself through /api/v2, which these credentials do not open (measured on
2.9.1, tests/live/test_influx.py). Grafana's token may read the two buckets and nothing else.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from streams.certificates import SOON
from streams.drift import Drift
from streams.settings import Settings

RAW: Final = "autogen"  # retention policies of the database: InfluxQL finds both buckets under one name
HISTORY: Final = "history"
DAY: Final = 86_400  # seconds
SETUP: Final = "vigie influx setup"


class Bucket(NamedTuple):
    """A bucket as it should be; 0 seconds: for ever."""

    name: str
    policy: str
    seconds: int
    shard_seconds: int


class Found(NamedTuple):
    """A bucket as it is; `shard_seconds` is 0 when the server does not say."""

    id: str
    seconds: int
    shard_seconds: int


class State(NamedTuple):
    """What the server and the folder of secrets hold."""

    organisation: str | None = None  # its id
    buckets: dict[str, Found] = {}  # by name
    mappings: dict[str, tuple[str, str]] = {}  # retention policy → id, id of its bucket
    writer: tuple[str, set[str]] | None = None  # id, rights such as write:buckets/1234
    writer_enters: bool = False  # with the credential of its file
    reader: tuple[str, set[str]] | None = None
    reader_enters: bool = False
    open_files: tuple[str, ...] = ()
    certificate_ends: float | None = None  # seconds since 1970; None over an open line


def wanted(settings: Settings) -> list[Bucket]:
    """Raw windows, readings and bands for months; hourly and daily windows and alerts for years."""
    name = str(settings.influx_bucket)
    return [
        _bucket(name, RAW, settings.influx_raw_days, 1),
        _bucket(f"{name}-history", HISTORY, settings.influx_history_days, 28),
    ]


def _bucket(name: str, policy: str, days: int, shard_days: int) -> Bucket:
    """A bucket that keeps so many days, 0: for ever, in shards of so many, or fewer when it keeps fewer."""
    return Bucket(name, policy, days * DAY, min(shard_days, days or shard_days) * DAY)


def drifts(settings: Settings, state: State, now: float) -> list[Drift]:
    """All that is not as wanted, in the order in which it can be mended; `now` in seconds since 1970."""
    if state.organisation is None:
        return [Drift("organisation", str(settings.influx_org), "is missing", SETUP)]
    found, buckets = [], wanted(settings)
    for bucket in buckets:
        there = state.buckets.get(bucket.name)
        if there is None:
            found.append(Drift("bucket", bucket.name, "is missing", SETUP))
            continue
        if there.seconds != bucket.seconds:
            days, wish = there.seconds // DAY, bucket.seconds // DAY
            text = f"keeps {days} days, the settings say {wish} (0: for ever)"
            found.append(Drift("retention", bucket.name, text, f"{SETUP} --retention"))
        elif there.shard_seconds not in (0, bucket.shard_seconds):  # mended, new shards have it
            days, wish = there.shard_seconds // DAY, bucket.shard_seconds // DAY
            text = f"has shards of {days} days, {wish} are wanted"
            found.append(Drift("shards", bucket.name, text, SETUP))
    ids = {bucket.policy: state.buckets.get(bucket.name, Found("", 0, 0)).id for bucket in buckets}
    for policy, bucket_id in ids.items():
        if state.mappings.get(policy, ("", ""))[1] != bucket_id:
            found.append(Drift("mapping", policy, "does not lead to its bucket", SETUP))
    for what, name, action, account, enters in (
        ("writer", writer_name(settings), "write", state.writer, state.writer_enters),
        ("reader", reader_name(settings), "read", state.reader, state.reader_enters),
    ):
        if account is None:
            found.append(Drift(what, name, "is missing", SETUP))
        elif account[1] != {f"{action}:buckets/{bucket_id}" for bucket_id in ids.values()}:
            found.append(Drift(what, name, "has other rights than it needs", SETUP))
        elif not enters:
            found.append(Drift(what, name, "does not get in with what its file says", SETUP))
    found += [Drift("mode", name, "can be read by others", SETUP) for name in state.open_files]
    if state.certificate_ends is not None and state.certificate_ends < now + SOON:
        day = datetime.fromtimestamp(state.certificate_ends, UTC).date()
        of = str(settings.influx_url)
        found.append(Drift("certificate", of, f"ends on {day}", "vigie init DIR --renew"))
    return found


def writer_name(settings: Settings) -> str:
    """The name that the writer signs in with."""
    return f"{settings.influx_bucket}-writer"


def reader_name(settings: Settings) -> str:
    """The description of Grafana's token."""
    return f"{settings.influx_bucket}-reader"
