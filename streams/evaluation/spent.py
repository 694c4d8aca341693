"""What alerts were really told, by programme, kind and rule, and to whom: from transitions and result lines.

Told is what calls a nurse: an alert that opens, gets worse, or has grown and is told again. Patient-weeks
are days on which a patient measured anything, from the windows of local days.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
import numpy as np

from models.plan import Severity
from models.times import parse_times
from models.triage import GROWN, SEVERITIES
from streams.evaluation.budget import NANOSECONDS, account
from streams.evaluation.report import Row, Table

DAY_MILLISECONDS: Final = NANOSECONDS // 1_000_000
ALL: Final = "all"


class Told(msgspec.Struct):
    """What matters of a transition."""

    event: str
    patient: str
    kind: str
    rule: str
    vital: str
    severity: Severity
    received_at: str
    programme: str = ""
    previous_severity: str | None = None
    reason: str = ""
    retrospective: bool = False


class Alert(NamedTuple):
    """An alert that was told: by what, to whom."""

    programme: str
    kind: str
    rule: str
    vital: str
    patient: str


def reaches(told: Told) -> bool:
    """Whether a transition calls a nurse."""
    if told.event == "updated":
        before = told.previous_severity
        worse = before in SEVERITIES and SEVERITIES.index(told.severity) > SEVERITIES.index(before)
        return worse or told.reason == GROWN
    return told.event == "opened"


def measured(lines: Iterable[bytes], days: int) -> tuple[dict[str, int], int]:
    """(days with a reading of each patient among the last `days`, the first day that counts).

    Raises ValueError for a window line that is none.
    """
    seen: set[tuple[str, int]] = set()
    for line in lines:
        if line.startswith(b"window,") and b",window=1d " in line:
            try:
                key, _, time = line.decode("ascii").split(" ")
                seen.add((key.split(",")[1].removeprefix("patient="), int(time) // NANOSECONDS))
            except ValueError as error:
                raise ValueError(f"no window line of `vigie replay`: {line[:80]!r}") from error
    first = max((day for _, day in seen), default=0) - days + 1
    return dict(Counter(patient for patient, day in seen if day >= first)), first


def alerts(bodies: Iterable[bytes], first: int) -> list[Alert]:
    """The alerts told from a day on. Raises ValueError for what is no transition."""
    out = []
    for body in bodies:
        try:
            told = msgspec.json.decode(body, type=Told)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"no transition of `vigie replay`: {error}") from error
        if reaches(told):
            [at], _, [good] = parse_times([told.received_at])
            if not good:
                raise ValueError(f"no transition of `vigie replay`: received_at {told.received_at!r}")
            if at // DAY_MILLISECONDS >= first:
                out.append(Alert(told.programme, told.kind, told.rule, told.vital, told.patient))
    return out


def report(told: list[Alert], days: dict[str, int]) -> list[Table]:
    """Alerts per patient-week by programme, kind, rule and vital; the patients who have most of them."""
    weeks = sum(days.values()) / 7
    counts = Counter(alert[:4] for alert in told)
    rows: list[Row] = [
        [*key, count, count / weeks if weeks else 0.0]
        for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    rows.append([ALL, "", "", "", len(told), len(told) / weeks if weeks else 0.0])
    columns = ["programme", "kind", "rule", "vital", "told", "per week"]
    title = f"told to {len(days)} patients in {weeks:.0f} patient-weeks"
    patients = sorted(days)
    own = Counter(alert.patient for alert in told)
    spent = account(
        patients,
        np.array([own[patient] for patient in patients], np.int64),
        np.array([days[patient] / 7 for patient in patients]),
    )
    busiest: list[Row] = [
        [who, count, 7 * count / days[who], common(told, who)] for who, count in spent.who if count
    ]
    share = sum(count for _, count in spent.who) / len(told) if told else 0.0
    over = f"busiest 5 % of the patients: {spent.busiest:.2f} per patient-week, {share:.0%} of all alerts"
    return [
        Table(title, columns, rows),
        Table(over, ["patient", "told", "per week", "most of them"], busiest),
    ]


def common(told: list[Alert], patient: str) -> str:
    """The rule and vital that told most of a patient."""
    [((rule, vital), _)] = Counter((a.rule, a.vital) for a in told if a.patient == patient).most_common(1)
    return f"{rule} {vital}"
