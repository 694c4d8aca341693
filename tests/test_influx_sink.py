"""The InfluxDB sink against a server that gives the measured answers, and a worker whose sink is away."""

import asyncio
import base64
import gc
import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from streams.agents.store import MENDING_WAIT, wait_before
from streams.secret_files import write_secret
from streams.settings import load_settings
from streams.sinks import SinkMisconfigured, SinkUnavailable
from streams.sinks.influx import LINES, InfluxSink, alert_line
from streams.sinks.transitions import read
from tests import workers
from tests.influx_server import BUCKET, CREDENTIAL, OLDEST, PLAIN_TO_TLS, Influx, error
from tests.test_sqlite_sink import transition
from tests.test_worker import append, ward

NOW = 1_772_409_600_000_000_000


def line(i: int, patient: str = "p-1", time: int | None = None) -> bytes:
    return b"reading,patient=%s,vital=body-weight value=80.%d %d" % (
        patient.encode(),
        i % 10,
        time or NOW + i,
    )


@pytest.fixture
async def server() -> AsyncIterator[Influx]:
    running = await Influx().start()
    yield running
    await running.stop()


@pytest.fixture
async def sink(server: Influx) -> AsyncIterator[InfluxSink]:
    opened = InfluxSink(server.url, BUCKET, CREDENTIAL)
    yield opened
    await opened.close()


async def test_frames_are_written_whole_in_bounded_requests(server: Influx, sink: InfluxSink) -> None:
    frames = [b"\n".join(line(k * 1000 + i) for i in range(1000)) + b"\n" for k in range(12)]
    assert await sink.write_results(frames) == []
    assert len(server.points) == 12_000
    assert server.requests == [LINES, LINES, 2000]


async def test_a_repeated_write_makes_no_second_point(server: Influx, sink: InfluxSink) -> None:
    for _ in range(2):
        await sink.write_results([line(1)])
        await sink.write_alerts([transition(1), transition(2)])
    assert len(server.points) == 3


async def test_a_line_the_server_cannot_read_is_found_and_its_neighbours_land(
    server: Influx, sink: InfluxSink
) -> None:
    good = [line(i) for i in range(1000)]
    bad = line(2000, patient="p-unreadable")
    server.unreadable = b"p-unreadable"
    refused = await sink.write_results([b"\n".join([*good[:700], bad, *good[700:]])])
    assert [r.line for r in refused] == [bad]
    assert "400" in refused[0].message
    assert f"unable to parse '{bad.decode()}': bad timestamp" in refused[0].message
    assert len(server.points) == 1000
    assert len(server.requests) < 30  # halves, not line by line


async def test_a_reject_holds_no_more_than_its_own_line_and_a_bounded_message(
    server: Influx, sink: InfluxSink
) -> None:
    server.answers = [lambda: error(400, "invalid", "long\nwinded " * 1000)]
    (alone,) = await sink.write_results([line(1)])
    assert "long winded long" in alone.message
    assert len(alone.message) < 400
    old = [line(i, time=OLDEST - 1 - i) for i in range(3)]
    refused = await sink.write_results([b"\n".join(old)])  # refused together: whose words would these be?
    assert not any("partial write" in one.message for one in refused)


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 405, 422])
@pytest.mark.parametrize(
    "body", [PLAIN_TO_TLS, b"<h1>Bad \xe9 request</h1>", b'{"message":"dropped=2"}', b""]
)
async def test_what_is_not_influxdb_confirms_nothing_and_has_nothing_rejected(
    server: Influx, sink: InfluxSink, status: int, body: bytes
) -> None:
    server.answers = [lambda: web.Response(status=status, body=body)]
    with pytest.raises(SinkMisconfigured, match="VIGIE_INFLUX_URL") as caught:
        await sink.write_results([b"\n".join([line(1), line(2)])])
    assert "HTTPS server" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert server.requests == [2]
    assert await sink.write_results([b"\n".join([line(1), line(2)])]) == []


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_page_that_is_no_utf8_is_a_server_in_trouble_like_any_other(
    server: Influx, sink: InfluxSink, status: int
) -> None:
    server.answers = [lambda: web.Response(status=status, body=b"<h1>Service indisponible \xe0 cette heure")]
    with pytest.raises(SinkUnavailable) as caught:
        await sink.write_results([line(1)])
    assert not isinstance(caught.value, SinkMisconfigured)
    assert await sink.write_results([line(1)]) == []


async def test_a_proxy_that_takes_not_even_a_line_is_no_fault_of_any_line(
    server: Influx, sink: InfluxSink
) -> None:
    server.largest = 10
    with pytest.raises(SinkMisconfigured, match="raise its limit"):
        await sink.write_results([b"\n".join([line(1), line(2)])])
    server.answers = [lambda: error(413, "request too large", "request entity too large")]
    assert [one.line for one in await sink.write_results([line(1)])] == [line(1)]


