"""Settings of a deployment: environment (VIGIE_…) over a TOML file (VIGIE_CONFIG) over the defaults.

Secrets are SecretStr and never printed. An unknown key stops the start and names the nearest known one.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.catalog import ConfigurationError, Fault, nearest


class Endpoint(BaseModel):
    """A webhook receiver; `routes` empty = alerts of every route."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    url: str
    secret: SecretStr
    routes: list[str] = []


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
    sink: Literal["sqlite", "none"] = "sqlite"
    sqlite_path: Path | None = None
    endpoints: list[Endpoint] = []
    log_level: Literal["debug", "info", "warning", "error"] = "info"

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


def load_settings(**overrides: Any) -> Settings:
    """Settings from overrides, environment and file, in this order. Raises ConfigurationError."""
    known = list(Settings.model_fields)
    file = os.environ.get("VIGIE_CONFIG")
    values: dict[str, Any] = {}
    if file:
        try:
            values = tomllib.loads(Path(file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError([Fault(file, "-", f"cannot be read: {error}", "mend it")]) from error
    faults = [Fault(str(file), key, "unknown key", nearest(key, known)) for key in values if key not in known]
    for name in os.environ:
        key = name.removeprefix("VIGIE_").lower()
        if name.startswith("VIGIE_") and key not in (*known, "config", "recordings", "test_kafka", "live"):
            faults.append(Fault("environment", name, "unknown key", nearest(key, known)))
    if faults:
        raise ConfigurationError(faults)
    for key in list(values):
        if f"VIGIE_{key.upper()}" in os.environ:
            del values[key]
    try:
        return Settings(**{**values, **overrides})
    except ValidationError as error:
        raise ConfigurationError(
            [
                Fault(file or "environment", ".".join(map(str, e["loc"])), e["msg"], "see the README's table")
                for e in error.errors(include_input=False, include_context=False)
            ]
        ) from error
