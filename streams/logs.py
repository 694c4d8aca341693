"""Structured logs: one JSON object a line on standard error; neither secrets nor anybody's data in them.

Whatever writes (our own code through structlog, Faust and its libraries through logging) passes the same
two guards: `redact` takes out secrets, `withhold` takes out records. Our own code logs counts, names and
alert ids alone; the guards are for what others say, and for tracebacks.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final, TextIO

import structlog

from streams.settings import Settings

REDACTED: Final = "[redacted]"
WITHHELD: Final = "[withheld]"
SECRET_KEYS: Final = re.compile(r"secret|token|password|passwd|authorization|api_?key|signature", re.I)
SECRET_TEXTS: Final = (
    re.compile(r"whsec_[A-Za-z0-9+/=_-]+"),
    re.compile(r"(?<=v1,)[A-Za-z0-9+/]{20,}={0,2}"),
    re.compile(r"(?i)(?<=token )[A-Za-z0-9_.~+/=-]{8,}|(?<=bearer )[A-Za-z0-9_.~+/=-]{8,}"),
    re.compile(r"(?i)(?<=://)[^/@\s'\"]+(?=@)"),
    re.compile(r"(?i)(?:password|secret|token)['\"]?\s*[=:]\s*['\"]?[^\s'\",}]+"),
)
RECORDS: Final = (
    re.compile(r"\{[^{}]*[\"']patient\\?[\"'].*", re.S),  # a reading, a plan, an alert, and all after it
    re.compile(r"\b\w+,patient=[^\n]*"),  # a line of results
    re.compile(r"\bp-[A-Za-z0-9_-]{1,62}\b"),  # a pseudonym in the usual spelling
)
DATA_KEYS: Final = frozenset(
    {"patient", "value", "body", "line", "lines", "record", "original", "measured_at"}
)
LARGEST: Final = 4000  # characters of one text: a traceback, not a dump

Event = MutableMapping[str, Any]


def clean_text(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without secrets and records, and of bounded length."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    text = text if len(text) <= LARGEST else text[:LARGEST] + "…"  # after the secrets: none is cut in two
    for pattern in SECRET_TEXTS:
        text = pattern.sub(REDACTED, text)
    for pattern in RECORDS:
        text = pattern.sub(WITHHELD, text)
    return text


def clean(value: Any, key: str = "", secrets: Iterable[str] = ()) -> Any:
    """A value as it may be logged: numbers and names pass, containers are gone through, bytes never pass."""
    if SECRET_KEYS.search(key):
        return REDACTED
    if key in DATA_KEYS or isinstance(value, bytes | bytearray | memoryview):
        return WITHHELD
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(k): clean(v, str(k), secrets) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item, "", secrets) for item in value]
    return clean_text(str(value), secrets)


def guard(secrets: Iterable[str]) -> Callable[[Any, str, Event], Event]:
    """The processor that cleans every event; `secrets` are the deployment's own, in clear."""
    known = sorted({s for s in secrets if s}, key=len, reverse=True)

    def process(logger: Any, method: str, event: Event) -> Event:
        return {key: clean(value, key, known) for key, value in event.items()}

    return process


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log of this process through the guards, as JSON lines, to a stream (standard error)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            guard(settings.secrets()),
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for noisy in ("aiokafka", "urllib3", "influxdb_client", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
