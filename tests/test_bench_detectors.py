"""The bench of the detectors times what the pipeline runs."""

import msgspec
import numpy as np

from models import kernel
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.record import EVENT, SERIES
from models.score.acute_parameters import parameters
from models.times import rfc3339
from streams.bench import detectors
from streams.bench.core import START, VITALS
from streams.configuration import load_default_plan
from streams.zones import zone

FOLLOWED = [
    name
    for name in (SERIES.names or ())
    if name.startswith(
        ("slow_", "night_", "day_count", "day_sum", "day_halves", "profile", "quantile_", "record_")
    )
] + [
    "n",
    "mean",
    "score",
    "hour_counts",
    "transition_counts",
    "limit_since",
    "limit_pending",
    "limit_open",
    "acute_open",
    "refractory",
]


def test_the_bench_leaves_the_detectors_as_the_pipeline_leaves_them(catalog: Catalog) -> None:
    values = detectors.load(15, len(VITALS), 3)
    state = detectors.begin(len(VITALS))
    outputs = (
        np.zeros(kernel.BUFFER_RESERVE, np.uint8),
        np.zeros(kernel.EVENT_RESERVE, EVENT),
        np.zeros(2, int),
    )
    detectors.run(detectors.EVERYTHING, 0, values, *state, parameters()[0], *outputs)
    pipeline = Pipeline(catalog, load_default_plan(None, catalog), zone)
    for i, row in enumerate(values.tolist()):
        at = START + i * detectors.EVERY
        body = {"patient": "p-0", "device": "d", "measured_at": rfc3339(at)}
        records = [
            msgspec.json.encode({**body, "vital": vital, "unit": unit, "value": x})
            for (vital, unit, *_), x in zip(VITALS, row, strict=True)
        ]
        first = i * len(records)
        assert not pipeline.process(records, [at] * len(records), range(first, first + len(records))).rejects
    for row in range(len(VITALS)):
        ours, theirs = state.series[row], pipeline.state.series[row]
        for name in FOLLOWED:
            assert np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.names is None), name
    assert state.series["slow_learned"][:, 0].min() > 8  # nights were judged
