"""The outbox's queues, and its deliveries to real receivers that misbehave in every way."""

import asyncio
import base64
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import unused_port
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from streams.endpoints import Endpoint
from streams.outbox import KEPT_SECONDS, LARGEST_BODY, Place, Queue, alert_of, read
from streams.transports.log.store import Log
from streams.webhooks import GIVE_UP_SECONDS
from tests import workers
from tests.test_sqlite_sink import transition

SECRET = "whsec_" + base64.b64encode(b"a test's secret of thirty bytes").decode()


def place(alert: str, sequence: int, endpoint: str = "on-call-1") -> Place:
    return 0, f"0/{alert}-{sequence}|{endpoint}".encode()


def test_the_alert_of_a_delivery_is_found_whatever_its_endpoint_is_called() -> None:
    assert alert_of(place("a-1f", 12)) == b"0/a-1f"


def test_a_delivery_that_cannot_be_digested_delays_no_other_alert() -> None:
    queue = Queue()
    for p in (bad := place("a-1", 1), after_bad := place("a-1", 2), other := place("a-2", 1)):
        queue.put(p)
    assert queue.due(0.0) == (bad, 0.0)
    queue.failed(bad, 0.0, wait=30.0, asked=0.0, jitter=0.0)
    assert queue.due(0.1)[0] is None
    assert queue.due(1.0) == (other, 0.0)
    queue.settled(other)
    assert queue.due(1.0) == (None, 29.0)  # its alert's next transition waits for it
    assert queue.due(31.0) == (bad, 0.0)
    queue.settled(bad)
    assert queue.due(31.0) == (after_bad, 0.0)


def test_an_endpoint_that_is_away_is_asked_seldom_and_told_all_once_it_is_back() -> None:
    queue, now, tries = Queue(), 0.0, 0
    for i in range(100):
        queue.put(place(f"a-{i}", 1))
    while now < 3600.0:
        found, wait = queue.due(now)
        if found is not None:
            tries += 1
            queue.failed(found, now, wait=600.0, asked=0.0, jitter=0.5)
        else:
            now += wait or 0.0
    assert tries < 100
    now = queue.pause_until
    found, _ = queue.due(now)
    assert found is not None
    queue.settled(found)
    for _ in range(99):
        found, _ = queue.due(now)
        assert found is not None
        queue.settled(found)
    assert queue.due(now) == (None, None)


def test_an_alert_that_the_endpoint_never_takes_keeps_no_later_one_from_it() -> None:
    """A receiver that breaks over one body answers 500 for days, and looks as if it were away."""
    queue, now = Queue(), 0.0
    queue.put(bad := place("a-1", 1))
    for _ in range(50):
        found, wait = queue.due(now)
        if found is None:
            now += wait or 0.0
        else:
            queue.failed(found, now, wait=600.0, asked=0.0, jitter=0.5)
    queue.put(place("a-1", 2))
    queue.put(other := place("a-2", 1))
    tried = []
    for _ in range(2):
        now = max(now, queue.pause_until)
        found, _ = queue.due(now)
        assert found is not None
        tried.append(found)
        if found == bad:
            queue.failed(found, now, wait=600.0, asked=0.0, jitter=0.5)
        else:
            queue.settled(found)
    assert set(tried) == {bad, other}  # the next one of its own alert waits for it


def test_an_endpoints_retry_after_holds_for_all_its_deliveries() -> None:
    queue = Queue()
    queue.put(place("a-1", 1))
    queue.put(place("a-2", 1))
    queue.failed(place("a-1", 1), 0.0, wait=50.0, asked=50.0, jitter=0.0)
    assert queue.due(49.0) == (None, 1.0)
    assert queue.due(50.0)[0] == place("a-2", 1)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=60),
    st.floats(0, 1, exclude_max=True),
)
def test_transitions_of_an_alert_are_settled_in_their_order(
    tries: list[tuple[int, bool]], jitter: float
) -> None:
    queue, now = Queue(), 0.0
    counts: dict[int, int] = defaultdict(int)
    for alert, _ in tries:
        counts[alert] += 1
        queue.put(place(f"a-{alert}", counts[alert]))
    settled: list[Place] = []
    verdicts = [good for _, good in tries]
    while len(queue):
        found, wait = queue.due(now)
        if found is None:
            assert wait is not None
            assert wait > 0
            now += wait
        elif verdicts and not verdicts.pop():
            queue.failed(found, now, 1.0, 0.0, jitter)
        else:
            queue.settled(found)
            settled.append(found)
    for alert, count in counts.items():
        mine = [p for p in settled if alert_of(p) == f"0/a-{alert}".encode()]
        assert mine == [place(f"a-{alert}", i + 1) for i in range(count)]


