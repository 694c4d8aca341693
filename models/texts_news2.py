"""What an alert about NEWS2 says of itself, in French and English."""

from typing import Any, Final

from models.catalog import Catalog
from models.texts import duration, number, unit

_RISKS: Final = {
    "none": ("no risk left to alert", "plus de risque à signaler"),
    "low": ("low risk", "risque faible"),
    "low-medium": ("3 points in one part", "3 points sur un paramètre"),
    "medium": ("medium risk", "risque moyen"),
    "high": ("high risk", "risque élevé"),
}
_ACVPU: Final = (
    ("alert", "éveillé"),
    ("new confusion", "confusion nouvelle"),
    ("responds to voice", "réagit à la voix"),
    ("responds to pain", "réagit à la douleur"),
    ("unresponsive", "sans réaction"),
)


def news2(
    locale: str,
    total: int,
    risk: str,
    parts: list[dict[str, Any]],
    missing: list[dict[str, Any]],
    asked: list[dict[str, Any]],
    catalog: Catalog,
) -> str:
    """A NEWS2 score: its parts with points, what was in range, what is missing, and how old each is.

    asked: missing parts without which the risk cannot fall: that is said first, and asks for them.
    """
    french = locale == "fr"
    if asked:
        return _again(locale, total, risk, asked, catalog)
    scoring = [_part(locale, part, catalog) for part in parts if part["points"]]
    calm = [_part(locale, part, catalog) for part in parts if not part["points"]]
    words = [f"NEWS2 {'≥ ' if missing else ''}{total}, {_RISKS[risk][french]}"]
    if scoring:
        words.append(f"{'points' if french else 'points from'} : {', '.join(scoring)}")
    if calm:
        words.append(f"{'sans point' if french else 'no points'} : {', '.join(calm)}")
    if missing:
        words.append("score partiel" if french else "partial score")
    never = [_part(locale, part, catalog) for part in missing if "age_minutes" not in part]
    old = [_part(locale, part, catalog) for part in missing if "age_minutes" in part]
    if never:
        words.append(f"{'jamais mesuré' if french else 'never measured'} : {', '.join(never)}")
    if old:
        words.append(f"{'trop ancien' if french else 'too old'} : {', '.join(old)}")
    text = ". ".join(word[0].upper() + word[1:] for word in words) + "."
    return text if french else text.replace(" :", ":")


def _again(locale: str, total: int, risk: str, asked: list[dict[str, Any]], catalog: Catalog) -> str:
    """What is to be measured again before a standing risk can fall."""
    told = [part if part["part"] == "oxygen" else {**part, "points": 0} for part in asked]
    names = ", ".join(_part(locale, part, catalog) for part in told)
    if locale == "fr":
        return (
            f"NEWS2 : {names}, c'est trop ancien : mesurer de nouveau. D'ici là l'alerte ({_RISKS[risk][1]}) "
            f"reste ; les autres paramètres donnent {total}."
        )
    return (
        f"NEWS2: {names}, too old: measure again. Until then the alert ({_RISKS[risk][0]}) stays; the other "
        f"parts give {total}."
    )


def _part(locale: str, part: dict[str, Any], catalog: Catalog) -> str:
    """One part of NEWS2: name, value, points and age."""
    french, name, points = locale == "fr", part["part"], part.get("points")
    if name == "oxygen":
        words = ["oxygène" if french else "oxygen"]
        if points is not None:
            words = [
                ("sous oxygène" if points else "air ambiant") if french else "on oxygen" if points else "air"
            ]
    else:
        vital = catalog[name]
        words = [vital.names[locale].partition(" (")[0].lower()]
        if name == "consciousness" and points is not None:
            words.append(_ACVPU[int(part["value"])][french])
        elif points is not None:
            words.append(number(part["value"], vital.decimals, locale) + unit(vital.unit))
    details = [f"{points} point{'s' if points > 1 else ''}"] if points else []
    if part.get("age_minutes") == 0:
        details.append("à l'instant" if french else "just now")
    elif "age_minutes" in part:
        age = duration(part["age_minutes"] * 60_000, locale)
        details.append(f"il y a {age}" if french else f"{age} ago")
    return " ".join(words) + (f" ({', '.join(details)})" if details else "")
