"""Prometheus and Alertmanager as infra/compose.yaml starts them over Vigie's own files, and a real worker."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from infra.native.artefacts import need
from infra.native.process import LOOPBACK, Server, free_port
from infra.native.prometheus import say_targets
from streams.cli import main
from tests import live, workers
from tests.compose import Site
from tests.test_prometheus import ALERTS
from tests.test_worker import append, ward

PROGRAMS = {"prometheus": ("prometheus", "9090"), "alertmanager": ("prometheus-alertmanager", "9093")}


def of_compose(site: Site, name: str, folder: Path) -> Server:
    """A service of compose without its container, up when its health check says so."""
    program, inside = PROGRAMS[name]
    need(name, program, "wget")
    folder.mkdir(parents=True)
    port = str(free_port())
    places = {
        f"/etc/{name}": str(site.folder / name),
        f"=/{name}": f"={folder / 'data'}",
        f"localhost:{inside}": f"{LOOPBACK}:{port}",
    }
    command = [program, *site.words(name, "command", places), f"--web.listen-address={LOOPBACK}:{port}"]
    check = site.check(name, places)
    address = f"http://{LOOPBACK}:{port}"
    return Server(name, command, folder, address, lambda: subprocess.run(check).returncode == 0)


def get(address: str, path: str, **query: str) -> Any:
    with urllib.request.urlopen(f"{address}{path}?{urllib.parse.urlencode(query)}", timeout=5) as answer:
        return json.load(answer)


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.5)


def test_prometheus_scrapes_the_worker_and_alertmanager_hears_of_its_end(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["init", str(tmp_path / "site")]).exit_code == 0
    site = Site(tmp_path / "site", "compose.yaml")
    manager = live.server(lambda folder: of_compose(site, "alertmanager", folder), tmp_path / "manager")
    say_targets(site.folder / "prometheus", "alertmanager", manager.address.removeprefix("http://"))
    scraping = live.server(lambda folder: of_compose(site, "prometheus", folder), tmp_path / "scraping")
    with manager.running(), scraping.running() as server:

        def ask(query: str) -> dict[str, float]:
            found = get(server.address, "/api/v1/query", query=query)["data"]["result"]
            return {one["metric"].get("instance", ""): float(one["value"][1]) for one in found}

        groups = get(server.address, "/api/v1/rules")["data"]["groups"]
        rules = {rule["name"] for group in groups for rule in group["rules"]}
        assert set(ALERTS) <= rules
        worker_address = f"127.0.0.1:{free_port()}"
        append(tmp_path / "data", ward(1000))
        worker = workers.start(tmp_path / "data", VIGIE_METRICS_PORT=worker_address.partition(":")[2])
        say_targets(site.folder / "prometheus", "workers", worker_address)
        wait_until(lambda: ask('up{job="vigie"}') == {worker_address: 1.0})
        wait_until(lambda: ask("vigie:checkpoint:age_seconds").get(worker_address, 99) < 30)
        assert ask("sum(vigie_ledger_readings)")[""] == 1000
        assert (
            abs(
                ask("vigie_clock_timestamp_seconds - timestamp(vigie_clock_timestamp_seconds)")[
                    worker_address
                ]
            )
            < 2
        )
        assert workers.stop(worker) == 0
        wait_until(lambda: ask('up{job="vigie"}') == {worker_address: 0.0})

        def heard() -> set[str]:
            return {one["labels"]["alertname"] for one in get(manager.address, "/api/v2/alerts")}

        wait_until(lambda: "VigieWorkerDown" in heard(), 180)
        for rule in (rule for group in groups for rule in group["rules"]):
            assert rule["health"] in ("ok", "unknown"), rule