class Receivers:
    """Endpoints on one port, each with its own way of answering."""

    def __init__(self) -> None:
        self.got: dict[str, list[str]] = defaultdict(list)  # webhook ids by endpoint, attempts included
        self.bodies: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.at: dict[tuple[str, str], float] = {}
        self.sent_bytes = 0
        self.down = True

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{name}", self.take)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def take(self, request: web.Request) -> web.StreamResponse:
        body, name = await request.read(), request.match_info["name"]
        Webhook(SECRET).verify(body, dict(request.headers))
        number = request.headers["webhook-id"]
        self.got[name].append(number)
        self.bodies[name][number] = body
        self.at.setdefault((name, number), time.monotonic())
        again = self.got[name].count(number) > 1
        answers = {
            "good": lambda: web.Response(status=204),
            "broken": lambda: web.Response(status=204 if again else 500),
            "busy": lambda: web.Response(status=204 if again else 429, headers={"Retry-After": "2"}),
            "moved": lambda: web.Response(status=302, headers={"Location": f"{self.url}/trap"}),
            "gone": lambda: web.Response(status=410),
            "down": lambda: web.Response(status=503 if self.down else 204),
            "picky": lambda: web.Response(status=422 if number == "a-0-1" else 204),
        }
        if name in answers:
            return answers[name]()
        stream = web.StreamResponse(status=200 if name == "giant" else 500)
        if name == "hang":
            await asyncio.sleep(3600)
        await stream.prepare(request)
        with contextlib.suppress(ConnectionError):  # the other side has read enough
            for _ in range(1 << 14):  # a GiB, or a drip of a byte a second
                await stream.write(b"x" * (1 << 16) if name == "giant" else b"x")
                self.sent_bytes += 1 << 16 if name == "giant" else 0
                await asyncio.sleep(1.0 if name == "drip" else 0.0)
        return stream

    def endpoint(self, name: str) -> dict[str, str]:
        return {"name": name, "url": f"{self.url}/{name}", "secret": SECRET}


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    running = Receivers()
    await running.start()
    yield running
    await running.runner.cleanup()


def raise_alerts(folder: Path, first: int, count: int) -> list[str]:
    """Two transitions of each of some alerts into the log; returns their webhook ids."""
    log = Log(folder)
    ids = []
    for i in range(first, first + count):
        for number in (1, 2):
            body = transition(number, alert_id=f"a-{i}", patient=f"p-{i}")
            log.append([("vigie.alerts", None, b"p-%d" % i, body, None, None)])
            ids.append(f"a-{i}-{number}")
    log.close()
    return ids


async def until(what: object, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.05)


