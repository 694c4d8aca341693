"""What an alert says of itself, in French and English, from its numbers alone."""

from datetime import timedelta
from typing import Final

from models.times import EPOCH

LOCALES: Final = ("en", "fr")

_UNITS: Final = {"mm[Hg]": "mmHg", "Cel": "°C", "{score}": "/10", "{yes}": "", "{steps}": ""}


def unit(ucum: str) -> str:
    """A UCUM unit as people write it."""
    return _UNITS.get(ucum, ucum)


def number(value: float, decimals: int, locale: str) -> str:
    """A number as people of the locale write it, rounded to the vital's decimals; far too large as 1e+300."""
    text = f"{round(value, decimals):.{decimals}f}" if abs(value) < 1e9 else f"{value:.0e}"
    return text.replace(".", ",") if locale == "fr" else text


def duration(milliseconds: int, locale: str) -> str:
    """A length of time in its largest whole unit: minutes, hours or days."""
    minutes = milliseconds // 60_000
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // 1440} {'j' if locale == 'fr' else 'days'}"


def limit(
    locale: str, name: str, value: str, unit: str, bound: str, above: bool, readings: int, lasting: int
) -> str:
    """A clinician's limit was passed."""
    if locale == "fr":
        side = "au-dessus de" if above else "au-dessous de"
        often = f", {readings} mesures de suite" if readings > 1 else ""
        often = f", depuis au moins {duration(lasting, locale)}" if lasting else often
        return f"{name} {value} {unit}, {side} la limite de {bound} {unit} fixée par le plan de soins{often}."
    side = "above" if above else "below"
    often = f", {readings} readings in a row" if readings > 1 else ""
    often = f", for at least {duration(lasting, locale)}" if lasting else often
    return f"{name} {value} {unit}, {side} the care plan's limit of {bound} {unit}{often}."


def eased(locale: str, value: str, unit: str, clear: str, above: bool, lasting: int) -> str:
    """The gravest limit holds no more but a milder one does, after the sentence about the gravest."""
    if locale == "fr":
        often = f" pendant {duration(lasting, locale)}" if lasting else ""
        side = "moins" if above else "plus"
        end = f"{clear} {unit} ou {side}{often}"
        return f" Maintenant {value} {unit} : moins grave ; l'alerte prend fin à {end}."
    often = f" for {duration(lasting, locale)}" if lasting else ""
    side = "below" if above else "above"
    return f" Now {value} {unit}: less grave; the alert ends at {clear} {unit} or {side}{often}."


def over(locale: str, value: str, unit: str) -> str:
    """The alert is over, with the value that ended it, after its sentence."""
    return (
        f" Maintenant {value} {unit} : terminé." if locale == "fr" else f" Now {value} {unit}: over."
    ).replace("  ", " ")


def over_again(locale: str, kind: str) -> str:
    """The alert is over where no single value ended it: a symptom, a silence, a change over days."""
    words = {
        "symptom": ("No longer reported.", "N'est plus signalé."),
        "silence": ("Measured again.", "De nouveau mesuré."),
        "trend": ("Back to the usual.", "Revenu à l'habituel."),
    }
    return f" {words[kind][locale == 'fr']}"


def gain_eased(locale: str, value: str, unit: str, days: int) -> str:
    """The gravest gain is over but a milder one is not; days 0: the gain over the dry weight."""
    if locale == "fr":
        still = f"le gain sur {days} jours" if days else "le gain au-dessus du poids sec"
        return f" Maintenant {value} {unit} : moins grave ; {still} compte encore."
    still = f"the gain over {days} days" if days else "the gain over the dry weight"
    return f" Now {value} {unit}: less grave; {still} still counts."


def personal_best(locale: str, percent: int, best: str, unit: str) -> str:
    """How a value stands to the patient's personal best, after the sentence about its limit."""
    if locale == "fr":
        return f" C'est {percent} % du record personnel ({best} {unit})."
    return f" That is {percent} % of the personal best ({best} {unit})."


def symptom(locale: str, name: str, value: str | None) -> str:
    """A symptom was reported beyond what the plan lets pass; value None: it is only there or not."""
    told = "Le patient signale :" if locale == "fr" else "The patient reports:"
    return f"{told} {name}." if value is None else f"{told} {name}, {value}."


def gain(locale: str, name: str, value: str, unit: str, amount: str, days: int, low: str) -> str:
    """Weight gained over days."""
    if locale == "fr":
        return f"{name} {value} {unit} : +{amount} {unit} par rapport au plus bas ({low} {unit}) " + (
            "du jour précédent." if days == 1 else f"des {days} jours précédents."
        )
    before = "day" if days == 1 else f"{days} days"
    return f"{name} {value} {unit}: +{amount} {unit} over the lowest ({low} {unit}) of the {before} before."


def over_dry_weight(
    locale: str, name: str, value: str, unit: str, amount: str, percent: str, dry: str
) -> str:
    """More water between two dialyses than the plan lets pass."""
    if locale == "fr":
        return (
            f"{name} {value} {unit} : +{amount} {unit} ({percent} %) au-dessus du poids sec ({dry} {unit})."
        )
    return f"{name} {value} {unit}: +{amount} {unit} ({percent} %) over the dry weight ({dry} {unit})."


def over_dry_weight_for_days(
    locale: str, name: str, days: int, unit: str, amount: str, percent: str, dry: str
) -> str:
    """For days no dialysis came down to the dry weight."""
    if locale == "fr":
        return (
            f"{name} : depuis {days} jours au moins {amount} {unit} ({percent} %) au-dessus du poids sec "
            f"({dry} {unit})."
        )
    over = f"at least {amount} {unit} ({percent} %) over the dry weight ({dry} {unit})"
    return f"{name}: for {days} days {over}."


