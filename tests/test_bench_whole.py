"""The bench of whole workers gives each the same work, and holds each to its share of a processor."""

import subprocess
import sys
import time
from collections import Counter

import pytest
from click.testing import CliRunner

from streams.bench.share import PERIOD, held, used
from streams.bench.whole import evenly
from streams.cli import main
from streams.transports.records import partition_of


@pytest.mark.parametrize(("patients", "partitions"), [(1334, 8), (5, 8), (1, 1), (100, 3)])
def test_every_partition_has_as_many_patients_as_the_others(patients: int, partitions: int) -> None:
    names = evenly(patients, partitions)
    assert len(set(names)) == len(names) == patients
    counts = Counter(partition_of(name.encode(), partitions) for name in names)
    assert max(counts.values()) - min(counts[p] for p in range(partitions)) <= 1


def test_a_process_held_to_a_share_of_a_processor_takes_no_more_and_goes_on_afterwards() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            with held([process.pid], 0.25):
                time.sleep(5 * PERIOD)  # it has begun
                at, before = time.monotonic(), used(process.pid)
                time.sleep(10 * PERIOD)
                spent, took = used(process.pid) - before, time.monotonic() - at
            assert spent < 0.25 * (took + 2 * PERIOD) + PERIOD
            free = used(process.pid)
            until = time.monotonic() + 30
            while used(process.pid) - free < 0.5 * PERIOD:  # nobody stops it any more
                assert time.monotonic() < until
                time.sleep(PERIOD)
        finally:
            process.kill()


def test_what_a_process_used_cannot_be_told_when_it_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(OSError, match="Invalid argument"):
        used(process.pid)


@pytest.mark.parametrize("process", ["999999999", "-5", "99999999999999999999"])
def test_a_broker_that_is_no_process_is_told_before_anything_is_measured(process: str) -> None:
    done = CliRunner().invoke(main, ["bench", "--workers", "1", "--broker-process", process])
    assert done.exit_code == 2
    assert f"there is no process {process}" in done.output
