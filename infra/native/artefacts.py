"""What the servers are made of: their versions, the folder that builds are kept in, the tools they need."""

import fcntl
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

PACKAGES: Final = {
    "mvn": "maven",
    "gcc": "gcc",
    "pkg-config": "pkg-config",
    "javac": "default-jdk-headless",
    "taskset": "util-linux",
    "promtool": "prometheus",
    "wget": "wget",
}  # tool → the Debian package that has it; any version will do
OURS: Final = {"GOTOOLCHAIN": "local", "RUSTUP_TOOLCHAIN": "stable"}  # the tools that are here, no others


class Tool(NamedTuple):
    """A tool of which not every version will do."""

    ask: tuple[str, ...]  # the command that tells its version
    number: str  # where the version stands in the answer
    oldest: tuple[str, str]  # table and key of versions.toml
    helps: str  # what to do when it is missing or too old
    same: bool = False  # whether its first number must be that of the oldest


TOOLS: Final = {
    "java": Tool(
        ("java", "-version"),
        r'version "(\d+(?:\.\d+)*)',
        ("tools", "java"),
        "a JDK from {} on: apt-get install default-jdk-headless",
    ),
    "go": Tool(
        ("go", "env", "GOVERSION"),
        r"go(\d+(?:\.\d+)*)",
        ("tools", "go"),
        "Go {} or newer from https://go.dev/dl",
    ),
    "cargo": Tool(
        ("cargo", "--version"),
        r"cargo (\d+(?:\.\d+)*)",
        ("tools", "rust"),
        "Rust {} or newer from https://rustup.rs",
    ),
    "prometheus": Tool(
        ("prometheus", "--version"),
        r"version (\d+(?:\.\d+)*)",
        ("prometheus", "version"),
        "Prometheus {} or a later one of the same major version: apt-get install prometheus",
        True,
    ),
    "prometheus-alertmanager": Tool(
        ("prometheus-alertmanager", "--version"),
        r"version (\d+(?:\.\d+)*)",
        ("alertmanager", "version"),
        "Alertmanager {} or a later one of the same major version: apt-get install prometheus-alertmanager",
        True,
    ),
}


class NotToBeHad(Exception):
    """A server that cannot be had here; the text says why."""


class ToolMissing(NotToBeHad):
    """What builds or runs it is not installed; the text says what to install."""


def versions() -> dict[str, Any]:
    """The tables of versions.toml."""
    return tomllib.loads(files("infra.native").joinpath("versions.toml").read_text("utf-8"))


def cache(*parts: str) -> Path:
    """A folder under the user's cache, made when it is missing."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").joinpath("vigie", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other process builds in a folder while the block runs."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def need(purpose: str, *tools: str) -> None:
    """Raise ToolMissing with what helps, for tools that are not on the path or of an unfit version."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        helps = [_helps(tool) for tool in missing if tool in TOOLS]
        packages = " ".join(dict.fromkeys(PACKAGES[tool] for tool in missing if tool in PACKAGES))
        helps += [f"apt-get install {packages}"] if packages else []
        raise ToolMissing(f"{purpose} needs {', '.join(missing)}: {'; '.join(helps)}")
    for tool in tools:
        if tool in TOOLS:
            check(purpose, tool, _says(TOOLS[tool].ask))


def check(purpose: str, name: str, says: str) -> None:
    """Raise ToolMissing when what a tool says names a version that will not do; it may name none."""
    tool = TOOLS[name]
    number = re.search(tool.number, says)
    if number is None:
        return
    found, oldest = ([int(part) for part in text.split(".")] for text in (number[1], _oldest(tool)))
    if found < oldest or (tool.same and found[0] != oldest[0]):
        raise ToolMissing(f"{purpose} needs {_helps(name)}; this {name} is {number[1]}")


def run(command: list[str], folder: Path, record: Path, **environment: str) -> str:
    """Run a step of a build; its words go to the record. Returns what it printed. Raises NotToBeHad."""
    with record.open("a", encoding="utf-8") as words:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | OURS | environment,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )
    if done.returncode:
        raise NotToBeHad(f"`{' '.join(command[:3])} …` failed; its words are in {record}")
    return done.stdout


def _helps(name: str) -> str:
    return TOOLS[name].helps.format(_oldest(TOOLS[name]))


def _oldest(tool: Tool) -> str:
    table, key = tool.oldest
    return str(versions()[table][key])


@lru_cache
def _says(ask: tuple[str, ...]) -> str:
    done = subprocess.run(ask, env=os.environ | OURS, capture_output=True, text=True)
    return done.stdout + done.stderr
