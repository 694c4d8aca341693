"""`python -m infra.native up|down`: all servers on loopback in one folder; `down` leaves nothing."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from infra.native import influxdb, kafka, prometheus
from infra.native.artefacts import NotToBeHad
from infra.native.process import Identity, Server, end

FOLDER = Path(tempfile.gettempdir()) / f"vigie-servers-{os.getuid()}"
RECORD = "servers.json"  # what runs, or is kept: name → address, pid, start, stop
MAKERS: dict[str, Callable[[Path, int], Server]] = {
    "kafka": kafka.server,
    "influxdb": influxdb.server,
    "alertmanager": prometheus.alertmanager,
    "prometheus": prometheus.prometheus,
}
folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, resolve_path=True),  # a server's own folder is not this one
    default=FOLDER,
    help=f"Where they live; default {FOLDER}.",
)


@click.group()
def main() -> None:
    """Real servers without a container engine."""


@main.command()
@folder_option
@click.option("--only", help=f"Servers, of {', '.join(MAKERS)}; default: those that are kept, else all.")
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="NAME=PORT",
    help="A port; default: as before, else any free one.",
)
def up(folder: Path, only: str | None, ports: tuple[str, ...]) -> None:
    """Bring servers up and tell their addresses. Builds what is missing on first use."""
    kept = _read(folder)
    names = only.split(",") if only else list(kept) or list(MAKERS)
    chosen = {name: number for name, _, number in (port.partition("=") for port in ports)}
    unknown = sorted({*names, *chosen} - set(MAKERS))
    if unknown or not all(number.isdigit() for number in chosen.values()):
        raise click.UsageError(
            f"{', '.join(unknown) or ports}: choose of {', '.join(MAKERS)}, --port kafka=9092"
        )
    if any(_identity(of).lives() for of in kept.values()):
        raise click.ClickException(f"servers run already in {folder}; take them down first")
    if not kept and folder.exists() and any(folder.iterdir()):
        raise click.ClickException(f"{folder} holds other files, which `down` would remove; choose another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = {name: of["address"].rpartition(":")[2] for name, of in kept.items()}
    record, servers = dict(kept), dict[str, tuple[Server, float]]()
    try:
        for name in (name for name in MAKERS if name in names):  # all are there before the first one starts
            begin = time.monotonic()
            make, port = MAKERS[name], int(chosen.get(name) or before.get(name) or 0)
            if name == "prometheus" and "alertmanager" in servers:
                server = prometheus.prometheus(folder / name, port, servers["alertmanager"][0].address)
            else:
                server = make(folder / name, port)
            servers[name] = server, time.monotonic() - begin
        for name, (server, seconds) in servers.items():
            begin = time.monotonic()
            process = server.spawn()
            found = Identity.of(process.pid)
            record[name] = {
                "address": server.address,
                "pid": found.pid,
                "start": found.start,
                "stop": server.stop_signal,
            }
            (folder / RECORD).write_text(json.dumps(record, indent=1), "utf-8")
            server.wait(process)
            click.echo(
                f"{name:12} {server.address:28} process {found.pid:<8} "
                f"had in {seconds:.1f} s, up in {time.monotonic() - begin:.1f} s"
            )
    except BaseException as error:  # a Ctrl-C too: nothing stays behind that nobody knows of
        _end(folder)
        if not kept:
            shutil.rmtree(folder)
        if isinstance(error, NotToBeHad | RuntimeError | OSError):
            raise click.ClickException(str(error)) from error
        raise


@main.command()
@folder_option
@click.option("--keep", is_flag=True, help="Leave the folder: `up` goes on with its data, at the same ports.")
def down(folder: Path, keep: bool) -> None:
    """Take every server down, by its process id, and remove the folder with all data."""
    if not (folder / RECORD).exists():
        click.echo(f"nothing runs in {folder}")
        return
    forced = _end(folder)
    if not keep:
        shutil.rmtree(folder)
    click.echo("all down" + "".join(f"; {name} had to be killed" for name in forced))


def _end(folder: Path) -> list[str]:
    """End what the record names, last started first; returns the names that did not go by themselves."""
    servers = reversed(_read(folder).items())
    return [name for name, of in servers if not end(_identity(of), of["stop"])]


def _read(folder: Path) -> dict[str, Any]:
    record = folder / RECORD
    return dict(json.loads(record.read_text("utf-8"))) if record.exists() else {}


def _identity(of: dict[str, Any]) -> Identity:
    return Identity(of["pid"], of["start"])


if __name__ == "__main__":
    main()
