"""Compose, container file, systemd and Kubernetes: what can be checked without an engine is checked here.

The compose schema is the one that check-jsonschema brings along, the Kubernetes schemas those of
kubernetes-validate. That programs start with these settings is shown by tests/live/test_compose.py and
test_prometheus.py on the same versions without containers; no image is pulled or built here.
"""

import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from infra.native.artefacts import versions
from models.strict import ConfigurationError
from streams.certificates import ends_soon, make_certificate
from streams.cli import main
from streams.commands.init import read_environment
from streams.settings import BESIDE, Settings, load_settings
from tests.compose import INFRA, VARIABLE, filled, load

COMPOSE = load("compose.yaml")
CLOSED = load("compose.yaml", "compose.closed.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]


def compose_schema() -> dict[str, Any]:
    found = distribution("check-jsonschema").locate_file(
        "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    )
    return dict(json.loads(Path(str(found)).read_text()))


def needs(tool: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}: apt-get install {package}")


@pytest.mark.parametrize("names", [["compose.yaml"], ["compose.closed.yaml"]])
def test_a_compose_file_is_of_the_schema(names: list[str]) -> None:
    validator = jsonschema.Draft7Validator(compose_schema())
    assert [error.message for error in validator.iter_errors(load(*names))] == []


def test_the_schema_of_compose_files_bites() -> None:
    validator = jsonschema.Draft7Validator(compose_schema())
    broken = {**COMPOSE, "services": {"worker": {**SERVICES["worker"], "mem_limits": "1g"}}}
    assert list(validator.iter_errors(broken))


def test_images_are_pinned_to_the_versions_that_the_tests_run() -> None:
    wanted = versions()
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert images["kafka"] == f"apache/kafka:{wanted['kafka']['version']}"
    assert images["influxdb"] == f"influxdb:{wanted['influxdb']['version']}"
    assert images["prometheus"].startswith(f"prom/prometheus:v{wanted['prometheus']['version']}.")
    assert images["alertmanager"].startswith(f"prom/alertmanager:v{wanted['alertmanager']['version']}.")
    assert images["grafana"] == f"grafana/grafana:{wanted['grafana']['version']}"
    streams = (INFRA.parent / "bench/kafka_streams/pom.xml").read_text()
    assert f"<version>{wanted['kafka']['version']}</version></dependency>" in streams
    assert all(re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+\}?$", image) for image in images.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_loopback_alone_and_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert "mem_limit" in service
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    loopback = "${VIGIE_%sADDRESS:-127.0.0.1}:" % ("CONSOLE_" if name == "console" else "")
    assert all(port.startswith(loopback) for port in service.get("ports", ()))
    assert "healthcheck" in service or name == "setup"
    assert service.get("read_only") or name == "kafka"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    text = json.dumps(service.get("environment", {}))
    assert not re.search(r'(PASSWORD|TOKEN|SECRET)(?!__FILE|S)\w*": "', text)


@pytest.mark.parametrize("whole", [COMPOSE, CLOSED])
def test_the_settings_of_the_services_are_settings(whole: dict[str, Any]) -> None:
    known = {f"VIGIE_{key.upper()}" for key in Settings.model_fields} | {"VIGIE_SECRETS", "XDG_CACHE_HOME"}
    for name in ("worker", "console", "setup"):
        assert set(whole["services"][name]["environment"]) <= known
    for name in ("worker", "console"):
        assert set(whole["services"][name]["secrets"]) <= {setting.lower() for setting in known}


def test_compose_s_own_variables_stop_no_command() -> None:
    text = (INFRA / "compose.yaml").read_text() + (INFRA / "compose.closed.yaml").read_text()
    named = {name.removeprefix("VIGIE_").lower() for name in re.findall(r"\$\{(VIGIE_\w+)", text)}
    assert {"address", "advertised", "image", "uid", "gid"} <= named
    assert named <= {*BESIDE, *Settings.model_fields}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "127.0.0.1"),
        ({"VIGIE_ADDRESS": "10.0.0.5"}, "10.0.0.5"),
        ({"VIGIE_ADDRESS": "0.0.0.0", "VIGIE_ADVERTISED": "kafka.clinic.example"}, "kafka.clinic.example"),
    ],
)
def test_kafka_tells_its_clients_where_it_is(variables: dict[str, str], told: str) -> None:
    said = filled(SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"], variables)
    assert said == f"INSIDE://kafka:19092,OUTSIDE://{told}:9092"


def test_a_closed_kafka_has_no_open_listener_but_its_own_on_loopback() -> None:
    said = CLOSED["services"]["kafka"]["environment"]
    protocols = dict(part.split(":") for part in said["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    listeners = dict(part.split("://") for part in said["KAFKA_LISTENERS"].split(","))
    assert {name: listeners[name] for name in listeners if protocols[name] != "SASL_SSL"} == {
        "CONTROLLER": "localhost:9093"
    }


def test_compiled_code_outlives_a_container() -> None:
    worker = SERVICES["worker"]
    cache = worker["environment"]["XDG_CACHE_HOME"]
    assert f"./data/cache:{cache}" in worker["volumes"]
    assert cache not in worker["tmpfs"]


def test_prometheus_finds_each_worker_of_compose() -> None:
    scraped = yaml.safe_load((INFRA / "prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    looked_up = scraped["dns_sd_configs"][0]
    assert looked_up["names"] == ["worker."]
    assert "worker" in SERVICES
    assert str(looked_up["port"]) == SERVICES["worker"]["environment"]["VIGIE_METRICS_PORT"]


# As its documentation lists them (Provision Grafana: data sources; InfluxDB and Prometheus data source)
FIELDS = re.compile(
    "name|type|access|orgId|uid|url|user|database|basicAuth|basicAuthUser|withCredentials|isDefault|jsonData"
    "|secureJsonData|version|editable"
)
INNER = re.compile(
    "dbName|httpMode|version|timeInterval|maxSeries|tlsAuth|tlsAuthWithCACert|tlsSkipVerify|serverName"
    r"|httpHeaderName\d|httpHeaderValue\d|tlsCACert|tlsClientCert|tlsClientKey|password"
)


def test_grafana_s_data_sources_have_its_fields_and_what_its_container_has() -> None:
    grafana = SERVICES["grafana"]
    text = (INFRA / "grafana/provisioning/datasources/vigie.yml").read_text()
    said = yaml.safe_load(text)
    assert said.keys() == {"apiVersion", "datasources"}
    for source in said["datasources"]:
        assert all(FIELDS.fullmatch(field) for field in source)
        inner = {*source.get("jsonData", ()), *source.get("secureJsonData", ())}
        assert all(INNER.fullmatch(field) for field in inner)
        assert source["url"].partition("//")[2].partition(":")[0] in SERVICES
    assert (
        {found[1] for found in VARIABLE.finditer(text)}
        == {"VIGIE_INFLUX_BUCKET"}
        <= set(grafana["environment"])
    )
    assert filled(grafana["environment"]["VIGIE_INFLUX_BUCKET"], {"VIGIE_INFLUX_BUCKET": "ward"}) == "ward"
    inside = {f"/run/secrets/{name}" for name in grafana["secrets"]} | {"/etc/vigie/influxdb.crt"}
    assert set(re.findall(r"\$__file\{([^}]*)\}", text)) <= inside
    assert "./tls:/etc/vigie:ro" in grafana["volumes"]


def init(folder: Path, *options: str, code: int = 0) -> str:
    """What `vigie init` says."""
    done = CliRunner().invoke(main, ["init", str(folder), *options])
    assert done.exit_code == code, done.output
    return done.output


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("closed", [False, True])
def test_init_makes_every_file_that_compose_names_and_keeps_them_when_run_again(
    tmp_path: Path, closed: bool
) -> None:
    folder, whole = tmp_path / "site", CLOSED if closed else COMPOSE
    said = init(folder, *(["--closed"] if closed else []))
    for service in whole["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith("./") or (folder / source).exists(), volume
    for secret in whole["secrets"].values():
        assert (folder / secret["file"]).exists()
    files = list((folder / "secrets").iterdir())
    assert all(path.read_text() not in said for path in files if len(path.read_text()) > 2)
    wanted = f"VIGIE_UID={os.getuid() or 10_001}\nVIGIE_GID={os.getgid() or 10_001}\n"
    assert (folder / ".env").read_text() == wanted + (
        "COMPOSE_FILE=compose.yaml:compose.closed.yaml\n" if closed else ""
    )
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "diff" not in init(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_the_images_can_read_what_is_theirs_and_nobody_a_secret(tmp_path: Path, umask: int) -> None:
    folder, before = tmp_path / "site", os.umask(umask)
    try:
        init(folder, "--closed")
    finally:
        os.umask(before)
    for name in ("compose.yaml", "compose.closed.yaml", "prometheus", "alertmanager", "grafana", "tls"):
        for path in (folder / name, *(folder / name).rglob("*")):
            assert mode(path) == (0o755 if path.is_dir() else 0o644), path
    assert mode(folder / "secrets") == mode(folder / "data/influxdb") == 0o700
    modes = {path.name: mode(path) for path in (folder / "secrets").iterdir()}
    assert (
        modes.pop("kafka_key") == modes.pop("vigie_kafka_password") == 0o640
    )  # Kafka's image joins the group
    assert set(modes.values()) == {0o600}


def test_init_tells_which_files_are_not_as_this_version_ships_them(tmp_path: Path) -> None:
    init(tmp_path)
    (tmp_path / "compose.yaml").write_text("mine")
    (tmp_path / "prometheus/rules/vigie.yml").unlink()
    said = init(tmp_path)
    assert f"diff {tmp_path / 'compose.yaml'} {INFRA / 'compose.yaml'}" in said
    assert said.count("diff ") == 1
    assert (tmp_path / "compose.yaml").read_text() == "mine"
    assert (tmp_path / "prometheus/rules/vigie.yml").exists()


def test_files_stay_with_whom_the_images_run_as(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: set[tuple[int, int]] = set()
    monkeypatch.setattr(os, "chown", lambda _, user, group: given.add((user, group)))
    (tmp_path / ".env").write_text("# ours\nVIGIE_UID=4711\nVIGIE_GID=4712")
    monkeypatch.setattr(os, "getuid", lambda: 0)
    init(tmp_path)
    assert given == {(4711, 4712)}
    assert (tmp_path / ".env").read_text().splitlines() == ["# ours", "VIGIE_UID=4711", "VIGIE_GID=4712"]
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert "run this as that user, or as root" in init(tmp_path, code=1)


def test_closing_comes_later_too_and_is_not_forgotten(tmp_path: Path) -> None:
    init(tmp_path)
    assert not (tmp_path / "secrets/vigie_kafka_password").exists()  # of no use, which settings would tell
    init(tmp_path, "--closed")
    (tmp_path / "tls/kafka.crt").unlink()
    init(tmp_path)
    assert (tmp_path / "tls/kafka.crt").exists()
    (tmp_path / ".env").write_text("COMPOSE_FILE=compose.yaml:mine.yaml\n")
    assert "COMPOSE_FILE is there without compose.closed.yaml" in init(tmp_path, "--closed", code=1)


def test_a_certificate_is_good_for_strict_clients_at_every_name(tmp_path: Path) -> None:
    init(tmp_path, "--closed", "--name", "10.0.0.5", "--name", "kafka.clinic.example")
    for name in ("influxdb", "kafka"):
        certificate, key = tmp_path / f"tls/{name}.crt", tmp_path / f"secrets/{name}_key"
        for host in (name, "localhost", "127.0.0.1", "10.0.0.5", "kafka.clinic.example"):
            assert handshake(certificate, key, host) == ""
        assert "mismatch" in handshake(certificate, key, "another.example")


def handshake(certificate: Path, key: Path, host: str) -> str:
    """What keeps a client as strict as Python 3.13's out, without a network; "" when it comes in."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(back, there, server_hostname=host),
        server.wrap_bio(there, back, server_side=True),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return ""


def test_an_end_that_is_near_is_told_and_renewed_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.certificates.DAYS", 29)
    init(tmp_path)
    first = (tmp_path / "tls/influxdb.crt").read_text()
    monkeypatch.undo()
    assert f"influxdb.crt ends soon: `vigie init {tmp_path} --renew`" in init(tmp_path)
    assert (tmp_path / "tls/influxdb.crt").read_text() == first
    assert "ends soon" not in init(tmp_path, "--renew")
    assert (tmp_path / "tls/influxdb.crt").read_text() != first
    assert mode(tmp_path / "secrets/influxdb_key") == 0o600
    assert not ends_soon(tmp_path / "tls/influxdb.crt")


def test_a_renewal_that_fails_leaves_the_certificate_and_the_key_in_use(tmp_path: Path) -> None:
    files = tmp_path / "kafka.crt", tmp_path / "key"
    make_certificate("kafka", (), *files)
    before = [file.read_text() for file in files]
    with pytest.raises(RuntimeError, match="openssl: "):
        make_certificate("kafka", ("a\nb",), *files)
    assert [file.read_text() for file in files] == before
    assert sorted(tmp_path.iterdir()) == sorted(files)


@pytest.mark.parametrize("name", ["", "a b", "é", "a,DNS:b", "a\nb", "-x", "x."])
def test_init_takes_no_name_that_is_none(tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(main, ["init", str(tmp_path / "site"), "--name", name])
    assert done.exit_code == 2
    assert "is no host; write kafka.clinic.example or 10.0.0.5" in done.output
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    "text",
    [b"\xef\xbb\xbfVIGIE_UID=10001\r\nVIGIE_GID=10001\r\n", b"export VIGIE_UID=10001\nVIGIE_GID = 10001\n"],
)
def test_an_environment_as_editors_and_shells_write_it_is_read(tmp_path: Path, text: bytes) -> None:
    (tmp_path / ".env").write_bytes(text)
    assert read_environment(tmp_path / ".env") == {"VIGIE_UID": "10001", "VIGIE_GID": "10001"}


def test_what_stands_in_the_way_of_init_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"# caf\xe9\n")
    done = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert (done.exit_code, done.output) == (
        1,
        f"vigie: {tmp_path}/.env: -: not UTF-8 at byte 5; save it as UTF-8\n",
    )
    (tmp_path / ".env").unlink()
    (tmp_path / "prometheus").write_text("x")
    done = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert done.exit_code == 1
    assert done.output.startswith(f"vigie: {tmp_path}/prometheus")
    assert "check the path and its rights" in done.output


def test_openssl_s_complaint_is_told_and_leaves_no_half_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="openssl: "):
        make_certificate("kafka", (), tmp_path / "no-such-folder" / "kafka.crt", tmp_path / "key")
    assert not (tmp_path / "key").exists()


def test_no_two_deployments_share_a_secret(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert CliRunner().invoke(main, ["init", str(tmp_path / name)]).exit_code == 0
    drawn = (
        "influx_admin_password",
        "influx_admin_token",
        "grafana_admin_password",
        "vigie_console_password",
    )
    for name in (*drawn, "influxdb_key", "vigie_influx_token"):
        one, other = ((tmp_path / site / "secrets" / name).read_text() for site in ("a", "b"))
        assert len(one) > 30
        assert one != other


def test_the_container_file_is_small_and_not_root() -> None:
    text = (INFRA / "Containerfile").read_text()
    stages = re.split(r"^FROM ", text, flags=re.M)[1:]
    assert len(stages) == 2
    base = f"docker.io/library/python:{versions()['python']['version']}"
    assert all(stage.split()[0] == base for stage in stages)
    assert re.search(r"^USER 10001", stages[1], re.M)
    assert "RUN pip" not in stages[1]


@needs("systemd-analyze", "systemd")
@pytest.mark.parametrize("more", [None, "closed-kafka.conf"])
@pytest.mark.parametrize("unit", ["vigie-worker.service", "vigie-up.service", "vigie-console.service"])
def test_systemd_takes_the_unit_and_finds_it_closed(unit: str, more: str | None, tmp_path: Path) -> None:
    vigie = Path(sys.executable).with_name("vigie")
    text = (INFRA / "systemd" / unit).read_text()
    assert "ExecStart=/opt/vigie/bin/vigie " in text
    path = tmp_path / unit
    path.write_text(text.replace("/opt/vigie/bin/vigie", str(vigie)))
    if more is not None:
        (tmp_path / f"{unit}.d").mkdir()
        shutil.copy(INFRA / "systemd" / more, tmp_path / f"{unit}.d")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=30", path], capture_output=True
    )
    assert rated.returncode == 0, rated.stdout.decode()[-300:]


@needs("kubectl", "kubectl")
def test_the_kubernetes_objects_are_of_their_schemas_and_fit_together() -> None:
    command = ["kubectl", "kustomize", INFRA / "kubernetes"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    found = list(yaml.safe_load_all(built.stdout))
    for one in found:
        kubernetes_validate.validate(one, "1.33", strict=True)
    console = {one["kind"]: one for one in found if one["metadata"]["name"] == "vigie-console"}
    objects = {one["kind"]: one for one in found if one not in console.values()}
    assert len(found) == len(objects) + len(console)
    page = console["StatefulSet"]["spec"]
    for selector in (
        page["selector"]["matchLabels"],
        console["Service"]["spec"]["selector"],
        console["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= page["template"]["metadata"]["labels"].items()
    assert page["template"]["spec"]["containers"][0]["args"] == SERVICES["console"]["command"]
    worker = objects["StatefulSet"]["spec"]
    labels = worker["template"]["metadata"]["labels"].items()
    for selector in (
        worker["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels
    container = worker["template"]["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/live"
    start = container["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 3600  # a recovery takes what it takes
    job = objects["Job"]["spec"]
    for other in (job, page):
        assert (
            not worker["selector"]["matchLabels"].items() <= other["template"]["metadata"]["labels"].items()
        )
    assert job["template"]["spec"]["containers"][0]["command"] == SERVICES["setup"]["entrypoint"]
    for of in (worker, job, page):
        assert (
            of["template"]["spec"]["volumes"][0]["configMap"]["name"]
            == objects["ConfigMap"]["metadata"]["name"]
        )


def test_no_pod_gets_the_names_of_services_as_settings_that_it_would_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = [
        one
        for name in ("worker", "console", "setup")
        for one in yaml.safe_load_all((INFRA / f"kubernetes/{name}.yaml").read_text())
    ]
    pods = [one["spec"]["template"]["spec"] for one in objects if "template" in one["spec"]]
    assert [pod.get("enableServiceLinks") for pod in pods] == [False] * 3
    monkeypatch.setenv("VIGIE_CONSOLE_SERVICE_HOST", "10.0.0.1")  # as a cluster adds it otherwise
    with pytest.raises(ConfigurationError, match="VIGIE_CONSOLE_SERVICE_HOST: unknown key"):
        load_settings()


@needs("jq", "jq")
@needs("kubectl", "kubectl")
def test_the_drain_of_the_documentation_is_a_job_with_the_worker_s_settings() -> None:
    text = (INFRA.parent / "docs/deployment.md").read_text()
    program = re.search(r"jq '([^']*)'", text)
    assert program
    command = ["kubectl", "kustomize", INFRA / "kubernetes"]
    built = subprocess.run(command, capture_output=True, text=True, check=True)
    objects = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(built.stdout)}
    worker = objects["StatefulSet", "vigie-worker"]
    done = subprocess.run(
        ["jq", program[1]], input=json.dumps(worker), capture_output=True, text=True, check=True
    )
    job = json.loads(done.stdout)
    kubernetes_validate.validate(job, "1.33", strict=True)
    spec, ours = job["spec"]["template"]["spec"], worker["spec"]["template"]["spec"]
    assert spec["containers"][0]["args"] == ["worker", "--drain"]
    assert spec["containers"][0]["env"] == ours["containers"][0]["env"]
    assert spec["volumes"] == ours["volumes"]


@pytest.mark.parametrize("closed", [False, True])
def test_the_settings_on_kubernetes_start_a_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed: bool
) -> None:
    secrets = {"vigie_influx_token": "vigie-writer:x", "vigie_endpoints": "[]"}
    text = (INFRA / "kubernetes/vigie.toml").read_text()
    if closed:
        text = re.sub(r"^# (kafka_\w+ = )", r"\1", text, flags=re.M)
        assert tomllib.loads(text)["kafka_security_protocol"] == "SASL_SSL"
        text = text.replace("/run/secrets/vigie", str(tmp_path))
        make_certificate("kafka", (), tmp_path / "kafka-ca.crt", tmp_path / "key")
        secrets["vigie_kafka_password"] = "y"
    for name, secret in secrets.items():
        (tmp_path / name).write_text(secret)
    (tmp_path / "vigie.toml").write_text(text)
    monkeypatch.setenv("VIGIE_CONFIG", str(tmp_path / "vigie.toml"))
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path))
    assert load_settings().secrets() == ["vigie-writer:x", *(["y"] if closed else [])]
