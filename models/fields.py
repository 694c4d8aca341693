"""Readings of the plain kind straight from their bytes into columns, compiled.

Plain is: one flat JSON object whose keys and texts are ASCII without escapes, each key once, numbers of at
most 15 digits without an exponent. All else is left to the general decoder (models/decode.py), which
accepts and explains; here nothing is refused, it is only not PLAIN.
"""

from typing import Final

import numpy as np
from numba import njit

from models.times import parse_one

NOT_PLAIN, PLAIN = 0, 1
UNKNOWN: Final = -2  # the row of a reading whose series was not met yet
MAXIMUM_BYTES: Final = 65_536
MAXIMUM_DIGITS: Final = 15  # below 2^53: the digits and the power of ten are exact, so is their quotient
OTHER_KEYS: Final = 16  # unknown fields of one record that are told apart

FIELDS: Final = (
    *("patient", "device", "vital", "value", "unit", "measured_at"),
    *("kind", "battery", "measurement", "id", "context"),
)
PATIENT, DEVICE, VITAL, VALUE, UNIT, MEASURED_AT, KIND, BATTERY, MEASUREMENT, IDENTIFIER, CONTEXT = range(
    len(FIELDS)
)
REQUIRED: Final = (1 << KIND) - 1  # the first six
_NAMES = np.zeros((len(FIELDS), 1 + max(map(len, FIELDS))), np.uint8)
for _i, _name in enumerate(FIELDS):
    _NAMES[_i, 0] = len(_name)
    _NAMES[_i, 1 : 1 + len(_name)] = list(_name.encode())
