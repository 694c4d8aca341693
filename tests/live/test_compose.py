"""The settings of infra/compose.yaml on the same versions, without containers."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.native import influxdb, kafka
from infra.native.process import LOOPBACK, Server, free_port, listens
from streams.cli import main
from streams.influx.setup import WRITER
from streams.secret_files import read_secret
from streams.sinks import SinkMisconfigured
from streams.sinks.influx import InfluxSink
from tests import live
from tests.live.kafka import Kafka
from tests.test_deployment import SERVICES


def test_kafka_starts_with_what_compose_says_and_holds_the_topics(tmp_path: Path) -> None:
    said = {k: v for k, v in SERVICES["kafka"]["environment"].items() if k.startswith("KAFKA_")}
    heap = said.pop("KAFKA_HEAP_OPTS")  # for the JVM, not for the broker
    assert heap == "-Xmx1g"
    ports = {number: str(free_port()) for number in ("19092", "9092", "9093")}

    def here(value: str) -> str:
        value = value.replace("${VIGIE_ADDRESS:-127.0.0.1}", LOOPBACK).replace("kafka:", f"{LOOPBACK}:")
        value = value.replace("://:", f"://{LOOPBACK}:").replace(
            "/var/lib/kafka/data", str(tmp_path / "data")
        )
        for number, free in ports.items():
            value = value.replace(f"{LOOPBACK}:{number}", f"{LOOPBACK}:{free}")
        return value

    # the image's own rule: KAFKA_A_B is a.b
    text = "".join(
        f"{key.removeprefix('KAFKA_').lower().replace('_', '.')}={here(value)}\n"
        for key, value in said.items()
    )
    address = f"{LOOPBACK}:{ports['9092']}"
    with live.server(lambda folder: kafka.server_of(folder, text, address), tmp_path).running():
        settings = {"VIGIE_BROKER": f"batch://{address}", "VIGIE_SINK": "none"}
        done = CliRunner().invoke(main, ["topics", "create"], env=settings)
        assert done.exit_code == 0, done.output
        assert CliRunner().invoke(main, ["topics", "check"], env=settings).exit_code == 0
        client = Kafka(address)
        client.append([("vigie.readings", 0, b"p-1", b"{}", None, 0)])  # type: ignore[list-item]
        assert client.values("vigie.readings") == [b"{}"]
        client.close()


async def test_influxdb_starts_with_what_compose_says_behind_the_certificate_of_init(tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert CliRunner().invoke(main, ["init", str(site)]).exit_code == 0
    port = free_port()
    places = {
        "/var/lib/influxdb2": str(site / "data/influxdb"),
        "/etc/vigie": str(site / "tls"),
        "/run/secrets": str(site / "secrets"),
        ":8086": f"{LOOPBACK}:{port}",
    }
    environment = []
    for key, value in SERVICES["influxdb"]["environment"].items():
        for inside, outside in places.items():
            value = value.replace(inside, outside)
        environment.append(f"{key}={value}")

    def make(folder: Path) -> Server:
        command = ["env", *environment, str(influxdb.binary())]
        address = f"{LOOPBACK}:{port}"
        return Server("influxdb", command, folder, address, lambda: listens(address), 2)

    settings = {
        "VIGIE_INFLUX_URL": f"https://localhost:{port}",
        "VIGIE_INFLUX_CA": str(site / "tls/influxdb.crt"),
        "VIGIE_INFLUX_ORG": "vigie",
        "VIGIE_INFLUX_BUCKET": "vigie",
        "VIGIE_SECRETS": str(site / "secrets"),
    }
    line = b"reading,patient=p-1,vital=spo2 value=97 %d" % (1 << 60)
    with live.server(make, tmp_path).running():
        for command in ("setup", "check"):
            done = CliRunner().invoke(main, ["influx", command], env=settings)
            assert done.exit_code == 0, done.output
        credential = read_secret(site / "secrets", WRITER)
        assert credential
        trusting = InfluxSink(settings["VIGIE_INFLUX_URL"], "vigie", credential, site / "tls/influxdb.crt")
        refused = await trusting.write_results([line])
        assert "older than the bucket keeps" in refused[0].message  # it is written to: 2006 is too old
        await trusting.close()
        stranger = InfluxSink(settings["VIGIE_INFLUX_URL"], "vigie", credential)
        with pytest.raises(SinkMisconfigured, match="VIGIE_INFLUX_CA"):
            await stranger.write_results([line])
        await stranger.close()
