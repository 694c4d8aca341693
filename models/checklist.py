"""A check-list that raises a borderline gain: a gain with `symptoms` is told only beside one of them.

While the gain holds and no limit on a listed symptom is passed, its cause is held back in the patient's
state; the first of the two that comes last makes the alert, which goes on until the gain is over. Combining
signs is what self-care instructions ask for: weight gain *or* worse breathlessness or swelling (ESC
heart-failure guidelines 2021, Eur Heart J 2021;42:3599); weight alone finds a fifth of the episodes
(2 kg in 2-3 days: sensitivity 21 %, Ledwidge et al., Eur J Heart Fail 2013;15).
"""

import msgspec

from models import texts
from models.catalog import Catalog
from models.plan import Gain, Plan
from models.triage import Cause, Desk, standing


def reported(desk: Desk, gain: Gain) -> list[str]:
    """The listed symptoms whose limits are passed now, in the rule's order."""
    sides = ("symptom/above", "symptom/below", "limit/above", "limit/below")
    return [s for s in gain.symptoms if any(standing(desk, f"{side}/{s}") for side in sides)]


def told(catalog: Catalog, cause: Cause, symptoms: list[str]) -> Cause:
    """The cause of a gain, with the symptoms that made it count."""
    explanation = {
        locale: text + texts.beside(locale, [catalog[s].names[locale] for s in symptoms])
        for locale, text in cause.facts["explanation"].items()
    }
    facts = {**cause.facts, "explanation": explanation, "symptoms": symptoms}
    return msgspec.structs.replace(cause, facts=facts)


def released(
    catalog: Catalog, plan: Plan, desk: Desk, held: dict[str, Cause], measured: int, received: int
) -> list[Cause]:
    """Causes held back that a symptom reported now lets through; they leave `held`."""
    out = []
    for gain in plan.gains:
        if gain.rule in held and (symptoms := reported(desk, gain)):
            cause = told(catalog, held.pop(gain.rule), symptoms)
            out.append(msgspec.structs.replace(cause, measured_at=measured, received_at=received))
    return out
