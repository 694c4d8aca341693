"""What a worker compiles before it joins its group is all that it needs afterwards."""

import subprocess
import sys
from pathlib import Path

PROBE = """
import sys
import streams  # names the folder of compiled code before the core is imported
from numba.core.dispatcher import Dispatcher
from models.pipeline import Pipeline
from streams.agents.watch import READING, TICK, warm_up
from streams.configuration import load_catalog, load_default_plan
from streams.transports.batch import Batch
from streams.zones import zone
from faust.types import TP
from tests.test_worker import ward

def signatures():
    found = [f for m in list(sys.modules.values()) if getattr(m, "__name__", "").startswith("models")
             for f in vars(m).values() if isinstance(f, Dispatcher)]
    return {f"{f.__module__}.{f.__name__}": {str(s) for s in f.signatures} for f in found}

catalog = load_catalog()
plan = load_default_plan(None, catalog)
warm_up(Pipeline(catalog, plan, zone))
before = signatures()
pipeline, at = Pipeline(catalog, plan, zone), 0
for part in (ward(60), [READING], [TICK], [b"odd", READING, READING, TICK, READING]):
    offsets = list(range(at, at + len(part)))
    times = [1_772_409_600_000 + 1000 * o for o in offsets]
    batch = Batch.of(TP("readings", 0), offsets, times, [None] * len(part), part)
    pipeline.process(batch.values, batch.timestamps, batch.offsets, None)
    at += len(part)
after = signatures()
print([(name, len(before.get(name, ())), len(found)) for name, found in after.items()
       if found - before.get(name, set())])
"""


def test_no_batch_of_readings_needs_what_was_not_compiled_before() -> None:
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "[]\n"
