"""docs/influxdb.md says what is written: its tables are compared with the lines of the core and the sink."""

import itertools
import json
import re
from collections.abc import Iterable
from pathlib import Path

from models.pipeline import Pipeline
from streams.sinks.influx import alert_line
from streams.sinks.transitions import read
from tests.logs import START, plan_of, reading
from tests.test_sqlite_sink import transition
from tests.test_worker import ward

DOCUMENT = (Path(__file__).parent.parent / "docs/influxdb.md").read_text()
FIELDS = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (integer|float|string|boolean) \|", DOCUMENT, re.M)
TAGS = {
    name: set(re.findall(r"`(\w+)`", tags))
    for name, tags in re.findall(
        r"^\| `(window|reading|baseline|trend|score|joint|alert)` \| (`patient`[^|]*) \|", DOCUMENT, re.M
    )
}


def kind(value: str) -> str:
    if value.startswith('"'):
        return "string"
    if value in ("true", "false"):
        return "boolean"
    return "integer" if value.endswith("i") else "float"


def parse(line: str) -> tuple[str, set[str], set[tuple[str, str, str]]]:
    keys, fields, _ = re.fullmatch(r"(\S+) (.*) (-?\d+)", line).groups()  # type: ignore[union-attr]
    name, *tags = keys.split(",")
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]+)', fields)
    return name, {tag.partition("=")[0] for tag in tags}, {(name, key, kind(value)) for key, value in found}


def test_the_document_names_every_tag_and_field_with_its_type(pipeline: Pipeline) -> None:
    def series(patient: str, vital: str, values: Iterable[float], step: int) -> list[tuple[int, bytes]]:
        times = itertools.count(START, step)
        return [(at, reading(patient, vital, x, at)) for at, x in zip(times, values, strict=False)]

    once = (("spo2", 96), ("systolic-bp", 120), ("respiratory-rate", 16), ("body-temperature", 37))
    told = [(START, plan_of("p-3", {"population": "adult", "scale": 1, "oxygen": "measured"}))]
    told += [(START + i * 3_000, value) for i, value in enumerate(ward(4000))]
    told += series("p-1", "blood-glucose", (90 + i % 30 for i in range(600)), 300_000)
    told += series("p-2", "body-weight", [80.0, 80.0, 80.0], 86_400_000)
    for vital, x in (*once, ("consciousness", 0), ("oxygen-flow", 0)):
        told += series("p-3", vital, [x], 1)
    told += [(START, plan_of("p-4"))]
    for vital, x in (("heart-rate", 70), ("spo2", 96), ("respiratory-rate", 16)):
        told += series("p-4", vital, (x + i * 37 % 5 for i in range(18 * 24)), 3_600_000)
    told += series("p-3", "heart-rate", (70 + 37 * i % 11 for i in range(40 * 96)), 900_000)
    told.sort(key=lambda entry: entry[0])
    stamps, values = [at for at, _ in told], [value for _, value in told]
    keys = [json.loads(value)["patient"].encode() for value in values]
    outputs = pipeline.process(values, stamps, list(range(len(values))), keys)
    extra = {"value": 1.0, "limit": 2.0, "verdict": "actionable", "explanation": {"en": "a", "fr": "b"}}
    known, refused = read([transition(1, rule="r", **extra)])
    assert not refused
    lines = [*outputs.results.decode().splitlines(), *(alert_line(t).decode() for t, _ in known)]
    written: set[tuple[str, str, str]] = set()
    tags: dict[str, set[str]] = {}
    for line in lines:
        name, found, fields = parse(line)
        tags[name] = tags.get(name, set()) | found
        written |= fields
    assert written == set(FIELDS)
    assert tags == TAGS
