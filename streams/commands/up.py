"""`vigie up`: one box for a practice or a study: the worker and the page over a folder that is kept."""

import asyncio
import os
from pathlib import Path

import click

from models.catalog import Catalog
from streams.box import LOOPBACK, Worker, bound, served, stop_event
from streams.configuration import load_catalog
from streams.page import create_page
from streams.settings import Settings, load_settings

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before a worker that stopped by itself is started again


async def keep(worker: Worker, stop: asyncio.Event) -> None:
    """Keep the worker running until the end is asked for."""
    wait = FIRST_WAIT
    stopped = asyncio.create_task(stop.wait())
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        await worker.start()
        ended = asyncio.create_task(worker.ended())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await worker.stop()
            return
        click.echo(
            f"vigie: the worker stopped by itself; again in {wait:g} s\n{worker.last_words()}", err=True
        )
        await asyncio.wait({stopped}, timeout=wait)
        lived = asyncio.get_running_loop().time() - began
        wait = FIRST_WAIT if lived > LONGEST_WAIT else min(2 * wait, LONGEST_WAIT)


async def run(data: Path, settings: Settings, catalog: Catalog, port: int | None) -> None:
    """Worker and page until Ctrl-C."""
    stop = stop_event()
    broker = f"log://{data}"
    page = create_page(settings.results_database(), catalog, "wall", settings.locale, settings=settings)
    async with served(page, bound(port)) as address:
        click.echo(f"Page: {address}/  Readings: VIGIE_BROKER={broker} vigie send FILE  Ctrl-C ends.")
        await keep(Worker({**os.environ, "VIGIE_BROKER": broker}, data / "worker.log"), stop)


@click.command(name="up")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder that is kept."
)
@click.option("--port", type=click.IntRange(0, 65535), help="The page's port on loopback; 0 = any.")
def command(data: Path, port: int | None) -> None:
    """Run worker and page over one folder, in real time; settings from the environment as for `worker`."""
    data = data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    settings = load_settings(broker=f"log://{data}")
    try:
        asyncio.run(run(data, settings, load_catalog(settings.catalogue), port))
    except OSError as error:
        raise click.UsageError(f"no page on {LOOPBACK}: {error}") from error
