"""Servers as processes: what is missing is named, what is started ends, and nothing else is touched."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.native import influxdb, kafka
from infra.native.__main__ import RECORD, main
from infra.native.artefacts import NotToBeHad, need, run, versions
from infra.native.process import Identity, Server, end, free_port, listens

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
    with pytest.raises(
        NotToBeHad, match="needs go, cargo, gcc, pkg-config: apt-get install golang-go cargo gcc"
    ):
        influxdb.binary()
    with pytest.raises(NotToBeHad, match="Kafka needs java: apt-get install openjdk"):
        kafka.jars()
    with pytest.raises(NotToBeHad, match="apt-get install prometheus"):
        need("Prometheus", "prometheus", "promtool")


def test_an_old_go_is_named_with_what_is_needed() -> None:
    influxdb.check_go(f"go{versions()['influxdb']['go']}")
    influxdb.check_go("go1.30")
    with pytest.raises(NotToBeHad, match=r"needs Go 1\.25\.10, this is 1\.19\.8"):
        influxdb.check_go("go1.19.8")


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


def test_a_server_that_does_not_come_up_takes_the_others_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Identity] = []

    def other(folder: Path, port: int) -> Server:
        of = json.loads((folder.parent / RECORD).read_text())["web"]
        started.append(Identity(of["pid"], of["start"]))
        raise NotToBeHad("apt-get install something")

    monkeypatch.setattr("infra.native.__main__.MAKERS", {"web": _made, "other": other})
    done = CliRunner().invoke(main, ["up", "--folder", str(tmp_path / "servers"), "--only", "web,other"])
    assert done.exit_code == 1
    assert "apt-get install something" in done.output
    assert not started[0].lives()
    assert not (tmp_path / "servers").exists()


def test_a_folder_with_somebodys_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = CliRunner().invoke(main, ["up", "--folder", str(tmp_path), "--only", "prometheus"])
    assert done.exit_code == 1
    assert (tmp_path / "thesis.txt").exists()


def _made(folder: Path, port: int) -> Server:
    folder.mkdir(parents=True)
    return web(folder, port or free_port())


def test_ids_are_told_apart_from_those_of_the_past() -> None:
    me = Identity.of(os.getpid())
    assert me.lives()
    assert not Identity.of(2**22 + 1).lives()
