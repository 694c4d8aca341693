"""Who may see the page and act there, decided and served."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streams.configuration import load_catalog
from streams.page import access, create_page
from streams.settings import Settings

PASSWORD = "a password of this test: ü"


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("remote", "host", "here"),
    [
        ("127.0.0.1", "127.0.0.1:8710", True),
        ("127.0.0.1", "localhost", True),
        ("::1", "[::1]:8710", True),
        ("127.0.0.1", "evil.example", False),  # a name that somebody made to lead here
        ("127.0.0.1", "localhost.evil.example:8710", False),
        ("10.0.0.7", "127.0.0.1:8710", False),  # anybody can write a Host
        ("", "127.0.0.1", False),
        ("127.0.0.1", "", False),
    ],
)
def test_only_this_machine_by_its_own_name_is_here(remote: str, host: str, here: bool) -> None:
    assert access.is_here(remote, host) is here


@given(st.text(st.characters(exclude_characters=":"), max_size=20), st.text(max_size=30))
def test_name_and_password_come_as_they_were_sent(name: str, password: str) -> None:
    header = basic(name, password)["Authorization"] if (name + password).isprintable() else None
    if header is not None:
        assert access.given(header) == (name, password)
        assert access.is_right(header, password)
        assert not access.is_right(header, password + "x")


@given(st.text(max_size=60))
def test_whatever_is_sent_is_no_password(text: str) -> None:
    assert not access.is_right(text, PASSWORD)
    assert not access.is_right(f"Basic {text}", PASSWORD)


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        (None, True),
        ("http://127.0.0.1:8710", True),
        ("https://127.0.0.1:8710", True),  # behind a proxy that speaks TLS
        ("http://127.0.0.1:9999", False),
        ("http://evil.example", False),
        ("null", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_a_request_of_another_page_is_known_by_its_origin(origin: str | None, own: bool) -> None:
    assert access.is_own_page(origin, "127.0.0.1:8710") is own


@pytest.fixture
async def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestClient[Any, Any]]:
    monkeypatch.setattr(access, "WRONG_SECONDS", 0.0)
    settings = Settings(broker=f"log://{tmp_path}", console_password=SecretStr(PASSWORD))
    page = create_page(tmp_path / "results.db", load_catalog(), settings=settings)
    async with TestClient(TestServer(page)) as made:
        yield made


async def test_with_a_password_nothing_is_seen_without_it(closed: Any) -> None:
    for path in ("/", "/static/app.js", "/api/fixed", "/api/ward", "/api/patient/p-1", "/api/events"):
        for headers in ({}, basic("n-1", "another"), {"Authorization": "Bearer x"}, basic("", "")):
            answer = await closed.get(path, headers=headers)
            assert answer.status == 401, path
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert answer.headers["Cache-Control"] == "no-store"
    assert (await closed.post("/api/act", json={})).status == 401
    assert (await closed.get("/ready")).status == 200  # a probe's, and it tells nothing of anybody


async def test_with_the_password_any_name_comes_in_from_anywhere_and_is_offered(closed: Any) -> None:
    headers = {**basic("n-7", PASSWORD), "Host": "vigie.clinic.example"}
    assert (await closed.get("/api/ward", headers=headers)).status == 200
    fixed = await (await closed.get("/api/fixed", headers=headers)).json()
    assert fixed["name"] == "n-7"
    assert PASSWORD not in str(fixed)


async def test_the_password_alone_does_not_act_for_another_page(closed: Any) -> None:
    headers = basic("n-7", PASSWORD)
    act = {"alert_id": "a-1", "action": "acknowledge", "by": "n-7", "minutes": 5}
    assert (await closed.post("/api/act", json=act, headers=headers)).status == 403
    token = (await (await closed.get("/api/fixed", headers=headers)).json())["token"]
    for origin, status in (("http://evil.example", 403), (str(closed.make_url("/")).rstrip("/"), 409)):
        more = {**headers, "X-Vigie-Token": token, "Origin": origin}
        answer = await closed.post("/api/act", json=act, headers=more)
        assert answer.status == status, await answer.text()
