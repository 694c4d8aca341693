"""The settings of infra/compose.yaml on the same versions, without containers; open, and closed."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.native import influxdb, kafka
from infra.native.process import LOOPBACK, Server, free_port, listens
from streams.cli import main
from streams.influx.api import InfluxApi
from streams.influx.setup import READER, WRITER
from streams.secret_files import read_secret
from streams.sinks import SinkMisconfigured
from streams.sinks.influx import InfluxSink
from tests import live, workers
from tests.compose import Site
from tests.test_access import basic

FILES = {"open": ["compose.yaml"], "closed": ["compose.yaml", "compose.closed.yaml"]}
VIGIE = f"vigie() {{ {sys.executable} -c 'from streams.cli import main; main()' \"$@\"; }}; "


class Deployment:
    """Kafka and InfluxDB as compose would start them over a folder of `vigie init`."""

    def __init__(self, folder: Path, variant: str) -> None:
        self.closed, self.folder = variant == "closed", folder / "site"
        arguments = ["init", str(self.folder), *(["--closed"] if self.closed else [])]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        me = {"VIGIE_UID": str(os.getuid()), "VIGIE_GID": str(os.getgid())}
        self.site = Site(self.folder, *FILES[variant], **me)
        self.inside, self.outside, self.metrics, self.influx = (str(free_port()) for _ in range(4))
        self.page = str(free_port())
        self.kafka = live.server(self._kafka, folder / "kafka")
        self.influxdb = live.server(self._influxdb, folder / "influxdb")

    def _kafka(self, folder: Path) -> Server:
        places = {
            "kafka:19092": f"{LOOPBACK}:{self.inside}",
            "//:19092": f"//{LOOPBACK}:{self.inside}",
            "localhost/19092": f"localhost/{self.inside}",
            "//:9092": f"//{LOOPBACK}:{self.outside}",
            f"{LOOPBACK}:9092": f"{LOOPBACK}:{self.outside}",
            "localhost:9093": f"localhost:{free_port()}",
            "/var/lib/kafka/data": str(folder / "data"),
            "/etc/vigie": str(self.folder / "tls"),
        }
        if self.closed:
            places["/run/secrets"] = str(self.site.secrets("kafka"))
        said = self.site.environment("kafka", places)
        assert said.pop("KAFKA_HEAP_OPTS") == "-Xmx1g"  # for the JVM, not for the broker
        # the image's own rule: KAFKA_A_B is a.b
        text = "".join(
            f"{key.removeprefix('KAFKA_').lower().replace('_', '.')}={value}\n"
            for key, value in said.items()
            if key.startswith("KAFKA_")
        )
        check = self.site.check("kafka", places)
        found = kafka.server_of(folder, text, f"{LOOPBACK}:{self.outside}")
        return replace(found, ready=lambda: subprocess.run(check, capture_output=True).returncode == 0)

    def _influxdb(self, folder: Path) -> Server:
        folder.mkdir(parents=True, exist_ok=True)
        places = {
            "/var/lib/influxdb2": str(self.folder / "data/influxdb"),
            "/etc/vigie": str(self.folder / "tls"),
            "/run/secrets": str(self.site.secrets("influxdb")),
            ":8086": f"{LOOPBACK}:{self.influx}",
        }
        environment = (f"{key}={value}" for key, value in self.site.environment("influxdb", places).items())
        address = f"{LOOPBACK}:{self.influx}"
        command = ["env", *environment, str(influxdb.binary())]
        return Server("influxdb", command, folder, address, lambda: listens(address), 2)

    def places(self) -> dict[str, str]:
        """Of Vigie's own services."""
        return {
            "kafka:19092": f"{LOOPBACK}:{self.inside}",
            "influxdb:8086": f"localhost:{self.influx}",
            "/etc/vigie": str(self.folder / "tls"),
            "/srv/secrets": str(self.folder / "secrets"),
            "0.0.0.0": LOOPBACK,
            "9464": self.metrics,
            "8710": self.page,
            "/srv/console": str(self.folder / "data/console"),
            "/var/cache/vigie": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        }

    def settings(self, name: str, **more: str) -> dict[str, str]:
        """The environment of one of Vigie's own services."""
        own = {} if name == "setup" else {"/run/secrets": str(self.site.secrets(name))}
        places = self.places() | own
        kept = {key: value for key, value in os.environ.items() if not key.startswith("VIGIE_")}
        return {**kept, **self.site.environment(name, places), **more}

    def set_up(self, **more: str) -> subprocess.CompletedProcess[str]:
        shell, option, script = self.site.words("setup", "entrypoint", self.places())
        settings = self.settings("setup", **more)
        return subprocess.run([shell, option, VIGIE + script], env=settings, capture_output=True, text=True)

    def healthy(self, name: str) -> bool:
        """What a service's health check says."""
        _, *words = self.site.check(name, self.places())
        return subprocess.run([sys.executable, *words], capture_output=True).returncode == 0

    def shown(self) -> list[str]:
        """The patients whom the page shows to whoever has its password."""
        password = read_secret(self.folder / "secrets", "vigie_console_password")
        address = f"http://{LOOPBACK}:{self.page}/api/ward"
        request = urllib.request.Request(address, headers=basic("n-1", str(password)))
        with urllib.request.urlopen(request, timeout=10) as answer:
            return [patient["patient"] for patient in json.load(answer)["patients"]]

    def ask(self, query: str) -> list[list[object]]:
        """Rows of an InfluxQL query, with Grafana's token."""
        url, ca = f"https://localhost:{self.influx}", self.folder / "tls/influxdb.crt"
        grafana = InfluxApi(url, read_secret(self.folder / "secrets", READER), ca)
        answer = grafana.call("GET", "/query", db="vigie", q=query)["results"][0]
        return [row for series in answer.get("series", ()) for row in series["values"]]


