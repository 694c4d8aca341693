"""`python -m infra.native up|down`: all servers on loopback in one folder; `down` leaves nothing."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from infra.native import influxdb, kafka, prometheus
from infra.native.artefacts import NotToBeHad
from infra.native.process import Identity, Server, end

FOLDER = Path(tempfile.gettempdir()) / f"vigie-servers-{os.getuid()}"
RECORD = "servers.json"  # what runs: name → address, pid, start, stop
MAKERS: dict[str, Callable[[Path, int], Server]] = {
    "kafka": kafka.server,
    "influxdb": influxdb.server,
    "alertmanager": prometheus.alertmanager,
    "prometheus": prometheus.prometheus,
}
folder_option = click.option(
    "--folder", type=click.Path(path_type=Path), default=FOLDER, help=f"Where they live; default {FOLDER}."
)


@click.group()
def main() -> None:
    """Real servers without a container engine."""


@main.command()
@folder_option
@click.option("--only", default=",".join(MAKERS), help=f"Servers, of {', '.join(MAKERS)}.")
@click.option("--port", "ports", multiple=True, metavar="NAME=PORT", help="A port; default: any free one.")
def up(folder: Path, only: str, ports: tuple[str, ...]) -> None:
    """Bring servers up and tell their addresses. Builds what is missing on first use."""
    names = only.split(",")
    chosen = {name: number for name, _, number in (port.partition("=") for port in ports)}
    unknown = sorted({*names, *chosen} - set(MAKERS))
    if unknown or not all(number.isdigit() for number in chosen.values()):
        raise click.UsageError(
            f"{', '.join(unknown) or ports}: choose of {', '.join(MAKERS)}, --port kafka=9092"
        )
    if (folder / RECORD).exists():
        raise click.ClickException(f"servers run already in {folder}; take them down first")
    if folder.exists() and any(folder.iterdir()):
        raise click.ClickException(f"{folder} holds other files, which `down` would remove; choose another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    running: dict[str, dict[str, object]] = {}
    try:
        for name in (name for name in MAKERS if name in names):
            begin = time.monotonic()
            if name == "prometheus" and "alertmanager" in running:
                url = str(running["alertmanager"]["address"])
                server = prometheus.prometheus(folder / name, int(chosen.get(name, "0")), url)
            else:
                server = MAKERS[name](folder / name, int(chosen.get(name, "0")))
            made = time.monotonic()
            found = Identity.of(server.start().pid)
            running[name] = {
                "address": server.address,
                "pid": found.pid,
                "start": found.start,
                "stop": server.stop_signal,
            }
            (folder / RECORD).write_text(json.dumps(running, indent=1), "utf-8")
            now = time.monotonic()
            click.echo(
                f"{name:12} {server.address:28} process {found.pid:<8} "
                f"had in {made - begin:.1f} s, up in {now - made:.1f} s"
            )
    except (NotToBeHad, RuntimeError) as error:
        _take_down(folder)
        raise click.ClickException(str(error)) from error


@main.command()
@folder_option
def down(folder: Path) -> None:
    """Take every server down, by its process id, and remove the folder."""
    if not (folder / RECORD).exists():
        click.echo(f"nothing runs in {folder}")
        return
    forced = _take_down(folder)
    click.echo("all down" + "".join(f"; {name} had to be killed" for name in forced))


def _take_down(folder: Path) -> list[str]:
    """End what the record names and remove the folder; returns the names that did not go by themselves."""
    record = folder / RECORD
    running = json.loads(record.read_text("utf-8")) if record.exists() else {}
    forced = []
    for name, of in reversed(running.items()):
        if not end(Identity(of["pid"], of["start"]), of["stop"]):
            forced.append(name)
    shutil.rmtree(folder)
    return forced


if __name__ == "__main__":
    main()
