"""docs/influxdb.md says what is written: its tables are compared with the lines of the core and the sink."""

import json
import re
from pathlib import Path

from models.pipeline import Pipeline
from streams.sinks.influx import alert_line
from streams.sinks.transitions import read
from tests.logs import START, reading
from tests.test_sqlite_sink import transition
from tests.test_worker import ward

DOCUMENT = (Path(__file__).parent.parent / "docs/influxdb.md").read_text()
FIELDS = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (integer|float|string|boolean) \|", DOCUMENT, re.M)
TAGS = {
    name: set(re.findall(r"`(\w+)`", tags))
    for name, tags in re.findall(
        r"^\| `(window|reading|baseline|alert)` \| (`patient`[^|]*) \|", DOCUMENT, re.M
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
    values = ward(4000)
    values += [reading("p-1", "blood-glucose", 90 + i % 30, START + i * 300_000) for i in range(600)]
    values += [reading("p-2", "body-weight", 80, START + i * 86_400_000) for i in range(3)]
    stamps = [max(START + i * 60_000, 0) for i in range(len(values))]
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
