"""Questions to the SQLite sink, read only: every answer is plain data for JSON.

Times are ms since 1970. The database may not exist yet, or be empty: answers are empty then.
"""

import json
import sqlite3
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from streams.alerts import urgency

NS: Final = 1_000_000
_STANDING: Final = "'open', 'acknowledged'"
SIZES: Final = {"1m": 60_000, "15m": 900_000, "1h": 3_600_000, "1d": 86_400_000}
SERIES_SECONDS: Final = 5.0  # how long the list of series is remembered: new ones are rare
POINTS: Final = 420  # most points of a line in a chart; more cannot be seen
PAST: Final = 40  # alerts of the past told with a patient

Key = tuple[str, str, str, str]  # measurement, patient, vital, window


class Results:
    """One connection to the sink's file. Not for several threads at once: its user holds a lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._series: dict[Key, int] = {}  # their numbers; sorted
        self._series_read = -SERIES_SECONDS

    def connection(self) -> sqlite3.Connection | None:
        """The open database, or None while there is none with the sink's tables."""
        if self._connection is None and self.path.exists():
            fresh = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
            )
            try:
                fresh.execute("select 1 from series, points, transitions, alerts limit 0")
            except sqlite3.OperationalError:
                fresh.close()
                return None
            self._connection = fresh
        return self._connection

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query; none while there is no database or its writer holds it."""
        connection = self.connection()
        if connection is None:
            return []
        return connection.execute(query, values).fetchall()

    def version(self) -> int:
        """A number that changes whenever another process has written."""
        rows = self.rows("pragma data_version")
        return int(rows[0][0]) if rows else 0

    def series(self) -> list[Key]:
        """Every series there is, sorted."""
        now = time.monotonic()
        if now - self._series_read >= SERIES_SECONDS:
            query = "select measurement, patient, vital, window, id from series order by 1, 2, 3, 4"
            self._series = {
                (m, patient, vital, window): i for m, patient, vital, window, i in self.rows(query)
            }
            self._series_read = now if self._series else -SERIES_SECONDS
        return list(self._series)

    def tail(self, key: Key, count: int = 1) -> list[tuple[int, dict[str, Any]]]:
        """The newest points of one of the series, oldest first: (ms, fields)."""
        rows = self.rows(
            "select time_ns, fields from points where series = ? order by time_ns desc limit ?",
            self._series.get(key),
            count,
        )
        return [(at // NS, fields_of(fields)) for at, fields in reversed(rows)]

    def span(self, key: Key, begin: int, until: int) -> list[tuple[int, dict[str, Any]]]:
        """The points of a series from `begin` to `until` in ms, thinned evenly to POINTS."""
        rows = self.rows(
            "select time_ns, fields from points where series = ? "
            "and time_ns between ? and ? order by time_ns",
            self._series.get(key),
            begin * NS,
            until * NS,
        )
        step = -(-len(rows) // POINTS) or 1
        return [(at // NS, fields_of(fields)) for at, fields in rows[(len(rows) - 1) % step :: step]]

    def count(self, key: Key, begin: int, until: int) -> int:
        """How many points a series has from `begin` to `until` in ms."""
        query = "select count(*) from points where series = ? and time_ns between ? and ?"
        rows = self.rows(query, self._series.get(key), begin * NS, until * NS)
        return int(rows[0][0]) if rows else 0

    def alerts(self, patient: str | None = None) -> list[dict[str, Any]]:
        """Alerts still standing, of a patient or of all; with a patient, its latest past ones too."""
        if patient is None:
            rows = self.rows(f"select body from alerts where status in ({_STANDING})")
        else:  # a plus keeps SQLite from going through everybody's standing ones
            rows = self.rows(
                f"select body from alerts where patient = ? and +status in ({_STANDING})", patient
            ) + self.rows(
                f"select body from alerts where patient = ? and +status not in ({_STANDING}) "
                "order by opened_at desc limit ?",
                patient,
                PAST,
            )
        return sorted((json.loads(row[0]) for row in rows), key=urgency)

    def alert(self, alert_id: str) -> dict[str, Any] | None:
        """An alert as its latest transition left it."""
        rows = self.rows("select body from alerts where alert_id = ?", alert_id)
        return json.loads(rows[0][0]) if rows else None

    def transitions(self, alert_id: str) -> list[dict[str, Any]]:
        """The life of one alert, oldest first."""
        rows = self.rows("select body from transitions where alert_id = ? order by sequence", alert_id)
        return [json.loads(body) for (body,) in rows]

    def data_until(self) -> int:
        """The newest time that the results tell of, in ms; 0 when there is none."""
        newest = 0
        for key in self.series():
            if key[0] == "reading" or key[3] in ("1m", "15m"):
                newest = max([newest, *(at for at, _ in self.tail(key))])
        return newest

    def by_patient(self) -> dict[str, list[Key]]:
        """The series of each patient."""
        grouped: dict[str, list[Key]] = defaultdict(list)
        for key in self.series():
            grouped[key[1]].append(key)
        return grouped


def fields_of(text: str) -> dict[str, float]:
    """The fields of a line of line protocol ("count=5i,mean=71.2"), as numbers."""
    pairs = (pair.split("=", 1) for pair in text.split(","))
    return {name: float(number.rstrip("i")) for name, number in pairs}
