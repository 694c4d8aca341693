"""State blocks as they travel and are kept: compressed by Zstandard (RFC 8878).

A block is 70 KB of numbers, a third of it zeros: a fifth of that remains, for a quarter of the time that zlib
takes. The compressor lets go of Python's lock, so that a thread does it while readings go on.
"""

from typing import Final

import zstandard

LEVEL: Final = 1


def pack(block: bytes) -> bytes:
    """A block, compressed."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(block)


def unpack(data: bytes) -> bytes:
    """The block again. What is torn or was never packed stays as it is: the core refuses it by its number."""
    try:
        return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError:
        return data
