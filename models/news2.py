"""NEWS2 in a care plan, compiled for the kernel; and what an alert about it says."""

import math
from typing import Any, Final, Literal

import msgspec
import numpy as np

from models import texts
from models.catalog import Catalog
from models.record import NEWS2_RULE
from models.score.news2 import AIR, BANDS, MEASURED, MISSING, NONE, ON_OXYGEN, OXYGEN, PARTS
from models.strict import Seconds, nearest
from models.texts_news2 import news2 as words
from models.times import rfc3339
from models.triage import Cause

CAUSE: Final = "score/news2"
NAMES: Final = {"en": "NEWS2", "fr": "NEWS2"}
SEVERITIES: Final = dict(zip(BANDS[1:], ("low", "medium", "medium", "high"), strict=True))
_OXYGEN: Final = {"air": AIR, "oxygen": ON_OXYGEN, "measured": MEASURED}


class News2(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether and how NEWS2 is computed; who it is for must be said. Ages are seconds.

    A score of 0 asks for the next observations within 12 hours (RCP 2017, chart 4): older ones do not count
    unless the plan says so.
    """

    population: Literal["adult", "under-16", "pregnant"]  # only of an adult is it computed
    scale: Literal[1, 2]  # of oxygen saturation; 2 only for a prescribed target of 88-92 %
    oxygen: Literal["air", "oxygen", "measured"]  # prescribed, or by oxygen-flow or inspired-oxygen
    alert_from: Literal["low", "low-medium", "medium", "high"] = "low-medium"
    readings: int = 2  # scores in a row before a change of risk is believed
    age: Seconds = 12 * 3600.0
    ages: dict[str, Seconds] = {}  # of single parts


def check_news2(news2: News2 | None) -> list[tuple[str, str]]:
    """(problem, remedy) of whatever a well-typed [news2] may not say."""
    if news2 is None:
        return []
    out = []
    if not 1 <= news2.readings <= 10:
        out.append((f"readings = {news2.readings}", "give 1 to 10"))
    for name, age in {"age": news2.age, **news2.ages}.items():
        if name not in ("age", *PARTS):
            out.append((f"ages names no part {name}", nearest(name, list(PARTS))))
        if not 0 < age <= 30 * 86400:
            out.append((f"{name}: an age of {age:g} s", "give more than 0 and at most 30d"))
    return out


def excluded(news2: News2 | None) -> str:
    """Why a plan that asks for NEWS2 gets none; "" when it does, or does not ask."""
    if news2 is None or news2.population == "adult":
        return ""
    return f"nothing is computed for {news2.population}: NEWS2 is made for adults who are not pregnant"


def compile_news2(news2: News2 | None) -> np.ndarray:
    """The NEWS2_RULE (1,) of a plan: scale 0 = off, without a [news2] or for those it is not made for."""
    rule = np.zeros(1, NEWS2_RULE)
    if news2 is not None and news2.population == "adult":
        rule["scale"], rule["oxygen"] = news2.scale, _OXYGEN[news2.oxygen]
        rule["alert_from"], rule["readings"] = BANDS.index(news2.alert_from), news2.readings
        rule["allowed"] = [round(news2.ages.get(part, news2.age) * 1000) for part in PARTS]
    return rule


def rule_of(band: int) -> str:
    """The name of the rule that a clinical risk stands for."""
    return f"news2-{BANDS[band]}"


def charted(value: float, decimals: int) -> float:
    """A part's value as the chart reads it (models/score/news2.py): halves go up."""
    return math.floor(10**decimals * value + 0.5) / 10**decimals


def facts_of(catalog: Catalog, event: np.void) -> dict[str, Any]:
    """What an alert about a score quotes: total, risk, parts with their ages, missing parts, the words.

    `measure_again`: missing parts without which the risk cannot fall; the event names them by bits in `days`.
    """
    now, total, band = int(event["measured"]), int(event["value"]), int(event["rule"])
    parts, missing, asked = [], [], []
    for part, name in enumerate(PARTS):
        points, at = int(event["part_points"][part]), int(event["part_at"][part])
        told: dict[str, Any] = {"part": name}
        if at:
            told |= {"measured_at": rfc3339(at), "age_minutes": (now - at) // 60_000}
        if at and part != OXYGEN:
            told["value"] = charted(float(event["part_value"][part]), catalog[name].decimals)
        if points == MISSING:
            missing.append(told)
            asked += [told] if int(event["days"]) >> part & 1 else []
        else:
            parts.append(told | {"points": points})
    return {
        "value": total,
        "unit": "{score}",
        "risk": BANDS[band],
        "partial": bool(missing),
        "parts": parts,
        "missing": missing,
        "measure_again": [told["part"] for told in asked] or None,
        "since": rfc3339(now),
        "explanation": {
            locale: words(locale, total, BANDS[band], parts, missing, asked, catalog)
            for locale in texts.LOCALES
        },
    }


def cause_of(catalog: Catalog, event: np.void) -> Cause | None:
    """Why an alert about a score opens or changes; None when no risk is left."""
    band = int(event["rule"])
    if band == NONE:
        return None
    return Cause(
        cause=CAUSE,
        kind="score",
        vital="news2",
        rule=rule_of(band),
        severity=SEVERITIES[BANDS[band]],
        opening=f"{int(event['measured'])}/{int(event['value'])}",
        measured_at=int(event["measured"]),
        received_at=int(event["received"]),
        facts=facts_of(catalog, event),
    )
