"""What settings say of a closed Kafka is checked before any client connects."""

from pathlib import Path

import pytest

from models.strict import ConfigurationError
from streams.kafka_access import client_options, ssl_context
from streams.settings import Settings, load_settings
from tests.certificates import Authority

PASSWORD = "the-password-of-a-test"
USER = {"kafka_user": "vigie", "kafka_password": PASSWORD}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIGIE_BROKER", raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


def told(**settings: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**settings)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "key", ["kafka_ca", "kafka_certificate", "kafka_key", "kafka_user", "kafka_password"]
)
def test_what_would_not_be_used_over_an_open_line_is_a_fault(key: str) -> None:
    text = told(**{key: PASSWORD})
    assert key in text
    assert "has no use with PLAINTEXT" in text
    assert "VIGIE_KAFKA_SECURITY_PROTOCOL=SSL" in text


def test_a_password_without_sasl_is_a_fault() -> None:
    assert "VIGIE_KAFKA_SECURITY_PROTOCOL=SASL_SSL" in told(kafka_security_protocol="SSL", **USER)


@pytest.mark.parametrize("lacking", ["kafka_user", "kafka_password"])
@pytest.mark.parametrize("value", [None, ""])
def test_sasl_needs_a_user_and_a_password(lacking: str, value: str | None) -> None:
    text = told(kafka_security_protocol="SASL_SSL", **{**USER, lacking: value})
    assert f"set VIGIE_{lacking.upper()}" in text


@pytest.mark.parametrize("protocol", ["TLS", "SASL_PLAINTEXT"])
def test_an_unknown_protocol_names_those_that_are(protocol: str) -> None:
    assert "'PLAINTEXT', 'SSL' or 'SASL_SSL'" in told(kafka_security_protocol=protocol)


def test_a_file_that_is_missing_or_no_certificate_is_told(tmp_path: Path) -> None:
    path = tmp_path / "authority.crt"
    assert "kafka_ca: cannot be read (FileNotFoundError)" in told(
        kafka_security_protocol="SSL", kafka_ca=path
    )
    path.write_text("no certificate")
    assert "holds no certificate in PEM" in told(kafka_security_protocol="SSL", kafka_ca=path)
    assert "cannot be read (IsADirectoryError)" in told(kafka_security_protocol="SSL", kafka_ca=tmp_path)


def test_a_certificate_and_its_key_belong_together(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.sign("client")
    _, other = authority.sign("other")
    ssl = {"kafka_security_protocol": "SSL", "kafka_ca": authority.certificate}
    assert "set VIGIE_KAFKA_KEY" in told(**ssl, kafka_certificate=certificate)
    assert "set VIGIE_KAFKA_CERTIFICATE" in told(**ssl, kafka_key=key)
    assert "is not the key of" in told(**ssl, kafka_certificate=certificate, kafka_key=other)
    assert load_settings(**ssl, kafka_certificate=certificate, kafka_key=key).kafka_key == key


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(authority: Authority) -> None:
    certificate, key = authority.sign("locked")
    locked = authority.lock(key)
    text = told(kafka_security_protocol="SSL", kafka_certificate=certificate, kafka_key=locked)
    assert "encrypted" in text


def test_names_and_certificates_are_verified(authority: Authority) -> None:
    for ca in (None, authority.certificate):
        context = ssl_context(load_settings(kafka_security_protocol="SSL", kafka_ca=ca))
        assert context is not None
        assert context.check_hostname
        assert context.verify_mode.name == "CERT_REQUIRED"


def test_the_password_comes_from_a_file_and_is_never_shown(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vigie_kafka_password").write_text(PASSWORD + "\n")
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path))
    settings = load_settings(
        broker="batch://one:9093;batch://two:9093",
        kafka_security_protocol="SASL_SSL",
        kafka_ca=authority.certificate,
        kafka_user="vigie",
    )
    assert PASSWORD not in repr(settings) + settings.model_dump_json()
    assert settings.secrets() == [PASSWORD]
    options = client_options(settings.broker, settings)
    assert options["bootstrap_servers"] == ["one:9093", "two:9093"]
    assert options["sasl_plain_password"] == PASSWORD
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"


def test_an_open_line_is_the_default() -> None:
    assert client_options("batch://one:9092", Settings()) == {
        "bootstrap_servers": ["one:9092"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }
