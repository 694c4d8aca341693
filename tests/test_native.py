"""Servers as processes: what is missing is named, what is started ends, and nothing else is touched."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.native import influxdb, kafka
from infra.native.__main__ import RECORD, main
from infra.native.artefacts import NotToBeHad, ToolMissing, alone, check, need, run, versions
from infra.native.process import Identity, Server, end, free_port, listens
from tests import live

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


def web(folder: Path, port: int) -> Server:
    """A server that is there wherever Python is."""
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    return Server("web", command, folder, f"127.0.0.1:{port}", lambda: listens(f"127.0.0.1:{port}"))


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ToolMissing, match="needs go, cargo, gcc, pkg-config: Go 1") as told:
        influxdb.binary()
    for remedy in (
        "newer from https://go.dev/dl",
        "newer from https://rustup.rs",
        "apt-get install gcc pkg-config",
    ):
        assert remedy in str(told.value)
    with pytest.raises(ToolMissing, match="Kafka needs java: a JDK from 17 on: apt-get install default-jdk"):
        kafka.jars()
    with pytest.raises(ToolMissing, match="apt-get install prometheus"):
        need("Prometheus", "prometheus", "promtool")


@pytest.mark.parametrize(
    ("tool", "says", "fits"),
    [
        ("go", "go1.25.10", True),
        ("go", "go1.30", True),
        ("go", "go1.27rc1", True),
        ("go", "devel go1.27-3f2a1c Mon Jan 5", True),
        ("go", "devel +3f2a1c", True),  # whoever builds Go knows better
        ("go", "go1.19.8", False),
        ("go", "go1.25.9", False),
        ("cargo", "cargo 1.95.0 (f2d3ce0bd 2026-03-21)", True),
        ("cargo", "cargo 1.66.0", False),
        ("java", 'openjdk version "17.0.15" 2025-04-15', True),
        ("java", 'openjdk version "26-ea" 2026-03-17', True),
        ("java", 'openjdk version "11.0.20" 2023-07-18', False),
        ("java", 'java version "1.8.0_392"', False),
        ("prometheus", "prometheus, version 2.42.0+ds (branch: debian/sid)", True),
        ("prometheus", "prometheus, version 2.53.3", True),
        ("prometheus", "prometheus, version 2.33.5", False),
        ("prometheus", "prometheus, version 3.1.0", False),
        ("prometheus-alertmanager", "alertmanager, version 0.25.0+ds", True),
        ("prometheus-alertmanager", "alertmanager, version 0.23.0", False),
    ],
)
def test_a_version_that_will_not_do_is_named_with_what_helps(tool: str, says: str, fits: bool) -> None:
    if fits:
        check("a server", tool, says)
        return
    with pytest.raises(ToolMissing, match=rf"a server needs .*; this {tool} is [0-9.]+") as told:
        check("a server", tool, says)
    assert "https://" in str(told.value) or "apt-get install" in str(told.value)


def test_another_influxdb_may_be_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert influxdb.version() == versions()["influxdb"]["version"]
    monkeypatch.setenv("VIGIE_INFLUXDB_VERSION", "2.7.12")
    assert not influxdb.is_had()
    (tmp_path / "vigie/influxdb/2.7.12/influxd").touch()
    assert influxdb.binary() == tmp_path / "vigie/influxdb/2.7.12/influxd"


def test_jars_that_were_half_fetched_are_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("infra.native.kafka.need", lambda *_: None)
    wanted, fetched = versions()["kafka"], []

    def fetch(command: list[str], *_: object) -> str:
        folder = Path(command[-1].partition("=")[2])
        folder.mkdir()
        (folder / f"kafka_{wanted['scala']}-{wanted['version']}.jar").touch()
        fetched.append(sorted(path.name for path in folder.iterdir()))
        if len(fetched) == 1:
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr("infra.native.kafka.run", fetch)
    with pytest.raises(KeyboardInterrupt):
        kafka.jars()
    assert not kafka.is_had()
    assert len(list(kafka.jars().iterdir())) == 1
    assert len(fetched) == 2
    kafka.jars()
    assert len(fetched) == 2


def hold(folder: str, word: str) -> None:
    with alone(Path(folder)):
        said = Path(folder) / "said"
        for part in ("begin", "end"):
            said.write_text((said.read_text() if said.exists() else "") + f"{word} {part}\n")


def test_builds_in_a_folder_wait_for_each_other(tmp_path: Path) -> None:
    context = get_context("spawn")
    both = [context.Process(target=hold, args=(str(tmp_path), word)) for word in ("one", "other")]
    with alone(tmp_path):
        for process in both:
            process.start()
        both[0].join(1)
        assert not (tmp_path / "said").exists()
    for process in both:
        process.join(30)
    first, second, third, fourth = (tmp_path / "said").read_text().splitlines()
    assert (first.split()[0], third.split()[0]) == (second.split()[0], fourth.split()[0])


def test_a_step_that_fails_says_where_its_words_are(tmp_path: Path) -> None:
    with pytest.raises(NotToBeHad, match=r"words\.txt"):
        run([sys.executable, "-c", "import sys; sys.exit('no such crate')"], tmp_path, tmp_path / "words.txt")
    assert "no such crate" in (tmp_path / "words.txt").read_text()


def test_a_server_that_ends_at_once_tells_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('port taken')"]
    with pytest.raises(RuntimeError, match="port taken"):
        Server("web", command, tmp_path, "", lambda: False).start()


def test_a_server_comes_back_at_its_address_after_a_kill(tmp_path: Path) -> None:
    with web(tmp_path, free_port()).running() as running:
        running.kill()
        assert not listens(running.address)
        running.start()
        assert listens(running.address)
    assert not listens(running.address)


def test_what_does_not_go_by_itself_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.native.process.LONGEST_STOP", 0.5)
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = Identity.of(process.pid)
        assert end(found, signal.SIGTERM) is False
        assert not found.lives()


def test_a_process_that_took_over_an_id_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        found = Identity.of(process.pid)
        assert end(Identity(process.pid, found.start - 1), signal.SIGKILL)
        assert found.lives()
        process.kill()


@pytest.mark.parametrize("what", [KeyboardInterrupt(), OSError("no such address"), ValueError("odd")])
def test_whatever_comes_while_a_server_starts_ends_it(tmp_path: Path, what: BaseException) -> None:
    def ready() -> bool:
        raise what

    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = Server("web", command, tmp_path, "", ready)
    process = server.spawn()
    with pytest.raises(type(what)):
        server.wait(process)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("what", [KeyboardInterrupt(), OSError("no such address"), NotToBeHad("no such jar")])
def test_whatever_comes_while_servers_start_takes_them_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: BaseException
) -> None:
    started: list[Identity] = []

    def other(folder: Path, port: int) -> Server:
        def ready() -> bool:
            of = json.loads((folder.parent / RECORD).read_text())  # itself, before it is up
            started.extend(Identity(one["pid"], one["start"]) for one in of.values())
            raise what

        folder.mkdir(parents=True)
        return Server("other", [sys.executable, "-c", "import time; time.sleep(60)"], folder, "", ready)

    monkeypatch.setattr("infra.native.__main__.MAKERS", {"web": _made, "other": other})
    done = CliRunner().invoke(main, ["up", "--folder", str(tmp_path / "servers")])
    assert done.exit_code == 1
    assert len(started) == 2
    assert not any(one.lives() for one in started)
    assert not (tmp_path / "servers").exists()


def test_no_server_starts_before_all_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(folder: Path, port: int) -> Server:
        assert not (folder.parent / RECORD).exists()
        raise NotToBeHad("apt-get install something")

    monkeypatch.setattr("infra.native.__main__.MAKERS", {"web": _made, "other": other})
    done = CliRunner().invoke(main, ["up", "--folder", str(tmp_path / "servers"), "--only", "web,other"])
    assert done.exit_code == 1
    assert "apt-get install something" in done.output
    assert not (tmp_path / "servers").exists()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that `up` has made and `down --keep` has left."""
    monkeypatch.setattr("infra.native.__main__.MAKERS", {"web": _made})
    folder = tmp_path / "servers"
    assert CliRunner().invoke(main, ["up", "--folder", str(folder)]).exit_code == 0
    (folder / "web" / "data").write_text("mine")
    with reaped(folder):
        done = CliRunner().invoke(main, ["down", "--folder", str(folder), "--keep"])
    assert done.output == "all down\n"
    yield folder
    CliRunner().invoke(main, ["down", "--folder", str(folder)])


