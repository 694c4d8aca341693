"""Vigie's own health in Prometheus: rules that load and fire, each with its page in the runbook."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from streams import metrics

ROOT = Path(__file__).parent.parent
RULES = ROOT / "infra/prometheus/rules/vigie.yml"
TESTS = ROOT / "tests/prometheus/vigie_test.yml"
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="apt-get install prometheus")
amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="apt-get install prometheus-alertmanager")


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
def test_prometheus_takes_its_configuration_and_its_rules() -> None:
    run("promtool", "check", "rules", RULES)
    run("promtool", "check", "config", ROOT / "infra/prometheus/prometheus.yml")


@amtool
def test_alertmanager_takes_its_configuration() -> None:
    run("amtool", "check-config", ROOT / "infra/alertmanager/alertmanager.yml")


@promtool
def test_each_alert_fires_when_it_should_and_a_quiet_hour_fires_none() -> None:
    run("promtool", "test", "rules", TESTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_tried_and_has_its_heading_in_the_runbook(alert: str) -> None:
    assert f'alertname="{alert}"' in TESTS.read_text()
    assert f"\n## {alert}\n" in (ROOT / "docs/runbook.md").read_text()
    rule = RULES.read_text().partition(f"- alert: {alert}\n")[2].partition("- alert: ")[0]
    assert f"runbook: docs/runbook.md#{alert.lower()}\n" in rule


def test_the_runbook_and_the_inhibitions_name_no_alert_that_is_not_there() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.M)
    named = re.findall(r"Vigie[A-Z]\w+", (ROOT / "infra/alertmanager/alertmanager.yml").read_text())
    assert headings == ALERTS
    assert set(named) <= set(ALERTS)


def test_rules_and_their_tests_name_only_metrics_that_a_worker_has() -> None:
    known = {sample.name for family in metrics.REGISTRY.collect() for sample in family.samples}
    families = {family.name for family in metrics.REGISTRY.collect()}
    totals = {f"{name}_total" for name in families} | {f"{name}_bucket" for name in families}
    named = set(re.findall(r"\bvigie_\w+", RULES.read_text() + TESTS.read_text()))
    assert named <= known | families | totals, named - known - families - totals
