"""Alerts with verdicts, in memory: recorded readings through the pipeline, a judge whose verdicts come later.

A verdict is an `action` of the log like any nurse's; so the core sees earlier verdicts as it does in service.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from models.actions import Action
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from models.verdicts.calibration import LikelihoodCalibration
from models.verdicts.learner import Learner
from streams.verdicts import Prequential
from streams.zones import zone

HOUR: Final = 3_600_000
ROUND: Final = 6 * HOUR  # verdicts reach the log this often
TICK: Final = b'{"kind":"tick"}'
Alert = dict[str, Any]
Judge = Callable[[Alert, Alert], tuple[str, int] | None]
"""(opening, resolution) of an alert -> verdict and the ms at which it is given, or None: never judged."""


def calibrations(learner: Learner, version: str) -> list[bytes]:
    """The record of what was learned; none while there are too few verdicts."""
    try:
        weights = learner.weights()
    except ValueError:
        return []
    return [msgspec.json.encode(LikelihoodCalibration(programme="*", version=version, likelihood=weights))]


def rounds(
    readings: Sequence[tuple[int, bytes]],
    plan: Plan,
    catalog: Catalog,
    judge: Judge,
    relearn: int = 0,
) -> list[Alert]:
    """The transitions of all alerts, in log order.

    readings: (received_at in ms, record), ascending; relearn: ms between calibrations that the job makes of
    the transitions so far and sends into the log; 0 = none is ever made.
    """
    if not readings:
        return []
    pipeline, offset, out = Pipeline(catalog, plan, zone), 0, list[Alert]()
    waiting: list[tuple[int, int, bytes]] = []
    following = Prequential(Learner())
    openings: dict[str, Alert] = {}
    now, at, next_learning = readings[0][0], 0, readings[0][0] + relearn
    while at < len(readings) or waiting:
        now += ROUND
        batch = []
        while at < len(readings) and readings[at][0] < now:
            batch.append(readings[at])
            at += 1
        while waiting and waiting[0][0] < now:
            given, _, record = heapq.heappop(waiting)
            batch.append((given, record))
        batch.sort(key=lambda entry: entry[0])
        if relearn and now >= next_learning:
            next_learning += relearn
            batch += [(now, record) for record in calibrations(following.learner, str(next_learning))]
        batch.append((now, TICK))
        outputs = pipeline.process(
            [record for _, record in batch],
            [received for received, _ in batch],
            range(offset, offset + len(batch)),
        )
        refused = [reject for reject in outputs.rejects if reject.reason == "invalid-calibration"]
        if refused:
            raise ValueError(refused[0].detail)
        offset += len(batch)
        for transition in outputs.alerts:
            alert = msgspec.json.decode(transition.body)
            out.append(alert)
            following.take(alert)
            if alert["event"] == "opened":
                openings[alert["alert_id"]] = alert
            elif alert["event"] == "resolved":
                said = judge(openings.pop(alert["alert_id"]), alert)
                if said is not None:
                    verdict, given = said
                    action = Action(
                        patient=alert["patient"],
                        action="verdict",
                        by="nurse",
                        alert_id=alert["alert_id"],
                        verdict=verdict,
                    )
                    heapq.heappush(waiting, (max(given, now), offset, msgspec.json.encode(action)))
    return out
