"""The same job as an ordinary Faust agent: one event per reading, dictionaries, results as messages.

One-minute windows (count, mean, min, max) sent at their close, an exponentially weighted z-score per
reading, an alert beyond 4. No state survives a kill. Run by `vigie bench` on the same embedded log.
"""

import math
import sys
from datetime import datetime
from typing import Any

import faust
import mode

from streams.app import App


class Reading(faust.Record, serializer="json"):  # type: ignore[call-arg] # Faust ships no types
    """A reading as the log carries it."""

    patient: str
    device: str
    vital: str
    value: float
    unit: str
    measured_at: str


def build(folder: str) -> App:
    """The ordinary app over a log folder."""
    app = App(
        "ordinary",
        broker=f"log://{folder}",
        store="memory://",
        topic_partitions=4,
        topic_disable_leader=True,
        agent_supervisor=mode.CrashingSupervisor,
        stream_wait_empty=False,
        web_enabled=False,
        datadir=f"{folder}/faust-ordinary",
        TableManager="streams.transports.log.transport:TableManager",
    )
    source = app.topic("vigie.readings", value_type=Reading)
    results, alerts = app.topic("ordinary.results"), app.topic("ordinary.alerts")
    windows: dict[tuple[str, str], list[float]] = {}
    models: dict[tuple[str, str], list[float]] = {}

    @app.agent(source)
    async def watch(stream: Any) -> None:
        async for reading in stream:
            key = (reading.patient, reading.vital)
            at = datetime.fromisoformat(reading.measured_at).timestamp()
            x, minute = reading.value, at // 60
            window = windows.get(key)
            if window is None or window[0] != minute:
                if window is not None:
                    closed = {"key": key, "minute": window[0], "count": window[1], "sum": window[2]}
                    await results.send(value={**closed, "min": window[3], "max": window[4]})
                windows[key] = [minute, 1, x, x, x]
            else:
                window[1] += 1
                window[2] += x
                window[3], window[4] = min(window[3], x), max(window[4], x)
            model = models.setdefault(key, [0, x, 0.0])
            z = (x - model[1]) / math.sqrt(model[2]) if model[2] > 0 else 0.0
            if model[0] > 30 and abs(z) > 4:
                await alerts.send(value={"key": key, "value": x, "z": z})
            step = x - model[1]
            model[0] += 1
            model[1] += 0.02 * step
            model[2] += 0.02 * (step * step - model[2])

    return app


if __name__ == "__main__":
    mode.Worker(build(sys.argv[1]), loglevel="error", redirect_stdouts=False).execute_from_commandline()
