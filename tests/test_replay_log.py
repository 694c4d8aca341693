"""Replaying a log decides as the worker on that log did. Real processes, the real embedded log."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.times import rfc3339
from streams.cli import main
from streams.transports.log.store import Log
from tests import workers
from tests.logs import HOSTILE, START, plan_of, reading
from tests.test_worker import append, ward

FILES = ("results.lp", "alerts.jsonl", "rejects.jsonl", "ledger.json")


def replay(source: str, out: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["replay", source, "--out", str(out), *more])


def ledger(out: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((out / "ledger.json").read_text())
    return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with everything in it: readings good and bad, plans, ticks."""
    folder = tmp_path_factory.mktemp("kept")
    append(folder, [*ward(1000), plan_of("p-7"), *HOSTILE, *ward(3000)[1000:]])
    return folder


def test_a_replayed_log_decides_as_its_worker_did(kept: Path, tmp_path: Path) -> None:
    worker = workers.start(kept)
    workers.wait_until_drained(kept)
    assert workers.stop(worker) == 0
    assert replay(f"log://{kept}", tmp_path).exit_code == 0
    lines, alerts = workers.told(kept)
    assert set((tmp_path / "results.lp").read_bytes().splitlines()) == lines
    assert set((tmp_path / "alerts.jsonl").read_bytes().splitlines()) == alerts
    rejects = workers.values(kept, "vigie.rejects")
    assert sorted((tmp_path / "rejects.jsonl").read_bytes().splitlines()) == sorted(rejects)
    assert len(alerts) > 10
    assert len(rejects) > len(HOSTILE)


def test_two_replays_of_a_log_are_the_same_bytes_and_its_ledger_balances(kept: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert replay(f"log://{kept}/vigie.readings", tmp_path / name).exit_code == 0
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    counts = ledger(tmp_path / "one")
    assert counts["received"] == 3000 + len(HOSTILE)
    assert counts["plans"] == 1
    assert counts["ticks"] > 0


def test_a_range_of_a_log_takes_the_records_received_in_it(kept: Path, tmp_path: Path) -> None:
    middle = rfc3339(START + 4_500_000, 3600)
    assert "+01:00" in middle
    early = replay(f"log://{kept}?until={middle}", tmp_path / "early")
    late = replay(f"log://{kept}?from={middle}", tmp_path / "late")
    assert (early.exit_code, late.exit_code) == (0, 0)
    both = ledger(tmp_path / "early")["received"] + ledger(tmp_path / "late")["received"]
    assert both == 3000 + len(HOSTILE)
    assert 0 < ledger(tmp_path / "late")["received"] < both
    assert replay(f"log://{kept}?from=2030-01-01T00:00:00Z", tmp_path / "none").exit_code == 0
    assert ledger(tmp_path / "none")["received"] == 0


def test_another_plan_over_a_log_tells_what_it_would_have_done(kept: Path, tmp_path: Path) -> None:
    plans = tmp_path / "plans.toml"
    plans.write_text('[[plan]]\npatient = "*"\nprogramme = "quiet"\nversion = "1"\n')
    assert replay(f"log://{kept}", tmp_path / "loud").exit_code == 0
    result = replay(f"log://{kept}", tmp_path / "quiet", "--plans", str(plans))
    assert result.exit_code == 0, result.output
    assert ledger(tmp_path / "quiet")["plans"] == 1 + 4  # the log's own, and ours in each partition
    assert ledger(tmp_path / "quiet")["received"] == ledger(tmp_path / "loud")["received"]
    told = (tmp_path / "quiet" / "alerts.jsonl").read_text().splitlines()
    assert len(told) < len((tmp_path / "loud" / "alerts.jsonl").read_text().splitlines())


def test_replaying_a_log_leaves_it_as_it_was(kept: Path, tmp_path: Path) -> None:
    log = Log(kept)
    before = dict(log.refresh()), log.committed("vigie")
    assert replay(f"log://{kept}", tmp_path / "out").exit_code == 0
    assert (dict(log.refresh()), log.committed("vigie")) == before
    log.close()


def test_a_log_that_is_not_there_is_bad_use_and_nothing_is_made(tmp_path: Path) -> None:
    missing = replay(f"log://{tmp_path}/nowhere", tmp_path / "out")
    assert missing.exit_code == 2
    assert "there is no log in" in missing.output
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("/vigie.nothing", "there is no topic vigie.nothing"),
        ("?form=2026-01-01T00:00:00Z", "unknown option form"),
        ("?from=2026-01-01", "from is no RFC 3339 time"),
        ("?from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "from is not before until"),
    ],
)
def test_a_bad_log_source_names_its_fault(kept: Path, tmp_path: Path, query: str, told: str) -> None:
    result = replay(f"log://{kept}{query}", tmp_path / "out")
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("replay", "--tick", "0s"),
        ("replay", "--then", "99999999999d"),
        ("send", "--tick", "0s"),
        ("send", "--then", "9" * 400 + "d"),
        ("send", "--speed", "-1"),
        ("replay", "--out", __file__),
    ],
)
def test_an_option_that_makes_no_sense_is_bad_use_and_nothing_is_made(
    tmp_path: Path, command: str, option: str, value: str
) -> None:
    source = tmp_path / "readings.jsonl"
    source.write_bytes(b"{}\n")
    out = ["--out", str(tmp_path / "out")] if command == "replay" else []
    env = {"VIGIE_BROKER": f"log://{tmp_path}/log"}
    done = CliRunner().invoke(main, [command, str(source), *out, option, value], env=env)
    assert done.exit_code == 2
    assert option in done.output
    assert list(tmp_path.iterdir()) == [source]


def test_options_of_recordings_are_refused_for_a_log(kept: Path, tmp_path: Path) -> None:
    result = replay(f"log://{kept}", tmp_path / "out", "--then", "2d")
    assert result.exit_code == 2
    assert "--then is for recordings" in result.output
    result = replay(f"log://{kept}", tmp_path / "out", str(reading.__code__.co_filename))
    assert result.exit_code == 2


def test_a_log_sent_as_recorded_replays_as_its_recording(tmp_path: Path) -> None:
    source = tmp_path / "ward.jsonl"
    source.write_bytes(b"".join(value + b"\n" for value in ward(2000)))
    folder = tmp_path / "log"
    sent = [*workers.VIGIE, "send", str(source), "--as-recorded"]
    subprocess.run(sent, env=workers.environment(folder), check=True)
    assert replay(str(source), tmp_path / "recording").exit_code == 0
    assert replay(f"log://{folder}", tmp_path / "log-out").exit_code == 0
    for name in ("results.lp", "alerts.jsonl"):
        of_recording = (tmp_path / "recording" / name).read_bytes().splitlines()
        assert sorted(of_recording) == sorted((tmp_path / "log-out" / name).read_bytes().splitlines())
