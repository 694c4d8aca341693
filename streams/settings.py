"""Settings of a deployment: environment (VIGIE_…) over files of secrets over TOML over the defaults.

VIGIE_SECRETS names a folder whose file vigie_influx_token holds that setting, and so on; VIGIE_CONFIG
names the TOML file.

Secrets are SecretStr and never printed. An unknown key stops the start and names the nearest known one.
"""

import os
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from models.catalog import ConfigurationError, Fault, nearest
from streams.webhooks import secret_bytes

BESIDE = ("config", "secrets", "recordings", "test_kafka", "live")  # VIGIE_… names that are no settings


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


class Settings(BaseSettings):
    """All settings, with their defaults; times in seconds."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", extra="forbid", hide_input_in_errors=True)

    broker: str = "log://./vigie-data"
    prefix: str = Field("vigie", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    partitions: int = Field(4, ge=1, le=1024)
    ticks: Literal["worker", "log"] = "worker"
    tick_seconds: float = Field(5.0, gt=0)
    checkpoint_seconds: float = Field(2.0, gt=0)
    catalogue: Path | None = None
    default_plan: Path | None = None
    sink: Literal["sqlite", "influx", "none"] = "sqlite"
    sqlite_path: Path | None = None
    influx_url: str | None = None
    influx_org: str | None = None
    influx_bucket: str | None = None
    influx_token: SecretStr | None = None
    influx_ca: Path | None = None  # the certificate to trust; None: those of the system
    influx_raw_days: int = Field(90, ge=0)  # readings, bands and short windows; 0: for ever
    influx_history_days: int = Field(
        7305, ge=0
    )  # hours, days and alerts: 20 years, as a French record (CSP R1112-7)
    endpoints: list[Endpoint] = []
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65535)  # None: no metrics server; 0: any free port
    locale: Literal["en", "fr"] = "en"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("influx_url")
    @classmethod
    def _influx_url(cls, url: str | None) -> str | None:
        return None if url is None else web_address(url)

    def topic(self, name: str) -> str:
        """The full name of a topic, such as vigie.readings."""
        return f"{self.prefix}.{name}"

    def log_folder(self) -> Path | None:
        """The folder of the embedded log; None with a real broker."""
        if not self.broker.startswith("log://"):
            return None
        return Path(self.broker.removeprefix("log://").partition("?")[0])

    def results_database(self) -> Path:
        """Where the SQLite sink keeps results. Raises ConfigurationError when nothing says."""
        folder = self.log_folder()
        if self.sqlite_path is not None:
            return self.sqlite_path
        if folder is None:
            fault = Fault("settings", "sqlite_path", "is not set", "set VIGIE_SQLITE_PATH or another sink")
            raise ConfigurationError([fault])
        return folder / "results.db"

    def secrets(self) -> list[str]:
        """Every secret in clear, for the logs to look out for. Never print these."""
        found = [endpoint.secret for endpoint in self.endpoints] + [self.influx_token]
        return [secret.get_secret_value() for secret in found if secret is not None]


def load_settings(**overrides: Any) -> Settings:
    """Settings from overrides, environment, secrets and file, in this order. Raises ConfigurationError."""
    known = list(Settings.model_fields)
    file, secrets = os.environ.get("VIGIE_CONFIG"), _folder(os.environ.get("VIGIE_SECRETS"))
    values = _read(file) if file else {}
    faults = [Fault(str(file), key, "unknown key", nearest(key, known)) for key in values if key not in known]
    for name in os.environ:
        key = name.removeprefix("VIGIE_").lower()
        if name.startswith("VIGIE_") and key not in (*known, *BESIDE):
            faults.append(Fault("environment", name, "unknown key", nearest(key, known)))
    if faults:
        raise ConfigurationError(faults)
    for key in list(values):
        if f"VIGIE_{key.upper()}" in os.environ or (secrets and (secrets / f"vigie_{key}").exists()):
            del values[key]
    try:
        settings = Settings(_secrets_dir=secrets, **{**values, **overrides})
    except ValidationError as error:
        raise ConfigurationError(_faults(error, values, file)) from None
    except SettingsError:  # its text and its cause hold the value, which may be a secret
        lists = ", ".join(f"VIGIE_{key.upper()}" for key in known if key in ("endpoints",))
        fault = Fault("environment", lists, "is no JSON", 'write [{"name":…,"url":…,"secret":…}]')
        raise ConfigurationError([fault]) from None
    _check_whole(settings, file)
    return settings


def _folder(name: str | None) -> Path | None:
    """The folder of secrets, None when it is not there yet: a secret that lacks then is told by its name."""
    return Path(name) if name and Path(name).is_dir() else None


def _read(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError([Fault(file, "-", f"cannot be read: {error}", "mend it")]) from error


def _faults(error: ValidationError, values: dict[str, Any], file: str | None) -> list[Fault]:
    out = []
    for found in error.errors(include_input=False, include_url=False):
        place = [str(part) for part in found["loc"]]
        source = file if file and place[:1] and place[0] in values else "environment"
        remedy = "see the README's table of settings"
        if found["type"] == "extra_forbidden":
            remedy = nearest(place[-1], list(Endpoint.model_fields))
        message = found["msg"].removeprefix("Value error, ")
        problem, _, hint = message.partition("; ")
        out.append(Fault(source, ".".join(place), problem, hint or remedy))
    return out


def _check_whole(settings: Settings, file: str | None) -> None:
    """Faults that no single setting shows. Raises ConfigurationError."""
    source, faults = file or "environment", []
    if settings.sink == "influx":
        for key in ("influx_url", "influx_org", "influx_bucket", "influx_token"):
            value = getattr(settings, key)
            if value is None or (isinstance(value, SecretStr) and not value.get_secret_value()):
                faults.append(Fault(source, key, "is not set", f"set VIGIE_{key.upper()}, or another sink"))
    names = [endpoint.name for endpoint in settings.endpoints]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(
            Fault(source, "endpoints", f"has the name {name} twice", "give each endpoint its own name")
        )
    if faults:
        raise ConfigurationError(faults)
