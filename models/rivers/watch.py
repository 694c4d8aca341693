"""River estimators at work: each closed window is scored, may open or clear an alert, and is learned.

An estimator learns nothing while an alert of its vital stands (for at most FREEZE_MILLISECONDS: what lasts
longer is the new normal). One that raises an exception, or whose state has outgrown its patient's block, is
named in a technical alert, counted, and begun anew; the readings go on.
"""

import math
from typing import Any, Final

import numpy as np

from models import texts_windows, triage
from models.catalog import Vital
from models.plan import Plan
from models.record import LIMIT_CLEARED, LIMIT_OPENED, WINDOW_FEATURES, WINDOW_MILLISECONDS, WINDOW_NAMES
from models.report import last_points
from models.rivers.build import LARGEST_STATE, assemble, learn, score, weighs
from models.rivers.pack import pack, unpack, weight
from models.rivers.plan import Estimator
from models.score import limit, slow
from models.state import Patient, Watch
from models.times import rfc3339
from models.triage import Cause, Desk, Transition

FREEZE_MILLISECONDS: Final = slow.FREEZE * 86_400_000
FAILED: Final = "estimator-failed"
Window = dict[str, float]
Key = tuple[str, str]
"""(patient, estimator)."""


class StateTooLarge(Exception):
    """A patient's estimators have learned more than its block of state can hold."""


def cause_of(name: str) -> str:
    """What the alert of an estimator stands for."""
    return f"baseline/estimator/{name}"


class Watches:
    """The living estimators of a partition; what outlives it is in each patient's `watches`."""

    def __init__(self) -> None:
        self._living: dict[Key, Any] = {}
        self._changed: set[Key] = set()

    def window(self, patient: Patient, plan: Plan, vital: Vital, event: np.void) -> list[Cause | Transition]:
        """Let a closed window go through the estimators of its vital and size: what to raise or clear."""
        told: list[Cause | Transition | None] = []
        for one in plan.estimators:
            if one.vital == vital.code and one.window == WINDOW_NAMES[event["rule"]]:
                told += self._take(patient, one, vital, event)
        return [found for found in told if found is not None]

    def _take(
        self, patient: Patient, one: Estimator, vital: Vital, event: np.void
    ) -> list[Cause | Transition | None]:
        watch, start = patient.watches.setdefault(one.name, Watch()), int(event["measured"])
        if start <= watch.newest:
            return []
        watch.newest = start
        window = dict(zip(WINDOW_FEATURES, event["window"].tolist(), strict=True))
        x = {name: window[name] for name in one.features}
        told: list[Cause | Transition | None] = []
        try:
            model = self._model(patient.name, one, watch)
            self._changed.add((patient.name, one.name))  # some remember what they were asked, too
            if watch.learned >= one.ready:
                told.append(
                    self._judge(patient.desk, one, watch, vital, event, score(model, x, one.features))
                )
            if _learns(patient.desk, one.vital, watch, start):
                learn(model, x, one.features)
                watch.learned += 1
                self._changed.add((patient.name, one.name))
                if weighs(watch.learned):
                    _weigh(patient, watch, model)
        except Exception as error:  # of somebody else's code, on whatever a plan made of it
            self._living.pop((patient.name, one.name), None)
            self._changed.discard((patient.name, one.name))
            watch.state, watch.learned, watch.failures = b"", 0, watch.failures + 1
            watch.weight = 0
            watch.failed = True
            return [*told, _failure(one, type(error).__name__, event)]
        if watch.failed and watch.learned > one.ready:
            watch.failed = False
            cause, received = f"technical/{FAILED}/{one.name}", int(event["received"])
            told.append(triage.clear(patient.desk, cause, FAILED, received, start, {}, "technical"))
        return told

    def _model(self, name: str, one: Estimator, watch: Watch) -> Any:
        """The living estimator: out of memory, out of the block of state, or new."""
        key = (name, one.name)
        if key not in self._living:
            self._living[key] = unpack(watch.state) if watch.state else assemble(one.pipeline, "")[0]
        return self._living[key]

    def _judge(
        self, desk: Desk, one: Estimator, watch: Watch, vital: Vital, event: np.void, found: float
    ) -> Cause | Transition | None:
        """Open at the `readings`-th window in a row above, clear at the first that is not."""
        if not math.isfinite(found):
            raise ValueError("a score that is no finite number")
        start, received = int(event["measured"]), int(event["received"])
        decided = limit.in_a_row(watch.turn, found > one.score_above, one.readings, start)
        if decided == LIMIT_CLEARED:
            facts = {"value": round(float(event["value"]), vital.decimals), "score": round(found, 4)}
            return triage.clear(desk, cause_of(one.name), one.name, received, start, facts, "usual")
        return _found(one, watch, vital, event, found) if decided == LIMIT_OPENED else None

    def save(self, patient: Patient) -> None:
        """Put the living estimators of a patient into its state."""
        for name, watch in patient.watches.items():
            if (patient.name, name) in self._changed:
                watch.state = pack(self._living[patient.name, name])
                self._changed.discard((patient.name, name))

    def apply(self, patient: Patient, before: Plan, plan: Plan, received: int) -> list[Transition]:
        """Another plan: estimators that it dropped or changed are forgotten and their alerts resolve."""
        told: list[Transition | None] = []
        for one in before.estimators:
            if one not in plan.estimators and patient.watches.pop(one.name, None) is not None:
                self._living.pop((patient.name, one.name), None)
                self._changed.discard((patient.name, one.name))
                told.append(
                    triage.clear(patient.desk, cause_of(one.name), one.name, received, None, {}, "plan")
                )
                cause = f"technical/{FAILED}/{one.name}"
                told.append(triage.clear(patient.desk, cause, FAILED, received, None, {}, "plan"))
        return [transition for transition in told if transition is not None]

    def forget(self, patient: Patient, plan: Plan, vital: str, received: int) -> list[Transition]:
        """The estimators of a vital learn anew, and their alerts resolve; no window is taken twice."""
        told: list[Transition | None] = []
        for one in plan.estimators:
            if one.vital == vital and one.name in patient.watches:
                self._living.pop((patient.name, one.name), None)
                self._changed.discard((patient.name, one.name))
                was = patient.watches[one.name]
                patient.watches[one.name] = Watch(was.newest, failures=was.failures, failed=was.failed)
                told.append(
                    triage.clear(patient.desk, cause_of(one.name), one.name, received, None, {}, "learning")
                )
        return [transition for transition in told if transition is not None]


