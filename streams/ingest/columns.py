"""A column map: how the rows of a foreign CSV become readings. TOML, parsed strictly.

Long form: `vital` is a column and [vitals] maps its values to codes. Wide form: [wide] maps columns to
codes, one reading per column. [events] gives the value of what a recording notes without one. A cell that
cannot be mapped is passed on as it is: the core names the fault, and nothing is lost.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from models.catalog import Catalog
from models.strict import Complaint, ConfigurationError, Fault, decode, faults_in, load_toml, nearest

SAMPLE: Final = datetime(2026, 11, 23, 16, 35, 7, tzinfo=UTC)  # no two parts are the same


class _Columns(msgspec.Struct):
    """Names of columns; a value beginning with "=" is a constant."""

    patient: str
    value: str = ""
    vital: str = ""
    device: str = "=recording"
    unit: str = ""


class _Time(msgspec.Struct):
    """Which columns make measured_at (joined by a space), their strptime format, and the time zone."""

    columns: list[str]
    format: str
    zone: str


class _Wide(msgspec.Struct):
    """One column of the wide form."""

    vital: str
    unit: str


class ColumnMap(msgspec.Struct):
    """A whole map."""

    columns: _Columns
    time: _Time
    vitals: dict[str, str] = {}
    units: dict[str, str] = {}
    events: dict[str, float] = {}
    wide: dict[str, _Wide] = {}
    skip_vitals: list[str] = []
    patient_prefix: str = ""

    def readings(self, row: dict[str, str]) -> list[bytes]:
        """The readings of one row, as JSON."""
        base = {
            "patient": self.patient_prefix + _cell(self.columns.patient, row),
            "device": _cell(self.columns.device, row),
        }
        when = self._time(row)
        if self.wide:
            return [
                _record(base, column.vital, row.get(name, ""), column.unit, when)
                for name, column in self.wide.items()
                if row.get(name, "") != ""
            ]
        name = _cell(self.columns.vital, row)
        if name in self.skip_vitals:
            return []
        unit = _cell(self.columns.unit, row)
        return [
            _record(
                base,
                self.vitals.get(name, name),
                str(self.events[name]) if name in self.events else _cell(self.columns.value, row),
                self.units.get(unit, unit),
                when,
            )
        ]

    def _time(self, row: dict[str, str]) -> str:
        text = " ".join(row.get(column) or "" for column in self.time.columns)
        try:
            return _parse(text, self.time.format, _zone(self.time.zone)).isoformat()
        except ValueError:
            return text

    def check_header(self, header: Sequence[str], file: str) -> None:
        """Raises ConfigurationError naming each column of the map that a CSV does not have."""
        named = {f"columns.{key}": value for key, value in msgspec.structs.asdict(self.columns).items()}
        wanted = {key: value for key, value in named.items() if value and not value.startswith("=")}
        wanted |= {f"time.columns[{i}]": column for i, column in enumerate(self.time.columns)}
        wanted |= {f"wide.{column}": column for column in self.wide}
        faults = [
            Fault(file, key, f"there is no column {column}", nearest(column, header))
            for key, column in wanted.items()
            if column not in header
        ]
        if faults:
            raise ConfigurationError(faults)


def _zone(name: str) -> tzinfo:
    """A time zone by its IANA name, or a fixed offset such as -05:00."""
    if name[:1] in ("+", "-"):
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo or UTC
    return ZoneInfo(name)


def _parse(text: str, form: str, zone: tzinfo) -> datetime:
    """A time in its zone; a format with %z brings its own offset. Raises ValueError."""
    at = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the next line's business
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _cell(column: str, row: dict[str, str]) -> str:
    return column[1:] if column.startswith("=") else row.get(column) or ""


def _record(base: dict[str, str], vital: str, value: str, unit: str, when: str) -> bytes:
    """A reading's JSON; a value that is no number stays text."""
    number: float | str
    try:
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            number = value
    except ValueError:
        number = value
    body = {**base, "vital": vital, "value": number, "unit": unit, "measured_at": when}
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # bytes that are no UTF-8 go on as they were, for the core to name
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogateescape")


def parse_map(text: str, name: str) -> ColumnMap:
    """A column map from TOML. Raises ConfigurationError with every fault; its rest is what is good of it."""
    column_map, complaints = decode(load_toml(text, name), ColumnMap, "")
    if isinstance(column_map, ColumnMap):
        complaints += _check(column_map)
    if complaints:
        raise ConfigurationError(faults_in(name, complaints), column_map or None)
    return column_map


def _check(column_map: ColumnMap) -> list[Complaint]:
    """(key, problem, remedy) of whatever a well-typed map may not say."""
    out: list[Complaint] = []
    try:
        _zone(column_map.time.zone)
    except (ValueError, KeyError, OSError):
        remedy = "write an IANA name such as Europe/London, or -05:00"
        out.append(("time.zone", f"no time zone {column_map.time.zone!r}", remedy))
    if not column_map.time.columns:
        out.append(("time.columns", "is empty", "name the columns that make the time"))
    try:
        text = SAMPLE.strftime(column_map.time.format)
        back = _parse(text, column_map.time.format, UTC)
        told = back.replace(second=0) == SAMPLE.replace(second=0)
    except ValueError:
        told = False
    if not told:
        remedy = "write strptime codes, such as %Y-%m-%d %H:%M:%S"
        out.append(("time.format", f"{column_map.time.format!r} tells no date and time", remedy))
    if not column_map.wide:
        for key in ("value", "vital", "unit"):
            if not getattr(column_map.columns, key):
                remedy = "name a column, or a constant such as =kg; or give [wide]"
                out.append((f"columns.{key}", "is missing", remedy))
    return out


def check_vitals(column_map: ColumnMap, catalog: Catalog) -> list[Complaint]:
    """(key, problem, remedy) of vitals and units that the core would refuse."""
    targets = [(f"vitals.{name}", code, "") for name, code in column_map.vitals.items()]
    targets += [(f"wide.{name}", column.vital, column.unit) for name, column in column_map.wide.items()]
    if column_map.columns.vital.startswith("="):
        constant = column_map.columns.unit[1:] if column_map.columns.unit.startswith("=") else ""
        unit = column_map.units.get(constant, constant)
        targets.append(("columns.vital", column_map.columns.vital[1:], unit))
    out: list[Complaint] = []
    for key, code, unit in targets:
        if code not in catalog.index:
            out.append((key, f"unknown vital {code}", nearest(code, catalog.index)))
        elif unit and unit not in catalog[code].conversions:
            known = catalog[code].conversions
            out.append((key, f"unknown unit {unit} of {code}", nearest(unit, known)))
    return out
