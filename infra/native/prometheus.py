"""Prometheus and Alertmanager of the distribution, over Vigie's own configuration files."""

import shutil
from pathlib import Path

from infra.native.artefacts import need
from infra.native.process import LOOPBACK, Server, answers, free_port

INFRA = Path(__file__).parent.parent


def alertmanager(folder: Path, port: int = 0) -> Server:
    """Alertmanager over infra/alertmanager. Raises NotToBeHad."""
    need("Alertmanager", "prometheus-alertmanager")
    folder.mkdir(parents=True, exist_ok=True)
    address = f"{LOOPBACK}:{port or free_port()}"
    command = [
        "prometheus-alertmanager",
        f"--config.file={INFRA / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",  # one alone
    ]
    url = f"http://{address}"
    return Server("alertmanager", command, folder, url, lambda: answers(f"{url}/-/ready"))


def prometheus(folder: Path, port: int = 0, alertmanager_url: str = "") -> Server:
    """Prometheus over infra/prometheus with targets of its own. Raises NotToBeHad.

    targets/workers.yml in its folder names no worker at first; it may be changed later, and is kept.
    """
    need("Prometheus", "prometheus")
    shared = shutil.ignore_patterns("targets")
    shutil.copytree(INFRA / "prometheus", folder, ignore=shared, dirs_exist_ok=True)
    say_targets(folder, "alertmanager", *filter(None, [alertmanager_url.removeprefix("http://")]))
    if not (folder / "targets" / "workers.yml").exists():
        say_targets(folder, "workers")
    address = f"{LOOPBACK}:{port or free_port()}"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    url = f"http://{address}"
    return Server("prometheus", command, folder, url, lambda: answers(f"{url}/-/ready"))


def say_targets(folder: Path, name: str, *addresses: str) -> None:
    """Write the host:port that a file of targets names."""
    listed, targets = ", ".join(f'"{address}"' for address in addresses), folder / "targets"
    targets.mkdir(exist_ok=True)
    (targets / f"{name}.yml").write_text(f"- targets: [{listed}]\n", "utf-8")
