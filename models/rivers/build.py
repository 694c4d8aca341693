"""A River pipeline out of a plan's words: only River's own classes, every fault named with its remedy."""

import functools
import importlib
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from models.rivers.pack import pack, unpack, weight
from models.strict import Complaint, nearest

MODULES: Final = ("anomaly", "preprocessing", "feature_extraction", "compose")
PARTS: Final = (  # modules whose classes stand inside of another estimator, as its parameter
    "time_series",
    "linear_model",
    "neighbors",
    "stats",
    "optim",
    "optim.losses",
    "optim.initializers",
    "optim.schedulers",
)
GREATEST: Final = {  # of a parameter; of others …
    "n_trees": 100,
    "height": 10,
    "n_random_cuts": 1000,
    "n_components": 1000,
    "degree": 3,  # of a polynomial
    "p": 200,  # of SNARIMAX
    "q": 200,
    "sp": 20,
    "sq": 20,
    "d": 3,
    "sd": 3,
    "m": 1000,
    "seasonality": 1000,
}
DEEPEST: Final = 5  # estimators inside of each other; a deeper record would be refused as malformed
GREATEST_OTHER: Final = 10_000  # … so that no plan can fill a worker's memory or time
LARGEST_STATE: Final = 448 << 10  # bytes of all estimators of one patient, not compressed
TRIAL: Final = 5  # windows that a plan's estimator is asked about when the plan is checked, after as many
LEARNED: Final = 1000  # windows as it learns before it is asked at work, or so many


@functools.cache
def classes(modules: tuple[str, ...] = MODULES) -> Mapping[str, type]:
    """What a plan may name, as "module.Class"; only the first plan that asks imports River."""
    from river.base import Base, Estimator

    out: dict[str, type] = {}
    for module in modules:
        whole, kind = importlib.import_module(f"river.{module}"), Estimator if module in MODULES else Base
        for name in whole.__all__:
            found = getattr(whole, name, None)  # some names there are made at need
            if isinstance(found, type) and issubclass(found, kind) and not inspect.isabstract(found):
                out[f"{module}.{name}"] = found
    return out


def assemble(steps: Sequence[Mapping[str, Any]], key: str) -> tuple[Any, list[Complaint]]:
    """(pipeline, complaints) of a plan's steps; the pipeline is None when a step could not be built."""
    from river.base import AnomalyDetector, AnomalyFilter, SupervisedAnomalyDetector
    from river.compose import Pipeline

    if not steps:
        return None, [(key, "has no step", 'write pipeline = [{ estimator = "anomaly.HalfSpaceTrees", … }]')]
    built, complaints = [], []
    for i, step in enumerate(steps):
        estimator, more = _estimator(step, f"{key}[{i}]")
        built.append(estimator)
        complaints += more
    if complaints:
        return None, complaints
    if not isinstance(built[-1], AnomalyDetector | SupervisedAnomalyDetector | AnomalyFilter):
        problem = f"ends in {steps[-1]['estimator']}, which gives no score"
        return None, [(key, problem, "end it with a detector of river's anomaly module")]
    try:
        model = built[0] if len(built) == 1 else Pipeline(*built)
        _settle(model)
        return model, []
    except Exception as error:
        return None, [(key, f"River joins it not: {error}", "give transformers, then one detector")]


def _settle(model: Any) -> None:
    """Seed whatever chance a plan cannot reach, so that no estimator depends on the machine's."""
    from river.base import Base

    todo, seen = [model], set[int]()
    while todo:
        part = todo.pop()
        if id(part) in seen or isinstance(part, type):
            continue
        seen.add(id(part))
        if isinstance(part, Base):
            own = vars(part) if hasattr(part, "__dict__") else {}
            if own.get("seed", 0) is None:
                for value in own.values():
                    if hasattr(value, "getrandbits"):
                        value.seed(0)
            todo += own.values()
        elif isinstance(part, dict):
            todo += part.values()
        elif isinstance(part, list | tuple):
            todo += part


def on_trial(steps: Sequence[Mapping[str, Any]], features: Sequence[str], ready: int) -> tuple[int, str, str]:
    """(weight of its state, problem, remedy) of sound steps on some windows of these features; "" where none.

    As at work: `ready` windows are learned before the first score (LEARNED at most).
    """
    return _trial(msgspec.msgpack.encode(list(steps)), tuple(features), min(ready, LEARNED))


