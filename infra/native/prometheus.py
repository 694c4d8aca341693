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


def prometheus(
    folder: Path, port: int = 0, alertmanager_url: str = "", workers: tuple[str, ...] = ()
) -> Server:
    """Prometheus over infra/prometheus with targets of its own. Raises NotToBeHad.

    `workers` are the host:port of workers' metrics; targets/workers.yml in its folder may be changed later.
    """
    need("Prometheus", "prometheus")
    shutil.copytree(INFRA / "prometheus", folder, dirs_exist_ok=True)
    say_targets(folder, "workers")
    say_targets(folder, "alertmanager", *filter(None, [alertmanager_url.removeprefix("http://")]))
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
    listed = ", ".join(f'"{address}"' for address in addresses)
    (folder / "targets" / f"{name}.yml").write_text(f"- targets: [{listed}]\n", "utf-8")
