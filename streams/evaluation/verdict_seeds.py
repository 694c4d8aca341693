"""Several seeds of simulated nurses side by side: one seed says little about a drift test."""

from collections.abc import Mapping, Sequence

import numpy as np

from streams.evaluation.report import Row, Table

ONLINE = "learned online"
REFIT = "batch refit of the same labels"
ADWIN = "drift by River's ADWIN"
WITHOUT = "without drift detector"


def compared(found: Mapping[int, Sequence[Row]]) -> Table:
    """The area of each way to learn by seed, that of the third quarter (behind the change), and their means.

    found: seed -> rows of name, area over all alerts, areas of four quarters, … The last column is the
    greatest distance between the online learner and the batch refit, over all alerts or a quarter of them.
    """
    names = (ONLINE, REFIT, ADWIN, WITHOUT)
    rows: list[Row] = []
    for seed, told in found.items():
        areas = {str(row[0]): [float(area) for area in row[1:6]] for row in told if row[0] in names}
        apart = max(abs(a - b) for a, b in zip(areas[ONLINE], areas[REFIT], strict=True))
        rows.append(
            [str(seed), *(areas[name][0] for name in names), *(areas[name][3] for name in names), apart]
        )
    numbers = np.array([row[1:] for row in rows], float)
    rows.append(["mean", *map(float, numbers.mean(axis=0)[:-1]), float(numbers[:, -1].max())])
    short = ("online", "refit", "ADWIN", "no test")
    columns = [
        "seed",
        *(f"{name}, all" for name in short),
        *(f"{name}, 3rd" for name in short),
        "refit apart",
    ]
    return Table("AUC by seed; last: greatest of any seed", columns, rows)
