"""Logs hold neither secrets nor anybody's data; metrics have units and closed label sets."""

import base64
import io
import json
import logging
import re
import urllib.request
from pathlib import Path

import pytest
import structlog
from aiohttp.test_utils import unused_port
from hypothesis import given
from hypothesis import strategies as st

from models.outputs import Outputs
from models.triage import Transition
from models.wire import REASONS, Reject
from streams import logs, metrics
from streams.settings import Settings
from tests import workers
from tests.logs import HOSTILE, START, reading
from tests.test_worker import append, ward

PLAIN = "correct horse battery staple, 40 bytes.."
SECRET = "whsec_" + base64.b64encode(PLAIN.encode()).decode()
READING = reading("p-7f3a", "systolic-bp", 171, START).decode()


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    endpoint = {"name": "nurse", "url": "http://127.0.0.1:9/", "secret": SECRET}
    settings = Settings(endpoints=[endpoint], influx_token=PLAIN)  # type: ignore[arg-type, list-item]
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    written = io.StringIO()
    logs.configure(settings, written)
    return written


def said(stream: io.StringIO) -> str:
    text = stream.getvalue()
    for line in text.splitlines():
        assert {"event", "level", "logger", "timestamp"} <= set(json.loads(line))
    return text


def test_every_log_is_a_line_of_json(stream: io.StringIO) -> None:
    structlog.get_logger("ours").warning("sink away", failures=3)
    logging.getLogger("theirs").error("two\nlines of %s", "theirs")
    lines = [json.loads(line) for line in said(stream).splitlines()]
    assert lines[0]["failures"] == 3
    assert lines[1]["event"] == "two\nlines of theirs"


@pytest.mark.parametrize("secret", [SECRET, PLAIN])
def test_no_way_of_logging_lets_a_secret_through(stream: io.StringIO, secret: str) -> None:
    ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
    ours.error(f"with {secret} inside", some={"deep": [secret]}, token="anything", raw=secret.encode())
    theirs.error("settings are %r", {"secret": secret})
    theirs.error("GET https://nurse:%s@host/", "password-of-hers")
    try:
        raise ValueError(f"bad secret {secret}")
    except ValueError:
        ours.exception("failed")
        theirs.exception("failed")
    text = said(stream)
    assert secret not in text
    assert "anything" not in text
    assert "password-of-hers" not in text
    assert "ValueError" in text


def test_a_reading_in_an_error_is_withheld(stream: io.StringIO) -> None:
    line = "window,patient=p-7f3a,vital=systolic-bp,window=1d mean=171.5 1772409600000000000"
    try:
        raise RuntimeError(f"cannot take {READING} nor {line}")
    except RuntimeError:
        structlog.get_logger("ours").exception(f"while at {line}", patient="p-7f3a", value=171, body=READING)
        logging.getLogger("theirs").exception("while at %r", READING.encode())
    text = said(stream)
    assert "171" not in text
    assert "p-7f3a" not in text
    assert "RuntimeError" in text


@given(text=st.text(max_size=300))
def test_cleaning_takes_any_text_and_bounds_it(text: str) -> None:
    assert len(logs.clean_text(text * 50, ["x" * 30])) <= logs.LARGEST + 100


def test_metric_names_end_in_their_unit() -> None:
    for family in metrics.REGISTRY.collect():
        assert re.fullmatch(r"vigie_[a-z_]+", family.name)
        assert not re.search(r"_(ms|milliseconds|minutes|kb|percent)(_|$)", family.name)
        assert family.documentation.endswith(".")
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_no_input_can_make_a_new_series() -> None:
    def series() -> set[str]:
        return {f"{s.name}{sorted(s.labels.items())}" for f in metrics.REGISTRY.collect() for s in f.samples}

    def outputs(word: str) -> Outputs:
        body = json.dumps({"kind": word, "severity": word, "event": word}).encode()
        return Outputs(b"", [Transition("p-1", "a-1", 1, body)], [Reject(word, "", 0, b"")])

    metrics.count_outputs(1, outputs("first"))
    before = series()
    for i in range(20):
        metrics.count_outputs(1, outputs(f"invented-{i}"))
    assert series() == before


def test_a_worker_serves_its_metrics_and_its_logs_name_nobody(tmp_path: Path) -> None:
    port = unused_port()
    append(tmp_path, [*ward(2000), *HOSTILE])
    worker = workers.start(tmp_path, VIGIE_METRICS_PORT=str(port), VIGIE_LOG_LEVEL="debug")
    workers.wait_until_drained(tmp_path)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    assert workers.stop(worker) == 0
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(samples["vigie_records_total"]) >= 2000 + len(HOSTILE)
    assert float(samples['vigie_stored_records_total{topic="results"}']) > 0
    fates = [float(samples[f'vigie_ledger_readings{{fate="{fate}"}}']) for fate in metrics.FATES]
    assert sum(fates) == 2000 + len(HOSTILE)
    assert set(REASONS) <= {key.split('"')[1] for key in samples if key.startswith("vigie_rejects_total")}
    told = (tmp_path / "worker.txt").read_text()
    assert not re.search(r"\bp-\d", told)
    assert all(json.loads(line) for line in told.splitlines())
