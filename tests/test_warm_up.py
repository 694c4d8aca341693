"""What a worker compiles before it joins its group is all that it needs."""

import sys

from numba.core.dispatcher import Dispatcher

from models.pipeline import Pipeline
from streams.agents.watch import warm_up
from tests.logs import START, TICK, plan_of, reading


def compiled() -> dict[str, int]:
    """In how many versions each function of the core is there, compiled now or taken from the cache."""
    return {
        f"{module.__name__}.{name}": len(found.signatures)
        for module in list(sys.modules.values())
        if module.__name__.startswith("models.")
        for name, found in vars(module).items()
        if isinstance(found, Dispatcher)
    }


def test_nothing_is_compiled_after_the_warm_up(pipeline: Pipeline) -> None:
    warm_up(pipeline)
    values = [reading("p-1", "heart-rate", 70 + i, START + i * 60_000) for i in range(9)]
    values += [reading("p-2", "body-weight", 70 + i, START + i * 86_400_000) for i in range(9)]
    values += [plan_of("p-1"), TICK, *values]
    before, at = compiled(), pipeline.position + 1
    for size in (1, 2, len(values)):  # alone, beside another, in a batch
        pipeline.process(values[:size], [START] * size, range(at, at + size))
        at += size
    assert compiled() == before
