"""A check-list that raises what is borderline: a gain, or a change over days, counts beside a symptom.

While a gain with `symptoms` holds and no limit on a listed symptom is passed, its cause is held back in the
patient's state, with the newest reading; the first of the two that comes last makes the alert, which goes on
until the gain is over. A baseline with `symptoms` is held back in the same way from BORDERLINE of the score
that alerts alone. Combining signs is what self-care instructions ask for: weight gain *or* worse
breathlessness or swelling (ESC heart-failure guidelines 2021, Eur Heart J 2021;42:3599); weight alone finds a
fifth of the episodes (2 kg in 2-3 days: sensitivity 21 %, Ledwidge et al., Eur J Heart Fail 2013;15).
"""

from typing import Final

import msgspec

from models import texts
from models.catalog import Catalog
from models.plan import Plan
from models.report import TREND_BESIDE
from models.triage import Cause, Desk, standing

# Of the threshold of a change over days. This project's choice: simulated weights of healthy patients (400 of
# streams/evaluation/cohort.py, 100 days) are beyond it on 3 days of 100, and beyond the whole on 3 of 1,000.
BORDERLINE: Final = 0.5
DAY_MILLISECONDS: Final = 86_400_000
RULE: Final = TREND_BESIDE


def of_trend(vital: str) -> str:
    """Where the cause of a change over days is held; no rule has such a name."""
    return f"{RULE}/{vital}"


def reported(desk: Desk, symptoms: tuple[str, ...]) -> list[str]:
    """The listed symptoms whose limits are passed now, in the list's order."""
    sides = ("symptom/above", "symptom/below", "limit/above", "limit/below")
    return [s for s in symptoms if any(standing(desk, f"{side}/{s}") for side in sides)]


def told(catalog: Catalog, cause: Cause, symptoms: list[str]) -> Cause:
    """The cause, with the symptoms that made it count."""
    more = {
        locale: texts.beside(locale, [catalog[s].names[locale] for s in symptoms]) for locale in texts.LOCALES
    }
    return _explained(cause, more, symptoms=symptoms)


def refreshed(held: Cause, newest: Cause) -> Cause:
    """A cause held back, with the newest reading; what it began with names the alert."""
    facts = {**newest.facts, "since": held.facts["since"]}
    return msgspec.structs.replace(newest, opening=held.opening, facts=facts)


def released(
    catalog: Catalog,
    plan: Plan,
    desk: Desk,
    held: dict[str, Cause],
    measured: int,
    received: int,
    offset: int,
) -> list[Cause]:
    """Causes held back that a symptom reported now lets through; they leave `held`.

    offset: seconds east of UTC of the patient's local time. A value of another day says when it was measured.
    """
    listed = [(gain.rule, gain.symptoms) for gain in plan.gains]
    listed += [(of_trend(baseline.vital), baseline.symptoms) for baseline in plan.baselines]
    out = []
    for key, symptoms in listed:
        if key in held and (now := reported(desk, symptoms)):
            cause = held.pop(key)
            at = (cause.measured_at or measured) + offset * 1000
            if at // DAY_MILLISECONDS != (measured + offset * 1000) // DAY_MILLISECONDS:
                when = {locale: texts.last_measured(locale, at) for locale in texts.LOCALES}
                cause = _explained(cause, when)
            cause = told(catalog, cause, now)
            out.append(msgspec.structs.replace(cause, measured_at=measured, received_at=received))
    return out


def borderline(cause: Cause, held: Cause | None) -> Cause:
    """A change over days that would not alert alone, as an alert of its own rule; held: as it began."""
    alone = {locale: texts.not_alone(locale) for locale in texts.LOCALES}
    opening = held.opening if held else cause.opening
    return _explained(msgspec.structs.replace(cause, rule=RULE, opening=opening), alone)


def _explained(cause: Cause, more: dict[str, str], **facts: object) -> Cause:
    """The cause with a further sentence in each language, and further facts."""
    explanation = {locale: text + more[locale] for locale, text in cause.facts["explanation"].items()}
    return msgspec.structs.replace(cause, facts={**cause.facts, "explanation": explanation, **facts})
