"""Records that nobody foresaw, as large as Kafka takes them: each is told once and its partition goes on."""

import hashlib
import json
import random
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.ingest.clock import stamp
from streams.ingest.sources import Line
from streams.input import rows
from tests import workers
from tests.live import kafka
from tests.test_worker import ward

SIZE = 1_000_000  # bytes; the producers' and the topics' own limit is 1 MiB
POISON = {
    "quotes": b'"' * SIZE,
    "control characters": b"\x01" * SIZE,
    "binary": random.Random(4).randbytes(SIZE).replace(b"\n", b"\r"),  # one line, of results
    "many faults": b'{"kind":"plan","patient":"p-1","programme":"x","version":"1","expectations":['
    + b",".join([b'{"vital":"","every":0,"grace":-1,"severity":"low"}'] * 1200)
    + b"]}",
}


@pytest.mark.parametrize("topic", ["vigie.readings", "vigie.results"])
def test_a_poison_record_is_rejected_and_its_partition_goes_on(tmp_path: Path, topic: str) -> None:
    with kafka.broker(tmp_path / "kafka") as address:
        environment = workers.environment(
            tmp_path,
            VIGIE_BROKER=f"batch://{address}",
            VIGIE_CHECKPOINT_SECONDS="0.5",
            VIGIE_PARTITIONS="1",
            VIGIE_SQLITE_PATH=str(tmp_path / "results.db"),
        )
        assert CliRunner().invoke(main, ["topics", "create"], env=environment).exit_code == 0
        client = kafka.Kafka(address)
        log = list(rows(stamp(Line(v, "-", i) for i, v in enumerate(ward(300))), "vigie.readings", 1, True))
        client.append(log[:200])
        for value in POISON.values():
            client.append([(topic, 0, None, value, log[200][4], None)])
        client.append(log[200:])
        with (tmp_path / "worker.txt").open("wb") as out:
            worker = workers.process([*workers.VIGIE, "worker"], env=environment, stdout=out, stderr=out)
        try:
            client.wait_until_drained("vigie", ("vigie.readings", "vigie.results", "vigie.alerts"), 60)
        except (AssertionError, subprocess.SubprocessError) as error:
            raise AssertionError((tmp_path / "worker.txt").read_text()[-3000:]) from error
        assert workers.stop(worker) == 0
        rejects = [json.loads(value) for value in client.values("vigie.rejects")]
        client.close()
    poisoned = {reject["position"]["offset"]: reject for reject in rejects if "original_bytes" in reject}
    wanted = {hashlib.sha256(value).hexdigest() for value in POISON.values() if len(value) > 65_536}
    assert {reject["original_sha256"] for reject in poisoned.values()} == wanted
    if topic == "vigie.readings":
        assert {reject["reason"] for reject in poisoned.values()} == {"oversize"}
        faulty = [reject for reject in rejects if reject["reason"] == "invalid-plan"]
        assert [json.loads(reject["original"])["kind"] for reject in faulty] == ["plan"]
    else:
        assert {reject["reason"] for reject in poisoned.values()} == {"refused-by-store"}
