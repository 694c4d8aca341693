"""A closed Kafka: TLS with SCRAM, with PLAIN and with a client's certificate, and who stays outside."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion

from infra.native import kafka
from infra.native.process import LOOPBACK, free_port
from streams.secret_files import write_secret
from tests import live, workers
from tests.certificates import Authority
from tests.live.kafka import Kafka
from tests.logs import START, reading

PASSWORD, WRONG = "the-password-of-a-test", "another-password-of-a-test"
JAAS = "listener.name.{}.{}.sasl.jaas.config=org.apache.kafka.common.security.{}LoginModule required{};\n"


class Closed:
    """A broker with four listeners: open (for the test itself), SCRAM, PLAIN and client certificates."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.authority, self.stranger = Authority(folder, "authority"), Authority(folder, "stranger")
        self.client = self.authority.sign("client")
        certificate, key = self.authority.sign("broker")
        store = folder / "broker.pem"
        store.write_bytes(key.read_bytes() + certificate.read_bytes())
        self.ports = {name: free_port() for name in ("PLAINTEXT", "SCRAM", "PLAIN", "MUTUAL")}
        listeners = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in self.ports.items())
        text = kafka.PROPERTIES.format(broker=0, controller=free_port(), folder=folder / "data")
        text = text.replace(f"PLAINTEXT://{LOOPBACK}:0", listeners)
        text = text.replace(
            "PLAINTEXT:PLAINTEXT,", "PLAINTEXT:PLAINTEXT,SCRAM:SASL_SSL,PLAIN:SASL_SSL,MUTUAL:SSL,"
        )
        text += (
            f"ssl.keystore.type=PEM\nssl.keystore.location={store}\n"
            f"ssl.truststore.type=PEM\nssl.truststore.location={self.authority.certificate}\n"
            "listener.name.mutual.ssl.client.auth=required\n"
            "listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512\n"
            "listener.name.plain.sasl.enabled.mechanisms=PLAIN\n"
        )
        text += JAAS.format("scram", "scram-sha-512", "scram.Scram", "")
        text += JAAS.format("plain", "plain", "plain.Plain", f' user_vigie="{PASSWORD}"')
        self.open = f"{LOOPBACK}:{self.ports['PLAINTEXT']}"
        self.server = live.server(lambda place: kafka.server_of(place, text, self.open), folder)

    def add_user(self) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.open)
        user = UserScramCredentialUpsertion("vigie", ScramMechanism.SCRAM_SHA_512, PASSWORD)
        admin.alter_user_scram_credentials([user])
        admin.close()

    def settings(self, listener: str, folder: Path) -> dict[str, str]:
        """Those of a deployment that comes in at a listener, its password in a file."""
        found = {
            "VIGIE_BROKER": f"batch://{LOOPBACK}:{self.ports[listener]}",
            "VIGIE_PREFIX": listener.lower(),
            "VIGIE_SINK": "none",
            "VIGIE_KAFKA_CA": str(self.authority.certificate),
        }
        if listener == "MUTUAL":
            certificate, key = map(str, self.client)
            found |= {"VIGIE_KAFKA_CERTIFICATE": certificate, "VIGIE_KAFKA_KEY": key}
            return {**found, "VIGIE_KAFKA_SECURITY_PROTOCOL": "SSL"}
        write_secret(folder / "secrets", "vigie_kafka_password", PASSWORD)
        mechanism = {"SCRAM": "SCRAM-SHA-512", "PLAIN": "PLAIN"}[listener]
        found |= {"VIGIE_KAFKA_SASL_MECHANISM": mechanism, "VIGIE_KAFKA_USER": "vigie"}
        return {
            **found,
            "VIGIE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "VIGIE_SECRETS": str(folder / "secrets"),
        }


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    made = Closed(tmp_path_factory.mktemp("kafka") / "closed")
    with made.server.running():
        made.add_user()
        yield made


def vigie(folder: Path, settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*workers.VIGIE, *arguments],
        env=workers.environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("listener", ["SCRAM", "PLAIN", "MUTUAL"])
def test_a_recording_goes_through_a_closed_kafka(closed: Closed, listener: str, tmp_path: Path) -> None:
    settings = closed.settings(listener, tmp_path)
    recording = tmp_path / "recording.jsonl"
    values = [reading(f"p-{i % 5}", "systolic-bp", 190, START + i * 60_000) for i in range(200)]
    recording.write_bytes(b"\n".join(values) + b"\n")
    out, again = tmp_path / "out", tmp_path / "again"
    address = settings["VIGIE_BROKER"].replace("batch://", "kafka://")
    for arguments in (
        ("topics", "create"),
        ("topics", "check"),
        ("send", str(recording), "--as-recorded"),
        ("worker", "--drain"),
        ("replay", f"{address}/{listener.lower()}.readings", "--out", str(out)),
        ("replay", str(recording), "--out", str(again)),
    ):
        done = vigie(tmp_path, settings, *arguments)
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
    told = live_alerts(closed, f"{listener.lower()}.alerts")
    assert told
    assert told == set((out / "alerts.jsonl").read_bytes().splitlines())
    assert alert_ids(out) == alert_ids(again)


def live_alerts(closed: Closed, topic: str) -> set[bytes]:
    client = Kafka(closed.open)
    values = set(client.values(topic))
    client.close()
    return values


def alert_ids(folder: Path) -> set[str]:
    return {json.loads(line)["alert_id"] for line in (folder / "alerts.jsonl").read_bytes().splitlines()}


@pytest.mark.parametrize("command", ["topics", "worker", "send"])
@pytest.mark.parametrize("fault", ["password", "authority", "certificate"])
def test_who_is_not_let_in_is_told_why(closed: Closed, command: str, fault: str, tmp_path: Path) -> None:
    recording = tmp_path / "recording.jsonl"
    recording.write_bytes(reading("p-1", "systolic-bp", 120, START) + b"\n")
    settings = closed.settings("MUTUAL" if fault == "certificate" else "SCRAM", tmp_path)
    if fault == "password":
        write_secret(tmp_path / "secrets", "vigie_kafka_password", WRONG)
        remedy = "VIGIE_KAFKA_PASSWORD"
    elif fault == "authority":
        settings["VIGIE_KAFKA_CA"], remedy = str(closed.stranger.certificate), "VIGIE_KAFKA_CA"
    else:
        del settings["VIGIE_KAFKA_CERTIFICATE"], settings["VIGIE_KAFKA_KEY"]
        remedy = "VIGIE_KAFKA_CERTIFICATE"
    arguments = ("send", str(recording)) if command == "send" else (command,)
    done = vigie(tmp_path, settings, *arguments)
    assert done.returncode == 1
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr
    assert WRONG not in done.stdout + done.stderr
