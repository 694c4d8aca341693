"""`vigie console`: the page of a deployment on Kafka: who needs attention, and what nurses do about it."""

import asyncio
import socket
import sqlite3
import ssl
from contextlib import suppress
from pathlib import Path

import click

from models.catalog import Catalog
from streams import logs
from streams.box import LOOPBACK, bound, served, stop_event
from streams.configuration import load_catalog
from streams.console.mirror import LOOK_SECONDS, Mirror
from streams.endpoints import is_loopback
from streams.following import keep_looking
from streams.input import open_log
from streams.page import create_page
from streams.settings import Settings, load_settings

FILE = "console.db"


async def run(
    file: Path, settings: Settings, catalog: Catalog, listening: socket.socket, tls: ssl.SSLContext | None
) -> None:
    """Follow the topics and serve the page until Ctrl-C."""
    stop = stop_event()
    live = settings.ticks == "worker"  # the log of a recording has its own time, and is kept whole
    mirror = Mirror(settings, file, forgets=live)
    page = create_page(
        file,
        catalog,
        "wall" if live else "data",
        settings.locale,
        settings=settings,
        progress=mirror.progress,
    )
    try:
        async with served(page, listening, tls) as address:
            click.echo(f"Page: {address}/  Ctrl-C ends.")
            following = asyncio.create_task(keep_looking(settings, mirror.look, LOOK_SECONDS))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
    finally:
        await mirror.close()


def certified(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    """The page's TLS, None without. Raises click.UsageError."""
    if not certificate and not key:
        return None
    if not (certificate and key):
        raise click.UsageError("--certificate and --key go together")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:  # without a word of ours OpenSSL would ask for one at the terminal
        tls.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--certificate and --key are no pair in PEM: {error}") from error
    return tls


@click.command(name="console")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of its own, kept."
)
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 = any.")
@click.option("--certificate", type=click.Path(dir_okay=False, exists=True), help="For TLS, PEM.")
@click.option("--key", type=click.Path(dir_okay=False, exists=True), help="Of that certificate, PEM.")
@click.option("--plain", is_flag=True, help="No TLS beyond loopback: something in front of it speaks TLS.")
def command(
    data: Path, host: str, port: int | None, certificate: str | None, key: str | None, plain: bool
) -> None:
    """Show the patients and alerts of a deployment on a page, where nurses acknowledge and judge.

    Results and alerts are read from the topics into a file of its own. Beyond loopback the page wants a
    password (VIGIE_CONSOLE_PASSWORD) and TLS.
    """
    settings, tls = load_settings(sink="none"), certified(certificate, key)
    if not is_loopback(host):
        if settings.console_password is None:
            raise click.UsageError(f"--host {host} lets others in: set VIGIE_CONSOLE_PASSWORD (`vigie init`)")
        if tls is None and not plain:
            raise click.UsageError(f"--host {host} wants --certificate and --key, or --plain behind a proxy")
    logs.configure(settings)
    if settings.log_folder() is not None:
        open_log(settings, make=False).close()
    try:
        listening = bound(port, host)
    except OSError as error:
        raise click.UsageError(f"no page at {host}: {error}") from error
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        asyncio.run(run(data / FILE, settings, load_catalog(settings.catalogue), listening, tls))
    except sqlite3.Error as error:
        raise click.ClickException(f"{data / FILE} cannot be used: {error}") from error