@contextmanager
def reaped(folder: Path) -> Iterator[None]:
    """What runs when the block begins has ended with it."""
    of = json.loads((folder / RECORD).read_text())["web"]
    assert Identity(of["pid"], of["start"]).lives()
    yield
    assert not Identity(of["pid"], of["start"]).lives()
    os.waitpid(of["pid"], 0)


def test_servers_that_were_kept_come_up_at_their_ports_with_their_data(kept: Path) -> None:
    before = json.loads((kept / RECORD).read_text())["web"]
    up = CliRunner().invoke(main, ["up", "--folder", str(kept)])
    assert up.exit_code == 0, up.output
    after = json.loads((kept / RECORD).read_text())["web"]
    assert after["address"] == before["address"]
    assert (kept / "web" / "data").read_text() == "mine"
    with reaped(kept):
        assert CliRunner().invoke(main, ["down", "--folder", str(kept)]).exit_code == 0
    assert not kept.exists()


def test_a_start_that_fails_removes_nothing_that_was_kept(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path, port: int) -> Server:
        raise NotToBeHad("apt-get install something")

    monkeypatch.setattr("infra.native.__main__.MAKERS", {"web": fails})
    assert CliRunner().invoke(main, ["up", "--folder", str(kept)]).exit_code == 1
    assert (kept / "web" / "data").read_text() == "mine"


