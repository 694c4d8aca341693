"""A peer's worker: one process on one core, and what it uses."""

import os
import signal
import subprocess
from pathlib import Path

from bench.load import PARTITIONS, VITALS
from bench.peers import HERE, Peer
from streams.configuration import INFRA

TICKS = os.sysconf("SC_CLK_TCK")
AS_THE_JOB = {"windows": '["1m", "1d"]', "lateness": '"10s"', "decimals": "3"}


def environment(peer: Peer, address: str, prefix: str, folder: Path) -> dict[str, str]:
    """What a peer's program is told."""
    if not peer.ours:
        return {"BROKER": address, "PREFIX": prefix, "FOLDER": str(folder), **peer.environment}
    return {
        "VIGIE_BROKER": f"batch://{address}",
        "VIGIE_PREFIX": prefix,
        "VIGIE_PARTITIONS": str(PARTITIONS),
        "VIGIE_TICKS": "log",  # time is that of the readings, as for the others
        "VIGIE_CATALOGUE": str(catalogue(folder)),
        "VIGIE_DEFAULT_PLAN": str(HERE / "vigie_plan.toml"),
        "VIGIE_SINK": "none",
        "VIGIE_LOG_LEVEL": "error",
    }


def catalogue(folder: Path) -> Path:
    """The shipped catalogue, its four vitals with the windows and the lateness of the job.

    The day stays: Vigie always keeps it. Three decimals, so that means can be compared to 0.0001.
    """
    ours, lines = False, []
    for line in (INFRA / "catalogue.toml").read_text("utf-8").splitlines():
        if line.startswith("["):
            ours = line in {f"[vital.{vital.code}]" for vital in VITALS}
        key = line.partition(" = ")[0]
        lines.append(f"{key} = {AS_THE_JOB[key]}" if ours and key in AS_THE_JOB else line)
    path = folder / "catalogue.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


class Worker:
    """A worker that may be killed and started again over the same files."""

    def __init__(self, peer: Peer, told: dict[str, str], folder: Path, core: int) -> None:
        self._command = ["taskset", "--cpu-list", str(core), *peer.command()]
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")} | told
        self._words = folder.parent / f"{folder.name}.txt"
        self.start()

    def start(self) -> None:
        """Start it; its words go to a file beside its folder."""
        with self._words.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it by SIGTERM, by force after 20 s."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def raise_if_ended(self) -> None:
        """Raise RuntimeError with its last words when it has ended by itself."""
        if self._process.poll() is not None:
            words = self._words.read_text(errors="replace")[-1500:]
            raise RuntimeError(f"{self._command[3]} ended with {self._process.returncode}: {words}")

    def processor_seconds(self) -> float:
        """What all its threads have used so far."""
        fields = self._stat("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_megabytes(self) -> float:
        """The most memory that it has had resident."""
        line = next(line for line in self._stat("status").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def _stat(self, name: str) -> str:
        return Path(f"/proc/{self._process.pid}/{name}").read_text()
