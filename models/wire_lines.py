"""Result lines in InfluxDB line protocol, written by compiled code: the hot half of models/wire.py.

Measurements: `window`, `reading`, `baseline`, `trend`, `score`; tags patient, vital (and window); times in
nanoseconds. No tag needs escaping: pseudonyms and codes are of [A-Za-z0-9_-].
"""

import numpy as np
from numba import njit

from models.record import DAY, FEATURES, TRENDS
from models.rollup import standard_deviation, start_of
from models.score import acute, news2, ramp, slow
from models.text import put, put_fixed, put_integer

# GMI (%) = 3.31 + 0.02392 x mean glucose in mg/dL (Bergenstal et al., Diabetes Care 2018;41:2275-2280)
GMI_INTERCEPT, GMI_SLOPE = 3.31, 0.02392


def _table(names: tuple[str, ...]) -> np.ndarray:
    """Names as compiled code writes them: rows of length and bytes."""
    rows = np.zeros((len(names), 1 + max(map(len, names))), np.uint8)
    for row, name in zip(rows, names, strict=True):
        row[0] = len(name)
        row[1 : 1 + len(name)] = np.frombuffer(name.encode(), np.uint8)
    return rows


NEWS2 = _table(("news2",))
PART_FIELDS = _table(tuple(part.replace("-", "_") for part in news2.PARTS))


@njit
def put_key(buffer, at, measurement, patient, code):  # type: ignore[no-untyped-def]
    """Measurement and the tags patient and vital; a code is its length and its bytes."""
    at = put(buffer, at, measurement)
    at = put(buffer, at, b",patient=")
    for i in range(patient["name_length"]):
        buffer[at + i] = patient["name"][i]
    at = put(buffer, at + patient["name_length"], b",vital=")
    for i in range(code[0]):
        buffer[at + i] = code[1 + i]
    return at + int(code[0])


@njit
def put_time(buffer, at, milliseconds, nanoseconds):  # type: ignore[no-untyped-def]
    """The time of a line in nanoseconds, and its end."""
    buffer[at] = 32
    at = put_integer(buffer, at + 1, milliseconds * 1_000_000 + nanoseconds)
    buffer[at] = 10
    return at + 1


@njit
def put_share(buffer, at, name, part, whole):  # type: ignore[no-untyped-def]
    """One percentage field with one decimal."""
    return put_fixed(buffer, put(buffer, at, name), 100.0 * part / whole, 1)


@njit
def put_window(buffer, at, patient, code, size, w, vital):  # type: ignore[no-untyped-def]
    """A window: count, mean, standard deviation, extremes, first, last, revision, time in range.

    Of a day of glucose (mg/dL) also the glucose management indicator and the coefficient of variation, both
    in %: they stand for many days in the literature (14 of a sensor), those of one day for that day alone.
    """
    at = put_key(buffer, at, b"window", patient, code)
    at = put(buffer, at, b",window=")
    if size == 0:
        at = put(buffer, at, b"1m")
    elif size == 1:
        at = put(buffer, at, b"15m")
    elif size == 2:
        at = put(buffer, at, b"1h")
    else:
        at = put(buffer, at, b"1d")
    decimals = vital["decimals"]
    more = min(decimals + 1, 6)
    at = put_integer(buffer, put(buffer, at, b" count="), w["count"])
    at = put_fixed(buffer, put(buffer, at, b"i,mean="), w["mean"], more)
    at = put_fixed(buffer, put(buffer, at, b",standard_deviation="), standard_deviation(w), more)
    at = put_fixed(buffer, put(buffer, at, b",min="), w["min"], decimals)
    at = put_fixed(buffer, put(buffer, at, b",max="), w["max"], decimals)
    at = put_fixed(buffer, put(buffer, at, b",first="), w["first"], decimals)
    at = put_fixed(buffer, put(buffer, at, b",last="), w["last"], decimals)
    at = put_integer(buffer, put(buffer, at, b",revision="), w["revision"])
    at = put(buffer, at, b"i")
    if vital["has_cuts"]:
        n = w["count"]
        r = w["ranges"]
        low = int(r[0]) + int(r[1])
        high = int(r[2]) + int(r[3])
        at = put_share(buffer, at, b",time_below_54=", int(r[0]), n)
        at = put_share(buffer, at, b",time_below_70=", low, n)
        at = put_share(buffer, at, b",time_in_70_180=", n - low - high, n)
        at = put_share(buffer, at, b",time_above_180=", high, n)
        at = put_share(buffer, at, b",time_above_250=", int(r[3]), n)
        if size == DAY:
            management = GMI_INTERCEPT + GMI_SLOPE * w["mean"]
            at = put_fixed(buffer, put(buffer, at, b",glucose_management_indicator="), management, 2)
            at = put_share(buffer, at, b",coefficient_of_variation=", standard_deviation(w), w["mean"])
    return put_time(buffer, at, start_of(w, size), 0)


