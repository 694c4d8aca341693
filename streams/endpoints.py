"""Where health data may go: addresses, and the receivers of webhooks."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from streams.webhooks import secret_bytes


def is_loopback(host: str) -> bool:
    """Whether a host name or address literal can only mean this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def web_address(url: str) -> str:
    """The URL when health data may go there. Raises ValueError with the remedy, without the URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no web address; write https://host/path")
    if parts.username or parts.password:
        raise ValueError("holds a name or a password; leave them out of addresses")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("is not encrypted; use https, or http on a loopback address")
    return url


class Endpoint(BaseModel):
    """A webhook receiver; `routes` empty = alerts of every route."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    url: str
    secret: SecretStr
    routes: list[str] = []

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        return web_address(url)

    @field_validator("secret")
    @classmethod
    def _secret(cls, secret: SecretStr) -> SecretStr:
        secret_bytes(secret.get_secret_value())
        return secret
