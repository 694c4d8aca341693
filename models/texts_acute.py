"""How a reading, or the last ones, departed from the patient's own normal, in French and English."""

from typing import Final

from models.texts import moment

# Of a channel: (English, French) upwards, downwards, and without a direction.
_WHAT: Final = {
    "short-level": {
        1: ("has shifted upwards in the last readings", "décalage vers le haut sur les dernières mesures"),
        -1: ("has shifted downwards in the last readings", "décalage vers le bas sur les dernières mesures"),
    },
    "sustained-level": {
        1: ("has been shifted upwards for a longer time", "décalage durable vers le haut"),
        -1: ("has been shifted downwards for a longer time", "décalage durable vers le bas"),
    },
    "hour-of-day": {
        1: ("is unusually high for {hour}", "valeur inhabituellement haute pour {hour}"),
        -1: ("is unusually low for {hour}", "valeur inhabituellement basse pour {hour}"),
        0: ("has been unusual for {hour}", "valeurs inhabituelles pour {hour}"),
    },
    "variability": {
        1: ("is more variable than usual", "valeurs plus variables que d'habitude"),
        -1: ("is less variable than usual", "valeurs moins variables que d'habitude"),
    },
    "sequence": {0: ("changes in an unusual sequence", "succession inhabituelle de valeurs")},
    "record": {
        1: ("is above the range known so far", "valeur au-dessus de la plage connue jusqu'ici"),
        -1: ("is below the range known so far", "valeur au-dessous de la plage connue jusqu'ici"),
    },
    "record-mean": {
        1: ("is, on average, above the range known so far", "moyenne au-dessus de la plage connue jusqu'ici"),
        -1: (
            "is, on average, below the range known so far",
            "moyenne au-dessous de la plage connue jusqu'ici",
        ),
    },
    "record-standardised": {
        1: ("has left its usual course upwards", "départ vers le haut du cours habituel"),
        -1: ("has left its usual course downwards", "départ vers le bas du cours habituel"),
    },
}
_RECORD: Final = {
    1: ("is higher than anything {span}", "valeur plus haute que toutes celles {span}"),
    -1: ("is lower than anything {span}", "valeur plus basse que toutes celles {span}"),
}
LASTING: Final = ("short-level", "sustained-level", "hour-of-day", "variability", "sequence")


def hour_of_day(hour: int, locale: str) -> str:
    """An hour, 0 to 23, as people say it."""
    if locale == "fr":
        return {0: "minuit", 12: "midi"}.get(hour, f"{hour} h")
    return {0: "midnight", 12: "noon"}.get(hour, f"{hour % 12} {'a.m.' if hour < 12 else 'p.m.'}")


def span(days: int, locale: str) -> str:
    """The last days, in weeks where they are two or more."""
    if locale == "fr":
        if days < 2:
            return "des dernières 24 heures"
        return f"des {days} derniers jours" if days < 14 else f"des {days // 7} dernières semaines"
    if days < 2:
        return "in the last 24 hours"
    return f"in the last {days} days" if days < 14 else f"in the last {days // 7} weeks"


def what(locale: str, channel: str, side: int, local: int, days: int, since: int) -> str:
    """What is unusual, and since when where that says more than the reading's own time.

    side: +1 upwards or more, -1 downwards or less, 0 = neither; local, since: ms of local time, of the
    reading and of the last one that was usual in this; days: whole ones that a record holds for.
    """
    place = 1 if locale == "fr" else 0
    words = _RECORD[side] if channel == "record" and days > 0 else _WHAT[channel][side]
    text = words[place].format(hour=hour_of_day(local // 3_600_000 % 24, locale), span=span(days, locale))
    if channel not in LASTING:
        return text
    return text + (f", depuis le {moment(since, locale)}" if place else f", since {moment(since, locale)}")


def acute(
    locale: str, name: str, value: str, unit: str, low: str, high: str, readings: int, what: str
) -> str:
    """A departure from the patient's own normal, with the band that was expected."""
    if locale == "fr":
        return f"{name} {value}{unit} : {what}. Attendu de {low} à {high}{unit}, d'après {readings} mesures."
    return f"{name} {value}{unit} {what}. Expected {low} to {high}{unit}, from {readings} readings."
