"""The job in Bytewax: a keyed stateful step; recovery on, a snapshot every 5 s."""

import math
import os
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import msgspec
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

WINDOW, LATENESS = 60_000, 10_000  # ms
PREFIX, BROKERS = os.environ["PREFIX"], [os.environ["BROKER"]]
decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode


def keyed(message):
    """(series, (ms, reading)): Bytewax keeps state by a text key."""
    reading = decode(message.value)
    return f"{reading['patient']}/{reading['vital']}", (message.timestamp[1], reading)


def watch(state, item):
    """The state after one reading, and its results."""
    at, reading = item
    x, out, name = reading["value"], [], {"patient": reading["patient"], "vital": reading["vital"]}
    opened, newest, n, mean, variance = state or ({}, 0, 0, x, 0.0)
    step = x - mean
    z = step / math.sqrt(variance) if variance > 0 else 0.0
    if n >= 30 and abs(z) > 4:
        out.append(("alerts", {**name, "at": at, "value": x, "z": z}))
    start = at // WINDOW * WINDOW
    count, total, low, high = opened.get(start, (0, 0.0, x, x))
    opened[start] = (count + 1, total + x, min(low, x), max(high, x))
    newest = max(newest, at)
    for begin in [b for b in opened if newest >= b + WINDOW + LATENESS]:
        count, total, low, high = opened.pop(begin)
        window = {**name, "start": begin, "count": count, "mean": total / count, "min": low, "max": high}
        out.append(("windows", window))
    return (opened, newest, n + 1, mean + 0.02 * step, variance + 0.02 * (step * step - variance)), out


def message(result):
    """A result as a record of Kafka."""
    _, (_, body) = result
    return KafkaSinkMessage(key=body["patient"].encode(), value=encode(body))


flow = Dataflow("job")
source = kop.input("readings", flow, brokers=BROKERS, topics=[f"{PREFIX}.readings"], batch_size=1000)
results = op.stateful_flat_map("watch", op.map("key", source.oks, keyed), watch)
for kind in ("windows", "alerts"):
    chosen = op.filter(f"only {kind}", results, lambda result, kind=kind: result[1][0] == kind)
    kop.output(kind, op.map(f"{kind} out", chosen, message), brokers=BROKERS, topic=f"{PREFIX}.{kind}")

if __name__ == "__main__":
    folder = Path(os.environ["FOLDER"])
    if not any(folder.iterdir()):
        init_db_dir(folder, 1)
    cli_main(flow, epoch_interval=timedelta(seconds=5), recovery_config=RecoveryConfig(folder, timedelta(0)))
