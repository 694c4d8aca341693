"""`vigie demo`: a simulated ward, or a recording, through everything there is, in a temporary folder."""

import asyncio
import base64
import json
import os
import secrets
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from models.catalog import Catalog
from models.texts import number
from streams.box import LOOPBACK, Worker, bound, served, stop_event
from streams.commands.replay import Duration, lines_of
from streams.configuration import load_catalog
from streams.feeder import Feeder, stamped
from streams.ingest.clock import stamp
from streams.page import create_page
from streams.receiver import coloured, create_receiver, notice
from streams.settings import load_settings
from streams.transports.log.store import Log
from streams.ward import ZONE, Ward

SPEED: Final = 60.0  # of the ward's live part: a minute in a second
LIVE_TICK: Final = 60_000  # ms of received time between ticks of the live part
RECENT: Final = 2 * 86_400_000  # ms: webhooks about what is older than this before the live part are counted
MORNING: Final = timedelta(hours=6, minutes=45)  # local time at which the live part begins
Source = tuple[str, Path | None]  # a recording and its column map
SAYS: Final = {
    "en": {
        "hello": "Simulated patients only. Not a medical device, no emergency service.",
        "recording": "Not a medical device, no emergency service.",
        "page": "Page:      {address}",
        "replaying": "Replaying {days} days of {patients} patients, so that every baseline is mature …",
        "file": "Playing {file} …",
        "history": "{count} records replayed in {seconds} s ({rate}/s); {older} earlier notices not shown.",
        "live": "Live from here: {speed} s of the ward in one of ours. Ctrl-C ends.",
        "played": "{count} records played in {seconds} s ({rate}/s). The page stays; Ctrl-C ends.",
        "first": "First alert {seconds} s after the start.",
        "bye": "Ended; the temporary folder is gone.",
        "crash": "The worker stopped by itself:",
    },
    "fr": {
        "hello": "Patients simulés. Ni dispositif médical, ni service d'urgence.",
        "recording": "Ni dispositif médical, ni service d'urgence.",
        "page": "Page :     {address}",
        "replaying": "Relecture de {days} jours de {patients} patients, pour que chaque normale soit mûre …",
        "file": "Lecture de {file} …",
        "history": "{count} enregistrements relus en {seconds} s ({rate}/s) ; "
        "{older} avis plus anciens non montrés.",
        "live": "En direct : {speed} s du service en une des nôtres. Ctrl-C termine.",
        "played": "{count} enregistrements lus en {seconds} s ({rate}/s). La page reste ; Ctrl-C termine.",
        "first": "Première alerte {seconds} s après le démarrage.",
        "bye": "Terminé ; le dossier temporaire est supprimé.",
        "crash": "Le worker s'est arrêté de lui-même :",
    },
}


class Desk:
    """The nurse's desk: prints what the webhooks bring, counts what lies too far back."""

    def __init__(self, locale: str, since: int, zone: ZoneInfo | None) -> None:
        self.locale, self.since, self.zone = locale, since, zone
        self.began = time.monotonic()
        self.shown = self.older = 0

    def say(self, key: str, **values: Any) -> None:
        """Print a line of the demo's own."""
        for name, value in values.items():
            if isinstance(value, float):
                values[name] = number(value, 0 if value.is_integer() or value >= 100 else 1, self.locale)
        click.echo(SAYS[self.locale][key].format(**values))

    def show(self, alert: dict[str, Any]) -> None:
        """A webhook came."""
        if self.shown + self.older == 0:
            self.say("first", seconds=time.monotonic() - self.began)
        if datetime.fromisoformat(alert["received_at"]).timestamp() * 1000 < self.since:
            self.older += 1
            return
        self.shown += 1
        click.echo(coloured(notice(alert, self.locale, self.zone), alert["severity"], alert["event"]))


def last_morning(now: datetime) -> int:
    """The ms of the last 6:45 in the ward's time zone: the live part begins before the morning's rounds."""
    local = now.astimezone(ZoneInfo(ZONE))
    morning = local.replace(hour=0, minute=0, second=0, microsecond=0) + MORNING
    return round((morning if morning <= local else morning - timedelta(days=1)).timestamp() * 1000)


def environment(folder: Path, receiver: str, secret: str) -> dict[str, str]:
    """The worker's settings; those of a deployment around us have no say here."""
    endpoint = {"name": "nurse", "url": f"{receiver}/alerts", "secret": secret}
    return {
        **os.environ,
        "VIGIE_BROKER": f"log://{folder}?sync=normal",
        "VIGIE_TICKS": "log",
        "VIGIE_ENDPOINTS": json.dumps([endpoint]),
        "VIGIE_LOG_LEVEL": "warning",
    }


