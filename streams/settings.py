"""Settings of a deployment: environment (VIGIE_…) over files of secrets over TOML over the defaults.

VIGIE_SECRETS names a folder whose file vigie_influx_token holds that setting, and so on; VIGIE_CONFIG
names the TOML file.

Secrets are SecretStr and never printed. An unknown key stops the start and names the nearest known one.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import NoDecode, SettingsConfigDict

from models.strict import ConfigurationError, Fault, load_toml, nearest
from streams.configuration import read
from streams.endpoints import Endpoint, broker_address, web_address
from streams.kafka_access import KafkaAccess, access_faults, trusted
from streams.secret_files import read_secret

REMEDIES = {  # by the beginning of pydantic's name of a fault
    "missing": "add it",
    "literal": "write one of these",
    "string_pattern": "use up to 64 letters, digits and dashes",
    "greater": "choose one in that range",
    "less": "choose one in that range",
    "int": "write a whole number",
    "float": "write a number",
    "string": 'write text in quotes: "…"',
    "list": 'write [{"name":…,"url":…,"secret":…}]',
    "model": 'write [{"name":…,"url":…,"secret":…}]',
}
LONGEST_DAYS = 100_000  # InfluxDB counts them in nanoseconds
SHORTEST_PASSWORD = 12  # characters; every guess costs a second
# VIGIE_… names that are no settings: of this file, of tests and of infra/compose.yaml
BESIDE = (
    *("config", "secrets"),
    *("recordings", "test_kafka", "live", "influxdb_version", "crash_at", "crash_test"),
    *("image", "uid", "gid", "address", "advertised", "console_address"),
)


class Settings(KafkaAccess):
    """All settings, with their defaults; times in seconds."""

    model_config = SettingsConfigDict(env_prefix="VIGIE_", extra="forbid", hide_input_in_errors=True)

    broker: str = "log://./vigie-data"
    prefix: str = Field("vigie", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    partitions: int = Field(4, ge=1, le=1024)
    replication: int | None = Field(None, ge=1, le=64)  # None: as the cluster likes
    ticks: Literal["worker", "log"] = "worker"
    tick_seconds: float = Field(5.0, gt=0, le=3600)
    checkpoint_seconds: float = Field(5.0, gt=0, le=3600)
    session_seconds: float = Field(6.0, ge=6, le=1800)  # as Kafka's own; a kill -9 stalls partitions so long
    catalogue: Path | None = None
    default_plan: Path | None = None
    sink: Literal["sqlite", "influx", "none"] = "sqlite"
    sqlite_path: Path | None = None
    influx_url: str | None = None
    influx_org: str | None = None
    influx_bucket: str | None = None
    influx_token: SecretStr | None = None
    influx_ca: Path | None = None  # the certificate to trust; None: those of the system
    influx_raw_days: int = Field(90, ge=0, le=LONGEST_DAYS)  # readings, bands and short windows; 0: for ever
    influx_history_days: int = Field(
        7305, ge=0, le=LONGEST_DAYS
    )  # hours, days and alerts: 20 years, as a French record (CSP R1112-7)
    endpoints: Annotated[list[Endpoint], NoDecode] = []
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65535)  # None: no metrics server; 0: any free port
    console_password: SecretStr | None = None  # None: the page answers to this machine alone
    locale: Literal["en", "fr"] = "en"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any) -> Any:
        if isinstance(value, bool):  # pydantic would take it for 1 or 0
            raise ValueError("is true or false, as no setting is; write a number or text")
        return value

    @field_validator("influx_token")
    @classmethod
    def _influx_token(cls, token: SecretStr | None) -> SecretStr | None:
        text = "" if token is None else token.get_secret_value()
        if not text.isprintable() or not (text.isascii() or ":" in text):  # no header could carry it
            raise ValueError(
                "is no token, nor name:password on one line; write what `vigie influx setup` has made"
            )
        return token

    @field_validator("console_password")
    @classmethod
    def _console_password(cls, password: SecretStr | None) -> SecretStr | None:
        if password is not None and len(password.get_secret_value()) < SHORTEST_PASSWORD:
            raise ValueError(f"is shorter than {SHORTEST_PASSWORD} characters; `vigie init` makes a long one")
        return password

    @field_validator("influx_url")
    @classmethod
    def _influx_url(cls, url: str | None) -> str | None:
        return None if url is None else web_address(url)

    @field_validator("broker")
    @classmethod
    def _broker(cls, broker: str) -> str:
        return broker_address(broker)

    @field_validator("endpoints", mode="before")
    @classmethod
    def _endpoints(cls, endpoints: Any) -> Any:
        if not isinstance(endpoints, str):
            return endpoints
        try:
            return json.loads(endpoints)
        except (ValueError, RecursionError):
            raise ValueError('is no JSON; write [{"name":…,"url":…,"secret":…}]') from None

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
        found = [self.influx_token, self.kafka_password, self.console_password]
        found += [endpoint.secret for endpoint in self.endpoints]
        return [secret.get_secret_value() for secret in found if secret is not None]


def load_settings(**overrides: Any) -> Settings:
    """Settings from overrides, environment, secrets and file, in this order.

    Raises ConfigurationError with every fault; its rest is the settings where single values are good.
    """
    known, file = list(Settings.model_fields), os.environ.get("VIGIE_CONFIG")
    given = {name.upper() for name in os.environ}
    faults: list[Fault] = []
    of_file: dict[str, Any] = {}
    if file:
        try:
            of_file = load_toml(read(Path(file)), file)
        except ConfigurationError as error:
            faults += error.faults
    faults += [
        Fault(str(file), key, "unknown key", nearest(key, known)) for key in of_file if key not in known
    ]
    for name in os.environ:
        key = name.lower().removeprefix("vigie_")
        if name.upper().startswith("VIGIE_") and key not in (*known, *BESIDE):
            close = nearest(name.upper(), [f"VIGIE_{key.upper()}" for key in known])
            faults.append(Fault("environment", name, "unknown key", close))
    of_secrets, sources, more = _of_secrets(os.environ.get("VIGIE_SECRETS"), known)
    faults += more
    sources = dict.fromkeys(of_file, str(file)) | sources
    values = {
        key: value
        for key, value in {**of_file, **of_secrets}.items()
        if key in known and f"VIGIE_{key.upper()}" not in given
    }
    settings = None
    try:
        settings = Settings(**{**values, **overrides})
    except ValidationError as error:  # neither its text nor its cause may be told: they may hold a secret
        places = {key: source for key, source in sources.items() if key in values and key not in overrides}
        places |= dict.fromkeys(overrides, "settings")
        faults += [_fault(found, places, given) for found in error.errors(include_input=False)]
    if settings is not None:
        faults += _whole_faults(settings, file)
    if faults or settings is None:
        raise ConfigurationError(faults, settings) from None
    return settings


def _of_secrets(name: str | None, known: list[str]) -> tuple[dict[str, str], dict[str, str], list[Fault]]:
    """(values, their files, faults) of a folder of secrets. A file that is empty says nothing.

    Nothing of a folder that is not there yet: a secret that lacks then is told by its name.
    """
    values: dict[str, str] = {}
    faults: list[Fault] = []
    folder = Path(name or "")
    if not name or not folder.exists():
        return {}, {}, []
    if not folder.is_dir():
        return {}, {}, [Fault("environment", "VIGIE_SECRETS", "is no folder", "name the folder of the files")]
    names = [f"vigie_{key}" for key in known]
    for path in sorted(folder.glob("vigie_*")):
        if path.name in names:
            try:
                secret = read_secret(folder, path.name)
            except ConfigurationError as error:
                faults += error.faults
                continue
            if secret is not None:
                values[path.name.removeprefix("vigie_")] = secret
        elif path.name.isidentifier():  # a copy such as vigie_endpoints.bak is nobody's misspelling
            faults.append(Fault(str(path), "-", "no setting has this name", nearest(path.name, names)))
    return values, {key: str(folder / f"vigie_{key}") for key in values}, faults


def _fault(found: ErrorDetails, sources: dict[str, str], environment: set[str]) -> Fault:
    """One of pydantic's complaints, without the value that it is about.

    sources: key → the file that gives it, or "settings"; environment: its names in capital letters.
    """
    place = [str(part) for part in found["loc"]]
    source, key = "settings", ".".join(place)
    if place and place[0] in sources:
        source = sources[place[0]]
    elif place and f"VIGIE_{place[0].upper()}" in environment:
        source, key = "environment", f"VIGIE_{place[0].upper()}" + key.removeprefix(place[0])
    problem, _, remedy = found["msg"].removeprefix("Value error, ").partition("; ")
    kind = found["type"]
    if kind == "extra_forbidden":
        return Fault(source, key, "unknown key", nearest(place[-1], Endpoint.model_fields))
    if not remedy:
        remedy = next((text for start, text in REMEDIES.items() if kind.startswith(start)), "mend it")
    return Fault(source, key, problem[:1].lower() + problem[1:], remedy)


def _whole_faults(settings: Settings, file: str | None) -> list[Fault]:
    """Faults that no single setting shows."""
    source = file or "environment"
    faults = access_faults(settings, source)
    if settings.sink == "influx":  # who stores nothing may be without its secrets and certificates
        if settings.influx_ca is not None:
            try:
                trusted("influx_ca", settings.influx_ca)
            except ConfigurationError as error:
                faults += error.faults
        for key in ("influx_url", "influx_org", "influx_bucket", "influx_token"):
            value = getattr(settings, key)
            if value is None or (isinstance(value, SecretStr) and not value.get_secret_value()):
                faults.append(Fault(source, key, "is not set", f"set VIGIE_{key.upper()}, or another sink"))
    names = [endpoint.name for endpoint in settings.endpoints]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(
            Fault(source, "endpoints", f"has the name {name} twice", "give each endpoint its own name")
        )
    return faults
