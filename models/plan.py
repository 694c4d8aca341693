"""Care plans: programme templates and the plan of one patient, which is whole in itself.

A plan in the log carries everything that decides (no template is looked up later), so that a replay
needs nothing but the log. Durations are seconds here and text ("30min") in TOML.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from models.catalog import Catalog
from models.decode import is_name
from models.joint import Joint, check_joint
from models.news2 import News2, check_news2
from models.record import DAYS, GAINS, LIMITS, RECENT
from models.rivers.plan import Estimator, check_estimators
from models.strict import LONGEST, Complaint, Seconds, nearest

Severity = Literal["low", "medium", "high"]


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clinician's limit: opens at the `readings`-th breach in a row, clears on the safe side of `clear`.

    `within` and `lasting` ask how long those breaches span, `clear_lasting` how long the safe side must last.
    With `of` = "personal-best", value and clear are percentages of the plan's personal best of that vital.
    """

    rule: str
    vital: str
    direction: Literal["above", "below"]
    value: float
    clear: float
    severity: Severity
    readings: int = 1
    within: Seconds = 0.0  # seconds that those readings may span; 0 = any
    lasting: Seconds = 0.0  # seconds from the first of them to the one that opens
    when: Literal["always", "day", "night"] = "always"
    of: Literal["", "personal-best"] = ""
    clear_lasting: Seconds = 0.0  # seconds that every reading must be on the safe side of clear


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measurement expected every `every` seconds; silence begins `grace` seconds later."""

    vital: str
    every: Seconds
    grace: Seconds
    severity: Severity
    required: bool = True  # False: only once the patient has sent one


class Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More than `amount` over the lowest daily mean of the `days` days before.

    With `of` = "dry-weight", amount and clear are percentages of the plan's dry weight over it: of each
    reading or, with `days`, of the lowest daily mean of the last days, one of which may be missing. With
    `symptoms`, it counts only while a limit of the plan on one of them is passed: a check-list raises a
    gain that alone would be told to nobody (models/checklist.py).
    """

    rule: str
    vital: str
    amount: float
    clear: float
    severity: Severity
    days: int = 0
    of: Literal["", "dry-weight"] = ""
    symptoms: tuple[str, ...] = ()


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Departures from the patient's own normal that matter.

    acute: threshold of the acute score, 0 = off. trend: which side of the usual level is watched over
    days; the thresholds are the cohort's (models/calibration.py), made for a budget of alerts. symptoms:
    half of a threshold is enough while a limit of the plan on one of them is passed (models/checklist.py).
    """

    vital: str
    acute: float
    trend: Literal["off", "above", "below", "both"]
    severity: Severity
    symptoms: tuple[str, ...] = ()


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
    estimators: tuple[Estimator, ...] = ()
    news2: News2 | None = None
    joint: Joint | None = None
    route: str = ""
    locale: Literal["fr", "en"] = "en"
    personal_best: dict[str, float] = {}
    dry_weight: float = 0.0  # kg, after a dialysis that took all surplus water; 0 = not given

    def gained(self, gain: Gain) -> tuple[float, float]:
        """`amount` and `clear` of a gain in the unit of its vital."""
        share = self.dry_weight / 100 if gain.of else 1.0
        return gain.amount * share, gain.clear * share

    def bounds(self, limit: Limit) -> tuple[float, float]:
        """`value` and `clear` of a limit in the unit of its vital."""
        share = self.personal_best.get(limit.vital, 0.0) / 100 if limit.of else 1.0
        return limit.value * share, limit.clear * share


LONGEST_TEXT: Final = 128  # characters of what a plan may call itself
LISTS: Final = ("limits", "expectations", "gains", "baselines", "estimators")
Zones = Callable[[str], object]
"""Raises ValueError with the remedy for a name that is no time zone."""


def name_of(entry: Limit | Expectation | Gain | Baseline | Estimator) -> str:
    """What tells an entry of a list from the others: its rule or name, else its vital."""
    if isinstance(entry, Estimator):
        return entry.name
    return entry.rule if isinstance(entry, Limit | Gain) else entry.vital


def check(plan: Plan, catalog: Catalog, zones: Zones) -> list[Complaint]:
    """(key, problem, remedy) of whatever a well-typed plan may not say."""
    out: list[Complaint] = [
        (key, f"is longer than {LONGEST_TEXT} characters", "shorten it: every alert carries it")
        for key in ("programme", "version", "route")
        if len(getattr(plan, key)) > LONGEST_TEXT
    ]
    if plan.patient != "*" and not is_name(plan.patient):
        out.append(("patient", "is no pseudonym", "use 1-64 of [A-Za-z0-9_-], or *"))
    if not 0 <= plan.day_from < plan.day_until <= 86400:
        out.append(("day", "does not lie within a day", 'write day = ["07:00", "22:00"]'))
    if plan.time_zone:
        try:
            zones(plan.time_zone)
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            out.append(("time_zone", problem, remedy))
    for code, best in plan.personal_best.items():
        where = f"personal_best.{code}"
        if code not in catalog.index:
            out.append((where, "unknown vital", nearest(code, catalog.index)))
        elif not catalog[code].minimum <= best <= catalog[code].maximum:
            bounds = f"give {catalog[code].minimum:g} to {catalog[code].maximum:g} {catalog[code].unit}"
            out.append((where, f"{best:g} is no plausible value", bounds))
    weight = catalog["body-weight"] if "body-weight" in catalog.index else None
    if plan.dry_weight > 0 and weight and not weight.minimum <= plan.dry_weight <= weight.maximum:
        bounds = f"give {weight.minimum:g} to {weight.maximum:g} {weight.unit}"
        out.append(("dry_weight", f"{plan.dry_weight:g} is no plausible value", bounds))
    for key in LISTS:
        seen: set[str] = set()
        for entry in getattr(plan, key):
            name = name_of(entry)
            where = f"{key}[{name}]"
            if name != entry.vital and not is_name(name):
                key_of_name = "name" if key == "estimators" else "rule"
                out.append((f"{where}.{key_of_name}", "is no name", "use 1-64 of [A-Za-z0-9_-]"))
            if entry.vital not in catalog.index:
                problem = f"unknown vital {entry.vital}"
                out.append((f"{where}.vital", problem, nearest(entry.vital, catalog.index)))
            if name in seen:
                out.append((where, "comes twice", "name each rule once"))
            seen.add(name)
    out += [("news2", problem, remedy) for problem, remedy in check_news2(plan.news2)]
    out += check_joint(plan.joint, catalog)
    out += check_estimators(plan.estimators, catalog)
    return out + _check_limits(plan, catalog) + _check_others(plan)


def _check_limits(plan: Plan, catalog: Catalog) -> list[Complaint]:
    out: list[Complaint] = []
    for limit in plan.limits:
        where = f"limits[{limit.rule}]"
        above = limit.direction == "above"
        if (limit.clear > limit.value) if above else (limit.clear < limit.value):
            problem = f"{limit.clear:g} is on the wrong side of value {limit.value:g}"
            remedy = f"a limit {limit.direction} clears at or {'below' if above else 'above'} its value"
            out.append((f"{where}.clear", problem, remedy))
        vital = catalog[limit.vital] if limit.vital in catalog.index else None
        if limit.of and limit.vital not in plan.personal_best:
            remedy = f"add personal_best = {{ {limit.vital} = ... }} to the patient's plan"
            out.append((f"{where}.of", "the personal best is not given", remedy))
            continue
        for key, given in zip(("value", "clear"), plan.bounds(limit), strict=True):
            if vital is not None and not vital.minimum <= given <= vital.maximum:
                problem = f"no {limit.vital} is ever {given:g} {vital.unit}"
                remedy = f"a plausible one is {vital.minimum:g} to {vital.maximum:g}; mind the unit"
                out.append((f"{where}.{key}", problem, remedy))
        if limit.lasting < 0 or 0 < limit.within < 2 * limit.lasting:
            problem = "is negative, or more than half of within"
            out.append((f"{where}.lasting", problem, "let within be twice as long at least, or 0 for any"))
        if not 0 <= limit.clear_lasting <= LONGEST:
            out.append((f"{where}.clear_lasting", "is out of range", 'write clear_lasting = "15min"'))
        if not 1 <= limit.readings <= 100:
            out.append((f"{where}.readings", f"{limit.readings} is out of range", "give 1 to 100"))
        elif limit.within and limit.readings > RECENT:  # as far as readings are remembered one by one
            problem = f"{limit.readings} are too many with within"
            out.append((f"{where}.readings", problem, f"give 1 to {RECENT}, or say lasting instead"))
        if not 0 <= limit.within <= LONGEST:
            out.append(
                (f"{where}.within", "is out of range", "give a duration up to ten years, or 0 for any")
            )
    for name in dict.fromkeys(limit.vital for limit in plan.limits):
        if sum(limit.vital == name for limit in plan.limits) > LIMITS:
            out.append(("limits", f"more than {LIMITS} on {name}", "merge some"))
    return out


def _check_others(plan: Plan) -> list[Complaint]:
    out: list[Complaint] = []
    for gain in plan.gains:
        where = f"gains[{gain.rule}]"
        if gain.of and plan.dry_weight <= 0:
            remedy = "add dry_weight = ... (kg) to the patient's plan"
            out.append((f"{where}.of", "the dry weight is not given", remedy))
        if not (0 if gain.of else 1) <= gain.days < DAYS:
            out.append((f"{where}.days", f"{gain.days} is out of range", f"give 1 to {DAYS - 1}"))
        if gain.amount <= 0:
            out.append((f"{where}.amount", "is not above 0", "give the gain that alerts"))
        if gain.clear >= gain.amount:
            out.append((f"{where}.clear", "is not below amount", "give a smaller gain at which it is over"))
        out += _check_symptoms(where, gain.symptoms, plan)
    if plan.dry_weight < 0:
        out.append(("dry_weight", "is negative", "give kg, or leave it out"))
    if len(plan.gains) > GAINS:
        out.append(("gains", f"more than {GAINS}", f"keep the {GAINS} that matter"))
    for expectation in plan.expectations:
        where = f"expectations[{expectation.vital}]"
        if not 0 < expectation.every <= LONGEST:
            out.append((f"{where}.every", "is out of range", 'write every = "1d"'))
        if not 0 <= expectation.grace <= LONGEST:
            out.append((f"{where}.grace", "is out of range", 'write grace = "12h"'))
    for baseline in plan.baselines:
        if baseline.acute < 0:
            where = f"baselines[{baseline.vital}].acute"
            out.append((where, "is negative", "give a threshold, 0 is off"))
        where = f"baselines[{baseline.vital}]"
        out += _check_symptoms(where, baseline.symptoms, plan)
        if baseline.symptoms and baseline.trend == "off":
            remedy = "say which change over days is borderline, or leave symptoms out"
            out.append((f"{where}.trend", "is off, so symptoms say nothing", remedy))
    return out


def _check_symptoms(where: str, symptoms: tuple[str, ...], plan: Plan) -> list[Complaint]:
    """A check-list names symptoms of which the plan says when they count."""
    limited = {limit.vital for limit in plan.limits}
    return [
        (
            f"{where}.symptoms",
            f"no limit of the plan is on {symptom}",
            f"add [[limits]] that say when {symptom} counts, or leave it out",
        )
        for symptom in symptoms
        if symptom not in limited
    ]


def plan_record(plan: Plan) -> bytes:
    """The plan as a record of the input log, keyed by its patient."""
    return msgspec.json.encode({"kind": "plan", **msgspec.to_builtins(plan)})


def decode_plan(data: bytes, catalog: Catalog, zones: Zones) -> Plan:
    """A plan out of the log. Raises ValueError with field, problem and remedy."""
    try:
        raw = msgspec.json.decode(data)
        raw.pop("kind", None)
        plan = msgspec.convert(raw, Plan)
    except (msgspec.MsgspecError, UnicodeDecodeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error}") from error
    faults = check(plan, catalog, zones)
    if faults:
        raise ValueError("; ".join(f"{key}: {problem} ({remedy})" for key, problem, remedy in faults))
    return plan
