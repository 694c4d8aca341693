"""From a decision of the kernel to an alert's cause: names, numbers and the words of an explanation."""

import math
from typing import Any

import numpy as np

from models import devices, texts, texts_acute, triage
from models.catalog import Catalog, Vital
from models.plan import Gain, Limit, Plan
from models.record import POINTS
from models.rules import allowance, expectation_of, gains_of, limits_of
from models.score import slow
from models.score.acute import CHANNEL_NAMES
from models.times import rfc3339
from models.triage import SEVERITIES, Alert, Cause

SILENCE_SEVERITY = "medium"
# Readings that are lost already are medium, those that will be lost are low.
TECHNICAL_SEVERITY = {devices.CLOCK: "medium", devices.BURST: "medium", devices.BATTERY: "low"}
YES = "{yes}"  # unit of a question that is answered by yes (1) or no (0)
ACUTE = "acute-baseline"  # the rule of the acute score
TREND = "own-normal"  # the rule of change over days against the patient's own normal
TREND_BESIDE = "own-normal-with-symptoms"  # of a borderline one beside a symptom (models/checklist.py)


class Reporter:
    """Writes causes for one catalogue; holds nothing else."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def limit(self, plan: Plan, vital: Vital, event: np.void) -> Cause:
        """A clinician's limit was passed (`symptom` for symptom vitals)."""
        rule = limits_of(plan, vital.code)[event["rule"]]
        above = rule.direction == "above"
        value, limit = float(event["value"]), plan.bounds(rule)[0]
        best = plan.personal_best.get(vital.code, 0.0)
        explanation = {}
        for locale in texts.LOCALES:
            name, shown = vital.names[locale], texts.number(value, vital.decimals, locale)
            if vital.symptom and vital.unit == YES and value == 0:
                explanation[locale] = texts.denied(locale, name)
            elif vital.symptom:
                there_or_not = limit == 0 and value == 1  # a check-list's yes
                explanation[locale] = texts.symptom(locale, name, None if there_or_not else shown)
            else:
                told = texts.apart(value, limit, vital.decimals)
                shown = texts.number(value, told, locale)
                bound = texts.number(limit, max(told, _decimals(rule, limit, vital)), locale)
                lasting = round(rule.lasting * 1000)
                explanation[locale] = texts.limit(
                    locale, name, shown, texts.unit(vital.unit), bound, above, rule.readings, lasting
                )
                if rule.of:
                    share = 100 * value / best
                    percent = texts.number(share, texts.apart(share, rule.value, 0), locale)
                    shown = texts.number(best, vital.decimals, locale)
                    explanation[locale] += texts.personal_best(locale, percent, shown, texts.unit(vital.unit))
        kind = "symptom" if vital.symptom else "limit"
        facts = self._facts(vital, event, explanation)
        facts["limit"] = limit if not rule.of else round(limit, vital.decimals)
        facts["learning"] = _learning(plan, vital, event)
        if rule.of:
            facts["personal_best"] = {"value": best, "percent": round(100 * value / best)}
        return self._cause(f"{kind}/{rule.direction}", kind, vital, rule.rule, rule.severity, event, facts)

    def eased(
        self, plan: Plan, vital: Vital, alert: Alert, rule: Limit, event: np.void | None
    ) -> dict[str, Any]:
        """What a standing alert quotes once a limit holds no more but others do; event None: another plan.

        The limit that speaks from here on, and the words where it is a milder one.
        """
        name = triage.speaks(alert, rule.rule)
        next_one = next((limit for limit in limits_of(plan, vital.code) if limit.rule == name), None)
        if next_one is None:
            return {}
        bound, clear = plan.bounds(next_one)
        facts: dict[str, Any] = {"limit": bound if not next_one.of else round(bound, vital.decimals)}
        if SEVERITIES.index(next_one.severity) >= SEVERITIES.index(alert.severity):
            return facts
        lasting, above = round(next_one.clear_lasting * 1000), next_one.direction == "above"
        facts["explanation"] = {}
        for locale, words in alert.facts["explanation"].items():
            now = texts.number(float(event["value"]), vital.decimals, locale) if event is not None else None
            end = texts.number(clear, _decimals(next_one, clear, vital), locale)
            more = texts.eased(locale, now, texts.unit(vital.unit), end, above, lasting)
            facts["explanation"][locale] = words + more
        return facts

    def over(self, vital: Vital, alert: Alert, event: np.void) -> dict[str, str]:
        """What an alert says once it is over: why it opened, and the value that ended it."""
        value, why = float(event["value"]), ""
        if alert.kind == "silence" or (alert.kind == "symptom" and value == 0):
            why = alert.kind
        elif alert.rule in (TREND, TREND_BESIDE):
            why = "usual"
        explanation = {}
        for locale, words in alert.facts["explanation"].items():
            yes_or_no = vital.unit == YES
            shown = texts.answer(value, locale) if yes_or_no else texts.number(value, vital.decimals, locale)
            ended = texts.over(locale, shown, texts.unit(vital.unit))
            explanation[locale] = words + (texts.over_again(locale, why) if why else ended)
        return explanation

    def gain_eased(
        self, plan: Plan, vital: Vital, alert: Alert, rule: Gain, event: np.void | None
    ) -> dict[str, Any]:
        """The same of gains."""
        name = triage.speaks(alert, rule.rule)
        next_one = next((gain for gain in gains_of(plan, vital.code) if gain.rule == name), None)
        if next_one is None:
            return {}
        facts: dict[str, Any] = {"limit": round(plan.gained(next_one)[0], vital.decimals + 1)}
        if SEVERITIES.index(next_one.severity) >= SEVERITIES.index(alert.severity):
            return facts
        days = 0 if next_one.of else next_one.days
        facts["explanation"] = {}
        for locale, words in alert.facts["explanation"].items():
            now = texts.number(float(event["value"]), vital.decimals, locale) if event is not None else None
            facts["explanation"][locale] = words + texts.gain_eased(locale, now, texts.unit(vital.unit), days)
        return facts

    def gain(self, plan: Plan, vital: Vital, event: np.void) -> Cause:
        """Weight was gained over days, or over the dry weight."""
        rule = gains_of(plan, vital.code)[event["rule"]]
        value, low, counted = (float(event[f]) for f in ("value", "low", "high"))
        explanation = {}
        for locale in texts.LOCALES:
            name, unit, decimals = vital.names[locale], texts.unit(vital.unit), vital.decimals
            shown, gained, lowest = (texts.number(x, decimals, locale) for x in (value, counted - low, low))
            percent = texts.number(100 * (counted - low) / low, 1, locale)
            if not rule.of:
                explanation[locale] = texts.gain(locale, name, shown, unit, gained, rule.days, lowest)
            elif not rule.days:
                explanation[locale] = texts.over_dry_weight(
                    locale, name, shown, unit, gained, percent, lowest
                )
            else:
                explanation[locale] = texts.over_dry_weight_for_days(
                    locale, name, rule.days, unit, gained, percent, lowest
                )
        facts = self._facts(vital, event, explanation)
        facts["limit"] = rule.amount
        if rule.of:
            facts["limit"] = round(plan.gained(rule)[0], vital.decimals + 1)
            facts["dry_weight"] = plan.dry_weight
        return self._cause("trend/gain", "trend", vital, rule.rule, rule.severity, event, facts)

    def baseline(self, plan: Plan, vital: Vital, event: np.void) -> Cause:
        """A departure from the patient's own normal, by the acute baseline."""
        low, high, side = float(event["low"]), float(event["high"]), int(event["side"])
        channel = CHANNEL_NAMES[event["rule"]]
        local, since = (int(event[at]) + int(event["offset"]) * 1000 for at in ("measured", "since"))
        explanation = {}
        for locale in texts.LOCALES:
            shown, lowest, highest = (
                texts.number(float(v), vital.decimals, locale) for v in (event["value"], low, high)
            )
            name, unit, count = vital.names[locale], texts.unit(vital.unit), int(event["readings"])
            what = texts_acute.what(locale, channel, side, local, int(event["days"]), since)
            explanation[locale] = texts_acute.acute(locale, name, shown, unit, lowest, highest, count, what)
        facts = self._facts(vital, event, explanation)
        facts["expected"] = {
            "low": round(low, vital.decimals),
            "high": round(high, vital.decimals),
            "readings": int(event["readings"]),
        }
        facts["score"] = round(float(event["score"]), 2)
        facts["channel"] = channel
        if side:
            facts["direction"] = "up" if side > 0 else "down"
        rule = ACUTE
        return self._cause(f"baseline/{rule}", "baseline", vital, rule, _severity(plan, vital), event, facts)

    def trend(self, plan: Plan, vital: Vital, event: np.void, before: Alert | None) -> Cause:
        """A change over days: of a level, of variability, or of the rhythm of day and night.

        before: the alert that stands, when it has grown much worse than it was told.
        """
        channel = slow.CHANNEL_NAMES[event["rule"]]
        value, expected, low, high = (float(event[f]) for f in ("value", "expected", "low", "high"))
        if channel == "variability":  # kept as a logarithm, told as a standard deviation
            value, expected, low, high = (math.exp(x) for x in (value, expected, low, high))
        decimals, shown_decimals = vital.decimals + 1, max(1, vital.decimals)
        nights = bool(event["nights"])
        since, days = int(event["since"]) + int(event["offset"]) * 1000, int(event["days"])
        explanation = {}
        for locale in texts.LOCALES:
            numbers = (
                texts.number(x, shown_decimals, locale)
                for x in (value, abs(value - expected), expected, low, high)
            )
            what = texts.departure(locale, channel, nights, texts.unit(vital.unit), *numbers)
            when = texts.lasting(locale, nights, since // 86_400_000 % 7, days, int(event["readings"]))
            colon = " :" if locale == "fr" else ":"
            explanation[locale] = f"{vital.names[locale]}{colon} {what} {when}"
            if before is not None:
                told = texts.number(before.facts["value"], shown_decimals, locale)
                explanation[locale] += texts.grown(locale, texts.unit(vital.unit), told)
        facts = self._facts(vital, event, explanation)
        facts["value"] = round(value, decimals)
        facts["expected"] = {
            "low": round(low, decimals),
            "high": round(high, decimals),
            "days": int(event["readings"]),
        }
        facts["score"], facts["channel"] = round(float(event["score"]), 2), channel
        return self._cause(f"trend/{TREND}", "trend", vital, TREND, _severity(plan, vital), event, facts)

    def silence(self, plan: Plan, vital: Vital, event: np.void) -> Cause:
        """An expected measurement did not come by its deadline."""
        expectation = expectation_of(plan, vital.code)
        every = allowance(expectation) if expectation else 0
        last = int(event["measured"])
        explanation = {
            locale: texts.silence(
                locale,
                vital.names[locale],
                every,
                last + int(event["offset"]) * 1000 if last else None,
            )
            for locale in texts.LOCALES
        }
        facts = self._facts(vital, event, explanation)
        del facts["value"], facts["unit"]
        severity = expectation.severity if expectation else SILENCE_SEVERITY
        return Cause(
            cause=f"silence/{vital.code}",
            kind="silence",
            vital=vital.code,
            rule="silence",
            severity=severity,
            opening=str(int(event["since"])),
            measured_at=None,
            received_at=int(event["received"]),
            facts=facts,
        )

    def technical(
        self, cause: str, rule: str, vital: Vital, device: str, battery: float | None, event: np.void
    ) -> Cause:
        """A device, not the patient, is at fault (a rule of models/devices.py)."""
        measured, received, value = int(event["measured"]), int(event["received"]), float(event["value"])
        facts: dict[str, Any] = {"device": device}
        explanation = {}
        for locale in texts.LOCALES:
            if rule == devices.CLOCK:
                explanation[locale] = texts.clock(locale, device, measured - received)
            elif rule == devices.BATTERY:
                facts["battery"] = battery
                explanation[locale] = texts.battery(locale, device, round(100 * (battery or 0.0)))
            else:
                facts |= {"value": value, "unit": vital.unit, "plausible": [vital.minimum, vital.maximum]}
                bounds = (value, vital.minimum, vital.maximum)
                told = max(texts.apart(value, bound, vital.decimals) for bound in bounds[1:])
                shown = [texts.number(value, told, locale)]
                shown += [texts.number(bound, vital.decimals, locale) for bound in bounds[1:]]
                name, unit = vital.names[locale], texts.unit(vital.unit)
                count = devices.BAD_SIGNS[rule]
                explanation[locale] = texts.burst(locale, device, name, count, unit, *shown)
        return Cause(
            cause=cause,
            kind="technical",
            vital=vital.code,
            rule=rule,
            severity=TECHNICAL_SEVERITY[rule],
            opening=f"{device}/{measured}",
            # a clock that is ahead tells no time
            measured_at=None if rule == devices.CLOCK else measured,
            received_at=received,
            facts={**facts, "explanation": explanation},
        )

    def _cause(
        self,
        cause: str,
        kind: str,
        vital: Vital,
        rule: str,
        severity: str,
        event: np.void,
        facts: dict[str, Any],
    ) -> Cause:
        return Cause(
            cause=f"{cause}/{vital.code}",
            kind=kind,
            vital=vital.code,
            rule=rule,
            severity=severity,
            opening=f"{int(event['measured'])}/{float(event['value'])!r}",
            measured_at=int(event["measured"]),
            received_at=int(event["received"]),
            facts=facts,
            late=bool(event["late"]),
        )

    def _facts(self, vital: Vital, event: np.void, explanation: dict[str, str]) -> dict[str, Any]:
        """What every alert about a reading quotes: value, since, the last points, the words."""
        return {
            "value": round(float(event["value"]), vital.decimals),
            "unit": vital.unit,
            "since": rfc3339(int(event["since"])),
            "last_points": last_points(event, vital.decimals),
            "explanation": explanation,
        }


def _decimals(limit: Limit, bound: float, vital: Vital) -> int:
    """Decimals that tell a number of a limit: as the plan has it, or as the vital has when it is a share."""
    return vital.decimals if limit.of else texts.exact(bound, vital.decimals)


def _learning(plan: Plan, vital: Vital, event: np.void) -> dict[str, int] | None:
    """What the patient's own normal still misses, where the plan watches it; None when it is known."""
    baseline = next((b for b in plan.baselines if b.vital == vital.code), None)
    if baseline is None:
        return None
    missing = {
        "missing_days": int(event["days"]) if baseline.trend != "off" else 0,
        "missing_readings": int(event["readings"]) if baseline.acute else 0,
    }
    return {name: count for name, count in missing.items() if count} or None


def _severity(plan: Plan, vital: Vital) -> str:
    """How much a departure from the patient's own normal matters to the plan."""
    return next((b.severity for b in plan.baselines if b.vital == vital.code), "low")


def last_points(event: np.void, decimals: int) -> list[dict[str, Any]]:
    """The last readings before and with the event, oldest first."""
    order = [(int(event["points"]) + i) % POINTS for i in range(POINTS)]
    return [
        {
            "measured_at": rfc3339(int(event["point_seconds"][i]) * 1000),
            "value": round(float(event["point_value"][i]), decimals),
        }
        for i in order
        if event["point_seconds"][i] > 0
    ]
