"""Strict reading of configuration: every fault of a file is found at once, each with its remedy.

A value is checked field by field against msgspec's types. What is good is kept, and what a misspelled key,
word or number plainly meant, so that later checks find the faults that lie behind the first.
"""

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

UNITS_OF_TIME: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
Seconds = Annotated[float, msgspec.Meta(title="seconds")]
"""A time span: seconds, or text such as "30min" in TOML."""
LONGEST: Final = 10 * 366 * 86400.0
"""Seconds of the longest span that is meant as one."""
Complaint = tuple[str, str, str]
"""(key, problem, remedy)."""

_KINDS: Final = {
    str: ("text", 'write it in quotes: "…"'),
    bool: ("true or false", "write it without quotes"),
    int: ("a whole number", "write it without quotes and point: 3"),
    float: ("a number", "write it without quotes: 120.5"),
    Seconds: ("a duration", 'write "30s", "15min", "2h" or "3d"'),
    list: ("a list", "write […]"),
    tuple: ("a list", "write […]"),
    dict: ("a table", "write its keys under [name], or as { key = value }"),
}


class Fault(msgspec.Struct, frozen=True):
    """One fault of a configuration file: where, what, and how to mend it."""

    file: str
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        text = f"{self.file}: {self.key}: {self.problem}; {self.remedy}"
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)  # a line, whatever a name holds


class ConfigurationError(Exception):
    """A configuration that may not start: every fault found, and what is good of it, to look further."""

    def __init__(self, faults: list[Fault], rest: Any = None) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults, self.rest = faults, rest


def faults_in(file: str, complaints: Iterable[Complaint]) -> list[Fault]:
    """The faults of one file."""
    return [Fault(file, *complaint) for complaint in complaints]


def duration(text: str) -> float:
    """Seconds of a duration such as "30min", "3d". Raises ValueError with the remedy."""
    for suffix in ("min", "s", "h", "d"):
        digits = text.removesuffix(suffix)
        if digits != text and digits.isascii() and digits.replace(".", "", 1).isdigit():
            return float(digits) * UNITS_OF_TIME[suffix]
    raise ValueError(f"{text!r} is no duration; write 30s, 15min, 2h or 3d")


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest known word."""
    words = list(known)
    close = difflib.get_close_matches(word, words, 1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(words)}"


def load_toml(text: str, name: str) -> dict[str, Any]:
    """A parsed TOML text. Raises ConfigurationError when it is none."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        fault = Fault(name, "-", "not TOML: nested too deeply", "write flat tables")
    except ValueError as error:  # TOMLDecodeError is one; so is a number of thousands of digits
        fault = Fault(name, "-", f"not TOML: {error}", "mend the syntax there")
    raise ConfigurationError([fault])


def decode(raw: Any, kind: Any, key: str) -> tuple[Any, list[Complaint]]:
    """(value, complaints) of a parsed value against a type: of its good parts, or UNSET without any."""
    form = get_origin(kind) or kind
    if isinstance(form, type) and issubclass(form, msgspec.Struct):
        types = {field.name: field.type for field in msgspec.structs.fields(form)}
        required = [field.name for field in msgspec.structs.fields(form) if field.required]
        if not isinstance(raw, dict):
            return msgspec.UNSET, [_wrong(raw, dict, key)]
        values, complaints = table(raw, types, required, key)
        whole = all(name in values for name in required)
        return (form(**values) if whole else msgspec.UNSET), complaints
    if form in (list, tuple, dict):
        return _container(raw, form, get_args(kind), key)
    return _scalar(raw, kind, key)


def table(
    raw: Mapping[str, Any], types: Mapping[str, Any], required: Iterable[str], key: str
) -> tuple[dict[str, Any], list[Complaint]]:
    """The good values of a table, and a complaint for each unknown, missing or wrong key."""
    values: dict[str, Any] = {}
    unknown = [name for name in raw if name not in types]
    complaints = [(_join(key, name), "unknown key", nearest(name, types)) for name in unknown]
    spelled = {name: name for name in types if name in raw}
    for word in unknown:  # what a misspelled key holds is looked at as well
        for name in difflib.get_close_matches(word, types, 1):
            spelled.setdefault(name, word)
    missing = [name for name in required if name not in spelled]
    complaints += [(_join(key, name), "is missing", "add it") for name in missing]
    for name, word in spelled.items():
        value, more = decode(raw[word], types[name], _join(key, word))
        complaints += more
        if value is not msgspec.UNSET:
            values[name] = value
    return values, complaints


def label(entry: Any, number: int) -> str:
    """What people call an entry of a list: its rule, name, vital or patient, else its number from 0."""
    names = [entry.get(k) for k in ("rule", "name", "vital", "patient")] if isinstance(entry, dict) else []
    return next((name for name in names if isinstance(name, str) and name), str(number))


def _container(raw: Any, form: Any, kinds: tuple[Any, ...], key: str) -> tuple[Any, list[Complaint]]:
    complaints: list[Complaint] = []
    if form is dict and isinstance(raw, dict):
        whole: dict[str, Any] = {}
        for name, entry in raw.items():
            value, more = decode(entry, kinds[1], _join(key, name))
            complaints += more
            if value is not msgspec.UNSET:
                whole[name] = value
        return whole, complaints
    if form is dict or not isinstance(raw, list):
        return msgspec.UNSET, [_wrong(raw, form, key)]
    fixed = form is tuple and kinds[-1] is not ...
    if fixed and len(raw) != len(kinds):
        return msgspec.UNSET, [(key, f"has {len(raw)} entries", f"give {len(kinds)}")]
    values = []
    for i, entry in enumerate(raw):
        kind = kinds[i] if fixed else kinds[0]
        value, more = decode(entry, kind, f"{key}[{label(entry, i)}]")
        complaints += more
        if value is not msgspec.UNSET:
            values.append(value)
    return (msgspec.UNSET if fixed and complaints else form(values)), complaints


def _scalar(raw: Any, kind: Any, key: str) -> tuple[Any, list[Complaint]]:
    if kind == Seconds and isinstance(raw, str):
        try:
            return duration(raw), []
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            return msgspec.UNSET, [(key, problem, remedy)]
    try:
        value = msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        words: list[Any] = [word for word in get_args(kind) if isinstance(word, str)]
        if get_origin(kind) is Literal and isinstance(raw, str) and words:
            meant = difflib.get_close_matches(raw, words, 1) or [msgspec.UNSET]
            return meant[0], [(key, f"{raw!r} is none of its words", nearest(raw, words))]
        if get_origin(kind) is Literal:
            known = " or ".join(map(str, get_args(kind)))
            return msgspec.UNSET, [(key, f"{raw!r} is not {known}", f"write {known}")]
        return _meant(raw, kind), [_wrong(raw, kind, key)]
    if isinstance(value, float) and not math.isfinite(value):
        return msgspec.UNSET, [(key, f"{value} is no finite number", "give a number")]
    return value, []


def _meant(raw: Any, kind: Any) -> Any:
    """The number that a text spells, so that it is checked all the same; UNSET when it spells none."""
    try:
        return msgspec.convert(raw, kind, strict=False) if kind in (int, float) else msgspec.UNSET
    except msgspec.ValidationError:
        return msgspec.UNSET


def _wrong(raw: Any, kind: Any, key: str) -> Complaint:
    wanted, remedy = _KINDS[kind]
    found = _KINDS[type(raw)][0] if type(raw) in _KINDS else "a date or time"
    return key, f"is {found}, not {wanted}", remedy


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
