"""Signing, what an answer means, and the outbox with a real receiver."""

import asyncio
import base64
import json
import time
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from streams import webhooks
from tests import workers
from tests.test_worker import append, ward

SECRET = "whsec_" + base64.b64encode(b"a test's secret of thirty bytes").decode()


@given(body=st.text().map(str.encode), message_id=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True))
def test_the_reference_library_accepts_our_signature(body: bytes, message_id: str) -> None:
    body = json.dumps({"text": body.decode()}).encode()
    Webhook(SECRET).verify(body, webhooks.headers(SECRET, message_id, int(time.time()), body))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "not base64 !"])
def test_a_weak_secret_is_refused_with_its_remedy(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        webhooks.secret_bytes(secret)


@pytest.mark.parametrize(
    ("status", "after", "outcome", "again"),
    [
        (200, None, "delivered", False),
        (204, None, "delivered", False),
        (301, None, "refused", True),
        (400, None, "refused", True),
        (404, None, "refused", True),
        (408, None, "unavailable", True),
        (410, None, "gone", False),
        (429, "7", "throttled", True),
        (500, None, "unavailable", True),
        (503, "soon", "unavailable", True),
        (None, None, "unavailable", True),
    ],
)
def test_only_a_2xx_delivers(status: int | None, after: str | None, outcome: str, again: bool) -> None:
    decision = webhooks.decide(status, after, 1, 0.0, 1.0, 0.5)
    assert decision.outcome == outcome
    assert (decision.wait is not None) == again
    if after == "7":
        assert decision.wait == 7.0


@given(attempts=st.integers(1, 1000), jitter=st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_are_bounded(attempts: int, jitter: float) -> None:
    wait = webhooks.decide(500, None, attempts, 0.0, 1.0, jitter).wait
    assert wait is not None
    assert 0.5 <= wait <= webhooks.LONGEST_WAIT


def test_a_date_of_retry_after_is_read_in_gmt_wherever_the_worker_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In every spelling of RFC 9110, and without a zone too."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        for date in (
            "Tue, 14 Nov 2023 22:23:20 GMT",
            "Tuesday, 14-Nov-23 22:23:20 GMT",
            "Tue Nov 14 22:23:20 2023",
            "Tue, 14 Nov 2023 22:23:20",
        ):
            assert webhooks.retry_after(date, 1_700_000_000.0) == 600.0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(
    st.text()
    | st.lists(
        st.sampled_from(["Mon,", "1", "Jan", "2024", "9" * 20, "00:00:00", "GMT", "+" + "9" * 20, "-", "("])
    ).map(" ".join)
)
@example(f"1 Jan {'9' * 20} 00:00:00 GMT")
@example(f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}")
def test_whatever_a_receiver_writes_as_retry_after_is_a_bounded_wait_or_none(text: str) -> None:
    wait = webhooks.retry_after(text, 1_700_000_000.0)
    assert wait is None or 0.0 <= wait <= webhooks.LONGEST_RETRY_AFTER


def test_after_three_days_a_delivery_expires() -> None:
    assert webhooks.decide(500, None, 9, 0.0, 3 * 86_400 + 1.0, 0.0).outcome == "expired"


async def test_each_alert_reaches_the_receiver_once_through_errors_and_a_kill(tmp_path: Path) -> None:
    seen: dict[str, bytes] = {}
    asked = 0

    async def receive(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        if asked in (2, 3):
            return web.Response(status=(500, 429)[asked % 2], headers={"retry-after": "0"})
        seen[request.headers["webhook-id"]] = body
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    endpoints = [
        {"name": "nurse", "url": f"http://127.0.0.1:{port}/", "secret": SECRET},
        {"name": "dead", "url": "http://127.0.0.1:9/", "secret": SECRET},
    ]
    await asyncio.to_thread(append, tmp_path, ward(4000))
    more = {"VIGIE_ENDPOINTS": json.dumps(endpoints)}
    worker = workers.start(tmp_path, **more)
    for _ in range(600):
        await asyncio.sleep(0.1)
        if len(seen) > 5:
            break
    worker.kill()
    worker.wait()
    worker = workers.start(tmp_path, **more)
    await asyncio.to_thread(workers.wait_until_ready, tmp_path, worker)
    await asyncio.to_thread(workers.wait_until_drained, tmp_path)
    alerts = {f"{body['alert_id']}-{body['sequence']}" for body in map(json.loads, workers.told(tmp_path)[1])}
    for _ in range(600):
        if set(seen) == alerts:
            break
        await asyncio.sleep(0.1)
    assert await asyncio.to_thread(workers.stop, worker) == 0
    await runner.cleanup()
    assert set(seen) == alerts
    assert len(alerts) > 20