@pytest.fixture(scope="module", params=["open", "closed"])
def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp(request.param), request.param)
    with made.kafka.running(), made.influxdb.running():
        done = made.set_up()
        assert done.returncode == 0, done.stderr
        yield made


def test_a_reading_goes_through_what_compose_starts(deployment: Deployment, tmp_path: Path) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    reading = {"patient": "p-1", "device": "d-1", "vital": "body-weight", "value": 80.5, "unit": "kg"}
    (tmp_path / "readings.jsonl").write_text(json.dumps({**reading, "measured_at": at}) + "\n")
    settings, running = deployment.settings("worker"), {}
    until = time.monotonic() + 90
    for name in ("worker", "console"):
        assert not deployment.healthy(name)
        command = [*workers.VIGIE, *deployment.site.words(name, "command", deployment.places())]
        with (tmp_path / f"{name}.txt").open("wb") as out:
            running[name] = workers.process(command, env=deployment.settings(name), stdout=out, stderr=out)
        while not deployment.healthy(name):
            assert time.monotonic() < until
            assert running[name].poll() is None, (tmp_path / f"{name}.txt").read_text()[-2000:]
            time.sleep(0.2)
    # Whoever sends comes in from outside
    broker = settings["VIGIE_BROKER"].replace(deployment.inside, deployment.outside)
    send = [*workers.VIGIE, "send", str(tmp_path / "readings.jsonl")]
    subprocess.run(send, env={**settings, "VIGIE_BROKER": broker}, check=True, timeout=60)
    while not deployment.ask("SELECT value FROM reading"):
        assert time.monotonic() < until
        time.sleep(0.2)
    while not deployment.shown():
        assert time.monotonic() < until
        time.sleep(0.2)
    assert [workers.stop(process) for process in running.values()] == [0, 0]
    secrets = [path.read_text() for path in (deployment.folder / "secrets").iterdir()]
    said = "".join((tmp_path / f"{name}.txt").read_text() for name in running)
    assert not any(secret in said for secret in secrets if len(secret) > 2)


def test_what_somebody_has_decided_stops_no_worker(deployment: Deployment) -> None:
    told = deployment.set_up(VIGIE_INFLUX_RAW_DAYS="30", VIGIE_PARTITIONS="8")
    assert told.returncode == 0, told.stderr
    assert "topic vigie.readings has 4 partitions, the settings say 8" in told.stderr
    assert "vigie influx setup --retention" in told.stderr
    told = deployment.set_up(VIGIE_INFLUX_URL=f"https://localhost:{free_port()}")
    assert told.returncode == 1


def test_who_has_no_password_is_kept_out_by_the_closed_one_alone(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = {**deployment.settings("setup"), "VIGIE_SECRETS": str(tmp_path)}
    open_line = {key: value for key, value in settings.items() if not key.startswith("VIGIE_KAFKA")}
    for port in (deployment.inside, deployment.outside):
        told = {**open_line, "VIGIE_BROKER": f"batch://{LOOPBACK}:{port}"}
        done = subprocess.run([*workers.VIGIE, "topics", "check"], env=told, capture_output=True, text=True)
        assert done.returncode == (1 if deployment.closed else 0), done.stdout + done.stderr


async def test_influxdb_shows_the_certificate_of_init(deployment: Deployment) -> None:
    url, ca = f"https://localhost:{deployment.influx}", deployment.folder / "tls/influxdb.crt"
    line = b"reading,patient=p-1,vital=spo2 value=97 %d" % (1 << 60)
    credential = read_secret(deployment.folder / "secrets", WRITER)
    assert credential
    trusting = InfluxSink(url, "vigie", credential, ca)
    refused = await trusting.write_results([line])
    assert "older than the bucket keeps" in refused[0].message  # it is written to: 2006 is too old
    await trusting.close()
    stranger = InfluxSink(url, "vigie", credential)
    with pytest.raises(SinkMisconfigured, match="VIGIE_INFLUX_CA"):
        await stranger.write_results([line])
    await stranger.close()
    in_clear = InfluxSink(url.replace("https", "http"), "vigie", credential)
    with pytest.raises(SinkMisconfigured, match="VIGIE_INFLUX_URL"):  # Go's 400 is about no line
        await in_clear.write_results([line])
    await in_clear.close()
    settings = deployment.settings("setup")
    checked = CliRunner().invoke(main, ["influx", "check"], env=settings)
    assert checked.exit_code == 0, checked.output
