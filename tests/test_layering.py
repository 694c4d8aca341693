"""The dependency rules, read off the sources."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = {"numpy", "numba", "msgspec", "models"}
FORBIDDEN_CALLS = {"open", "print", "input", "now", "utcnow", "today", "getenv", "urandom", "default_rng"}
FORBIDDEN_MODULES = {"time", "os", "random", "logging", "socket", "secrets", "pathlib", "zoneinfo", "io"}


def imports(path: Path) -> set[str]:
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            out.add(node.module)
    return out


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("path", sources("models"), ids=lambda path: path.stem)
def test_the_core_imports_nothing_but_what_can_be_replayed(path: Path) -> None:
    allowed = CORE | ({"river"} if path.parent.name in ("rivers", "verdicts") else set())
    for name in imports(path):
        top = name.partition(".")[0]
        assert top in allowed or (top in sys.stdlib_module_names and top not in FORBIDDEN_MODULES), name


@pytest.mark.parametrize("path", sources("models"), ids=lambda path: path.stem)
def test_the_core_asks_no_clock_no_file_and_no_chance(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert name not in FORBIDDEN_CALLS, f"line {node.lineno}: {name}"


@pytest.mark.parametrize("path", sources("models"), ids=lambda path: path.stem)
def test_nothing_in_the_core_imports_the_pipeline(path: Path) -> None:
    assert "models.pipeline" not in imports(path)


@pytest.mark.parametrize(
    "path", [*sources("streams/agents"), *sources("streams/sinks")], ids=lambda p: p.stem
)
def test_agents_never_import_each_other(path: Path) -> None:
    agents = {name for name in imports(path) if name.startswith("streams.agents.")}
    assert not agents
    if path.parent.name == "sinks":
        assert not {name for name in imports(path) if name.startswith(("faust", "streams.transports"))}
