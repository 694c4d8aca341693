"""A column map: how the rows of a foreign CSV become readings. TOML, parsed strictly.

Long form: `vital` is a column and [vitals] maps its values to codes. Wide form: [wide] maps columns to
codes, one reading per column. [events] gives the value of what a recording notes without one. A cell that
cannot be mapped is passed on as it is: the core names the fault, and nothing is lost.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from models.catalog import ConfigurationError, Fault, explain, load_toml


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
            local = datetime.strptime(text, self.time.format).replace(tzinfo=_zone(self.time.zone))
        except ValueError:
            return text
        return local.isoformat()


def _zone(name: str) -> Any:
    """A time zone by its IANA name, or a fixed offset such as -05:00."""
    if name[:1] in "+-":
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
    return ZoneInfo(name)


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
    return msgspec.json.encode(body)


def parse_map(text: str, name: str) -> ColumnMap:
    """A column map from TOML. Raises ConfigurationError."""
    try:
        column_map = msgspec.convert(load_toml(text, name), ColumnMap)
        _zone(column_map.time.zone)
    except msgspec.ValidationError as error:
        raise ConfigurationError([Fault(name, "-", *explain(error, ColumnMap.__struct_fields__))]) from error
    except (ValueError, KeyError) as error:
        fault = Fault(name, "time.zone", f"no time zone: {error}", "write Europe/London or -05:00")
        raise ConfigurationError([fault]) from error
    return column_map
