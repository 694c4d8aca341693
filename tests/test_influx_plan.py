"""What differs on an InfluxDB server is decided without one."""

import stat
from pathlib import Path

import pytest

from streams.influx.api import authorization
from streams.influx.plan import Found, State, drifts, wanted
from streams.secret_files import ensure_secret, is_open, read_secret, write_secret
from streams.settings import Settings

DAY = 86_400
SETTINGS = Settings(influx_org="clinic", influx_bucket="vigie", influx_raw_days=90, influx_history_days=0)
GOOD = State(
    organisation="o1",
    buckets={
        "vigie": Found("b1", 90 * DAY, DAY),
        "vigie-history": Found("b2", 0, 28 * DAY),
        "other": Found("b3", 5, 5),
    },
    mappings={"autogen": ("m1", "b1"), "history": ("m2", "b2")},
    writer=("w1", {"write:buckets/b1", "write:buckets/b2"}),
    writer_enters=True,
    reader=("r1", {"read:buckets/b1", "read:buckets/b2"}),
    reader_enters=True,
)


NOW = 1_772_409_600.0


def test_a_server_that_is_as_wanted_has_no_drift() -> None:
    assert drifts(SETTINGS, GOOD, NOW) == []
    assert drifts(SETTINGS, GOOD._replace(certificate_ends=NOW + 31 * DAY), NOW) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"organisation": None}, "organisation clinic is missing; run `vigie influx setup`"),
        (
            {"buckets": {**GOOD.buckets, "vigie": Found("b1", 30 * DAY, 7 * DAY)}},
            "run `vigie influx setup --retention`",
        ),
        (
            {"buckets": {**GOOD.buckets, "vigie": Found("b1", 90 * DAY, 7 * DAY)}},
            "shards vigie has shards of 7 days, 1 are wanted; run `vigie influx setup`",
        ),
        ({"mappings": {"autogen": ("m1", "b1")}}, "mapping history does not lead to its bucket"),
        ({"mappings": {**GOOD.mappings, "autogen": ("m1", "b3")}}, "mapping autogen does not lead"),
        ({"writer": None}, "writer vigie-writer is missing"),
        ({"writer": ("w1", {"write:buckets/b1"})}, "writer vigie-writer has other rights than it needs"),
        ({"writer": ("w1", {*GOOD.writer[1], "read:buckets/b1"})}, "has other rights than it needs"),  # type: ignore[index]
        ({"writer": ("w1", {*GOOD.writer[1], "write:buckets/*"})}, "has other rights than it needs"),  # type: ignore[index]
        ({"writer_enters": False}, "writer vigie-writer does not get in"),
        ({"reader": ("r1", set())}, "reader vigie-reader has other rights"),
        ({"reader_enters": False}, "reader vigie-reader does not get in"),
        ({"open_files": ("influx_admin_token",)}, "mode influx_admin_token can be read by others"),
        ({"certificate_ends": NOW + 29 * DAY}, "ends on 2026-03-31; run `vigie init DIR --renew`"),
    ],
)
def test_each_departure_is_one_drift_with_its_remedy(change: dict[str, object], told: str) -> None:
    found = drifts(SETTINGS, GOOD._replace(**change), NOW)
    assert len(found) == 1
    assert told in str(found[0])


def test_a_missing_bucket_is_told_before_what_needs_it() -> None:
    found = drifts(SETTINGS, GOOD._replace(buckets={"vigie": GOOD.buckets["vigie"]}), NOW)
    assert (found[0].what, found[0].name) == ("bucket", "vigie-history")


@pytest.mark.parametrize(("days", "shard_days"), [(0, 28), (7305, 28), (28, 28), (7, 7)])
def test_a_shard_is_never_longer_than_its_bucket_keeps(days: int, shard_days: int) -> None:
    _, history = wanted(SETTINGS.model_copy(update={"influx_history_days": days}))
    assert (history.seconds, history.shard_seconds) == (days * DAY, shard_days * DAY)


def test_a_name_with_a_password_goes_as_version_1_and_a_token_as_version_2() -> None:
    assert authorization("vigie-writer:geheim") == "Basic dmlnaWUtd3JpdGVyOmdlaGVpbQ=="
    assert authorization("abc==") == "Token abc=="


def test_a_secret_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = ensure_secret(folder, "password")
    assert ensure_secret(folder, "password") == made == read_secret(folder, "password")
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    write_secret(folder, "password", "another")
    assert read_secret(folder, "password") == "another"
    assert [path.name for path in folder.iterdir()] == ["password"]
    assert not is_open(folder, "password")
    (folder / "password").chmod(0o640)
    assert is_open(folder, "password")
    assert read_secret(folder, "nothing") is None