async def test_a_new_token_in_its_file_is_taken_up_at_the_next_try(
    server: Influx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path))
    monkeypatch.setenv("VIGIE_SINK", "influx")
    monkeypatch.setenv("VIGIE_INFLUX_URL", server.url)
    monkeypatch.setenv("VIGIE_INFLUX_ORG", "clinic")
    monkeypatch.setenv("VIGIE_INFLUX_BUCKET", BUCKET)
    write_secret(tmp_path, "vigie_influx_token", CREDENTIAL)
    sink = InfluxSink.of(load_settings())
    assert await sink.write_results([line(1)]) == []
    server.credential = "vigie-writer:another"
    for text in (CREDENTIAL, "", "€"):  # the old one, an empty file, what no header can hold
        write_secret(tmp_path, "vigie_influx_token", text)
        with pytest.raises(SinkMisconfigured, match="VIGIE_INFLUX_TOKEN"):
            await sink.write_results([line(2)])
    write_secret(tmp_path, "vigie_influx_token", "vigie-writer:another")
    assert await sink.write_results([line(2)]) == []
    assert len(server.points) == 2
    await sink.close()


async def test_what_is_no_line_of_ours_never_leaves(server: Influx, sink: InfluxSink) -> None:
    hostile = [
        b"# comment",
        b'x,patient=p-1 name="Dupont" 1',
        b"reading,patient=p-1,vital=x value=nan 1",
        b"\xff",
    ]
    refused = await sink.write_results([b"\n".join([line(1), *hostile])])
    assert [r.line for r in refused] == hostile
    assert server.requests == [1]


async def test_points_older_than_the_bucket_keeps_are_refused_and_the_others_land(
    server: Influx, sink: InfluxSink
) -> None:
    old = [line(i, time=OLDEST - 1 - i) for i in range(3)]
    refused = await sink.write_results([b"\n".join([line(1), old[0], line(2), *old[1:], line(3)])])
    assert {r.line for r in refused} == set(old)
    assert all("422" in r.message for r in refused)
    assert len(server.points) == 3


async def test_a_batch_that_is_dropped_whole_takes_one_request(server: Influx, sink: InfluxSink) -> None:
    old = [line(i, time=OLDEST - 1 - i) for i in range(2000)]
    assert len(await sink.write_results([b"\n".join(old)])) == 2000
    assert server.requests == [2000]


async def test_a_request_too_large_is_halved(server: Influx, sink: InfluxSink) -> None:
    server.largest = 3000
    assert await sink.write_results([b"\n".join(line(i) for i in range(500))]) == []
    assert len(server.points) == 500


@pytest.mark.parametrize("status", [500, 422, 400])
async def test_a_full_disk_is_no_fault_of_any_line(server: Influx, sink: InfluxSink, status: int) -> None:
    full = "partial write: write /data/wal/1.wal: no space left on device dropped=1"
    server.answers = [lambda: error(status, "internal error", full)]
    with pytest.raises(SinkUnavailable, match="make room") as caught:
        await sink.write_results([line(1)])
    assert not isinstance(caught.value, SinkMisconfigured)
    assert "/data" not in str(caught.value)
    assert await sink.write_results([line(1)]) == []
    assert len(server.points) == 1


@pytest.mark.parametrize(
    ("bucket", "token", "remedy"),
    [
        (BUCKET, "another", "VIGIE_INFLUX_TOKEN"),
        (BUCKET, "vigie-writer:another", "VIGIE_INFLUX_TOKEN"),
        ("nothing", CREDENTIAL, "VIGIE_INFLUX_BUCKET"),
    ],
)
async def test_wrong_settings_are_told_with_their_remedy_and_without_the_token(
    server: Influx, bucket: str, token: str, remedy: str
) -> None:
    sink = InfluxSink(server.url, bucket, token)
    with pytest.raises(SinkMisconfigured, match=remedy) as caught:
        await sink.write_results([line(1)])
    assert token not in str(caught.value)
    assert caught.value.__cause__ is None
    assert wait_before(0, caught.value, 0.5) == MENDING_WAIT
    await sink.close()


@pytest.mark.parametrize(
    ("status", "headers", "reason", "wait"),
    [
        (429, {"Retry-After": "7"}, "throttled", 7.0),
        (429, {"Retry-After": "9999999"}, "throttled", 300.0),
        (429, {}, "throttled", None),
        (500, {}, "unavailable", None),
        (503, {"Retry-After": "3"}, "unavailable", 3.0),
        (503, {"Retry-After": "Wed, 21 Oct"}, "unavailable", None),
    ],
)
async def test_a_server_in_trouble_is_away(
    server: Influx, sink: InfluxSink, status: int, headers: dict[str, str], reason: str, wait: float | None
) -> None:
    server.answers = [lambda: web.Response(status=status, headers=headers, text=line(1).decode())]
    with pytest.raises(SinkUnavailable) as caught:
        await sink.write_results([line(1)])
    assert (caught.value.reason, caught.value.wait) == (reason, wait)
    assert "p-1" not in str(caught.value)
    assert await sink.write_results([line(1)]) == []


