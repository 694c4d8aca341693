"""What the servers are made of: their versions, the folder that builds are kept in, the tools they need."""

import os
import shutil
import subprocess
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

PACKAGES = {
    "java": "openjdk-17-jre-headless",
    "mvn": "maven",
    "go": "golang-go",
    "cargo": "cargo",
    "gcc": "gcc",
    "pkg-config": "pkg-config",
    "javac": "openjdk-17-jdk-headless",
    "taskset": "util-linux",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}  # tool → the Debian package that has it


class NotToBeHad(Exception):
    """A server that cannot be had here; the text says what to install."""


def versions() -> dict[str, Any]:
    """The tables of versions.toml."""
    return tomllib.loads(files("infra.native").joinpath("versions.toml").read_text("utf-8"))


def cache(*parts: str) -> Path:
    """A folder under the user's cache, made when it is missing."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").joinpath("vigie", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def need(purpose: str, *tools: str) -> None:
    """Raise NotToBeHad naming the package of each tool that is not on the path."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[tool] for tool in missing))
        raise NotToBeHad(f"{purpose} needs {', '.join(missing)}: apt-get install {packages}")


def run(command: list[str], folder: Path, record: Path, **environment: str) -> str:
    """Run a step of a build; its words go to the record. Returns what it printed. Raises NotToBeHad."""
    with record.open("a", encoding="utf-8") as words:
        done = subprocess.run(
            command, cwd=folder, env=os.environ | environment, stdout=subprocess.PIPE, stderr=words, text=True
        )
    if done.returncode:
        raise NotToBeHad(f"`{' '.join(command[:3])} …` failed; its words are in {record}")
    return done.stdout
