"""Bytes of numbers, written by compiled code into one buffer: the hot half of models/wire.py."""

import math

from numba import njit

POWERS = (1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0)


@njit
def put(buffer, at, text):  # type: ignore[no-untyped-def]
    """Write bytes; returns the position behind them."""
    for i in range(len(text)):
        buffer[at + i] = text[i]
    return at + len(text)


@njit
def put_integer(buffer, at, value):  # type: ignore[no-untyped-def]
    """Write a decimal integer."""
    if value < 0:
        buffer[at] = 45
        at += 1
        value = -value
    width = 1
    rest = value // 10
    while rest > 0:
        width += 1
        rest //= 10
    for i in range(width):
        buffer[at + width - 1 - i] = 48 + value % 10
        value //= 10
    return at + width


@njit
def put_fixed(buffer, at, value, decimals):  # type: ignore[no-untyped-def]
    """Write a finite number with `decimals` (0-6) places, rounded half to even as numpy does.

    Whole numbers keep one place ("72.0"), so that a field never changes its type in a database.
    """
    scaled = int(abs(np_rint(value * POWERS[decimals])))
    if value < 0 and scaled > 0:
        buffer[at] = 45
        at += 1
    unit = int(POWERS[decimals])
    at = put_integer(buffer, at, scaled // unit)
    buffer[at] = 46
    at += 1
    if decimals == 0:
        buffer[at] = 48
        return at + 1
    fraction = scaled % unit
    for i in range(decimals):
        unit //= 10
        buffer[at + i] = 48 + fraction // unit
        fraction %= unit
    return at + decimals


@njit
def np_rint(value):  # type: ignore[no-untyped-def]
    """Nearest integer, ties to even."""
    low = math.floor(value)
    rest = value - low
    if rest > 0.5 or (rest == 0.5 and low % 2 == 1):
        return low + 1
    return low
