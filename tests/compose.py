"""infra/compose.yaml as compose reads it, and its services as programs of this machine."""

import re
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).parent.parent / "infra"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^${}]*)|:\?([^${}]*))?\}")  # one that holds no other


def load(*names: str) -> dict[str, Any]:
    """Files over files: maps are merged, lists joined."""
    whole: dict[str, Any] = {}
    for name in names:
        whole = _over(whole, yaml.safe_load((INFRA / name).read_text()))
    return whole


def filled(text: str, variables: dict[str, str]) -> str:
    """Variables by their values or defaults, from the inside; $$ is a dollar."""

    def value(found: re.Match[str]) -> str:
        name, default, complaint = found.groups()
        assert complaint is None or variables.get(name), f"{name}: {complaint}"
        return variables.get(name) or default or ""

    parts = text.split("$$")
    for i, part in enumerate(parts):
        while (step := VARIABLE.sub(value, part)) != part:
            part = step
        parts[i] = part
    return "$".join(parts)


class Site:
    """A folder of `vigie init`, whose services run without containers, at other paths and ports."""

    def __init__(self, folder: Path, *names: str, **variables: str) -> None:
        self.folder, self.variables = folder, variables
        self.services: dict[str, Any] = load(*names)["services"]

    def here(self, text: str, places: dict[str, str]) -> str:
        """A word of compose.yaml with the places inside of a container replaced by those outside."""
        inside = "|".join(re.escape(place) for place in sorted(places, key=len, reverse=True))
        return re.sub(inside, lambda found: places[found[0]], filled(text, self.variables))

    def environment(self, name: str, places: dict[str, str]) -> dict[str, str]:
        said = self.services[name]["environment"]
        return {key: self.here(value, places) for key, value in said.items()}

    def words(self, name: str, key: str, places: dict[str, str]) -> list[str]:
        """A service's command or entry point."""
        return [self.here(word, places) for word in self.services[name][key]]

    def check(self, name: str, places: dict[str, str]) -> list[str]:
        """The command of its health check."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return [self.here(word, places) for word in words]

    def secrets(self, name: str) -> Path:
        """A folder of its secrets, as its container would have one."""
        folder = self.folder / f"secrets-of-{name}"
        folder.mkdir(exist_ok=True)
        for secret in self.services[name]["secrets"]:
            (folder / secret).write_bytes((self.folder / "secrets" / secret).read_bytes())
        return folder


def _over(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _over(below.get(key), value) for key, value in above.items()}
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *(one for one in above if one not in below)]
    return above
