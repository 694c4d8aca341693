"""The Faust app: settings in, agents by role. Why each setting is as it is: docs in DESIGN.md."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import faust
import mode
from faust.auth import Credentials
from faust.transport.drivers import TRANSPORTS

from streams import health, metrics
from streams.agents import notify, store, watch
from streams.kafka_access import ssl_context
from streams.settings import Settings
from streams.topics import BATCH_BYTES, MESSAGE_BYTES
from streams.transports.kafka_door import knock
from streams.transports.log.store import Log

ROLES = {"watch": watch.attach, "store": store.attach, "notify": notify.attach}

TRANSPORTS.aliases["log"] = "streams.transports.log.transport:Transport"
TRANSPORTS.aliases["batch"] = "streams.transports.kafka:Transport"


async def _nothing() -> None:
    """Without the watch role there is no state to save."""


def _recovered() -> bool:
    """Without the watch role there is no state to recover."""
    return True


def _stalled() -> float:
    """Without the watch role nothing tells a quiet topic from one that is not taken."""
    return 0.0


class App(faust.App):
    """Faust with batches, and a last checkpoint before it stops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.batch_topics: set[str] = set()
        self.before_revoke: list[Callable[[], Awaitable[None]]] = []
        self.final_checkpoint = _nothing
        self.recovered = _recovered
        self.stalled, self.longest_stall = _stalled, math.inf  # seconds
        super().__init__(*args, **kwargs)

    async def prepare_revoke(self) -> None:
        """Before partitions go: whatever is under way for them comes to its end."""
        await asyncio.gather(*(prepare() for prepare in self.before_revoke))

    async def on_stop(self) -> None:
        """Save and commit, then let go."""
        if not self.should_stop or not self.crashed:
            await self.prepare_revoke()
            await self.consumer.commit()
        await super().on_stop()


def create_app(settings: Settings, roles: set[str]) -> App:
    """A worker for some roles. Raises ConfigurationError or LogUnusable when files, settings or log are."""
    folder = settings.log_folder()
    if folder is not None:
        Log(
            folder, partitions=settings.partitions
        ).close()  # one that is of no use is told before Faust starts
    else:
        knock(settings)
    embedded = {"TableManager": "streams.transports.log.transport:TableManager"} if folder is not None else {}
    name = settings.prefix if roles == set(ROLES) else f"{settings.prefix}-{'-'.join(sorted(roles))}"
    broker = settings.broker if folder is None else f"log://{folder.absolute()}{_query(settings.broker)}"
    app = App(
        name,
        broker=broker,
        broker_credentials=_credentials(settings),
        store="memory://",
        processing_guarantee="at_least_once",
        agent_supervisor=mode.CrashingSupervisor,
        stream_wait_empty=False,
        stream_buffer_maxsize=64,  # counts batches, of one reading each at a light load
        broker_max_poll_records=2000,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_seconds,
        broker_heartbeat_interval=settings.session_seconds / 4,
        producer_linger=0.0,  # a results frame is a batch of its own; an alert waits for nobody
        producer_max_batch_size=BATCH_BYTES,
        producer_max_request_size=MESSAGE_BYTES,
        producer_acks=-1,
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        topic_allow_declare=folder is not None,
        table_standby_replicas=0,
        web_enabled=False,
        datadir=str(folder / "faust" if folder is not None else Path(gettempdir()) / f"vigie-{name}"),
        **embedded,
    )
    for role in sorted(roles):
        ROLES[role](app, settings)
    metrics.attach(app, settings)
    health.attach(app, settings)
    return app


def _credentials(settings: Settings) -> Credentials | None:
    """How Faust's clients come into Kafka; None over an open line."""
    context, password = ssl_context(settings), settings.kafka_password
    if context is None:
        return None
    if settings.kafka_security_protocol == "SSL" or password is None:
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.kafka_user,
        password=password.get_secret_value(),
        ssl_context=context,
        mechanism=settings.kafka_sasl_mechanism,
    )


def _query(broker: str) -> str:
    _, question, options = broker.partition("?")
    return question + options
