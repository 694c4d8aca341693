"""Where health data may go: the broker, addresses, and the receivers of webhooks."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from models.strict import nearest
from streams.kafka_access import addresses
from streams.transports.log.file import OPTIONS
from streams.webhooks import secret_bytes

ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def broker_address(broker: str) -> str:
    """The broker of the settings, when it names a folder or brokers. Raises ValueError with the remedy."""
    if broker.startswith("log://"):
        folder, _, query = broker.removeprefix("log://").partition("?")
        if not folder:
            raise ValueError("names no folder; write log:///folder")
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name not in OPTIONS:
                raise ValueError(f"has the unknown option {name}; {nearest(name, OPTIONS)}")
            if not (text in ("full", "normal") if name == "sync" else NUMBER.fullmatch(text)):
                raise ValueError(f"has an option that is none; write {name}={OPTIONS[name]}")
    elif not broker.startswith("batch://"):
        raise ValueError("is no broker; write log:///folder or batch://host:9092")
    elif not (found := addresses(broker)) or not all(map(_can_be_called, found)):
        raise ValueError("names no broker that could be called; write batch://one:9092;batch://two:9092")
    return broker


def _can_be_called(address: str) -> bool:
    found = ADDRESS.fullmatch(address)
    return found is not None and int(found[1] or 9092) in range(1, 65_536)


def is_loopback(host: str) -> bool:
    """Whether a host name or address literal can only mean this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def web_address(url: str) -> str:
    """The URL when health data may go there. Raises ValueError with the remedy, without the URL."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
        (host or "").encode("idna")  # as the resolver does
    except ValueError:  # a port that is none, half an IPv6 address, a host with an empty label
        host = None
    if not host or parts.scheme not in ("http", "https") or not url.isprintable() or " " in url:
        raise ValueError("is no web address; write https://host/path")
    if parts.username or parts.password:
        raise ValueError("holds a name or a password; leave them out of addresses")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("is not encrypted; use https, or http on a loopback address")
    return url


class Endpoint(BaseModel):
    """A webhook receiver; `routes` empty = alerts of every route."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    url: str
    secret: SecretStr
    routes: list[str] = []

    def takes(self, route: str) -> bool:
        """Whether alerts of a plan's route go there."""
        return not self.routes or route in self.routes

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        return web_address(url)

    @field_validator("secret")
    @classmethod
    def _secret(cls, secret: SecretStr) -> SecretStr:
        secret_bytes(secret.get_secret_value())
        return secret
