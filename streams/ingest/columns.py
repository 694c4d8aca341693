"""A column map: how the rows of a foreign CSV become readings. TOML, parsed strictly.

Long form: `vital` is a column and [vitals] maps its values to codes. Wide form: [wide] maps columns to
codes, one reading per column. [events] gives the value of what a recording notes without one. A cell that
cannot be mapped is passed on as it is: the core names the fault, and nothing is lost.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from models.catalog import ConfigurationError, Fault, explain, load_toml, nearest


class _Columns(msgspec.Struct, forbid_unknown_fields=True):
    """Names of columns; a value beginning with "=" is a constant."""

    patient: str
    value: str = ""
    vital: str = ""
    device: str = "=recording"
    unit: str = ""


class _Time(msgspec.Struct, forbid_unknown_fields=True):
    """Which columns make measured_at (joined by a space), their strptime format, and the time zone."""

    columns: list[str]
    format: str
    zone: str


class _Wide(msgspec.Struct, forbid_unknown_fields=True):
    """One column of the wide form."""

    vital: str
    unit: str


class ColumnMap(msgspec.Struct, forbid_unknown_fields=True):
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
            Fault(file, key, f"there is no column {column}", nearest(column, list(header)))
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
    """A column map from TOML. Raises ConfigurationError."""
    try:
        column_map = msgspec.convert(load_toml(text, name), ColumnMap)
    except msgspec.ValidationError as error:
        raise ConfigurationError([Fault(name, "-", *explain(error, ColumnMap.__struct_fields__))]) from error
    faults = [Fault(name, *fault) for fault in _check(column_map)]
    if faults:
        raise ConfigurationError(faults)
    return column_map


def _check(column_map: ColumnMap) -> Iterator[tuple[str, str, str]]:
    """(key, problem, remedy) of whatever a well-typed map may not say."""
    columns, time = column_map.columns, column_map.time
    try:
        _zone(time.zone)
    except (ValueError, KeyError, OSError):
        yield "time.zone", f"no time zone {time.zone!r}", "write Europe/London or -05:00"
    try:
        _parse(datetime(2000, 1, 1, tzinfo=UTC).strftime(time.format), time.format, UTC)
    except ValueError as error:
        yield "time.format", f"not a strptime format: {error}", "write %Y-%m-%d %H:%M:%S"
    if not time.columns:
        yield "time.columns", "names no column", 'write columns = ["date", "time"]'
    if not column_map.wide:
        for key in ("vital", "value"):
            if not getattr(columns, key):
                yield f"columns.{key}", "is missing", "name its column, or give [wide] columns"
