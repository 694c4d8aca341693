"""The catalogue of vitals: codes, units, plausible ranges, windows, names. Parsed strictly from TOML."""

import difflib
import hashlib
import tomllib
from typing import Any, Final

import msgspec

from models.record import WINDOW_MILLISECONDS, WINDOW_NAMES, WINDOW_SLOTS


class Fault(msgspec.Struct, frozen=True):
    """One fault of a configuration file: where, what, and how to mend it."""

    file: str
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.problem}; {self.remedy}"


class ConfigurationError(Exception):
    """A configuration that may not start; `faults` holds every fault found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class Vital(msgspec.Struct, frozen=True):
    """One vital. Values in `unit`; `lateness` in seconds; `cuts` bound the time-in-range classes."""

    code: str
    loinc: str
    unit: str
    minimum: float
    maximum: float
    decimals: int
    lateness: float
    windows: tuple[str, ...]
    names: dict[str, str]
    conversions: dict[str, tuple[float, float]]
    cuts: tuple[float, ...] = ()
    symptom: bool = False


class Catalog:
    """All vitals, in a fixed order; `digest` tells two catalogues apart."""

    def __init__(self, vitals: tuple[Vital, ...]) -> None:
        self.vitals = vitals
        self.index = {vital.code: i for i, vital in enumerate(vitals)}
        self.digest = hashlib.sha256(msgspec.msgpack.encode(vitals)).hexdigest()[:16]

    def __getitem__(self, code: str) -> Vital:
        return self.vitals[self.index[code]]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """A vital as the TOML file spells it."""

    loinc: str
    unit: str
    minimum: float
    maximum: float
    decimals: int
    lateness: str
    windows: list[str]
    en: str
    fr: str
    conversions: dict[str, list[float]] = {}
    cuts: list[float] = []
    symptom: bool = False


UNITS_OF_TIME: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def duration(text: str) -> float:
    """Seconds of a duration such as "30min", "3d". Raises ValueError with the remedy."""
    for suffix in ("min", "s", "h", "d"):
        digits = text.removesuffix(suffix)
        if digits != text and digits.replace(".", "", 1).isdigit():
            return float(digits) * UNITS_OF_TIME[suffix]
    raise ValueError(f"{text!r} is no duration; write 30s, 15min, 2h or 3d")


def nearest(word: str, known: list[str]) -> str:
    """A remedy that names the nearest known word."""
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def explain(error: msgspec.ValidationError, fields: tuple[str, ...]) -> tuple[str, str]:
    """(problem, remedy) of a strict decoder's complaint, with the nearest known field."""
    text = str(error)
    if "unknown field" in text:
        word = text.split("`")[1]
        return f"unknown key {word}", nearest(word, list(fields))
    return text, f"its keys are {', '.join(fields)}"


def load_toml(text: str, name: str) -> dict[str, Any]:
    """A parsed TOML text. Raises ConfigurationError when it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([Fault(name, "-", f"not TOML: {error}", "mend the syntax there")]) from error


def parse_catalog(text: str, name: str) -> Catalog:
    """The catalogue of a TOML text. Raises ConfigurationError with every fault."""
    faults: list[Fault] = []
    vitals: list[Vital] = []
    whole = load_toml(text, name)
    for key in whole:
        if key != "vital":
            faults.append(Fault(name, key, "unknown table", nearest(key, ["vital"])))
    for code, raw in whole.get("vital", {}).items():
        where = f"vital.{code}"
        try:
            entry = msgspec.convert(raw, _Entry)
            vital = _vital(code, entry)
        except msgspec.ValidationError as error:
            faults.append(Fault(name, where, *explain(error, _Entry.__struct_fields__)))
            continue
        except ValueError as error:
            faults.append(Fault(name, f"{where}.lateness", str(error), "see the other vitals"))
            continue
        faults.extend(Fault(name, f"{where}.{k}", p, r) for k, p, r in _check(vital))
        vitals.append(vital)
    if not vitals and not faults:
        faults.append(Fault(name, "vital", "no vital at all", "add [vital.<code>] tables"))
    if faults:
        raise ConfigurationError(faults)
    return Catalog(tuple(vitals))


def _vital(code: str, entry: _Entry) -> Vital:
    """A vital from its entry; the canonical unit converts to itself."""
    conversions = {unit: (pair[0], pair[1]) for unit, pair in entry.conversions.items() if len(pair) == 2}
    return Vital(
        code,
        entry.loinc,
        entry.unit,
        entry.minimum,
        entry.maximum,
        entry.decimals,
        duration(entry.lateness),
        tuple(entry.windows),
        {"en": entry.en, "fr": entry.fr},
        {entry.unit: (1.0, 0.0), **conversions},
        tuple(entry.cuts),
        entry.symptom,
    )


def _check(vital: Vital) -> list[tuple[str, str, str]]:
    """(key, problem, remedy) of each value that cannot be."""
    out = []
    if not all(c.isascii() and (c.isalnum() or c in "-_") for c in vital.code) or len(vital.code) > 64:
        out.append(("code", "is no name", "use 1-64 of [A-Za-z0-9_-]"))
    if not vital.minimum < vital.maximum:
        out.append(("minimum", "is not below maximum", "give a plausible range"))
    if not 0 <= vital.decimals <= 4:
        out.append(("decimals", f"{vital.decimals} is out of range", "give 0 to 4"))
    unknown = [w for w in vital.windows if w not in WINDOW_NAMES]
    if unknown or "1d" not in vital.windows or len(set(vital.windows)) != len(vital.windows):
        out.append(("windows", f"{list(vital.windows)}", f"choose among {WINDOW_NAMES}; 1d is always kept"))
    else:
        sizes = [WINDOW_MILLISECONDS[WINDOW_NAMES.index(w)] for w in vital.windows]
        slots = sum(int(vital.lateness * 1000) // size + 2 for size in sizes)
        if slots > WINDOW_SLOTS:
            out.append(
                (
                    "lateness",
                    f"needs {slots} open windows, a series keeps {WINDOW_SLOTS}",
                    "allow less lateness or drop the shortest window",
                )
            )
    if len(vital.cuts) not in (0, 4) or list(vital.cuts) != sorted(vital.cuts):
        out.append(("cuts", f"{list(vital.cuts)}", "give four ascending bounds or none"))
    return out
