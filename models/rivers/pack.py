"""A River estimator as bytes of a block of state, and back: nothing but its own classes comes out of them.

Bytes of a pickle can name any callable. These come from a topic that others may be able to write to, so
only classes that River defines and the few that its estimators are made of are let in.
"""

import pickle
import sys
import zlib
from typing import Any, Final

PROTOCOL: Final = 5
MODULES: Final = ("river", "numpy.random", "numpy.dtypes")
NAMES: Final = {
    ("builtins", name)
    for name in ("set", "frozenset", "bytearray", "complex", "tuple", "list", "dict", "int", "float")
} | {
    ("collections", "defaultdict"),
    ("collections", "deque"),
    ("collections", "Counter"),
    ("collections", "OrderedDict"),
    ("copyreg", "_reconstructor"),
    ("builtins", "object"),
    ("functools", "partial"),  # harmless: whatever it calls must have been let in too
    ("random", "Random"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
}


class Refused(pickle.UnpicklingError):
    """Bytes that name what no estimator of River is made of."""


def pack(model: Any) -> bytes:
    """An estimator and all it has learned; the same bytes for the same learning."""
    out = _Written()
    _Pickler(out, protocol=PROTOCOL).dump(model)
    return zlib.compress(bytes(out.data), 1)


def weight(model: Any) -> int:
    """Bytes of an estimator and all it has learned, not compressed.

    The same for the same learning, whatever restarts came between and whichever zlib compresses here: equal
    texts count as one object, and sets in their order.
    """
    scales = _Scales()
    _Canonical(scales, protocol=PROTOCOL).dump(model)
    return scales.bytes


class _Scales:
    """What is written like a file, and only weighed."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: Any) -> int:
        self.bytes += len(data)
        return len(data)


class _Canonical(pickle.Pickler):
    def persistent_id(self, part: Any) -> Any:
        if type(part) is str:
            return sys.intern(part)
        return sorted(part, key=repr) if type(part) in (set, frozenset) else None


def unpack(data: bytes) -> Any:
    """What `pack` took. Raises Refused, or whatever broken bytes raise."""
    return _Unpickler(_Bytes(zlib.decompress(data))).load()


class _Written:
    """Bytes that are written like a file."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


class _Pickler(pickle.Pickler):
    """A pickle also tells which equal texts are one object, and that a restart changes: here all are."""

    def __init__(self, file: _Written, protocol: int) -> None:
        super().__init__(file, protocol=protocol)
        self._texts: dict[str, str] = {}

    def persistent_id(self, obj: Any) -> str | None:
        return self._texts.setdefault(obj, obj) if type(obj) is str else None


class _Bytes:
    """Bytes that are read like a file."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, size: int = -1) -> bytes:
        end = len(self._data) if size < 0 else self._at + size
        begin, self._at = self._at, end
        return self._data[begin:end]

    def readline(self) -> bytes:
        end = self._data.find(b"\n", self._at)
        return self.read(-1 if end < 0 else end + 1 - self._at)


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> str:
        if type(pid) is not str:
            raise Refused("a saved estimator names a text that is none; replay into an empty state topic")
        return pid

    def find_class(self, module: str, name: str) -> Any:
        found = None
        if (module, name) in NAMES:
            found = super().find_class(module, name)
        elif "." not in name and (module in MODULES or module.startswith(tuple(f"{m}." for m in MODULES))):
            found = super().find_class(module, name)
            if getattr(found, "__module__", "").partition(".")[0] not in ("river", "numpy"):
                found = None  # what a module of River only imports is not River's
        if found is None:
            raise Refused(f"a saved estimator names {module}.{name}; replay into an empty state topic")
        return found
