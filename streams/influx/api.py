"""The few calls of InfluxDB's API that setting up needs, over HTTP."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

SECONDS = 10.0
NOT_FOUND = 404
STRANGER = "is VIGIE_INFLUX_URL the address of InfluxDB's API?"


class InfluxAnswer(Exception):
    """An answer that was not expected. The text holds the status and the server's code, no secret."""


def authorization(credential: str) -> str:
    """The header of a credential: `name:password` as of version 1, anything else is a token of version 2."""
    if ":" in credential:
        return "Basic " + base64.b64encode(credential.encode()).decode()
    return f"Token {credential}"


class InfluxApi:
    """Calls to one server with one credential; None for the calls that need none."""

    def __init__(self, url: str, credential: str | None, ca: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {} if credential is None else {"Authorization": authorization(credential)}
        self._pool = urllib3.PoolManager(
            timeout=SECONDS, retries=False, ca_certs=None if ca is None else str(ca)
        )

    def call(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """The decoded answer, None when it is empty. Raises InfluxAnswer when it is no 2xx, or no JSON."""
        return _decoded(self.ask(method, path, body, **query), f"{method} {path}")

    def get(self, path: str, key: str, **query: str) -> Any:
        """What an answer holds under a key. Raises InfluxAnswer, also when it holds no such thing."""
        return _of(self.call("GET", path, **query), key, path)

    def named(self, path: str, key: str, **query: str) -> list[dict[str, Any]]:
        """The things of a name: one, or none, which InfluxDB tells by 404. Raises InfluxAnswer."""
        answer = self.ask("GET", path, **query)
        return [] if answer.status == NOT_FOUND else _of(_decoded(answer, f"GET {path}"), key, path)

    def ask(self, method: str, path: str, body: object = None, **query: str) -> urllib3.BaseHTTPResponse:
        """The answer, whatever it is. Raises InfluxAnswer when there is none."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        address = self._url + path + ("?" + urlencode(query) if query else "")
        headers = {**self._headers, "Content-Type": "application/json" if data is not body else "text/plain"}
        try:
            return self._pool.request(method, address, body=data, headers=headers)  # type: ignore[arg-type]
        except urllib3.exceptions.HTTPError as error:
            raise InfluxAnswer(f"{self._url} does not answer ({type(error).__name__})") from None


def _decoded(answer: urllib3.BaseHTTPResponse, asked: str) -> Any:
    if not 200 <= answer.status < 300:
        raise InfluxAnswer(f"{asked} is answered with {answer.status}: {_code(answer.data)}")
    try:
        return json.loads(answer.data) if answer.data.strip() else None
    except ValueError:
        raise InfluxAnswer(f"{asked} is answered with no JSON; {STRANGER}") from None


def _of(answer: Any, key: str, path: str) -> Any:
    if not isinstance(answer, dict) or key not in answer:
        raise InfluxAnswer(f"GET {path} is answered without {key}; {STRANGER}")
    return answer[key]


def _code(data: bytes) -> str:
    """The server's code word; its message may repeat what was sent."""
    try:
        return str(json.loads(data)["code"])
    except (ValueError, KeyError, TypeError):
        return "no reason given"
