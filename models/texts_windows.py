"""What alerts about windows say of themselves, in French and English: River's estimators, several vitals."""

from typing import Final

from models.catalog import Vital
from models.texts import LOCALES, counted, number, unit

__all__ = ["LOCALES", "estimator", "failure", "joint"]

_SIZES: Final = {"1m": ("1 minute", "1 minute"), "15m": ("15 minutes", "15 minutes")}
_SIZES_LONG: Final = {"1h": ("1 hour", "1 heure"), "1d": ("1 day", "1 jour")}


def estimator(
    locale: str,
    vital: Vital,
    name: str,
    size: str,
    score: float,
    score_above: float,
    readings: int,
    window: dict[str, float],
    learned: int,
) -> str:
    """A River estimator scored windows above the plan's bound; the window's values follow."""
    french = locale == "fr"
    length = {**_SIZES, **_SIZES_LONG}[size][french]
    shown = f"{number(score, 3, locale)} (> {number(score_above, 3, locale)})"
    names = ("mean", "min", "max", "standard_deviation")
    mean, low, high, spread = (number(window[name], vital.decimals + 1, locale) for name in names)
    mean += unit(vital.unit)
    title, count = vital.names[locale], int(window["count"])
    if french:
        often = f", {readings} fenêtres de suite" if readings > 1 else ""
        return (
            f"{title} : l'estimateur {name} juge inhabituelle la fenêtre de {length}, score {shown}{often}. "
            f"Moyenne de {counted(count, 'mesure', 'mesures')} {mean} ({low} à {high}, écart type {spread}). "
            f"Appris sur {counted(learned, 'fenêtre', 'fenêtres')}."
        )
    often = f", {readings} windows in a row" if readings > 1 else ""
    return (
        f"{title}: the estimator {name} finds the window of {length} unusual, score {shown}{often}. "
        f"Mean of {counted(count, 'reading', 'readings')} {mean} ({low} to {high}, standard deviation "
        f"{spread}). "
        f"Learned from {counted(learned, 'window', 'windows')}."
    )


def failure(locale: str, name: str, error: str) -> str:
    """An estimator of the plan failed."""
    if locale == "fr":
        return (
            f"L'estimateur {name} du plan de soins a échoué ({error}) et réapprend depuis le début ; "
            "les autres règles continuent."
        )
    return f"The care plan's estimator {name} failed ({error}) and learns anew; all other rules go on."


def joint(locale: str, shares: list[tuple[Vital, float, float, float]], days: int, readings: int) -> str:
    """Several vitals left their usual interplay: (vital, value, usual, share 0-1), largest share first."""
    french = locale == "fr"
    parts = []
    for vital, value, expected, share in shares:
        name = vital.names[locale].partition(" (")[0].lower()
        shown, usual = (number(x, vital.decimals + 1, locale) for x in (value, expected))
        instead = f"au lieu de {usual}" if french else f"instead of {usual}"
        percent = f"{round(100 * share)} %" if french else f"{round(100 * share)}%"
        parts.append(f"{name} {shown}{unit(vital.unit)} {instead} ({percent})")
    told = ", ".join(parts)
    if french:
        often = f", {readings} heures de suite" if readings > 1 else ""
        return (
            f"Plusieurs paramètres s'écartent ensemble de l'habituel{often} (part de chacun) : {told}. "
            f"Référence de {days} jours."
        )
    often = f", {readings} hours in a row" if readings > 1 else ""
    return (
        f"Several vitals depart together from the usual{often} (each one's share): {told}. "
        f"Baseline of {days} days."
    )
