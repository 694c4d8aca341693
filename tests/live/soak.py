"""A soak of one worker on real Kafka and InfluxDB: `make soak`, or `python -m tests.live.soak --minutes 5`.

1,000 readings/s of 500 patients; memory, descriptors and lag each ten seconds. Prints the slope of memory
over the second half, when every patient is known and every buffer has its size. Lag is to the commit, which
follows a checkpoint, here each second. Exits with 1 when found wanting.
"""

import tempfile
import threading
import time
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner

from infra.native import influxdb
from infra.native import kafka as native
from infra.native.process import free_port
from streams.cli import main as vigie
from streams.input import key_of
from streams.transports.records import Row
from tests import workers
from tests.live import influx, kafka
from tests.live.deployment import Manager
from tests.live.test_away import resident
from tests.logs import reading

RATE = 1000  # readings/s
PATIENTS = 500
EVERY = 10.0  # seconds between looks
SLOPE = 1.0  # MB per 10 min
LAG = 5.0  # seconds


def pour(client: kafka.Kafka, ending: threading.Event, poured: list[int]) -> None:
    """RATE readings each second, until the end."""
    begin = time.monotonic()
    while not ending.is_set():
        at, rows = int(time.time() * 1000), list[Row]()
        for i in range(RATE // 10):
            number = poured[0] + i
            value = reading(f"p-{number % PATIENTS}", "heart-rate", 60 + number * 7 % 40, at + i)
            rows.append(("vigie.readings", None, key_of(value), value, None, None))
        client.append(rows)
        poured[0] += len(rows)
        ending.wait(max(0.0, begin + poured[0] / RATE - time.monotonic()))


@click.command()
@click.option("--minutes", default=30.0, show_default=True)
def main(minutes: float) -> None:
    """Run it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            influxdb.server(folder / "influxdb").running() as server,
            native.server(folder / "kafka").running() as broker,
        ):
            settings = workers.environment(
                folder,
                VIGIE_BROKER=f"batch://{broker.address}",
                VIGIE_TICKS="worker",
                VIGIE_CHECKPOINT_SECONDS="1",
                VIGIE_METRICS_PORT=str(free_port()),
                **influx.settings(server.address, folder / "secrets"),
            )
            for command in (["influx", "setup"], ["topics", "create"]):
                done = CliRunner().invoke(vigie, command, env=settings)
                if done.exit_code:
                    raise click.ClickException(done.output)
            client, manager = kafka.Kafka(broker.address), Manager(folder, settings, 1)
            try:
                wanting = _watch(client, manager, minutes)
            finally:
                manager.end()
                client.close()
    raise SystemExit(1 if wanting else 0)


def _watch(client: kafka.Kafka, manager: Manager, minutes: float) -> list[str]:
    """What was found wanting."""
    ending, poured = threading.Event(), [0]
    thread = threading.Thread(target=pour, args=(client, ending, poured), daemon=True)
    thread.start()
    begin, seen = time.monotonic(), list[tuple[float, float, int, float]]()
    while time.monotonic() - begin < minutes * 60:
        time.sleep(EVERY)
        process = manager.processes[0]
        done = sum(client.committed("vigie", "vigie.readings").values())
        lag = (sum(client.ends("vigie.readings").values()) - done) / RATE
        files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
        seen.append((time.monotonic() - begin, resident(process), files, lag))
        click.echo("{:6.0f} s  {:7.1f} MB  {:4d} descriptors  lag {:5.1f} s".format(*seen[-1]))
    ending.set()
    thread.join()
    half = np.array(seen[len(seen) // 2 :])
    slope = 600 * float(np.polyfit(half[:, 0], half[:, 1], 1)[0])
    files = int(half[:, 2].max() - half[:, 2].min())
    lag = float(np.median(half[:, 3]))
    click.echo(
        f"{poured[0]} readings in {seen[-1][0]:.0f} s; second half: {slope:+.2f} MB/10 min, "
        f"descriptors within {files}, lag {lag:.1f} s in the middle, {half[:, 3].max():.1f} s at most; "
        f"exits {dict(manager.exits)}"
    )
    found = {"memory": slope >= SLOPE, "descriptors": files > 5, "lag": lag > LAG, "exits": manager.exits}
    return [name for name, is_wanting in found.items() if is_wanting]


if __name__ == "__main__":
    main()
