"""A look at a JSON text before it is decoded: what decoders let through, compiled.

Every decoder at hand keeps the last of two equal keys and some fail on deep nesting in a way of their
own; both are found here in one pass over the bytes.
"""

from typing import Final

import numpy as np
from numba import njit

FINE, TWICE, DEEP, UNSURE = 0, 1, 2, 3
MAXIMUM_DEPTH: Final = 16  # a plan whose estimators stand inside of each other is the deepest record
MAXIMUM_KEYS: Final = 48


@njit(cache=True)
def _scan(data, marks):  # type: ignore[no-untyped-def]
    depth = 0
    keys = 0
    key_next = False
    i = 0
    end = len(data)
    while i < end:
        c = data[i]
        if c == 34:  # a string
            is_key = key_next and depth == 1
            key_next = False
            h = np.uint64(14695981039346656037)
            i += 1
            while i < end and data[i] != 34:
                if data[i] == 92:
                    if is_key:
                        return UNSURE
                    i += 1
                h = (h ^ np.uint64(data[i] if i < end else 0)) * np.uint64(1099511628211)
                i += 1
            if is_key:
                for k in range(keys):
                    if marks[k] == h:
                        return TWICE
                if keys == MAXIMUM_KEYS:
                    return UNSURE
                marks[keys] = h
                keys += 1
        elif c == 123 or c == 91:
            depth += 1
            if depth > MAXIMUM_DEPTH:
                return DEEP
            key_next = c == 123 and depth == 1
        elif c == 125 or c == 93:
            depth -= 1
        elif c == 44 and depth == 1:
            key_next = True
        i += 1
    return FINE


def scan(text: bytes) -> int:
    """FINE, TWICE (a key of the outer object comes twice), DEEP, or UNSURE (an escape in such a key)."""
    return int(_scan(np.frombuffer(text, np.uint8), np.zeros(MAXIMUM_KEYS, np.uint64)))