@functools.lru_cache(maxsize=256)
def _trial(encoded: bytes, features: tuple[str, ...], ready: int) -> tuple[int, str, str]:
    """A thousand patients under one plan try its estimators once."""
    model, _ = assemble(msgspec.msgpack.decode(encoded), "")
    if len(features) > 1 and _forecasts(model):
        return 0, "foretells its first feature from the past of it alone", "name one feature"
    try:
        for i in range(ready + TRIAL):
            x = {name: 2.0 + math.sin(i) + place for place, name in enumerate(features)}
            if i >= ready:
                score(model, x, features)
            learn(model, x, features)
        unpack(pack(model))
        return weight(model), "", ""
    except Exception as error:
        problem = f"fails on a window: {type(error).__name__}: {error}"
        return 0, problem, "mend its steps, or give a greater `ready`"


def weighs(learned: int) -> bool:
    """Whether a state is weighed after so many windows: eight times in each doubling, since it takes a while.

    Whatever grows like a power of the windows is found soon after it has passed a bound.
    """
    return learned % (1 << max(learned.bit_length() - 4, 0)) == 0


def _forecasts(model: Any) -> bool:
    """Whether a detector asks a forecaster, which River asks without the features of the time to come."""
    from river.compose import Pipeline
    from river.time_series.base import Forecaster

    last = list(model.steps.values())[-1] if isinstance(model, Pipeline) else model
    return isinstance(getattr(last, "predictive_model", None), Forecaster)


def score(model: Any, x: dict[str, float], features: Sequence[str]) -> float:
    """The score of a window; a supervised detector takes the first feature as its target, out of the rest."""
    if not model._supervised:
        return float(model.score_one(x))
    return float(model.score_one({name: x[name] for name in features[1:]}, y=x[features[0]]))


def learn(model: Any, x: dict[str, float], features: Sequence[str]) -> None:
    """Let a window be learned."""
    if model._supervised:
        model.learn_one({name: x[name] for name in features[1:]}, x[features[0]])
    else:
        model.learn_one(x)


def _estimator(step: Mapping[str, Any], key: str, inside: int = 0) -> tuple[Any, list[Complaint]]:
    """(estimator, complaints) of one step: its class, its parameters, what stands inside of it.

    inside: of how many others it stands inside itself.
    """
    if inside > DEEPEST:
        return None, [(key, "stands too deep inside of others", f"at most {DEEPEST} inside of each other")]
    path, modules = step.get("estimator"), MODULES + PARTS if inside else MODULES
    known = classes(modules)
    if not isinstance(path, str):
        return None, [(f"{key}.estimator", "is missing", 'write estimator = "anomaly.HalfSpaceTrees"')]
    if path not in known:
        module = path.rpartition(".")[0]
        problem, hint = f"River has no estimator {path} for plans", nearest(module, modules)
        if module in modules:
            hint = nearest(path, known)
        elif path in classes(MODULES + PARTS):
            problem, hint = f"{path} is no step", "write it as a parameter of an estimator"
        return None, [(f"{key}.estimator", problem, hint)]
    complaints: list[Complaint] = []
    signature = inspect.signature(known[path]).parameters
    named = [p.name for p in signature.values() if p.kind is not p.VAR_POSITIONAL]
    given: dict[str, Any] = {}
    for name, value in step.items():
        if name == "estimator" or (name == "arguments" and isinstance(value, list)):
            continue
        if name not in named:
            complaints.append((f"{key}.{name}", f"{path} has no such parameter", nearest(name, named)))
            continue
        given[name], more = _value(name, value, f"{key}.{name}", inside)
        complaints += more
    for p in signature.values():
        single = p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        if single and p.default is p.empty and p.name not in given:
            complaints.append((f"{key}.{p.name}", f"{path} needs it", "add it"))
    if "seed" in named and not isinstance(given.get("seed"), int):
        complaints.append((f"{key}.seed", "is missing", "write seed = 42: a replay must draw the same"))
    positional = []
    for i, value in enumerate(step.get("arguments", [])):
        argument, more = _value("arguments", value, f"{key}.arguments[{i}]", inside)
        positional.append(argument)
        complaints += more
    if complaints:
        return None, complaints
    try:
        return known[path](*positional, **given), []
    except Exception as error:
        return None, [(key, f"{path} refuses: {type(error).__name__}: {error}", "mend its parameters")]


def _value(name: str, value: Any, key: str, inside: int) -> tuple[Any, list[Complaint]]:
    """(value, complaints) of a parameter: a number in bounds, a text, or an estimator inside of another."""
    if isinstance(value, dict) and "estimator" in value:
        return _estimator(value, key, inside + 1)
    bound = GREATEST.get(name, GREATEST_OTHER)
    if isinstance(value, int) and not isinstance(value, bool) and name != "seed" and abs(value) > bound:
        return value, [(key, f"{value} is too much", f"give at most {bound}")]
    return value, []
