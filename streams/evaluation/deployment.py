"""The result lines that a deployment keeps: of its SQLite store or, without one, of its results topic."""

from collections.abc import Iterator
from typing import Final

from streams.input import open_log
from streams.page.results import Results
from streams.settings import Settings

AT_ONCE: Final = 1000
MEASUREMENTS: Final = ("trend", "baseline", "window", "joint")


def result_lines(settings: Settings) -> Iterator[bytes]:
    """Lines of line protocol, of one patient and vital in order of time.

    The topic keeps a week (docs/contracts/records.md), the store as long as its file. Raises
    click.ClickException when there is no log to read.
    """
    if settings.sink == "sqlite" and (settings.sqlite_path or settings.log_folder()):
        store = Results(settings.results_database())
        if store.connection() is not None:
            yield from _stored(store)
            return
    log = open_log(settings, make=False)
    topic = settings.topic("results")
    for place in sorted(place for place in log.refresh() if place[0] == topic):
        at = log.earliest(place)
        while records := log.read(place, at, AT_ONCE):
            for record in records:
                yield from (record.value or b"").splitlines()
            at = records[-1].offset + 1
    log.close()


def _stored(store: Results) -> Iterator[bytes]:
    query = "select name, fields, time_ns from points join series on series = id where measurement = ? "
    for measurement in MEASUREMENTS:
        own = query + ("and window = '1d' " if measurement == "window" else "")
        for name, fields, time in store.rows(own + "order by series, time_ns", measurement):
            yield f"{name} {fields} {time}".encode()
    store.close()