def _weigh(patient: Patient, watch: Watch, model: Any) -> None:
    """Raises StateTooLarge once a patient's estimators together take more than they may.

    Asked of what was learned, never of when state is saved: a restart must not change what is decided.
    """
    watch.weight = weight(model)
    if sum(other.weight for other in patient.watches.values()) > LARGEST_STATE:
        raise StateTooLarge


def _learns(desk: Desk, vital: str, watch: Watch, start: int) -> bool:
    """Whether a window is learned: no alert about the vital itself stands, or it stood too long."""
    if not triage.stands(desk, vital):
        watch.frozen_from = 0
        return True
    watch.frozen_from = watch.frozen_from or start
    return start - watch.frozen_from >= FREEZE_MILLISECONDS


def _found(one: Estimator, watch: Watch, vital: Vital, event: np.void, found: float) -> Cause:
    """Why the alert of an estimator opens: its name, its score, the window's values."""
    window = dict(zip(WINDOW_FEATURES, event["window"].tolist(), strict=True))
    shown = {name: round(value, vital.decimals + 1) for name, value in window.items()}
    shown["count"] = int(window["count"])
    start = int(event["measured"])
    facts = {
        "value": round(window["mean"], vital.decimals),
        "unit": vital.unit,
        "since": rfc3339(watch.turn["since"] * 1000),
        "estimator": one.name,
        "pipeline": [step["estimator"] for step in one.pipeline],
        "score": round(found, 4),
        "score_above": one.score_above,
        "window": {"start": rfc3339(start), "size": one.window, **shown},
        "learned_windows": watch.learned,
        "last_points": last_points(event, vital.decimals),
        "explanation": {
            locale: texts_windows.estimator(
                locale,
                vital,
                one.name,
                one.window,
                found,
                one.score_above,
                one.readings,
                window,
                watch.learned,
            )
            for locale in texts_windows.LOCALES
        },
    }
    return Cause(
        cause=cause_of(one.name),
        kind="baseline",
        vital=vital.code,
        rule=one.name,
        severity=one.severity,
        opening=f"{start}/{one.window}",
        measured_at=start + WINDOW_MILLISECONDS[event["rule"]],
        received_at=int(event["received"]),
        facts=facts,
    )


def _failure(one: Estimator, error: str, event: np.void) -> Cause:
    """An estimator raised an exception: it is told once, and begins anew."""
    return Cause(
        cause=f"technical/{FAILED}/{one.name}",
        kind="technical",
        vital=one.vital,
        rule=FAILED,
        severity="low",
        opening=f"{one.name}/{int(event['measured'])}",
        measured_at=int(event["measured"]),
        received_at=int(event["received"]),
        facts={
            "estimator": one.name,
            "error": error,
            "explanation": {
                locale: texts_windows.failure(locale, one.name, error) for locale in texts_windows.LOCALES
            },
        },
    )
