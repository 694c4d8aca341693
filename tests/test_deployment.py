"""Compose, container file, systemd and Kubernetes: what can be checked without an engine is checked here.

The compose schema is the one that check-jsonschema brings along, the Kubernetes schemas those of
kubernetes-validate. That the images start with these settings is shown by tests/live/test_compose.py on
the same versions without containers; no image is pulled or built here.
"""

import json
import re
import shutil
import stat
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from infra.native.artefacts import versions
from streams.cli import main
from streams.settings import Settings

INFRA = Path(__file__).parent.parent / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def compose_schema() -> dict[str, Any]:
    found = distribution("check-jsonschema").locate_file(
        "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    )
    return dict(json.loads(Path(str(found)).read_text()))


def needs(tool: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}: apt-get install {package}")


def test_the_compose_file_is_of_the_schema_and_the_schema_bites() -> None:
    validator = jsonschema.Draft7Validator(compose_schema())
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    broken = {**COMPOSE, "services": {"worker": {**SERVICES["worker"], "mem_limits": "1g"}}}
    assert list(validator.iter_errors(broken))


def test_images_are_pinned_to_the_versions_that_the_tests_run() -> None:
    wanted = versions()
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert images["kafka"] == f"apache/kafka:{wanted['kafka']['version']}"
    assert images["influxdb"] == f"influxdb:{wanted['influxdb']['version']}"
    assert images["prometheus"].startswith(f"prom/prometheus:v{wanted['prometheus']['version']}.")
    assert images["alertmanager"].startswith(f"prom/alertmanager:v{wanted['alertmanager']['version']}.")
    assert all(re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+\}?$", image) for image in images.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_loopback_alone_and_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert "mem_limit" in service
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("${VIGIE_ADDRESS:-127.0.0.1}:") for port in service.get("ports", ()))
    assert "healthcheck" in service or name == "setup"
    assert service.get("read_only") or name == "kafka"
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    text = json.dumps(service.get("environment", {}))
    assert not re.search(r'(PASSWORD|TOKEN|SECRET)(?!__FILE|S)\w*": "', text)


def test_the_settings_of_the_services_are_settings() -> None:
    known = {f"VIGIE_{key.upper()}" for key in Settings.model_fields} | {"VIGIE_SECRETS", "XDG_CACHE_HOME"}
    assert set(SERVICES["worker"]["environment"]) <= known
    mounted = set(SERVICES["worker"]["secrets"])
    assert mounted <= {name.lower() for name in known}


def test_init_makes_every_file_that_compose_names_and_keeps_them_when_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    first = CliRunner().invoke(main, ["init", str(folder)])
    assert first.exit_code == 0, first.output
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert not source.startswith("./") or (folder / source).exists(), volume
    for secret in COMPOSE["secrets"].values():
        assert (folder / secret["file"]).exists()
    files = list((folder / "secrets").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert all(path.read_text() not in first.output for path in files if len(path.read_text()) > 2)
    (folder / "compose.yaml").write_text("mine")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert CliRunner().invoke(main, ["init", str(folder)]).exit_code == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_no_two_deployments_share_a_secret(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert CliRunner().invoke(main, ["init", str(tmp_path / name)]).exit_code == 0
    for name in ("influx_admin_password", "influx_admin_token", "grafana_admin_password", "influxdb_key"):
        one, other = ((tmp_path / site / "secrets" / name).read_text() for site in ("a", "b"))
        assert len(one) > 30
        assert one != other


def test_the_container_file_is_small_and_not_root() -> None:
    text = (INFRA / "Containerfile").read_text()
    stages = re.split(r"^FROM ", text, flags=re.M)[1:]
    assert len(stages) == 2
    assert all(re.match(r"docker\.io/library/python:3\.11-slim-\w+", stage) for stage in stages)
    assert re.search(r"^USER 10001", stages[1], re.M)
    assert "RUN pip" not in stages[1]


@needs("systemd-analyze", "systemd")
@pytest.mark.parametrize("unit", ["vigie-worker.service", "vigie-up.service"])
def test_systemd_takes_the_unit_and_finds_it_closed(unit: str, tmp_path: Path) -> None:
    vigie = Path(sys.executable).with_name("vigie")
    text = (INFRA / "systemd" / unit).read_text()
    assert "ExecStart=/opt/vigie/bin/vigie " in text
    path = tmp_path / unit
    path.write_text(text.replace("/opt/vigie/bin/vigie", str(vigie)))
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
    objects = {one["kind"]: one for one in yaml.safe_load_all(built.stdout)}
    for one in objects.values():
        kubernetes_validate.validate(one, "1.33", strict=True)
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
    assert (
        worker["template"]["spec"]["volumes"][0]["configMap"]["name"]
        == objects["ConfigMap"]["metadata"]["name"]
    )


def test_the_settings_on_kubernetes_start_a_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from streams.settings import load_settings

    (tmp_path / "vigie_influx_token").write_text("vigie-writer:x")
    (tmp_path / "vigie_endpoints").write_text("[]")
    monkeypatch.setenv("VIGIE_CONFIG", str(INFRA / "kubernetes/vigie.toml"))
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path))
    assert load_settings().secrets() == ["vigie-writer:x"]
