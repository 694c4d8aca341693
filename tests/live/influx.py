"""A worker's settings for a real InfluxDB that keeps for ever, and what is in it afterwards."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from streams.influx.api import InfluxApi
from streams.influx.setup import READER
from streams.secret_files import read_secret
from streams.sinks import lines


def settings(address: str, secrets: Path, bucket: str = "vigie") -> dict[str, str]:
    return {
        "VIGIE_SINK": "influx",
        "VIGIE_INFLUX_URL": address,
        "VIGIE_INFLUX_ORG": "clinic",
        "VIGIE_INFLUX_BUCKET": bucket,
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
    keys = {(series, time_ns) for series, time_ns, _, _ in lines.read(frames).rows}
    told = Counter(lines.tags_of(series)[0] for series, _ in keys)
    counts = {name: told[name] for name in ("window", "reading", "baseline")}
    return {**counts, "alert": len(set(alerts))}


def everything(address: str, secrets: Path, bucket: str) -> dict[str, list[object]]:
    """Every point of both buckets by policy, measurement and tags, alerts too; read with Grafana's token."""
    grafana = InfluxApi(address, read_secret(secrets, READER))
    found: dict[str, list[object]] = {}
    for policy in ("autogen", "history"):
        query = f"SELECT * FROM {policy}./.*/ GROUP BY *"
        answer = grafana.call("GET", "/query", db=bucket, q=query, epoch="ns")["results"][0]
        assert "error" not in answer, answer
        for series in answer.get("series", ()):
            tags = ",".join(f"{key}={value}" for key, value in sorted(series["tags"].items()))
            for values in series["values"]:
                fields = dict(zip(series["columns"], values, strict=True))
                kept = {key: value for key, value in fields.items() if value is not None}
                found.setdefault(f"{policy}.{series['name']},{tags}", []).append(kept)
    return found


FIELDS: Final = re.compile(r'([a-z0-9_]+)=("(?:[^"\\]|\\.)*"|[^,]*)')
Point = tuple[tuple[str, ...], int]
"""(measurement, patient, vital, window) and time in ns."""


def points(address: str, secrets: Path) -> dict[Point, dict[str, float]]:
    """Every point of results with its fields, read with Grafana's token."""
    grafana = InfluxApi(address, read_secret(secrets, READER))
    found: dict[Point, dict[str, float]] = {}
    for measurement in ("window", "reading", "baseline", "trend", "score"):
        for policy in ("autogen", "history"):
            query = f"SELECT * FROM {policy}.{measurement} GROUP BY *"
            answer = grafana.call("GET", "/query", db="vigie", q=query, epoch="ns")["results"][0]
            for series in answer.get("series", ()):
                tags = series["tags"]
                place = measurement, tags["patient"], tags["vital"], tags.get("window", "")
                for time_ns, *values in series["values"]:
                    fields = zip(series["columns"][1:], values, strict=True)
                    assert (place, time_ns) not in found, "a point is in both buckets"
                    found[place, time_ns] = {name: float(v) for name, v in fields if v is not None}
    return found


def last_of(told: Iterable[bytes]) -> dict[Point, dict[str, float]]:
    """The points that lines of results make, in the order in which they were told."""
    out: dict[Point, dict[str, float]] = {}
    for series, time_ns, _, fields in lines.read([b"\n".join(told)]).rows:
        values = {name: float(text.rstrip("i")) for name, text in FIELDS.findall(fields)}
        out[lines.tags_of(series), time_ns] = values
    return out
