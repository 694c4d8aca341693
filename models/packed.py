"""Many byte strings in one buffer: what compiled code can read without a Python object for each."""

from collections.abc import Sequence
from typing import overload

import numpy as np


class Packed(Sequence[bytes]):
    """The spans data[begins[i]:ends[i]]; data uint8, begins and ends int64 (n,)."""

    __slots__ = ("begins", "data", "ends")

    def __init__(self, data: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> None:
        self.data, self.begins, self.ends = data, begins, ends

    @classmethod
    def of(cls, texts: Sequence[bytes | None]) -> "Packed":
        """Laid end to end; an absent one is as bad as an empty one."""
        if isinstance(texts, Packed):
            return texts
        if None in texts:
            texts = [text or b"" for text in texts]
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))  # type: ignore[arg-type]
        begins = np.zeros_like(ends)
        begins[1:] = ends[:-1]
        return cls(np.frombuffer(b"".join(texts), np.uint8), begins, ends)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, i: int) -> bytes: ...

    @overload
    def __getitem__(self, i: slice) -> "Packed": ...

    def __getitem__(self, i: int | slice) -> "bytes | Packed":
        if isinstance(i, slice):
            return Packed(self.data, self.begins[i], self.ends[i])
        return self.data[self.begins[i] : self.ends[i]].tobytes()