def test_a_folder_may_be_told_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.native.__main__.MAKERS", {"web": _made})
    monkeypatch.chdir(tmp_path)
    up = CliRunner().invoke(main, ["up", "--folder", "servers"])
    assert up.exit_code == 0, up.output
    with reaped(tmp_path / "servers"):
        assert CliRunner().invoke(main, ["down", "--folder", "servers"]).exit_code == 0
    assert not (tmp_path / "servers").exists()


def test_up_and_down_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "servers"
    monkeypatch.setattr("infra.native.__main__.MAKERS", {"web": _made})
    up = CliRunner().invoke(main, ["up", "--folder", str(folder), "--only", "web"])
    assert up.exit_code == 0, up.output
    assert folder.stat().st_mode & 0o077 == 0
    of = json.loads((folder / RECORD).read_text())["web"]
    assert of["address"] in up.output
    assert CliRunner().invoke(main, ["up", "--folder", str(folder), "--only", "web"]).exit_code == 1
    assert Identity(of["pid"], of["start"]).lives()
    down = CliRunner().invoke(main, ["down", "--folder", str(folder)])
    assert down.output == "all down\n"
    assert not folder.exists()
    assert not Identity(of["pid"], of["start"]).lives()
    os.waitpid(of["pid"], 0)


def test_a_folder_with_somebodys_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = CliRunner().invoke(main, ["up", "--folder", str(tmp_path), "--only", "prometheus"])
    assert done.exit_code == 1
    assert (tmp_path / "thesis.txt").exists()


def _made(folder: Path, port: int) -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    return web(folder, port or free_port())


@pytest.mark.parametrize(
    ("wish", "error", "outcome"),
    [
        ("1", NotToBeHad("the build failed"), pytest.skip.Exception),
        ("must", NotToBeHad("the build failed"), pytest.fail.Exception),
        ("must", ToolMissing("apt-get install maven"), pytest.skip.Exception),
        ("0", NotToBeHad("the build failed"), pytest.skip.Exception),
    ],
)
def test_a_live_test_that_must_run_fails_when_its_server_cannot_be_built(
    wish: str, error: Exception, outcome: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(folder: Path) -> Server:
        raise error

    monkeypatch.setenv("VIGIE_LIVE", wish)
    with pytest.raises(outcome):
        live.server(make, tmp_path)


def test_ids_are_told_apart_from_those_of_the_past() -> None:
    me = Identity.of(os.getpid())
    assert me.lives()
    assert not Identity.of(2**22 + 1).lives()
