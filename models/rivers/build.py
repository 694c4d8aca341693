"""A River pipeline out of a plan's words: only River's own classes, every fault named with its remedy."""

import functools
import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

from models.rivers.pack import pack, unpack, weight
from models.strict import Complaint, nearest

MODULES: Final = ("anomaly", "preprocessing", "feature_extraction", "compose")
GREATEST: Final = {"n_trees": 100, "height": 10, "n_random_cuts": 1000}  # of a parameter; of others …
GREATEST_OTHER: Final = 10_000  # … so that no plan can fill a worker's memory or time
LARGEST_STATE: Final = 448 << 10  # bytes of all estimators of one patient, not compressed
TRIAL: Final = 5  # windows on which a plan's estimator is tried when the plan is checked


@functools.cache
def classes() -> Mapping[str, type]:
    """The estimators that a plan may name, as "module.Class"; only the first plan that asks imports River."""
    from river.base import Estimator

    out: dict[str, type] = {}
    for module in MODULES:
        whole = importlib.import_module(f"river.{module}")
        for name in whole.__all__:
            found = getattr(whole, name, None)  # some names there are made at need
            if isinstance(found, type) and issubclass(found, Estimator):
                out[f"{module}.{name}"] = found
    return out


def assemble(steps: Sequence[Mapping[str, Any]], key: str) -> tuple[Any, list[Complaint]]:
    """(pipeline, complaints) of a plan's steps; the pipeline is None when a step could not be built."""
    from river.base import AnomalyDetector, SupervisedAnomalyDetector
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
    if not isinstance(built[-1], AnomalyDetector | SupervisedAnomalyDetector):
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


def on_trial(model: Any, features: Sequence[str], key: str) -> tuple[int, list[Complaint]]:
    """(weight of its state, what goes wrong) on a few windows of these features; the model is spent by it."""
    try:
        for i in range(TRIAL):
            x = {name: 1.0 + i + place for place, name in enumerate(features)}
            score(model, x, features)
            learn(model, x, features)
        unpack(pack(model))
        return weight(model), []
    except Exception as error:
        problem = f"fails on a window: {type(error).__name__}: {error}"
        return 0, [(key, problem, "mend its steps or parameters")]


def weighs(learned: int) -> bool:
    """Whether a state is weighed after so many windows: eight times in each doubling, since it takes a while.

    Whatever grows like a power of the windows is found soon after it has passed a bound.
    """
    return learned % (1 << max(learned.bit_length() - 4, 0)) == 0


def score(model: Any, x: dict[str, float], features: Sequence[str]) -> float:
    """The score of a window; a supervised detector takes the first feature as its target."""
    return float(model.score_one(x, y=x[features[0]]) if model._supervised else model.score_one(x))


def learn(model: Any, x: dict[str, float], features: Sequence[str]) -> None:
    """Let a window be learned."""
    if model._supervised:
        model.learn_one(x, y=x[features[0]])
    else:
        model.learn_one(x)


def _estimator(step: Mapping[str, Any], key: str) -> tuple[Any, list[Complaint]]:
    """(estimator, complaints) of one step: its class, its parameters, the steps inside of it."""
    path, known = step.get("estimator"), classes()
    if not isinstance(path, str):
        return None, [(f"{key}.estimator", "is missing", 'write estimator = "anomaly.HalfSpaceTrees"')]
    if path not in known:
        module = path.partition(".")[0]
        problem = f"River has no estimator {path} for plans"
        hint = nearest(path, known) if module in MODULES else nearest(module, MODULES)
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
        given[name], more = _value(name, value, f"{key}.{name}")
        complaints += more
    for p in signature.values():
        single = p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        if single and p.default is p.empty and p.name not in given:
            complaints.append((f"{key}.{p.name}", f"{path} needs it", "add it"))
    if "seed" in named and not isinstance(given.get("seed"), int):
        complaints.append((f"{key}.seed", "is missing", "write seed = 42: a replay must draw the same"))
    positional = []
    for i, value in enumerate(step.get("arguments", [])):
        argument, more = _value("arguments", value, f"{key}.arguments[{i}]")
        positional.append(argument)
        complaints += more
    if complaints:
        return None, complaints
    try:
        return known[path](*positional, **given), []
    except Exception as error:
        return None, [(key, f"{path} refuses: {type(error).__name__}: {error}", "mend its parameters")]


def _value(name: str, value: Any, key: str) -> tuple[Any, list[Complaint]]:
    """(value, complaints) of a parameter: a number in bounds, a text, or an estimator inside of another."""
    if isinstance(value, dict) and "estimator" in value:
        return _estimator(value, key)
    bound = GREATEST.get(name, GREATEST_OTHER)
    if isinstance(value, int) and not isinstance(value, bool) and name != "seed" and abs(value) > bound:
        return value, [(key, f"{value} is too much", f"give at most {bound}")]
    return value, []
