"""The line protocol that Vigie's core writes, read back strictly: no escapes, tags in a fixed order.

Whatever else stands in the results topic (a hand-written record, a torn frame) is refused here, so that
each sink gets only lines whose every character is known.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from models.packed import Packed
from streams.sinks import Refused
from streams.sinks.scan import RAW, REFUSED, YEARS, Places, join, scan

REASON: Final = "not a line of Vigie's results"

Row = tuple[str, int, int, str]
"""Series (measurement and tags as in the line), time in ns, revision, fields."""


class Lines(NamedTuple):
    """The good lines of some frames by place, and the lines that are none."""

    text: bytes
    places: Places
    refused: list[Refused]

    @property
    def rows(self) -> list[Row]:
        """Each good line taken apart."""
        text, places = self.text.decode("latin-1"), self.places  # a character for each byte
        spans = (places.begin, places.series_end, places.fields_end, places.time, places.revision)
        return [
            (text[begin:series_end], time, revision, text[series_end + 1 : fields_end])
            for begin, series_end, fields_end, time, revision in zip(
                *(span.tolist() for span in spans), strict=True
            )
        ]

    def raw(self) -> Packed:
        """The lines that are kept for months."""
        return self._of(RAW)

    def kept_for_years(self) -> Packed:
        """Hourly and daily windows, and a day's trend."""
        return self._of(YEARS)

    def _of(self, kind: int) -> Packed:
        found = self.places.kind == kind
        data = np.frombuffer(self.text, np.uint8)
        return Packed(data, self.places.begin[found], self.places.end[found])


def read(frames: Iterable[bytes]) -> Lines:
    """Every line of every frame, as a good one or as refused. Order is kept."""
    text = b"\n".join(frames)
    places = scan(text)
    good = places.kind != REFUSED
    if good.all():
        return Lines(text, places, [])
    refused = zip(places.begin[~good].tolist(), places.end[~good].tolist(), strict=True)
    return Lines(
        text,
        Places(*(column[good] for column in places)),
        [Refused(text[begin:end], REASON) for begin, end in refused],
    )


def body(lines: Packed) -> bytes:
    """Some lines as one request holds them."""
    return join(lines.data, lines.begins, lines.ends)


def warm_up() -> None:
    """Compile what the first write needs, or load it: seconds on a fresh machine, before anything waits."""
    body(read([b"-"]).raw())


def tags_of(series: str) -> tuple[str, str, str, str]:
    """Measurement, patient, vital, window ("" when it has none) of a series."""
    measurement, *tags = series.split(",")
    values = dict(tag.split("=") for tag in tags)
    return measurement, values["patient"], values["vital"], values.get("window", "")
