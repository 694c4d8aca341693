"""The job in Quix Streams: a stateful step per patient (RocksDB, a changelog), at least or exactly once."""

import math
import os

from quixstreams import Application, State

WINDOW, LATENESS = 60_000, 10_000  # ms
PREFIX = os.environ["PREFIX"]

app = Application(
    broker_address=os.environ["BROKER"],
    consumer_group=f"{PREFIX}-job",
    auto_offset_reset="earliest",
    processing_guarantee=os.environ.get("GUARANTEE", "at-least-once"),
    state_dir=os.environ["FOLDER"],
    loglevel="WARNING",
)
readings = app.topic(f"{PREFIX}.readings", value_deserializer="json", key_deserializer="str")
windows = app.topic(f"{PREFIX}.windows", value_serializer="json", key_serializer="str")
alerts = app.topic(f"{PREFIX}.alerts", value_serializer="json", key_serializer="str")


def watch(reading: dict, patient: str, at: int, headers: object, state: State) -> list[dict]:
    """The results of one reading.

    State belongs to the message key, the patient. group_by(vital) would send every reading through Kafka a
    second time, so what is kept is named by the vital instead.
    """
    vital, x, out = reading["vital"], reading["value"], []
    s = state.get(vital) or {"open": {}, "newest": 0, "n": 0, "mean": x, "variance": 0.0}
    step, variance = x - s["mean"], s["variance"]
    z = step / math.sqrt(variance) if variance > 0 else 0.0
    if s["n"] >= 30 and abs(z) > 4:
        out.append({"patient": patient, "vital": vital, "at": at, "value": x, "z": z})
    start = str(at // WINDOW * WINDOW)
    count, total, low, high = s["open"].get(start, (0, 0.0, x, x))
    s["open"][start] = (count + 1, total + x, min(low, x), max(high, x))
    s["newest"] = max(s["newest"], at)
    for begin in [b for b in s["open"] if s["newest"] >= int(b) + WINDOW + LATENESS]:
        count, total, low, high = s["open"].pop(begin)
        window = {"patient": patient, "vital": vital, "start": int(begin), "count": count}
        out.append({**window, "mean": total / count, "min": low, "max": high})
    s["n"] += 1
    s["mean"] += 0.02 * step
    s["variance"] += 0.02 * (step * step - variance)
    state.set(vital, s)
    return out


results = app.dataframe(readings).apply(watch, stateful=True, metadata=True, expand=True)
results.filter(lambda result: "z" in result).to_topic(alerts)
results.filter(lambda result: "count" in result).to_topic(windows)

if __name__ == "__main__":
    app.run()
