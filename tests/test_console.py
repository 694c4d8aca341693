"""The console's own copy of results and alerts, on an embedded log; on Kafka: tests/live/test_console.py."""

import asyncio
import signal
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector
from aiohttp.test_utils import unused_port

from streams.console.keeping import forget
from streams.console.mirror import Mirror
from streams.following import AT_ONCE, read_on
from streams.settings import Settings
from streams.sinks.sqlite import SQLiteSink
from streams.topics import make_in_log
from streams.transports import LogUnusable
from streams.transports.log.cleaning import clean
from streams.transports.log.store import Log
from tests import workers
from tests.certificates import Authority
from tests.test_access import basic
from tests.test_page import NOON, alert, window

DAY, MINUTE = 86_400_000, 60_000
NOW = NOON * 1_000_000


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "log")
    make_in_log(Settings(broker="log://made"), made)
    yield made
    made.close()


def rows(path: Path, query: str) -> list[Any]:
    with sqlite3.connect(path) as db:
        return db.execute(query).fetchall()


def append(log: Log, topic: str, values: list[bytes]) -> None:
    log.append([(f"vigie.{topic}", i % 4, None, value, NOON, None) for i, value in enumerate(values)])


async def drained(mirror: Mirror, log: Log) -> None:
    while await mirror.look(log):
        pass


async def test_what_the_topics_tell_is_in_the_file_once_and_a_restart_goes_on_from_there(
    log: Log, tmp_path: Path
) -> None:
    file = tmp_path / "console.db"
    opened = [alert(i, f"p-{i}", "high", "2026-03-12T10:50:00.000Z") for i in range(3)]
    append(log, "alerts", opened)
    append(log, "results", [window("p-1", m, 70.0).encode() for m in range(9)])
    for minutes in ([], range(9, 12)):
        mirror = Mirror(Settings(), file, forgets=False)
        append(log, "results", [window("p-1", m, 70.0).encode() for m in minutes])
        await drained(mirror, log)
        await mirror.close()
    assert rows(file, "select alert_id from alerts order by 1") == [("a-0",), ("a-1",), ("a-2",)]
    assert rows(file, "select count(*) from points") == [(12,)]
    places = {(topic, p): next_ for topic, p, next_ in rows(file, "select * from places")}
    assert places == log.ends("vigie.alerts", "vigie.results")


async def test_a_write_that_fails_is_read_again(log: Log, tmp_path: Path) -> None:
    mirror = Mirror(Settings(), tmp_path / "console.db", forgets=False)
    append(log, "alerts", [alert(1, "p-1", "high", "2026-03-12T10:50:00.000Z")])
    good, mirror._sink.write_alerts = mirror._sink.write_alerts, _full  # type: ignore[method-assign]
    with pytest.raises(OSError, match="full"):
        await mirror.look(log)
    mirror._sink.write_alerts = good  # type: ignore[method-assign]
    await drained(mirror, log)
    await mirror.close()
    assert rows(tmp_path / "console.db", "select count(*) from alerts") == [(1,)]


async def _full(_: list[bytes]) -> Any:
    raise OSError("the disk is full")


async def test_alerts_come_before_results_and_it_is_known_when_all_are_here(log: Log, tmp_path: Path) -> None:
    mirror = Mirror(Settings(), tmp_path / "console.db", forgets=False)
    assert mirror.progress().behind is None
    append(log, "results", [window("p-1", m, 70.0).encode() for m in range(8 * AT_ONCE)])
    append(log, "alerts", [alert(1, "p-1", "high", "2026-03-12T10:50:00.000Z")])
    assert await mirror.look(log)
    assert mirror.progress().until == NOON
    assert rows(tmp_path / "console.db", "select count(*) from alerts") == [(1,)]
    behind = mirror.progress().behind
    assert behind is not None
    assert behind < 5
    await drained(mirror, log)
    assert mirror.progress().until is None
    await mirror.close()


async def test_topics_that_are_missing_are_told_with_the_remedy(tmp_path: Path) -> None:
    log, mirror = Log(tmp_path / "log"), Mirror(Settings(), tmp_path / "console.db", forgets=False)
    with pytest.raises(LogUnusable, match="vigie topics"):
        await mirror.look(log)
    assert mirror.progress().behind is None
    await mirror.close()
    log.close()


def test_a_reader_goes_on_over_what_was_taken_away_and_begins_anew_in_another_topic(log: Log) -> None:
    log.topic("kept", 1, retention_ms=DAY)
    old = NOON - 3 * 365 * DAY
    log.append([("kept", 0, None, b"old", old, None)])
    log.append([("kept", 0, None, b"new", None, None)])
    clean(log, {})
    piece = read_on(log, "kept", {})
    assert [record.value for _, found in piece.batches for record in found] == [b"new"]
    assert piece == read_on(log, "kept", {("kept", 0): 99})  # a place that the topic never reached
    assert read_on(log, "kept", piece.at).batches == []
    assert read_on(log, "nothing", {}) == ([], {}, False)