@njit
def put_reading(buffer, at, patient, code, measured, same, x, vital):  # type: ignore[no-untyped-def]
    """A single reading; others of the same instant are kept apart by a nanosecond each."""
    at = put(buffer, put_key(buffer, at, b"reading", patient, code), b" value=")
    return put_time(buffer, put_fixed(buffer, at, x, vital["decimals"]), measured, same)


@njit
def put_baseline(buffer, at, patient, code, measured, centre, half, readings, score, vital):  # type: ignore[no-untyped-def]
    """What was expected of a series, and the highest score since the last such line."""
    more = min(vital["decimals"] + 1, 6)
    at = put_key(buffer, at, b"baseline", patient, code)
    at = put_fixed(buffer, put(buffer, at, b" expected="), centre, more)
    at = put_fixed(buffer, put(buffer, at, b",expected_low="), centre - half, more)
    at = put_fixed(buffer, put(buffer, at, b",expected_high="), centre + half, more)
    at = put_integer(buffer, put(buffer, at, b",readings="), readings)
    at = put_fixed(buffer, put(buffer, at, b"i,score="), score, 2)
    return put_time(buffer, at, measured, 0)


@njit
def put_score(buffer, at, patient, measured, total, band, oldest, points):  # type: ignore[no-untyped-def]
    """A NEWS2 score: total, risk 0-4, how many parts count and miss, age of the oldest; points by part.

    A part that is missing has no field of its own.
    """
    parts = 0
    for part in range(len(points)):
        parts += points[part] != news2.MISSING
    at = put_key(buffer, at, b"score", patient, NEWS2[0])
    at = put_integer(buffer, put(buffer, at, b" total="), total)
    at = put_integer(buffer, put(buffer, at, b"i,risk="), band)
    at = put_integer(buffer, put(buffer, at, b"i,parts="), parts)
    at = put_integer(buffer, put(buffer, at, b"i,missing="), len(points) - parts)
    at = put_integer(buffer, put(buffer, at, b"i,oldest_seconds="), oldest // 1000)
    at = put(buffer, at, b"i")
    for part in range(len(points)):
        if points[part] != news2.MISSING:
            at = put(buffer, at, b",")
            for i in range(PART_FIELDS[part, 0]):
                buffer[at + i] = PART_FIELDS[part, 1 + i]
            at = put(buffer, at + int(PART_FIELDS[part, 0]), b"=")
            at = put(buffer, put_integer(buffer, at, int(points[part])), b"i")
    return put_time(buffer, at, measured, 0)


@njit
def put_trend(buffer, at, patient, code, measured, s, day, rules, vital):  # type: ignore[no-untyped-def]
    """A closed day: what each baseline still misses, the features, what was expected, the channels' scores.

    A day without features (too few readings at night, or the course of the day not known yet) is told too, so
    that everyone sees what is being learned. Of a frequent vital also the readings that the acute baseline
    misses. `..._variance` is the patient's own variance between days: a calibration's cohort is made of them.
    """
    at = put_key(buffer, at, b"trend", patient, code)
    separator = 32
    if vital["frequent"]:
        at = put_integer(buffer, put(buffer, at, b" acute_missing_readings="), acute.missing(s))
        at = put(buffer, at, b"i")
        separator = 44
    for f in range(FEATURES if slow.nightly(s) else 1):
        name = b"level" if f == 0 else (b"variability" if f == 1 else b"rhythm")
        buffer[at] = separator
        separator = 44
        at = put(buffer, put(buffer, at + 1, name), b"_missing_days=")
        at = put(buffer, put_integer(buffer, at, slow.not_ready(s, f)), b"i")
        if np.isnan(day[f]):
            continue
        at = put_name(buffer, at, name)
        usual = ramp.week(s, int(s["slow_day"])) if f == 0 else 0.0
        at = put_fixed(buffer, put(buffer, at, b"="), day[f] + usual, 3)
        if slow.not_ready(s, f) == 0:
            at = put(buffer, put_name(buffer, at, name), b"_expected=")
            at = put_fixed(buffer, at, s["slow_mean"][f] + usual, 3)
            at = put(buffer, put_name(buffer, at, name), b"_spread=")
            at = put_fixed(buffer, at, slow.spread(s, f, rules), 3)
            at = put(buffer, put_name(buffer, at, name), b"_variance=")
            at = put_fixed(buffer, at, s["slow_variance"][f], 6)
    for c in range(TRENDS):
        f = slow.FEATURE[c]
        if not np.isnan(day[f]) and slow.not_ready(s, f) == 0 and (c < slow.SIDES or slow.nightly(s)):
            name = (
                b"above"
                if c == 0
                else (b"below" if c == 1 else (b"more_variable" if c == 2 else b"less_rhythm"))
            )
            at = put(buffer, put_name(buffer, at, name), b"_score=")
            at = put_fixed(buffer, at, slow.score(s, c, day[f], rules), 3)
    return put_time(buffer, at, measured, 0)


@njit
def put_name(buffer, at, name):  # type: ignore[no-untyped-def]
    """A comma and the beginning of a field's name."""
    buffer[at] = 44
    return put(buffer, at + 1, name)
