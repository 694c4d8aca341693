"""Records in columns, and the segments in which a log keeps them: a thousand cost little more than one."""

from collections.abc import Iterator

import msgspec

SEGMENT_RECORDS, SEGMENT_BYTES = 1000, 1 << 20


class Columns(msgspec.Struct, array_like=True):
    """Records by column, in offset order. `headers` is JSON or None."""

    timestamps: list[int] = []
    keys: list[bytes | None] = []
    values: list[bytes | None] = []
    headers: list[str | None] = []

    def extend(self, more: "Columns", begin: int) -> None:
        """Add another's records from the `begin`-th on."""
        self.timestamps += more.timestamps[begin:]
        self.keys += more.keys[begin:]
        self.values += more.values[begin:]
        self.headers += more.headers[begin:]


pack, unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Columns).decode


def segments(columns: Columns, compact: bool) -> Iterator[tuple[int, Columns]]:
    """(place of its first record, columns) of each segment; in a compacted topic each holds one record."""
    begin, size, count = 0, 0, len(columns.values)
    most = 1 if compact else SEGMENT_RECORDS
    for i, value in enumerate(columns.values):
        size += len(value or b"")
        if i + 1 == count or i + 1 - begin == most or size >= SEGMENT_BYTES:
            part = Columns()
            part.timestamps = columns.timestamps[begin : i + 1]
            part.keys = columns.keys[begin : i + 1]
            part.values = columns.values[begin : i + 1]
            part.headers = columns.headers[begin : i + 1]
            yield begin, part
            begin, size = i + 1, 0
