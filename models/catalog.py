"""The catalogue of vitals: codes, units, plausible ranges, windows, names. Parsed strictly from TOML."""

import hashlib
from typing import Any, Final

import msgspec

from models.decode import is_name
from models.record import WINDOW_MILLISECONDS, WINDOW_NAMES, WINDOW_SLOTS
from models.strict import LONGEST, Complaint, ConfigurationError, Seconds, decode, faults_in, load_toml
from models.units import is_unit


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


class _Entry(msgspec.Struct):
    """A vital as the TOML file spells it."""

    loinc: str
    unit: str
    minimum: float
    maximum: float
    decimals: int
    lateness: Seconds
    windows: tuple[str, ...]
    en: str
    fr: str
    conversions: dict[str, tuple[float, float]] = {}
    cuts: tuple[float, ...] = ()
    symptom: bool = False


class _Document(msgspec.Struct):
    """A whole catalogue file."""

    vital: dict[str, _Entry]


MOST_VITALS: Final = 64  # each may have a series of each patient, and these make a block of state
_UNREAD: Final = _Entry("", "1", -1e308, 1e308, 0, 0.0, ("1d",), "", "")


def parse_catalog(text: str, name: str) -> Catalog:
    """The catalogue of a TOML text.

    Raises ConfigurationError with every fault; its rest is a catalogue of every vital named, those that
    do not read bounding nothing, so that plans can be checked all the same.
    """
    whole = load_toml(text, name)
    document, complaints = decode(whole, _Document, "")
    entries: dict[str, _Entry] = document.vital if isinstance(document, _Document) else {}
    vitals = [_vital(code, entry) for code, entry in entries.items()]
    for vital in vitals:
        complaints += [(f"vital.{vital.code}.{k}", problem, remedy) for k, problem, remedy in _check(vital)]
    if len(vitals) > MOST_VITALS:
        complaints.append(("vital", f"more than {MOST_VITALS}", "leave out what nobody measures"))
    if not whole.get("vital", True):
        complaints.append(("vital", "no vital at all", "add [vital.<code>] tables"))
    if complaints:
        named: Any = whole.get("vital")
        unread = [code for code in named if code not in entries] if isinstance(named, dict) else []
        vitals += [_vital(code, _UNREAD) for code in unread]
        raise ConfigurationError(faults_in(name, complaints), Catalog(tuple(vitals)))
    return Catalog(tuple(vitals))


def _vital(code: str, entry: _Entry) -> Vital:
    """A vital from its entry; the canonical unit converts to itself."""
    return Vital(
        code,
        entry.loinc,
        entry.unit,
        entry.minimum,
        entry.maximum,
        entry.decimals,
        entry.lateness,
        entry.windows,
        {"en": entry.en, "fr": entry.fr},
        {entry.unit: (1.0, 0.0), **entry.conversions},
        entry.cuts,
        entry.symptom,
    )


def _check(vital: Vital) -> list[Complaint]:
    """(key, problem, remedy) of each value that cannot be."""
    out = []
    if not is_name(vital.code):
        out.append(("code", "is no name", "use 1-64 of [A-Za-z0-9_-]"))
    if not _is_loinc(vital.loinc):
        out.append(("loinc", f"{vital.loinc!r} is no LOINC code", "look it up on loinc.org"))
    if not is_unit(vital.unit):
        out.append(("unit", f"{vital.unit!r} is no UCUM unit", "write mm[Hg], /min, %, Cel, kg or mg/dL"))
    if not vital.minimum < vital.maximum:
        out.append(("minimum", "is not below maximum", "give a plausible range"))
    if not 0 <= vital.decimals <= 4:
        out.append(("decimals", f"{vital.decimals} is out of range", "give 0 to 4"))
    for language, text in vital.names.items():
        if not text.strip():
            out.append((language, "is empty", "name the vital as nurses do"))
    for unit, (factor, _) in vital.conversions.items():
        if factor == 0:
            out.append((f"conversions.{unit}", "has the factor 0", "give [factor, offset]"))
    out += _check_windows(vital)
    if len(vital.cuts) not in (0, 4) or list(vital.cuts) != sorted(set(vital.cuts)):
        out.append(("cuts", f"{list(vital.cuts)}", "give four ascending bounds or none"))
    return out


def _check_windows(vital: Vital) -> list[Complaint]:
    """What is wrong with the windows, or with the lateness that they must wait for."""
    known = ", ".join(WINDOW_NAMES)
    if any(w not in WINDOW_NAMES for w in vital.windows) or len(set(vital.windows)) != len(vital.windows):
        return [("windows", f"{list(vital.windows)}", f"choose among {known}, each once")]
    if "1d" not in vital.windows:
        return [("windows", "the day is missing", 'add "1d"; it is always kept')]
    if not 0 <= vital.lateness <= LONGEST:
        return [("lateness", "is out of range", 'write "5min" or "3d"')]
    sizes = [WINDOW_MILLISECONDS[WINDOW_NAMES.index(w)] for w in vital.windows]
    slots = sum(int(vital.lateness * 1000) // size + 2 for size in sizes)
    if slots > WINDOW_SLOTS:
        problem = f"needs {slots} open windows, a series keeps {WINDOW_SLOTS}"
        return [("lateness", problem, "allow less lateness or drop the shortest window")]
    return []


def _is_loinc(text: str) -> bool:
    """Whether a text is a LOINC code: up to seven digits and their check digit, modulus 10 (Luhn)."""
    digits, dash, last = text.partition("-")
    if not (dash and text.isascii() and digits.isdigit() and len(digits) <= 7 and last.isdigit()):
        return False
    doubled = [2 * int(d) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits))]
    return str(-sum(d // 10 + d % 10 for d in doubled) % 10) == last
