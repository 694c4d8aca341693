"""A worker's settings for a real InfluxDB that keeps for ever, and what is in it afterwards."""

from pathlib import Path

from streams.influx.api import InfluxApi
from streams.influx.setup import READER
from streams.secret_files import read_secret
from streams.sinks import lines


def settings(address: str, secrets: Path) -> dict[str, str]:
    return {
        "VIGIE_SINK": "influx",
        "VIGIE_INFLUX_URL": address,
        "VIGIE_INFLUX_ORG": "clinic",
        "VIGIE_INFLUX_BUCKET": "vigie",
        "VIGIE_INFLUX_RAW_DAYS": "0",
        "VIGIE_INFLUX_HISTORY_DAYS": "0",
        "VIGIE_SECRETS": str(secrets),
    }


def stored(address: str, secrets: Path) -> dict[str, int]:
    """Points of each measurement, counted with Grafana's token."""
    grafana = InfluxApi(address, read_secret(secrets, READER))
    fields = {"window": "count", "reading": "value", "baseline": "score", "alert": "sequence"}
    counts = dict.fromkeys(fields, 0)
    for measurement, field in fields.items():
        for policy in ("autogen", "history"):
            query = f"SELECT count({field}) FROM {policy}.{measurement}"
            answer = grafana.call("GET", "/query", db="vigie", q=query)["results"][0]
            counts[measurement] += sum(series["values"][0][1] for series in answer.get("series", ()))
    return counts


def wanted(frames: list[bytes], alerts: list[bytes]) -> dict[str, int]:
    """Points of each measurement that frames and alerts make: a point told again is one."""
    keys = {row[:5] for row in lines.read(frames).rows}
    counts = {name: sum(key[0] == name for key in keys) for name in ("window", "reading", "baseline")}
    return {**counts, "alert": len(set(alerts))}