_READING = np.frombuffer(b"reading", np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_NAME_BYTES = np.zeros(256, np.bool_)
_NAME_BYTES[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] = True
_TENS = np.array([float(10**k) for k in range(MAXIMUM_DIGITS + 1)])
FNV_OFFSET: Final = np.uint64(14695981039346656037)
FNV_PRIME: Final = np.uint64(1099511628211)

COLUMNS: Final = np.dtype(
    [
        ("plain", "u1"),
        ("timely", "?"),  # measured_at is RFC 3339 with an offset
        ("named", "?"),  # the device's name may name a device
        ("keyed", "?"),  # the record's key is its patient
        ("zone", "i4"),  # seconds east of UTC
        ("row", "i8"),  # of the series; UNKNOWN
        ("at", "i8"),  # ms
        ("x", "f8"),  # in the canonical unit where the row is known
        ("battery", "f8"),  # NaN without one
    ],
    align=True,
)

NOTHING, TEXT, NUMBER, LITERAL, OBJECT = range(5)


@njit
def _skip(data, i, end):  # type: ignore[no-untyped-def]
    """The first place from i on that is no white space."""
    while i < end and (data[i] == 32 or data[i] == 10 or data[i] == 13 or data[i] == 9):
        i += 1
    return i


@njit
def _text_end(data, i, end):  # type: ignore[no-untyped-def]
    """The place of the quote that closes a plain text whose first byte is at i; -1 when it is not plain."""
    while i < end:
        c = data[i]
        if c == 34:
            return i
        if c < 32 or c == 92 or c > 126:
            return -1
        i += 1
    return -1


@njit
def _is(data, begin, end, word):  # type: ignore[no-untyped-def]
    """Whether a span spells a word."""
    if end - begin != len(word):
        return False
    k = 0
    while k < len(word) and data[begin + k] == word[k]:
        k += 1
    return k == len(word)


@njit
def _field(data, begin, end, guess):  # type: ignore[no-untyped-def]
    """Which of FIELDS a key is, len(FIELDS) for another; the guess is tried first."""
    length = end - begin
    for n in range(len(FIELDS)):
        f = guess + n
        if f >= len(FIELDS):
            f -= len(FIELDS)
        if _NAMES[f, 0] == length:
            k = 0
            while k < length and data[begin + k] == _NAMES[f, 1 + k]:
                k += 1
            if k == length:
                return f
    return len(FIELDS)


@njit
def number(data, i, end):  # type: ignore[no-untyped-def]
    """(value, the place behind it) of a plain JSON number at i; the place is -1 when it is not plain.

    Digits and power of ten are exact doubles, so the quotient is the correctly rounded one (Clinger, "How to
    read floating point numbers accurately", PLDI 1990).
    """
    negative = data[i] == 45
    if negative:
        i += 1
    first = i
    digits = 0
    while i < end and 48 <= data[i] <= 57:
        digits = digits * 10 + (int(data[i]) - 48)
        i += 1
        if i - first > MAXIMUM_DIGITS:
            return 0.0, -1
    whole = i - first
    if whole == 0 or (whole > 1 and data[first] == 48):
        return 0.0, -1
    fraction = 0
    if i < end and data[i] == 46:
        i += 1
        while i < end and 48 <= data[i] <= 57:
            digits = digits * 10 + (int(data[i]) - 48)
            fraction += 1
            i += 1
            if whole + fraction > MAXIMUM_DIGITS:
                return 0.0, -1
        if fraction == 0:
            return 0.0, -1
    if i < end and (data[i] == 101 or data[i] == 69):
        return 0.0, -1
    if negative and digits == 0:  # the sign of zero is the general decoder's
        return 0.0, -1
    value = float(digits) / _TENS[fraction]
    return (-value if negative else value), i


@njit
def _object_end(data, i, end):  # type: ignore[no-untyped-def]
    """The place behind an object of plain texts whose first byte is at i; -1 when it is another."""
    i = _skip(data, i + 1, end)
    if i < end and data[i] == 125:
        return i + 1
    while i < end and data[i] == 34:
        i = _text_end(data, i + 1, end)
        if i < 0:
            return -1
        i = _skip(data, i + 1, end)
        if i >= end or data[i] != 58:
            return -1
        i = _skip(data, i + 1, end)
        if i >= end or data[i] != 34:
            return -1
        i = _text_end(data, i + 1, end)
        if i < 0:
            return -1
        i = _skip(data, i + 1, end)
        if i < end and data[i] == 125:
            return i + 1
        if i >= end or data[i] != 44:
            return -1
        i = _skip(data, i + 1, end)
    return -1


@njit
def is_name(data, begin, end):  # type: ignore[no-untyped-def]
    """Whether a span may name a patient or a device: 1-64 of [A-Za-z0-9_-]."""
    if not 1 <= end - begin <= 64:
        return False
    i = begin
    while i < end and _NAME_BYTES[data[i]]:
        i += 1
    return i == end


@njit
def spans_of(data, begin, end, spans, numbers, others):  # type: ignore[no-untyped-def]
    """Find the fields of one record; returns PLAIN or NOT_PLAIN.

    Written: spans int64 (FIELDS, 2), begin and end of each text; numbers float64 (FIELDS,), of value and
    battery, NaN where a field is absent or null. others: uint64 (OTHER_KEYS,), for work.
    """
    i = _skip(data, begin, end)
    if end - begin > MAXIMUM_BYTES or i >= end or data[i] != 123:
        return NOT_PLAIN
    numbers[BATTERY] = np.nan
    seen = 0
    unknown = 0
    guess = 0
    while True:
        i = _skip(data, i + 1, end)
        if i >= end or data[i] != 34:
            return NOT_PLAIN
        key = i + 1
        i = _text_end(data, key, end)
        if i < 0:
            return NOT_PLAIN
        field = _field(data, key, i, guess)
        if field < len(FIELDS):
            if seen >> field & 1:
                return NOT_PLAIN
            seen |= 1 << field
            guess = field + 1 if field + 1 < len(FIELDS) else 0
        else:
            h = FNV_OFFSET
            for k in range(key, i):
                h = (h ^ np.uint64(data[k])) * FNV_PRIME
            for k in range(unknown):
                if others[k] == h:
                    return NOT_PLAIN
            if unknown == OTHER_KEYS:
                return NOT_PLAIN
            others[unknown] = h
            unknown += 1
        i = _skip(data, i + 1, end)
        if i >= end or data[i] != 58:
            return NOT_PLAIN
        i = _skip(data, i + 1, end)
        if i >= end:
            return NOT_PLAIN
        c = data[i]
        kind = NOTHING
        start = i
        value = np.nan
        if c == 34:
            start = i + 1
            i = _text_end(data, start, end)
            if i < 0:
                return NOT_PLAIN
            kind = TEXT
            if field < len(FIELDS):
                spans[field, 0] = start
                spans[field, 1] = i
            i += 1
        elif c == 45 or 48 <= c <= 57:
            value, i = number(data, i, end)
            if i < 0:
                return NOT_PLAIN
            kind = NUMBER
            if field < len(FIELDS):
                numbers[field] = value
        elif c == 123:
            i = _object_end(data, i, end)
            if i < 0:
                return NOT_PLAIN
            kind = OBJECT
        else:
            while i < end and 97 <= data[i] <= 122:
                i += 1
            if not _is(data, start, i, _NULL):
                if not (_is(data, start, i, _TRUE) or _is(data, start, i, _FALSE)):
                    return NOT_PLAIN
                kind = LITERAL
        if field == VALUE:
            if kind != NUMBER:
                return NOT_PLAIN
        elif field < KIND:
            if kind != TEXT:
                return NOT_PLAIN
        elif field == KIND:
            if kind != TEXT or not _is(data, spans[KIND, 0], spans[KIND, 1], _READING):
                return NOT_PLAIN
        elif field == BATTERY:
            if kind != NUMBER and kind != NOTHING:
                return NOT_PLAIN
        elif field in (MEASUREMENT, IDENTIFIER):
            if kind != TEXT and kind != NOTHING:
                return NOT_PLAIN
        elif field == CONTEXT and kind != NOTHING and kind != OBJECT:
            return NOT_PLAIN
        i = _skip(data, i, end)
        if i >= end:
            return NOT_PLAIN
        if data[i] == 125:
            break
        if data[i] != 44:
            return NOT_PLAIN
    if seen & REQUIRED != REQUIRED or _skip(data, i + 1, end) != end:
        return NOT_PLAIN
    return PLAIN


@njit(cache=True)  # called by models/routes.py, too
def route_hash(data, spans):  # type: ignore[no-untyped-def]
    """FNV-1a over patient, vital and unit, each closed by a zero byte."""
    h = FNV_OFFSET
    for field in (PATIENT, VITAL, UNIT):
        for k in range(spans[field, 0], spans[field, 1]):
            h = (h ^ np.uint64(data[k])) * FNV_PRIME
        h = h * FNV_PRIME
    return h


@njit(cache=True)
def find(data, spans, slots, names):  # type: ignore[no-untyped-def]
    """The slot of models/routes.py that holds patient, vital and unit; -1 when none does.

    slots: structured (capacity,), capacity a power of two; names: the bytes that each slot was made of.
    """
    h = route_hash(data, spans)
    mask = np.uint64(len(slots) - 1)
    at = h & mask
    while slots[at]["length"] != 0:
        if slots[at]["hash"] == h:
            k = slots[at]["start"]
            last = k + slots[at]["length"]
            same = True
            for field in (PATIENT, VITAL, UNIT):
                begin = spans[field, 0]
                length = spans[field, 1] - begin
                if k + length >= last or names[k + length] != 0:
                    same = False
                    break
                for n in range(length):
                    if names[k + n] != data[begin + n]:
                        same = False
                        break
                if not same:
                    break
                k += length + 1
            if same and k == last:
                return np.int64(at)
        at = (at + np.uint64(1)) & mask
    return -1


@njit(cache=True)
def read(data, begins, ends, keys, key_begins, key_ends, slots, names, columns):  # type: ignore[no-untyped-def]
    """Read the records data[begins[n]:ends[n]], data uint8; keys likewise, key_ends (0,) for none.

    columns: COLUMNS (n,); `plain` is written, and where it is PLAIN all the others.
    """
    spans = np.zeros((len(FIELDS), 2), np.int64)
    numbers = np.full(len(FIELDS), np.nan)
    others = np.zeros(OTHER_KEYS, np.uint64)
    for n in range(len(ends)):
        c = columns[n]
        c["plain"] = spans_of(data, begins[n], ends[n], spans, numbers, others)
        if c["plain"] == PLAIN:
            first, last = spans[MEASURED_AT, 0], spans[MEASURED_AT, 1]
            c["at"], c["zone"], c["timely"] = parse_one(data[first:last], last - first)
            c["x"] = numbers[VALUE]
            c["battery"] = numbers[BATTERY]
            c["named"] = is_name(data, spans[DEVICE, 0], spans[DEVICE, 1])
            slot = find(data, spans, slots, names)
            c["row"] = UNKNOWN
            if slot >= 0:
                c["row"] = slots[slot]["row"]
                c["x"] = c["x"] * slots[slot]["factor"] + slots[slot]["shift"]
            c["keyed"] = True
            if len(key_ends):
                key = keys[key_begins[n] : key_ends[n]]
                c["keyed"] = _is(data, spans[PATIENT, 0], spans[PATIENT, 1], key)
