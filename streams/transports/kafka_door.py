"""Whether a closed Kafka lets us in, asked once before any client begins.

Both clients try for half a minute and then tell only that they found no broker; here the broker's and
TLS' own answer is told, with the setting to mend. aiokafka's connection does the whole of it: TLS, what
the broker can do, SASL.
"""

import asyncio
import ssl
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from streams.kafka_access import client_options
from streams.settings import Settings
from streams.transports import LogUnusable

PATIENCE_MILLISECONDS: Final = 10_000


def knock(settings: Settings) -> None:
    """Come in and leave again. Raises LogUnusable when a broker keeps us out, or is not who it should be.

    A broker that does not answer at all is the clients' concern: they wait for it. So is an open Kafka.
    """
    if settings.kafka_security_protocol == "PLAINTEXT":
        return
    loop = asyncio.new_event_loop()  # asyncio.run would leave Faust without a loop of its own
    try:
        for address in (options := client_options(settings.broker, settings)).pop("bootstrap_servers"):
            try:
                loop.run_until_complete(_come_in(address, options))
            except (ssl.SSLError, KafkaConnectionError, *_ANSWERS) as error:
                raise LogUnusable(f"{address} {_reason(error, settings)}") from None
            except (OSError, TimeoutError):
                continue
            return
    finally:
        loop.close()


async def _come_in(address: str, options: dict[str, Any]) -> None:
    host, _, port = address.rpartition(":")
    connection = await create_conn(host, int(port), request_timeout_ms=PATIENCE_MILLISECONDS, **options)
    await connection.close()


_ANSWERS: Final = (SaslAuthenticationFailed, UnsupportedSaslMechanismError)


def _reason(error: Exception, settings: Settings) -> str:
    """What the door said, and what to mend."""
    if isinstance(error, SaslAuthenticationFailed):
        return "knows no such user and password; mend VIGIE_KAFKA_USER or VIGIE_KAFKA_PASSWORD"
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"does not take {settings.kafka_sasl_mechanism}; set VIGIE_KAFKA_SASL_MECHANISM"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not trusted ({error.verify_message}); set VIGIE_KAFKA_CA"
    what = "another one" if settings.kafka_certificate else "one"
    return (
        f"ends the connection ({type(error).__name__}): does it speak {settings.kafka_security_protocol}? "
        f"Set VIGIE_KAFKA_SECURITY_PROTOCOL; if it asks for a certificate of ours, set {what} by "
        "VIGIE_KAFKA_CERTIFICATE and VIGIE_KAFKA_KEY"
    )
