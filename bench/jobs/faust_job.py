"""The job in Faust: an agent and a Table, or with STATE=memory a plain dictionary that no restart keeps."""

import math
import os

import faust

WINDOW, LATENESS = 60_000, 10_000  # ms
PREFIX = os.environ["PREFIX"]

app = faust.App(
    f"{PREFIX}-job",
    broker=f"kafka://{os.environ['BROKER']}",
    topic_partitions=4,
    topic_disable_leader=True,
    topic_replication_factor=1,
    web_enabled=False,
    datadir=os.environ["FOLDER"],
)


class Reading(faust.Record, serializer="json"):
    """A reading as the log carries it."""

    patient: str
    device: str
    vital: str
    value: float
    unit: str
    measured_at: str


readings = app.topic(f"{PREFIX}.readings", value_type=Reading)
windows = app.topic(f"{PREFIX}.windows", value_serializer="json")
alerts = app.topic(f"{PREFIX}.alerts", value_serializer="json")
# Faust's windowed tables go by the wall clock, so the windows are part of the value
series = {} if os.environ.get("STATE") == "memory" else app.Table("series", partitions=4)


@app.agent(readings)
async def watch(stream):
    """One reading after the other."""
    async for event in stream.events():
        reading, at, key = event.value, round(event.message.timestamp * 1000), event.key.decode()
        name, x = f"{key}/{reading.vital}", reading.value
        state = series.get(name) or {"open": {}, "newest": 0, "n": 0, "mean": x, "variance": 0.0}
        step, variance = x - state["mean"], state["variance"]
        z = step / math.sqrt(variance) if variance > 0 else 0.0
        if state["n"] >= 30 and abs(z) > 4:
            # send() may stay in the producer's buffer (linger); the client decides when it goes
            alert = {"patient": key, "vital": reading.vital, "at": at, "value": x, "z": z}
            await alerts.send(key=key, value=alert)
        start = str(at // WINDOW * WINDOW)
        count, total, low, high = state["open"].get(start, (0, 0.0, x, x))
        state["open"][start] = (count + 1, total + x, min(low, x), max(high, x))
        state["newest"] = max(state["newest"], at)
        for begin in [s for s in state["open"] if state["newest"] >= int(s) + WINDOW + LATENESS]:
            count, total, low, high = state["open"].pop(begin)
            window = {"patient": key, "vital": reading.vital, "start": int(begin), "count": count}
            await windows.send(key=key, value={**window, "mean": total / count, "min": low, "max": high})
        state["n"] += 1
        state["mean"] += 0.02 * step
        state["variance"] += 0.02 * (step * step - variance)
        series[name] = state  # a Table tells its changelog only of what is set


if __name__ == "__main__":
    app.main()
