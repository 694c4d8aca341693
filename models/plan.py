"""Care plans: programme templates and the plan of one patient, which is whole in itself.

A plan in the log carries everything that decides (no template is looked up later), so that a replay
needs nothing but the log. Durations are seconds here and text ("30min") in TOML.
"""

from typing import Any, Final, Literal

import msgspec

from models.catalog import Catalog, ConfigurationError, Fault, duration, explain, load_toml, nearest
from models.record import DAYS, GAINS, LIMITS

Severity = Literal["low", "medium", "high"]


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clinician's limit: opens at the `readings`-th breach in a row, clears on the safe side of `clear`."""

    rule: str
    vital: str
    direction: Literal["above", "below"]
    value: float
    clear: float
    severity: Severity
    readings: int = 1
    within: float = 0.0  # seconds that those readings may span; 0 = any
    when: Literal["always", "day", "night"] = "always"


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measurement expected every `every` seconds; silence begins `grace` seconds later."""

    vital: str
    every: float
    grace: float
    severity: Severity
    required: bool = True  # False: only once the patient has sent one


class Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More than `amount` over the lowest daily mean of the `days` days before."""

    rule: str
    vital: str
    amount: float
    days: int
    clear: float
    severity: Severity


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Departures from the patient's own normal that matter.

    acute: threshold of the acute score, 0 = off. trend: which side of the usual level is watched over
    days; the thresholds are the cohort's (models/calibration.py), made for a budget of alerts.
    """

    vital: str
    acute: float
    trend: Literal["off", "above", "below", "both"]
    severity: Severity


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a clinician wants watched of one patient ("*": of everyone without a plan)."""

    patient: str
    programme: str
    version: str
    time_zone: str = ""  # IANA name; "" = each reading's own offset
    day_from: float = 7 * 3600.0  # local seconds
    day_until: float = 22 * 3600.0
    limits: tuple[Limit, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    gains: tuple[Gain, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    route: str = ""
    locale: Literal["fr", "en"] = "en"


_PLAIN: Final = ("programme", "version", "time_zone", "route", "locale")
_LISTS: Final = {"limits": Limit, "expectations": Expectation, "gains": Gain, "baselines": Baseline}
_DURATIONS: Final = ("within", "every", "grace")
_KEYS: Final = (*_PLAIN, "day", *_LISTS, "patient", "template")
Template = dict[str, Any]


def parse_programme(text: str, name: str, catalog: Catalog) -> Template:
    """A programme template: the keys of a plan without its patient. Raises ConfigurationError."""
    template = load_toml(text, name)
    _plan({**template, "patient": "*"}, {}, name, "-", catalog)
    return template


def parse_plans(text: str, name: str, catalog: Catalog, templates: dict[str, Template]) -> list[Plan]:
    """The plans of a TOML text ([[plan]] tables). Raises ConfigurationError with every fault.

    A plan may name a `template`; what it gives of a list replaces the template's entries of the same
    rule or vital and adds the others.
    """
    whole, faults, plans = load_toml(text, name), [], []
    for key in whole:
        if key != "plan":
            faults.append(Fault(name, key, "unknown table", nearest(key, ["plan"])))
    for i, raw in enumerate(whole.get("plan", [])):
        try:
            plans.append(_plan(raw, templates, name, f"plan[{i}]", catalog))
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return plans


def _plan(raw: Template, templates: dict[str, Template], file: str, where: str, catalog: Catalog) -> Plan:
    """One plan from its TOML table, laid over its template."""
    faults = [
        Fault(file, f"{where}.{k}", "unknown key", nearest(k, list(_KEYS))) for k in raw if k not in _KEYS
    ]
    name = raw.get("template")
    if name is not None and name not in templates:
        faults.append(Fault(file, f"{where}.template", f"no template {name}", nearest(name, list(templates))))
    if "patient" not in raw:
        faults.append(Fault(file, f"{where}.patient", "is missing", "name the patient's pseudonym, or *"))
    if faults:
        raise ConfigurationError(faults)
    base = templates.get(name, {}) if name is not None else {}
    merged: Template = {"programme": name or "own", "version": "1", **base, **raw}
    merged.pop("template", None)
    day = merged.pop("day", None)
    for key in _LISTS:
        own = raw.get(key, [])
        names = {entry.get("rule", entry.get("vital")) for entry in own}
        kept = [e for e in base.get(key, []) if e.get("rule", e.get("vital")) not in names]
        merged[key] = [_entry(entry, f"{where}.{key}", file, faults) for entry in [*kept, *own]]
    if day is not None:
        hours = [_hour(text, f"{where}.day", file, faults) for text in day]
        if len(hours) == 2:
            merged["day_from"], merged["day_until"] = hours
        else:
            faults.append(Fault(file, f"{where}.day", "not two times", 'write day = ["07:00", "22:00"]'))
    if faults:
        raise ConfigurationError(faults)
    try:
        plan = msgspec.convert(merged, Plan)
    except msgspec.ValidationError as error:
        problem, remedy = explain(error, Plan.__struct_fields__)
        raise ConfigurationError([Fault(file, where, problem, remedy)]) from error
    faults = [Fault(file, f"{where}.{key}", problem, remedy) for key, problem, remedy in check(plan, catalog)]
    if faults:
        raise ConfigurationError(faults)
    return plan


def _entry(entry: Template, where: str, file: str, faults: list[Fault]) -> Template:
    """A rule with its durations in seconds."""
    out = dict(entry)
    for key in _DURATIONS:
        if isinstance(out.get(key), str):
            try:
                out[key] = duration(out[key])
            except ValueError as error:
                faults.append(Fault(file, f"{where}.{key}", str(error), "see the shipped plans"))
    return out


def _hour(text: str, where: str, file: str, faults: list[Fault]) -> float:
    """Local seconds of "HH:MM"."""
    hours, _, minutes = str(text).partition(":")
    if hours.isdigit() and minutes.isdigit() and int(hours) <= 24 and int(minutes) < 60:
        return int(hours) * 3600.0 + int(minutes) * 60.0
    faults.append(Fault(file, where, f"{text!r} is no time", "write HH:MM"))
    return 0.0


def check(plan: Plan, catalog: Catalog) -> list[tuple[str, str, str]]:
    """(key, problem, remedy) of whatever a well-typed plan may not say."""
    out: list[tuple[str, str, str]] = []
    known = list(catalog.index)
    for key in _LISTS:
        seen: set[str] = set()
        for entry in getattr(plan, key):
            if entry.vital not in catalog.index:
                out.append((key, f"unknown vital {entry.vital}", nearest(entry.vital, known)))
            name = getattr(entry, "rule", entry.vital)
            if name in seen:
                out.append((key, f"{name} comes twice", "name each rule once"))
            seen.add(name)
    for limit in plan.limits:
        if (limit.clear > limit.value) if limit.direction == "above" else (limit.clear < limit.value):
            out.append(
                ("limits", f"{limit.rule}: clear is on the wrong side of value", "give hysteresis inwards")
            )
        if not 1 <= limit.readings <= 100:
            out.append(("limits", f"{limit.rule}: readings = {limit.readings}", "give 1 to 100"))
    for vital in {limit.vital for limit in plan.limits}:
        if sum(limit.vital == vital for limit in plan.limits) > LIMITS:
            out.append(("limits", f"more than {LIMITS} on {vital}", "merge some"))
    for gain in plan.gains:
        if not 1 <= gain.days < DAYS or gain.amount <= 0 or gain.clear >= gain.amount:
            out.append(("gains", f"{gain.rule}: days, amount or clear", "1-7 days, amount > clear"))
    if len(plan.gains) > GAINS:
        out.append(("gains", f"more than {GAINS}", "keep the two that matter"))
    for expectation in plan.expectations:
        if expectation.every <= 0 or expectation.grace < 0:
            out.append(("expectations", f"{expectation.vital}: every or grace", "every > 0, grace >= 0"))
    if plan.patient != "*" and not _is_name(plan.patient):
        out.append(("patient", "is no pseudonym", "use 1-64 of [A-Za-z0-9_-]"))
    if not 0 <= plan.day_from < plan.day_until <= 86400:
        out.append(("day", "does not lie within a day", 'write day = ["07:00", "22:00"]'))
    return out


def _is_name(text: str) -> bool:
    return 1 <= len(text) <= 64 and all(c.isascii() and (c.isalnum() or c in "_-") for c in text)


def plan_record(plan: Plan) -> bytes:
    """The plan as a record of the input log, keyed by its patient."""
    return msgspec.json.encode({"kind": "plan", **msgspec.to_builtins(plan)})


def decode_plan(data: bytes, catalog: Catalog) -> Plan:
    """A plan out of the log. Raises ValueError with field, problem and remedy."""
    try:
        raw = msgspec.json.decode(data)
        raw.pop("kind", None)
        plan = msgspec.convert(raw, Plan)
    except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error}") from error
    faults = check(plan, catalog)
    if faults:
        raise ValueError("; ".join(f"{key}: {problem} ({remedy})" for key, problem, remedy in faults))
    return plan
