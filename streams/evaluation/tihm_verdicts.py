"""TIHM's verified alerts as verdicts: an alert of ours is actionable when the team verified one of its kind.

The team looked at its own platform's alerts, not at ours: an alert of ours on a day without a verified one is
"not actionable" here although nobody ever saw it. So the figures are a lower bound of what verdicts teach.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from models.plan import Baseline
from streams.configuration import load_catalog
from streams.evaluation.recording import Skipped
from streams.evaluation.rounds import HOUR, rounds
from streams.evaluation.tihm import LEARNED, PUBLISHED, limits
from streams.evaluation.tihm_days import ENGLAND, labels, records

KINDS: Final = {
    "systolic-bp": "Blood pressure",
    "diastolic-bp": "Blood pressure",
    "heart-rate": "Pulse",
    "body-water": "Body water",
    "body-weight": "Weight",
    "body-temperature": "Body temperature",
}
WAIT: Final = 24 * HOUR  # from the resolution to the verdict: the team looks daily


class Team:
    """The clinical team as a judge: verified on the day the alert opened, or on the next."""

    def __init__(self, folder: Path) -> None:
        self.verified = labels(folder, Skipped())

    def __call__(self, opening: dict[str, Any], resolution: dict[str, Any]) -> tuple[str, int] | None:
        """The verdict and when it is given, a day after the resolution; of other vitals there is none."""
        kind = KINDS.get(opening["vital"])
        if kind is None or opening["kind"] == "silence":
            return None
        day = datetime.fromisoformat(opening["measured_at"]).astimezone(ENGLAND).date()
        days = [(day + timedelta(days=i)).isoformat() for i in (0, 1)]
        good = any((opening["patient"], told) in self.verified.get(kind, ()) for told in days)
        resolved = round(datetime.fromisoformat(resolution["received_at"]).timestamp() * 1000)
        return "actionable" if good else "not-actionable", resolved + WAIT


def transitions(folder: Path) -> list[dict[str, Any]]:
    """All alerts of the published limits and of the patient's own normal, with the team's verdicts."""
    plan = msgspec.structs.replace(
        limits(PUBLISHED), baselines=tuple(Baseline(vital, 0.0, "both", "low") for vital in LEARNED)
    )
    return rounds(records(folder), plan, load_catalog(), Team(folder))
