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
    catalog: Catalog,
) -> str:
    """A NEWS2 score: its parts with points, what was in range, what is missing, and how old each is."""
    french = locale == "fr"
    scoring = [_part(locale, part, catalog) for part in parts if part["points"]]
    calm = [_part(locale, part, catalog) for part in parts if not part["points"]]
    words = [f"NEWS2 {'≥ ' if missing else ''}{total}, {_RISKS[risk][french]}"]
    if scoring:
        words.append(f"{'points' if french else 'points from'} : {', '.join(scoring)}")
    if calm:
        words.append(f"{'sans point' if french else 'no points'} : {', '.join(calm)}")
    if missing:
        names = ", ".join(_part(locale, part, catalog) for part in missing)
        words.append(f"{'score partiel, manque' if french else 'partial score, missing'} : {names}")
    text = ". ".join(word[0].upper() + word[1:] for word in words) + "."
    return text if french else text.replace(" :", ":")


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
            words += [number(part["value"], vital.decimals, locale), unit(vital.unit)]
    details = [str(points)] if points else []
    if "age_minutes" in part:
        age = duration(part["age_minutes"] * 60_000, locale)
        details.append(f"il y a {age}" if french else f"{age} ago")
    elif points is None:
        details.append("jamais mesuré" if french else "never measured")
    return " ".join(words) + (f" ({', '.join(details)})" if details else "")
