"""State that this version cannot read stops the worker before it decides anything."""

from pathlib import Path

import msgspec
import pytest

from models.pipeline import Pipeline
from models.state import FORMAT, UnknownFormat
from streams.topics import make_in_log
from tests import workers
from tests.logs import START, reading
from tests.transports import Embedded

NEWER = msgspec.msgpack.encode(("99-0badcafe", b"whatever a later version keeps"))


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (NEWER, f"state block 1 is of format 99-0badcafe, this version reads {FORMAT}; run the version that"),
        (b"\xc1 no block", "state block 1 cannot be read"),
        (msgspec.msgpack.encode((FORMAT, b"not compressed")), "state block 1 cannot be read"),
    ],
)
def test_a_block_of_an_unknown_format_is_refused_by_name(pipeline: Pipeline, block: bytes, told: str) -> None:
    with pytest.raises(UnknownFormat, match=told):
        pipeline.restore({b"1": block})


def test_a_worker_that_meets_an_unknown_block_stops_and_decides_nothing(tmp_path: Path) -> None:
    transport = Embedded(tmp_path, "vigie")
    make_in_log(transport.settings, transport.log)
    transport.log.append([("vigie.state", 2, b"2/1", NEWER, None, None)])
    value = reading("p-1", "systolic-bp", 200, START)
    transport.log.append([("vigie.readings", None, b"p-1", value, START, None)])
    worker = workers.start(tmp_path)
    assert worker.wait(60) == 1
    said = (tmp_path / "worker.txt").read_text()
    assert f"state block 1 is of format 99-0badcafe, this version reads {FORMAT}" in said
    assert "run the version that wrote it, or replay the readings into an empty state topic" in said
    assert transport.log.committed("vigie").get(("vigie.readings", 0)) is None
    assert workers.values(tmp_path, "vigie.alerts") == workers.values(tmp_path, "vigie.results") == []
    transport.close()
