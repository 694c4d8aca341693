"""Prometheus and Alertmanager over Vigie's own files, and a real worker."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.native import prometheus
from infra.native.process import free_port
from tests import live, workers
from tests.test_prometheus import ALERTS
from tests.test_worker import append, ward


def get(address: str, path: str, **query: str) -> Any:
    with urllib.request.urlopen(f"{address}{path}?{urllib.parse.urlencode(query)}", timeout=5) as answer:
        return json.load(answer)


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.5)


def test_prometheus_scrapes_the_worker_and_alertmanager_hears_of_its_end(tmp_path: Path) -> None:
    manager = live.server(prometheus.alertmanager, tmp_path / "alertmanager")
    with (
        manager.running(),
        live.server(
            lambda folder: prometheus.prometheus(folder, 0, manager.address), tmp_path / "prometheus"
        ).running() as server,
    ):

        def ask(query: str) -> dict[str, float]:
            found = get(server.address, "/api/v1/query", query=query)["data"]["result"]
            return {one["metric"].get("instance", ""): float(one["value"][1]) for one in found}

        groups = get(server.address, "/api/v1/rules")["data"]["groups"]
        rules = {rule["name"] for group in groups for rule in group["rules"]}
        assert set(ALERTS) <= rules
        worker_address = f"127.0.0.1:{free_port()}"
        append(tmp_path / "data", ward(1000))
        worker = workers.start(tmp_path / "data", VIGIE_METRICS_PORT=worker_address.partition(":")[2])
        prometheus.say_targets(tmp_path / "prometheus", "workers", worker_address)
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