async def feed(desk: Desk, feeder: Feeder, ward: Ward | None, source: Source, speed: float) -> None:
    """The recording, or the ward's history flat out and its live part at a pace."""
    begin = time.monotonic()
    if ward is None:
        records = stamp(lines_of([source[0]], source[1]))
        desk.say("file", file=Path(source[0]).name)
        await (feeder.pace(records, speed) if speed else feeder.pour(records))
    else:
        desk.say("replaying", days=ward.days, patients=len(ward.patients))
        await feeder.pour(stamped(ward.history()))
    await feeder.caught_up()
    seconds = time.monotonic() - begin
    rate = feeder.readings / seconds
    if ward is None:
        desk.say("played", count=feeder.readings, seconds=seconds, rate=rate)
        return
    desk.say("history", count=feeder.readings, seconds=seconds, rate=rate, older=desk.older)
    desk.say("live", speed=speed or SPEED)
    await feeder.pace(stamped(ward.live(), LIVE_TICK, ward.live_from), speed or SPEED)


async def run(
    folder: Path,
    catalog: Catalog,
    ward: Ward | None,
    source: Source,
    options: dict[str, Any],
) -> int:
    """Everything up, fed, and down again; the exit code."""
    stop = stop_event()
    desk = Desk(options["locale"], ward.live_from - RECENT if ward else 0, ZoneInfo(ZONE) if ward else None)
    desk.say("hello" if ward else "recording")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    settings = load_settings(broker=f"log://{folder}?sync=normal", ticks="log")
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(served(create_receiver(secret, desk.show), bound(0)))
        worker = Worker(environment(folder, receiver, secret), folder / "worker.log")
        if options["page"]:
            page = create_page(
                settings.results_database(),
                catalog,
                "data",
                options["locale"],
                simulated=ward is not None,
                settings=settings,
            )
            address = await stack.enter_async_context(served(page, options["listening"]))
            desk.say("page", address=f"{address}/")
        log = Log(folder, sync="normal", partitions=settings.partitions)
        stack.callback(log.close)
        await worker.start()
        stack.push_async_callback(worker.stop)
        feeder = Feeder(log, settings.topic("readings"), settings.prefix, stop)
        feeding = asyncio.create_task(feed(desk, feeder, ward, source, options["speed"]))
        ended = asyncio.create_task(worker.ended())
        stopped = asyncio.create_task(stop.wait())
        waiting: set[asyncio.Task[Any]] = {ended, stopped, feeding}
        deadline = time.monotonic() + options["seconds"] if options["seconds"] else None
        while not (ended.done() or stopped.done()):
            left = max(0.0, deadline - time.monotonic()) if deadline else None
            done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            waiting -= {feeding}
            if feeding in done:
                feeding.result()  # a recording that cannot be read must be told
        stop.set()
        await feeding
        if ended.done():
            click.echo(f"{SAYS[desk.locale]['crash']}\n{worker.last_words()}", err=True)
            return 1
    return 0


@click.command(name="demo")
@click.option("--readings", help="Play this recording (.jsonl, .csv, also .gz) instead of the ward.")
@click.option("--map", "map_file", type=click.Path(path_type=Path, exists=True), help="Column map of a CSV.")
@click.option("--speed", type=click.FloatRange(min=0.001), help="Seconds of the ward in one second [60].")
@click.option("--for", "length", type=Duration(), default=0, help="End after this long, e.g. 90s.")
@click.option("--no-page", is_flag=True, help="No page; alerts in the terminal only.")
@click.option("--port", type=click.IntRange(0, 65535), help="The page's port on loopback; 0 = any.")
@click.option("--lang", "locale", type=click.Choice(["fr", "en"]), default="en", help="Language.")
@click.option("--seed", type=int, default=1, help="Other simulated patients.")
def command(
    readings: str | None,
    map_file: Path | None,
    speed: float | None,
    length: int,
    no_page: bool,
    port: int | None,
    locale: str,
    seed: int,
) -> None:
    """Watch a simulated ward, or a recording, live: page, alerts and webhooks, in a temporary folder."""
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        del os.environ[name]  # a deployment's settings must not reach the demo
    catalog = load_catalog()
    if readings is not None and not Path(readings).is_file():
        raise click.UsageError(f"--readings: there is no file {readings}")
    ward = None if readings else Ward(catalog, last_morning(datetime.now().astimezone()), seed, locale=locale)
    try:
        listening = None if no_page else bound(port)
    except OSError as error:
        raise click.UsageError(f"--port {port} on {LOOPBACK} is taken: {error}") from error
    options = {
        "page": not no_page,
        "listening": listening,
        "locale": locale,
        "speed": speed or 0.0,
        "seconds": length / 1000,
    }
    with tempfile.TemporaryDirectory(prefix="vigie-demo-", ignore_cleanup_errors=True) as folder:
        code = asyncio.run(run(Path(folder), catalog, ward, (readings or "", map_file), options))
    if code == 0:
        click.echo(SAYS[locale]["bye"])
    click.get_current_context().exit(code)