async def test_misbehaving_endpoints_delay_nobody_and_lose_nothing(
    receivers: Receivers, tmp_path: Path
) -> None:
    names = ["hang", "drip", "giant", "broken", "busy", "moved", "gone", "down", "picky", "good"]
    dead = {"name": "dead", "url": f"http://127.0.0.1:{unused_port()}/", "secret": SECRET}
    settings = {"VIGIE_ENDPOINTS": json.dumps([dead, *map(receivers.endpoint, names)])}
    ids = await asyncio.to_thread(raise_alerts, tmp_path, 0, 3)
    worker = workers.start(tmp_path, **settings)
    await until(lambda: set(receivers.got["good"]) == set(ids))

    late, begin = [], time.monotonic()
    for i in range(10, 20):
        new = await asyncio.to_thread(raise_alerts, tmp_path, i, 1)
        ids += new
        written = time.monotonic()
        await until(lambda new=new: new[-1] in receivers.got["good"])  # type: ignore[misc]
        late.append(receivers.at["good", new[-1]] - written)
    assert sorted(late)[len(late) // 2] < 0.5
    assert time.monotonic() - begin < 9.0  # no attempt of the hanging ones was waited for

    for name in ("broken", "busy", "giant"):
        await until(lambda name=name: set(receivers.got[name]) == set(ids), 60)  # type: ignore[misc]
    await until(lambda: set(receivers.got["picky"]) == set(ids) - {"a-0-2"})
    assert receivers.got["picky"].count("a-0-1") > 1  # a 422 is tried again; its alert's next one waits
    assert receivers.got["good"] == list(dict.fromkeys(receivers.got["good"]))
    assert not receivers.got["trap"]
    assert len(receivers.got["gone"]) == 1
    assert receivers.sent_bytes < len(ids) * (64 << 20)  # nobody reads a GiB

    worker.kill()
    worker.wait()
    assert set(receivers.got["down"])
    receivers.down = False
    before = len(receivers.got["good"])
    receivers.got["down"].clear()
    worker = workers.start(tmp_path, **settings)
    await until(lambda: set(receivers.got["down"]) == set(ids))
    assert len(receivers.got["down"]) == len(ids)
    for i in (0, 1, 2, 10, 19):
        assert receivers.got["down"].index(f"a-{i}-1") < receivers.got["down"].index(f"a-{i}-2")
    assert len(receivers.got["good"]) == before  # what was delivered is known after the kill
    assert await asyncio.to_thread(workers.stop, worker) == 0
    sent = set(await asyncio.to_thread(workers.values, tmp_path, "vigie.alerts"))
    assert set(receivers.bodies["good"].values()) == sent
    said = (tmp_path / "worker.txt").read_text()
    assert SECRET not in said
    assert "endpoint gone" in said


async def test_an_alert_goes_to_the_endpoints_of_its_route_alone(
    receivers: Receivers, tmp_path: Path
) -> None:
    endpoints = [{**receivers.endpoint("good"), "routes": ["cardiology"]}, receivers.endpoint("giant")]
    log = Log(tmp_path)
    for i, route in enumerate(["cardiology", "diabetes", ""]):
        body = transition(1, alert_id=f"a-{i}", route=route)
        log.append(
            [("vigie.alerts", None, b"p", body, None, None), ("vigie.alerts", None, b"p", b"{", None, None)]
        )
    log.close()
    worker = workers.start(tmp_path, VIGIE_ENDPOINTS=json.dumps(endpoints))
    await until(lambda: len(receivers.got["giant"]) == 3)
    assert receivers.got["good"] == ["a-0-1"]
    assert await asyncio.to_thread(workers.stop, worker) == 0


async def test_an_alert_that_was_written_before_any_delivery_is_tried_so_long_is_settled_unsent(
    receivers: Receivers, tmp_path: Path
) -> None:
    """As for a group that begins anew: its offsets expired, or its roles changed."""
    now, day, port = int(time.time() * 1000), 86_400_000, unused_port()
    log = Log(tmp_path)
    for age in (80, 4, 2):
        # what it tells of happened years ago, as in a recording: that says nothing of whether it was sent
        body = transition(1, alert_id=f"a-{age}", received_at="2019-03-01T08:00:00.000Z")
        log.append([("vigie.alerts", 0, b"p", body, now - age * day, None)])
    log.close()
    endpoints = json.dumps([receivers.endpoint("good")])
    worker = workers.start(tmp_path, VIGIE_ENDPOINTS=endpoints, VIGIE_METRICS_PORT=str(port))
    await until(lambda: receivers.got["good"])
    await asyncio.to_thread(workers.wait_until_drained, tmp_path)
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert 'vigie_deliveries_too_old_total{endpoint="good"} 2.0' in await answer.text()
    assert await asyncio.to_thread(workers.stop, worker) == 0
    assert receivers.got["good"] == ["a-2-1"]
    kept = [json.loads(value) for value in workers.values(tmp_path, "vigie.deliveries")]
    expired = {one["webhook_id"]: one for one in kept if one["status"] == "expired"}
    assert set(expired) == {"a-80-1", "a-4-1"}
    assert expired["a-4-1"]["attempts"] == 0
    assert expired["a-4-1"]["first_at"] == (now - 4 * day) / 1000
    said = [json.loads(line) for line in (tmp_path / "worker.txt").read_text().splitlines()]
    (told,) = [line for line in said if line["event"] == "alerts too old to be sent"]
    assert (told["count"], told["oldest_days"]) == (2, 80.0)


def test_what_is_sent_at_all_is_known_when_it_comes_again() -> None:
    assert KEPT_SECONDS > GIVE_UP_SECONDS


def test_a_record_that_no_delivery_could_hold_is_no_transition() -> None:
    assert read(transition(1)) is not None
    assert read(transition(1, rule="x" * LARGEST_BODY)) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"alert_id": "a\nb"},
        {"alert_id": "a\n"},
        {"alert_id": "\x00"},
        {"alert_id": "a" * 65},
        {"alert_id": ""},
        {"sequence": 0},
        {"sequence": 2**63},
    ],
)
def test_a_record_whose_name_could_be_no_header_is_no_transition(odd: dict[str, object]) -> None:
    """The name goes into the headers of a webhook: a client raises over some, receivers refuse others."""
    assert read(transition(1, **odd)) is None


def test_an_endpoint_takes_all_routes_unless_told() -> None:
    assert Endpoint(name="nurse", url="https://nurse.example/", secret=SECRET).routes == []  # type: ignore[arg-type]
