"""The webhook receiver: believes signatures only, takes each delivery once, prints what a nurse reads."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from streams.receiver import Refused, create_receiver, notice, verify

KEY = b"a key of twenty-four byt"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ALERT: dict[str, Any] = {
    "event": "opened",
    "alert_id": "a-1",
    "sequence": 1,
    "patient": "p-7f3a",
    "kind": "limit",
    "severity": "high",
    "rule": "systolic-bp-above-160",
    "received_at": "2026-03-01T08:00:09.000Z",
    "explanation": {
        "en": "Systolic 171 mm[Hg], above 160.",
        "fr": "Systolique 171 mm[Hg], au-dessus de 160.",
    },
}


def signed(body: bytes, number: str = "a-1-1", at: float | None = None, key: bytes = KEY) -> dict[str, str]:
    stamp = str(int(at if at is not None else time.time()))
    mac = hmac.new(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": number,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1,bm90IHRoaXMgb25l v1," + base64.b64encode(mac).decode(),
    }


def test_the_published_example_of_standard_webhooks_verifies() -> None:
    """The vector of the Standard Webhooks reference libraries."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert verify(secret, headers, b'{"test": 2432232314}', 1614265330.0) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


NOW = 1_772_352_000.0


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "needed"),
        (signed(b"x", at=NOW - 3600), "not of now"),
        (signed(b"y", at=NOW), "no signature"),
        (signed(b"x", at=NOW, key=b"another key"), "no signature"),
        ({**signed(b"x", at=NOW), "webhook-timestamp": "²"}, "not of now"),
        ({**signed(b"x", at=NOW), "webhook-timestamp": "9" * 5000}, "not of now"),
        ({**signed(b"x", at=NOW), "webhook-signature": "v1,\udcff"}, "no signature"),
        ({**signed(b"x", at=NOW), "webhook-id": "\udcff"}, "no signature"),
    ],
)
def test_a_delivery_without_a_good_signature_is_refused(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        verify(SECRET, headers, b"x", NOW)


async def test_a_repeated_delivery_is_answered_but_shown_once() -> None:
    shown: list[dict[str, Any]] = []
    async with TestClient(TestServer(create_receiver(SECRET, shown.append))) as client:
        body = json.dumps(ALERT).encode()
        for _ in range(2):
            assert (await client.post("/alerts", data=body, headers=signed(body))).status == 204
        assert (await client.post("/alerts", data=body, headers=signed(b"other"))).status == 401
        assert (await client.post("/alerts", data=b"[]", headers=signed(b"[]", "a-1-2"))).status == 400
    assert shown == [ALERT]


def test_a_nurse_reads_a_line_and_the_reason_in_her_language() -> None:
    english, french = notice(ALERT, "en"), notice(ALERT, "fr")
    assert "HIGH" in english
    assert "p-7f3a" in english
    assert "Systolic 171 mmHg" in english
    assert "ÉLEVÉE" in french
    assert "Systolique 171 mmHg, au-dessus de 160." in french