async def test_what_is_old_goes_and_what_the_page_shows_stays(tmp_path: Path) -> None:
    sink = SQLiteSink(tmp_path / "console.db")
    band = "baseline,patient=p-1,vital=heart-rate expected=70,expected_low=60,expected_high=80,readings=9i"
    minutes = [-3 * 1440 + m for m in range(90)]  # three days ago, each minute
    frame = "".join(window("p-1", m, 70.0) + f"{band} {NOW + m * MINUTE * 1_000_000}\n" for m in minutes)
    frame += "".join(window("p-1", m, 70.0) for m in range(-60, 0))
    frame += window("p-1", -29 * 1440, 70.0, "1h") + window("p-1", -31 * 1440, 70.0, "1h")
    frame += f"reading,patient=p-1,vital=body-weight value=71.4 {NOW - 31 * DAY * 1_000_000}\n"
    assert not await sink.write_results([frame.encode()])
    ages = {
        1: ("open", 400),
        2: ("acknowledged", 400),
        3: ("resolved", 89),
        4: ("resolved", 91),
        5: ("closed", 91),
    }
    for number, (status, days) in ages.items():
        at = (datetime.fromtimestamp(NOON / 1000, UTC) - timedelta(days=days)).isoformat()[:19] + "Z"
        await sink.write_alerts([alert(number, "p-1", "high", at, status=status)])
    await sink.close()
    db = sqlite3.connect(tmp_path / "console.db", isolation_level=None)
    for _ in forget(db, NOW):
        pass
    counted = "select measurement, window, count(*) from points join series on id=series group by 1, 2"
    assert sorted(db.execute(counted).fetchall()) == [
        ("baseline", "", 2),  # of each hour the last
        ("window", "1h", 1),
        ("window", "1m", 60),
    ]
    assert [found for (found,) in db.execute("select alert_id from alerts order by 1")] == [
        "a-1",
        "a-2",
        "a-3",
    ]
    assert db.execute("select count(*) from transitions").fetchone() == (3,)
    before = list(db.iterdump())
    for _ in forget(db, NOW):
        pass
    assert list(db.iterdump()) == before
    db.close()


@pytest.mark.parametrize(
    ("arguments", "more", "told"),
    [
        (["--host", "0.0.0.0", "--plain"], {}, "set VIGIE_CONSOLE_PASSWORD"),
        (["--host", "0.0.0.0"], {"VIGIE_CONSOLE_PASSWORD": "long enough it is"}, "--certificate and --key"),
        (["--certificate", __file__], {}, "go together"),
        (["--certificate", __file__, "--key", __file__], {}, "no pair in PEM"),
        ([], {}, "there is no log"),
        (["--host", "203.0.113.7", "--plain"], {"VIGIE_CONSOLE_PASSWORD": "long enough it is"}, "no"),
    ],
)
def test_a_console_that_would_be_open_or_empty_does_not_start(
    arguments: list[str], more: dict[str, str], told: str, tmp_path: Path
) -> None:
    command = [*workers.VIGIE, "console", "--data", str(tmp_path / "data"), *arguments]
    environment = workers.environment(tmp_path / "log", **more)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_short_password_is_told_without_it(tmp_path: Path) -> None:
    command = [*workers.VIGIE, "console", "--data", str(tmp_path / "data")]
    environment = workers.environment(tmp_path, VIGIE_CONSOLE_PASSWORD="kurz")
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "VIGIE_CONSOLE_PASSWORD" in done.stderr
    assert "shorter than 12" in done.stderr
    assert "kurz" not in done.stderr


async def test_a_console_beyond_loopback_speaks_tls_alone_and_wants_the_password(
    log: Log, tmp_path: Path
) -> None:
    certificate, key = Authority(tmp_path, "clinic").sign("console")
    append(log, "alerts", [alert(1, "p-1", "high", "2026-03-12T10:50:00.000Z")])
    port, password = unused_port(), "the password of this test"
    command = [*workers.VIGIE, "console", "--data", str(tmp_path / "data"), "--host", "0.0.0.0"]
    command += ["--port", str(port), "--certificate", str(certificate), "--key", str(key)]
    environment = workers.environment(tmp_path / "log", VIGIE_CONSOLE_PASSWORD=password)
    with (tmp_path / "console.txt").open("wb") as out:
        process = workers.process(command, env=environment, stdout=out, stderr=out)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "clinic.crt"))
    async with ClientSession(f"https://127.0.0.1:{port}", connector=TCPConnector(ssl=trusting)) as client:
        for _ in range(600):
            await asyncio.sleep(0.1)
            with suppress(ClientError):
                if (await client.get("/ready")).status == 200:
                    break
        assert (await client.get("/api/ward")).status == 401
        ward = await (await client.get("/api/ward", headers=basic("n-1", password))).json()
    assert [patient["patient"] for patient in ward["patients"]] == ["p-1"]
    async with ClientSession() as client:
        with pytest.raises(ClientError):
            await client.get(f"http://127.0.0.1:{port}/ready")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 20) == 0
    said = (tmp_path / "console.txt").read_text()
    assert password not in said
    assert "Traceback" not in said
