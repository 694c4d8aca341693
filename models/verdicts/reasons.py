"""Why an alert is held likely or unlikely to be actionable, in French and English."""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from models.texts import LOCALES, number
from models.verdicts.features import WORDS
from models.verdicts.likelihood import Weights, contributions, likelihood

TOLD: Final = 3  # the largest contributions, in log odds
LEAST: Final = 0.05  # log odds; less is not worth a word
_SIDES: Final = {"en": ("speaks for it", "speaks against it"), "fr": ("plaide pour", "plaide contre")}
_SEVERITIES: Final = {"low": "faible", "medium": "moyenne", "high": "élevée"}
_KINDS: Final = {
    "limit": "limite", "baseline": "écart à la normale", "trend": "tendance", "score": "score",
    "symptom": "symptôme", "silence": "mesure absente", "technical": "technique",
}  # fmt: skip
_TEXTS: Final = {
    "severity": ("severity {severity}", "gravité {gravite}"),
    "kind": ("kind of alert: {kind}", "type d'alerte : {type}"),
    "rule": ("rule {rule}", "règle {rule}"),
    "vital": ("vital: {vital}", "paramètre : {vital}"),
    "beyond": ("{beyond} outside what is expected", "{beyond} en dehors de l'attendu"),
    "score": ("score {score}", "score {score}"),
    "age": ("lasting for {age} h when it opened", "depuis {age} h à l'ouverture"),
    "delay": ("received {delay} h after measurement", "reçue {delay} h après la mesure"),
    "hour": ("opened at {hour} h of the patient's day", "ouverte à {hour} h, heure du patient"),
    "recent": ("alerts of this patient in 7 days: {recent}", "alertes de ce patient en 7 jours : {recent}"),
    "again": ("of the same cause in 7 days: {again}", "de même cause en 7 jours : {again}"),
    "judged": ("earlier verdicts on this patient's alerts", "verdicts passés sur ses alertes"),
    "judged_cause": (
        "earlier verdicts on this patient's alerts of this cause",
        "verdicts passés sur ses alertes de même cause",
    ),
    "suspect": ("the patient's devices: {suspect}", "appareils du patient : {suspect_fr}"),
}


class Estimate(msgspec.Struct, frozen=True):
    """The likelihood (0-1) that an alert is actionable, its calibration, and its reasons by locale."""

    likelihood: float
    calibration: str
    reasons: dict[str, list[str]]


def estimate(
    weights: Weights,
    version: str,
    alert: Mapping[str, Any],
    features: Mapping[str, float],
    names: Mapping[str, str],
) -> Estimate:
    """The likelihood of an alert with the TOLD largest contributions in words.

    alert: severity, kind, rule, vital; features: models.verdicts.features.vector of it; names:
    of the vital, by locale.
    """
    sums: dict[str, float] = defaultdict(float)
    for name, value in contributions(weights, features).items():
        word = name.partition("=")[0]
        sums["hour" if word.startswith("hour_") else word] += value
    largest = sorted(sums, key=lambda group: (-abs(sums[group]), group))[:TOLD]
    told = [(group, sums[group]) for group in largest if abs(sums[group]) >= LEAST and group in _TEXTS]
    reasons = {
        locale: [
            _told(group, value, i, _shown(alert, features, names[locale], locale)) for group, value in told
        ]
        for i, locale in enumerate(LOCALES)
    }
    return Estimate(round(likelihood(weights, features), 3), version, reasons)


def _told(group: str, value: float, locale: int, shown: Mapping[str, str]) -> str:
    """A contribution in words; `locale` is its place in LOCALES."""
    side = _SIDES[LOCALES[locale]][value < 0]
    colon = " :" if LOCALES[locale] == "fr" else ":"
    added = ("+" if value > 0 else "") + number(value, 1, LOCALES[locale])
    return f"{_TEXTS[group][locale].format(**shown)}{colon} {side} ({added})"


def _shown(
    alert: Mapping[str, Any], features: Mapping[str, float], vital: str, locale: str
) -> dict[str, str]:
    """What the texts quote, as people of the locale read it."""
    turn = math.atan2(features.get("hour_sin", 0.0), features.get("hour_cos", 0.0)) / (2 * math.pi)
    counted = {
        name: f"{math.expm1(features.get(name, 0.0)):.0f}" for name in ("age", "delay", "recent", "again")
    }
    suspect = "suspect" in features
    return {
        **{word: str(alert[word]) for word in WORDS},
        **counted,
        "vital": vital,
        "gravite": _SEVERITIES.get(alert["severity"], alert["severity"]),
        "type": _KINDS.get(alert["kind"], alert["kind"]),
        "beyond": f"{100 * features.get('beyond', 0.0):.0f} %",
        "score": number(features.get("score", 0.0), 1, locale),
        "hour": str(int(turn % 1 * 24 + 0.01) % 24),
        "suspect": "suspected" if suspect else "sound",
        "suspect_fr": "suspects" if suspect else "sûrs",
    }
