"""The embedded sink: what it keeps, what it refuses, and that nothing goes back."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pipeline import Pipeline
from streams.sinks import SinkUnavailable, lines
from streams.sinks.sqlite import SQLiteSink
from tests.logs import START, VITALS, reading

WINDOW = (
    b"window,patient=p-1,vital=heart-rate,window=1m count=6i,mean=75.5,revision=%di 1772409600000000000\n"
)


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[SQLiteSink]:
    opened = SQLiteSink(tmp_path / "results.db")
    yield opened
    await opened.close()


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(folder / "results.db")
    found = db.execute(query).fetchall()
    db.close()
    return found


def transition(number: int, **changes: object) -> bytes:
    body = {
        "schema_version": 1,
        "event": "opened",
        "alert_id": "a-1",
        "sequence": number,
        "patient": "p-1",
        "kind": "limit",
        "vital": "systolic-bp",
        "severity": "high",
        "status": "open",
        "opened_at": "2026-03-01T08:00:09.000Z",
        "received_at": "2026-03-01T08:00:09.000Z",
    }
    return msgspec.json.encode(body | changes)


def test_every_line_of_the_core_is_read_back(pipeline: Pipeline) -> None:
    spans = {vital: (low, high) for vital, (_, low, high) in VITALS.items()}
    values = [
        reading("p-1", vital, low + i % (high - low), START + i * 1_200_000)
        for i in range(1000)
        for vital, (low, high) in spans.items()
    ]
    received = [START + i // len(spans) * 1_200_000 for i in range(len(values))]
    out = pipeline.process(values, received, range(len(values)))
    found = lines.read([out.results])
    assert not found.refused
    good = found.rows
    assert len(good) == out.results.count(b"\n") > 1000
    assert {lines.tags_of(row[0])[0] for row in good} == {"window", "reading", "baseline", "trend"}


async def test_a_revision_never_goes_back(sink: SQLiteSink, tmp_path: Path) -> None:
    for frames in ([WINDOW % 0, WINDOW % 2], [WINDOW % 1], [WINDOW % 2]):
        assert await sink.write_results(frames) == []
    assert rows(tmp_path, "select revision, count(*) from points") == [(2, 1)]


async def test_a_repeated_write_changes_nothing(sink: SQLiteSink, tmp_path: Path) -> None:
    for _ in range(2):
        await sink.write_results([WINDOW % 0])
        assert await sink.write_alerts([transition(1), transition(2, status="resolved")]) == []
    assert rows(tmp_path, "select count(*) from points") == [(1,)]
    assert rows(tmp_path, "select sequence from transitions order by 1") == [(1,), (2,)]
    assert rows(tmp_path, "select sequence, status from alerts") == [(2, "resolved")]


async def test_an_older_transition_leaves_the_alert_as_it_stands(sink: SQLiteSink, tmp_path: Path) -> None:
    await sink.write_alerts([transition(2, status="resolved")])
    await sink.write_alerts([transition(1)])
    assert rows(tmp_path, "select sequence, status from alerts") == [(2, "resolved")]
    assert rows(tmp_path, "select count(*) from transitions") == [(2,)]


@pytest.mark.parametrize(
    "bad",
    [
        b"window,patient=p-1 count=1i 1",
        b"window,patient=p 1,vital=x count=1i 1",
        b"window,patient=p-1,vital=x,window=2m count=1i 1",
        b"window,patient=p-1,vital=x count=nan 1",
        b'window,patient=p-1,vital=x name="Dupont" 1',
        b"window,patient=p-1,vital=x count=1i 1.5",
        b"window,patient=p-1,vital=x count=1i 1 ",
        b"window,patient=p-\xff,vital=x count=1i 1",
        "window,patient=p-é,vital=x count=1i 1".encode(),
        b"window,patient=p-1,vital=x count=1i 1\r",
        b"other,patient=p-1,vital=x count=1i 1",
        b"\x00",
        b"# a comment",
    ],
)
async def test_a_line_of_another_form_is_refused_and_its_neighbours_are_kept(
    sink: SQLiteSink, tmp_path: Path, bad: bytes
) -> None:
    refused = await sink.write_results([WINDOW % 0 + bad + b"\n" + WINDOW.replace(b"p-1", b"p-2") % 0])
    assert [r.line for r in refused] == [bad]
    assert rows(tmp_path, "select patient from points join series on id = series order by 1") == [
        ("p-1",),
        ("p-2",),
    ]


@given(noise=st.binary(max_size=200))
def test_whatever_stands_in_a_frame_is_kept_or_refused_never_raised(noise: bytes) -> None:
    found = lines.read([WINDOW % 0 + noise])
    rest = [line for line in (WINDOW % 0 + noise).removesuffix(b"\n").split(b"\n") if line]
    assert len(found.rows) + len(found.refused) == len(rest)


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"{}", b"[]", b"\xff", b"[" * 100_000, transition(1, sequence="1"), transition(1, severity=None),
        transition(1, sequence=2**63), transition(1, sequence=0), transition(1, alert_id="a\n"),
        transition(1).replace(b'"vital"', b'"vitals"'),
    ],
)  # fmt: skip
async def test_what_is_no_transition_is_refused(sink: SQLiteSink, bad: bytes) -> None:
    refused = await sink.write_alerts([transition(1), bad])
    assert [r.line for r in refused] == [bad]


async def test_a_held_file_is_a_sink_that_is_away(tmp_path: Path) -> None:
    sink = SQLiteSink(tmp_path / "results.db")
    sink._db.execute("pragma busy_timeout=50")
    holder = sqlite3.connect(tmp_path / "results.db", isolation_level=None, check_same_thread=False)
    holder.execute("begin immediate")
    with pytest.raises(SinkUnavailable, match="locked"):
        await sink.write_results([WINDOW % 0])
    holder.rollback()
    assert await sink.write_results([WINDOW % 0]) == []
    holder.close()
    await sink.close()
