"""What of a console's file goes when: its size is bounded by patients, not by time.

The page shows a day closely and three weeks by the hour (streams/page/views.py). InfluxDB and the topics
keep what is kept for longer.
"""

import sqlite3
from collections.abc import Iterator
from typing import Final

from models.times import rfc3339

CLOSE_DAYS: Final = 2  # windows of a minute, and bands more often than hourly
DAYS: Final = 30  # everything else about measurements
ALERT_DAYS: Final = 90  # since the last word on an alert that is over; as vigie.alerts keeps them
AT_ONCE: Final = 200  # series of a transaction: the writer waits for it
DAY: Final = 86_400 * 10**9
HOUR: Final = 3600 * 10**9
HOURLY: Final = f"""delete from points where series=:series and time_ns<:close and exists(
    select 1 from points later where later.series=points.series and later.time_ns>points.time_ns
    and later.time_ns<(points.time_ns/{HOUR}+1)*{HOUR})"""
OVER: Final = (
    "select alert_id from alerts where status not in ('open', 'acknowledged') "
    "and json_extract(body, '$.received_at')<?"
)


def forget(db: sqlite3.Connection, now: int) -> Iterator[None]:
    """Delete what is too old, a slice with each step; now: ns since 1970. Alerts that stand never go."""
    close, old = now - CLOSE_DAYS * DAY, now - DAYS * DAY
    series = db.execute("select id, measurement, window from series").fetchall()
    for begin in range(0, len(series), AT_ONCE):
        db.execute("begin immediate")
        for number, measurement, window in series[begin : begin + AT_ONCE]:
            before = close if window == "1m" else old
            db.execute("delete from points where series=? and time_ns<?", (number, before))
            if measurement == "baseline":
                db.execute(HOURLY, {"series": number, "close": close})
        db.execute("commit")
        yield
    over = db.execute(OVER, (rfc3339((now - ALERT_DAYS * DAY) // 10**6),)).fetchall()
    db.execute("begin immediate")
    db.executemany("delete from transitions where alert_id=?", over)
    db.executemany("delete from alerts where alert_id=?", over)
    db.execute("commit")
