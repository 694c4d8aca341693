"""How clients come into a Kafka that is closed: TLS, a client's certificate, a user's password."""

import ssl
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from models.strict import ConfigurationError, Fault


class KafkaAccess(BaseSettings):
    """The settings of it. There is no SASL_PLAINTEXT: a password never goes over an open line."""

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca: Path | None = None  # the certificates to trust; None: those of the system
    kafka_certificate: Path | None = None  # the client's own, with its chain
    kafka_key: Path | None = None  # of that certificate, not encrypted
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None


def access_faults(access: KafkaAccess, source: str) -> list[Fault]:
    """Whatever would keep a client out, or lets it think that it is protected, seen before any connects."""
    given = {
        key for key in KafkaAccess.model_fields if key in access.model_fields_set and getattr(access, key)
    }
    protocol = access.kafka_security_protocol
    unused = {
        "PLAINTEXT": ("kafka_ca", "kafka_certificate", "kafka_key", "kafka_user", "kafka_password"),
        "SSL": ("kafka_user", "kafka_password"),
        "SASL_SSL": (),
    }[protocol]
    remedy = f"set VIGIE_KAFKA_SECURITY_PROTOCOL={'SASL_SSL' if protocol == 'SSL' else 'SSL or SASL_SSL'}"
    faults = [
        Fault(source, key, f"has no use with {protocol}", f"{remedy}, or leave it out")
        for key in unused
        if key in given
    ]
    needs = [("kafka_user", "kafka_password")] if protocol == "SASL_SSL" else []
    if {"kafka_certificate", "kafka_key"} & given:
        needs.append(("kafka_certificate", "kafka_key"))
    for key in (key for pair in needs for key in pair):
        value = getattr(access, key)
        if value is None or (isinstance(value, SecretStr | str) and not len(value)):
            where = " or in a file of VIGIE_SECRETS" if key == "kafka_password" else ""
            faults.append(Fault(source, key, "is not set", f"set VIGIE_{key.upper()}{where}"))
    if faults:
        return faults
    try:
        ssl_context(access)
    except ConfigurationError as error:
        faults += error.faults
    return faults


def ssl_context(access: KafkaAccess) -> ssl.SSLContext | None:
    """What to trust and to show; None when nothing is encrypted. Raises ConfigurationError."""
    if access.kafka_security_protocol == "PLAINTEXT":
        return None
    context = ssl.create_default_context() if access.kafka_ca is None else None
    if context is None:
        context = trusted("kafka_ca", access.kafka_ca)
    if access.kafka_certificate is not None:
        certificate = _readable("kafka_certificate", access.kafka_certificate)
        key = _readable("kafka_key", access.kafka_key)
        try:  # without a word of ours OpenSSL would ask for one at the terminal
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (ssl.SSLError, ValueError):
            problem = f"is not the key of {certificate}, or one of the two is no PEM, or it is encrypted"
            raise _unusable("kafka_key", key, problem) from None
    return context


def trusted(key: str, path: Path | None) -> ssl.SSLContext:
    """What trusts the certificates of a setting's file alone. Raises ConfigurationError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies names and certificates
    path = _readable(key, path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise _unusable(key, path, "holds no certificate in PEM") from None
    return context


def _readable(key: str, path: Path | None) -> Path:
    """The path of a setting, once it was read."""
    if path is None:
        raise ConfigurationError([Fault("settings", key, "is not set", f"set VIGIE_{key.upper()}")])
    try:
        path.read_bytes()
    except OSError as error:
        raise _unusable(key, path, f"cannot be read ({type(error).__name__})") from None
    return path


def _unusable(key: str, path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError([Fault(str(path), key, problem, f"mend the file, or VIGIE_{key.upper()}")])


def addresses(broker: str) -> list[str]:
    """batch://a:9092;b:9092 → ["a:9092", "b:9092"]."""
    return [part.rpartition("//")[2] for part in broker.split(";") if part]


def client_options(broker: str, access: KafkaAccess) -> dict[str, Any]:
    """What every client of kafka-python is given: where the brokers are and how it comes in."""
    options: dict[str, Any] = {
        "bootstrap_servers": addresses(broker),
        "security_protocol": access.kafka_security_protocol,
        "ssl_context": ssl_context(access),
    }
    if access.kafka_security_protocol == "SASL_SSL" and access.kafka_password is not None:
        options |= {
            "sasl_mechanism": access.kafka_sasl_mechanism,
            "sasl_plain_username": access.kafka_user,
            "sasl_plain_password": access.kafka_password.get_secret_value(),
        }
    return options