async def test_a_redirect_is_not_followed(server: Influx, sink: InfluxSink) -> None:
    server.answers = [lambda: web.Response(status=307, headers={"Location": server.url + "/elsewhere"})]
    with pytest.raises(SinkMisconfigured, match="VIGIE_INFLUX_URL"):
        await sink.write_results([line(1)])
    assert server.requests == [1]


async def test_nobody_there_is_away() -> None:
    sink = InfluxSink(f"http://127.0.0.1:{unused_port()}", BUCKET, CREDENTIAL)
    with pytest.raises(SinkUnavailable, match="does not answer"):
        await sink.write_results([line(1)])
    await sink.close()


def test_two_transitions_of_one_instant_are_two_points() -> None:
    known, _ = read([transition(1), transition(2), transition(1, alert_id="a-2")])
    keys = {(made.split(b" ")[0], made.rsplit(b" ")[-1]) for made in (alert_line(t) for t, _ in known)}
    assert len(keys) == 3


async def test_an_explanation_cannot_break_out_of_its_field(server: Influx, sink: InfluxSink) -> None:
    hostile = 'a "quoted" \\ word,\nreading,patient=p-9,vital=x value=1 1\\'
    assert await sink.write_alerts([transition(1, explanation={"en": hostile, "fr": "é"})]) == []
    assert len(server.points) == 1
    assert [r.line for r in await sink.write_alerts([transition(1, patient="p 1,x=y")])]


async def test_a_sink_that_is_away_delays_only_itself_and_loses_nothing(
    server: Influx, tmp_path: Path
) -> None:
    told: set[str] = set()

    async def receive(request: web.Request) -> web.Response:
        told.add(request.headers["webhook-id"])
        return web.Response(status=204)

    nurse = web.Application()
    nurse.router.add_post("/", receive)
    runner = web.AppRunner(nurse)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    secret = "whsec_" + base64.b64encode(b"a test's secret of thirty bytes").decode()
    endpoint = {"name": "nurse", "url": f"http://127.0.0.1:{runner.addresses[0][1]}/", "secret": secret}
    server.away = True
    await asyncio.to_thread(append, tmp_path, ward(3000))
    worker = workers.start(
        tmp_path,
        VIGIE_SINK="influx",
        VIGIE_INFLUX_URL=server.url,
        VIGIE_INFLUX_ORG="clinic",
        VIGIE_INFLUX_BUCKET=BUCKET,
        VIGIE_INFLUX_TOKEN=CREDENTIAL,
        VIGIE_ENDPOINTS=json.dumps([endpoint]),
    )
    for _ in range(900):  # a fresh machine compiles first
        await asyncio.sleep(0.1)
        alerts = (await asyncio.to_thread(workers.told, tmp_path))[1]
        ids = {f"{body['alert_id']}-{body['sequence']}" for body in map(json.loads, alerts)}
        if len(ids) > 10 and told == ids and server.requests:
            break
    else:
        said = (tmp_path / "worker.txt").read_text()[-2000:]
        raise AssertionError(f"{len(told)} of {len(ids)} told, {len(server.requests)} requests; {said}")
    assert not server.points
    server.away = False
    await asyncio.to_thread(workers.wait_until_drained, tmp_path)
    assert await asyncio.to_thread(workers.stop, worker) == 0
    lines, alerts = await asyncio.to_thread(workers.told, tmp_path)
    series = {(made.split(b" ")[0], int(made.rsplit(b" ", 1)[1])) for made in lines}
    assert {key for key in server.points if not key[0].startswith(b"alert")} == series
    assert sum(key[0].startswith(b"alert") for key in server.points) == len(alerts)
    said = (tmp_path / "worker.txt").read_text()
    assert "sink away" in said
    assert CREDENTIAL not in said
    await runner.cleanup()


async def test_tries_at_a_server_that_is_away_keep_no_lines() -> None:
    away = InfluxSink(f"http://127.0.0.1:{unused_port()}", BUCKET, CREDENTIAL)
    frames = [b"\n".join(line(i) for i in range(LINES)) + b"\n"]

    async def tries(count: int) -> None:
        for _ in range(count):
            try:  # pytest.raises would keep what it met
                await away.write_results(frames)
            except SinkUnavailable:
                continue
            raise AssertionError("somebody answers")

    await tries(2)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        await tries(20)
        await asyncio.get_running_loop().shutdown_default_executor()  # a thread may hold its last try still
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
        await away.close()
    assert kept < len(frames[0])  # not one try's lines; each kept them twice before