def beside(locale: str, symptoms: list[str]) -> str:
    """The symptoms that make a gain count, after its sentence."""
    names = ", ".join(symptoms)
    if locale == "fr":
        return f" Signalé en même temps : {names}."
    return f" Reported at the same time: {names}."


def last_measured(locale: str, local: int) -> str:
    """When a value of an earlier day was measured, after its sentence; local ms."""
    return f" {'Dernière mesure :' if locale == 'fr' else 'Last measured on'} {moment(local, locale)}."


def not_alone(locale: str) -> str:
    """A borderline change counts only beside a symptom."""
    return " Seul, cet écart n'alerterait pas." if locale == "fr" else " Alone, this would not alert."


_WEEKDAYS: Final = {  # from Thursday: 1970-01-01 was one
    "en": ("Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"),
    "fr": ("jeudi", "vendredi", "samedi", "dimanche", "lundi", "mardi", "mercredi"),
}


_MONTHS: Final = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
           "novembre", "décembre"),
}  # fmt: skip


def moment(local: int, locale: str) -> str:
    """A local time in ms as people say it: the weekday too, since nurses count in days."""
    at = EPOCH + timedelta(milliseconds=local)
    weekday, month = _WEEKDAYS[locale][local // 86_400_000 % 7], _MONTHS[locale][at.month - 1]
    if locale == "fr":
        return f"{weekday} {'1er' if at.day == 1 else at.day} {month} à {at.hour} h {at.minute:02d}"
    return f"{weekday} {at.day} {month} at {at.hour:02d}:{at.minute:02d}"


def departure(
    locale: str,
    channel: str,
    nights: bool,
    unit: str,
    value: str,
    distance: str,
    usual: str,
    low: str,
    high: str,
) -> str:
    """How nights (or days) differ from the usual: in level, variability or rhythm."""
    if locale == "fr":
        if channel == "variability":
            return f"variabilité nocturne de {value} {unit} au lieu de {low} à {high} {unit}"
        if channel == "rhythm":
            return f"écart entre jour et nuit de {value} {unit} au lieu de {low} à {high} {unit}"
        side = "au-dessus" if channel == "above" else "au-dessous"
        who = "nuits" if nights else f"{value} {unit},"
        return f"{who} {distance} {unit} {side} de l'habituel : {usual} ({low} à {high}) {unit},"
    if channel == "variability":
        return f"nights vary by {value} {unit} instead of {low} to {high} {unit}"
    if channel == "rhythm":
        return f"day and night differ by {value} {unit} instead of {low} to {high} {unit}"
    who = "nights" if nights else f"{value} {unit},"
    return f"{who} {distance} {unit} {channel} the usual {usual} ({low} to {high}) {unit}"


def lasting(locale: str, nights: bool, weekday: int, days: int, learned: int) -> str:
    """Since when, and what the baseline rests on; `weekday` of the first day, 0 = Thursday."""
    day = _WEEKDAYS[locale][weekday]
    if locale == "fr":
        period = "nuit" if nights else "jour"
        since = f"depuis {day}" if days <= 6 else f"depuis {days} {period}s"
        ordinal = f"{days}e" if days > 1 else "1re" if nights else "1er"
        return f"{since} ; {ordinal} {period} de suite ; référence de {learned} {period}s."
    period = "night" if nights else "day"
    since = f"since {day}" if days <= 6 else f"for {days} {period}s"
    ending = "th" if days % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(days % 10, "th")
    return f"{since}; {days}{ending} {period} in a row; baseline of {learned} {period}s."


def grown(locale: str, unit: str, before: str) -> str:
    """That a change has gone much farther than it was told, after its sentence."""
    if locale == "fr":
        return f" L'écart s'est nettement accentué : {before} {unit} lors de l'annonce précédente."
    return f" It has grown much since it was told at {before} {unit}."


def silence(locale: str, name: str, every: int, last: int | None) -> str:
    """An expected measurement did not come; `last`: local ms of the last one, None: never."""
    length = duration(every, locale)
    if locale == "fr":
        since = "aucune n'a jamais été reçue" if last is None else f"dernière {moment(last, locale)}"
        return f"{name} : aucune mesure reçue dans le délai prévu ({length}) ; {since}."
    since = "none was ever received" if last is None else f"the last was on {moment(last, locale)}"
    return f"{name}: no measurement within the expected {length}; {since}."


def clock(locale: str, device: str, ahead: int) -> str:
    """A device's clock runs ahead, so its readings are refused."""
    length = duration(ahead, locale)
    if locale == "fr":
        return (
            f"L'horloge de l'appareil {device} avance de {length} : ses mesures sont refusées tant "
            "qu'elle n'est pas réglée."
        )
    return f"The clock of device {device} is {length} ahead: its readings are refused until it is set."


def battery(locale: str, device: str, percent: int) -> str:
    """A device's battery is nearly empty."""
    if locale == "fr":
        return (
            f"La batterie de l'appareil {device} est à {percent} % : la recharger ou la changer avant que "
            "les mesures ne cessent."
        )
    return f"The battery of device {device} is at {percent} %: charge or change it before readings cease."


def burst(locale: str, device: str, name: str, count: int, unit: str, value: str, low: str, high: str) -> str:
    """Values that no living body has, one after the other: the device is to be looked at."""
    if locale == "fr":
        return (
            f"L'appareil {device} a envoyé {count} valeurs impossibles de suite ({name} {value} {unit} ; "
            f"plausible : {low} à {high} {unit}). Elles sont écartées : vérifier l'appareil."
        )
    return (
        f"Device {device} sent {count} impossible values in a row ({name} {value} {unit}; plausible: "
        f"{low} to {high} {unit}). They are set aside: check the device."
    )
