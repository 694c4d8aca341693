"""Care plans as TOML: programme templates, and the plans of patients laid over them."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import fields

from models.catalog import Catalog
from models.joint import Joint
from models.news2 import News2
from models.plan import LISTS, Plan, Zones, check, name_of
from models.strict import Complaint, ConfigurationError, faults_in, label, load_toml, nearest, table

_PROGRAMME: Final = {
    **{f.name: f.type for f in fields(Plan) if f.name not in ("patient", "day_from", "day_until")},
    "day": tuple[str, str],
    "news2": News2,
    "joint": Joint,
}
_PLAN: Final = {"patient": str, "template": str, **_PROGRAMME}
_OWN: Final = Plan("*", "own", "1")


def parse_programme(text: str, name: str, catalog: Catalog, zones: Zones) -> Plan:
    """A programme template: the keys of a plan without its patient.

    Raises ConfigurationError with every fault; its rest is what is good of the template.
    """
    plan, complaints = _plan(load_toml(text, name), _PROGRAMME, (), "", _OWN, catalog, zones)
    if complaints:
        raise ConfigurationError(faults_in(name, complaints), plan)
    return plan


def parse_plans(
    text: str, name: str, catalog: Catalog, templates: Mapping[str, Plan], zones: Zones
) -> list[Plan]:
    """The plans of a TOML text ([[plan]] tables). Raises ConfigurationError with every fault.

    A plan may name a `template`; what it gives of a list replaces the template's entries of the same
    rule or vital and adds the others.
    """
    whole = load_toml(text, name)
    plans: list[Plan] = []
    tables, complaints = table(whole, {"plan": list[dict[str, Any]]}, (), "")
    for i, raw in enumerate(tables.get("plan", [])):
        key, chosen = f"plan[{label(raw, i)}]", raw.get("template")
        base = templates.get(chosen, _OWN) if isinstance(chosen, str) else _OWN
        if isinstance(chosen, str) and chosen not in templates:
            complaints.append((f"{key}.template", f"no template {chosen}", nearest(chosen, templates)))
        plan, more = _plan(raw, _PLAN, ("patient",), key, base, catalog, zones)
        complaints += more
        if plan.patient in [other.patient for other in plans] and "patient" in raw:
            complaints.append((f"{key}.patient", "has a plan above already", "keep one plan each"))
        plans.append(plan)
    if not whole.get("plan", whole):
        complaints.append(("plan", "no plan at all", "add [[plan]] tables"))
    if complaints:
        raise ConfigurationError(faults_in(name, complaints))
    return plans


def _plan(
    raw: Mapping[str, Any],
    types: Mapping[str, Any],
    required: tuple[str, ...],
    key: str,
    base: Plan,
    catalog: Catalog,
    zones: Zones,
) -> tuple[Plan, list[Complaint]]:
    """(plan, complaints) of a TOML table laid over a plan."""
    own, complaints = table(raw, types, required, key)
    own.pop("template", None)
    prefix = f"{key}." if key else ""
    for name, text in zip(("day_from", "day_until"), own.pop("day", ()), strict=False):
        own[name] = _hour(text)
        if own[name] is None:
            complaints.append((f"{prefix}day", f"{text!r} is no time", 'write day = ["07:00", "22:00"]'))
            del own[name]
    for name in LISTS:
        given = own.get(name, ())
        replaced = {name_of(entry) for entry in given}
        own[name] = (*(e for e in getattr(base, name) if name_of(e) not in replaced), *given)
    plan = msgspec.structs.replace(base, **own)
    anyone = {vital.code: vital.maximum for vital in catalog.vitals}  # a template knows nobody's
    known = check(
        msgspec.structs.replace(base, personal_best=anyone, dry_weight=70.0), catalog, zones
    )  # told of already
    judged = (
        plan if "patient" in types else msgspec.structs.replace(plan, personal_best=anyone, dry_weight=70.0)
    )
    found = [complaint for complaint in check(judged, catalog, zones) if complaint not in known]
    return plan, complaints + [(prefix + where, problem, remedy) for where, problem, remedy in found]


def _hour(text: str) -> float | None:
    """Local seconds of "HH:MM"; None when it is no such time."""
    hours, colon, minutes = text.partition(":")
    if colon and text.isascii() and hours.isdigit() and minutes.isdigit() and int(minutes) < 60:
        return int(hours) * 3600.0 + int(minutes) * 60.0
    return None
