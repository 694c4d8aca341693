"""What an alert says of itself, in French and English, from its numbers alone."""

import math
from datetime import timedelta
from typing import Final

from models.times import EPOCH

LOCALES: Final = ("en", "fr")

_UNITS: Final = {"mm[Hg]": "mmHg", "Cel": "°C", "{score}": "", "{yes}": "", "{steps}": ""}
FINER: Final = 3  # more decimals than its vital has, at most, where a number needs them


def unit(ucum: str) -> str:
    """A UCUM unit as people write it behind a number, the space before it too; "" of what is counted."""
    return f" {_UNITS.get(ucum, ucum)}".rstrip()


def number(value: float, decimals: int, locale: str) -> str:
    """A number as people of the locale write it, rounded to the vital's decimals; far too large as 1e+300."""
    text = f"{round(value, decimals) + 0.0:.{decimals}f}" if abs(value) < 1e9 else f"{value:.0e}"
    return text.replace(".", ",") if locale == "fr" else text


def exact(bound: float, decimals: int) -> int:
    """Decimals, no fewer than its vital has, that tell a plan's own number as it was written."""
    finer = range(decimals, decimals + FINER + 1)
    return next((d for d in finer if math.isclose(round(bound, d), bound)), decimals)


def apart(value: float, bound: float, decimals: int) -> int:
    """Decimals, no fewer than its vital has, that show on which side of a bound a value lies."""
    finer = range(decimals, decimals + FINER + 1)
    return next((d for d in finer if round(value, d) != round(bound, d)), decimals)


def answer(value: float, locale: str) -> str:
    """The answer to a question of yes (1) or no (0)."""
    return ("oui" if value else "non") if locale == "fr" else "yes" if value else "no"


def counted(count: int, one: str, many: str) -> str:
    """A count and its noun, in the singular or the plural."""
    return f"{count} {one if count == 1 else many}"


def duration(milliseconds: int, locale: str) -> str:
    """A length of time in its largest whole unit: minutes, hours or days."""
    minutes = milliseconds // 60_000
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // 1440} {'j' if locale == 'fr' else 'days'}"


def length(milliseconds: int, locale: str) -> str:
    """A length of time that a plan asks for, to the minute (`duration` is for ages)."""
    unit = 86_400_000 if milliseconds >= 48 * 3_600_000 else 3_600_000
    whole, rest = milliseconds - milliseconds % unit, milliseconds % unit
    text = duration(whole if whole >= 7_200_000 else milliseconds, locale)
    if whole < 7_200_000 or rest < 60_000:
        return text
    minutes = rest // 60_000
    parts = (minutes // 60, "h"), (minutes % 60, "min")
    return " ".join([text, *(f"{count} {name}" for count, name in parts if count)])


def limit(
    locale: str, name: str, value: str, unit: str, bound: str, above: bool, readings: int, lasting: int
) -> str:
    """A clinician's limit was passed."""
    if locale == "fr":
        side = "au-dessus de" if above else "au-dessous de"
        often = f", {readings} mesures de suite" if readings > 1 else ""
        often = f", depuis au moins {length(lasting, locale)}" if lasting else often
        return f"{name} {value}{unit}, {side} la limite de {bound}{unit} fixée par le plan de soins{often}."
    side = "above" if above else "below"
    often = f", {readings} readings in a row" if readings > 1 else ""
    often = f", for at least {length(lasting, locale)}" if lasting else often
    return f"{name} {value}{unit}, {side} the care plan's limit of {bound}{unit}{often}."


def eased(locale: str, value: str | None, unit: str, clear: str, above: bool, lasting: int) -> str:
    """The gravest limit holds no more but a milder one does, after the sentence about the gravest.

    value: None where it was the care plan that changed.
    """
    if locale == "fr":
        often = f" pendant {length(lasting, locale)}" if lasting else ""
        side = "moins" if above else "plus"
        return f" {_milder(locale, value, unit)} ; l'alerte prend fin à {clear}{unit} ou {side}{often}."
    often = f" for {length(lasting, locale)}" if lasting else ""
    side = "below" if above else "above"
    return f" {_milder(locale, value, unit)}; the alert ends at {clear}{unit} or {side}{often}."


def _milder(locale: str, value: str | None, unit: str) -> str:
    """Why an alert is less grave than it was."""
    if value is None:
        return (
            "Le plan de soins a changé : moins grave"
            if locale == "fr"
            else "The care plan changed: less grave"
        )
    return f"Maintenant {value}{unit} : moins grave" if locale == "fr" else f"Now {value}{unit}: less grave"


def over(locale: str, value: str, unit: str) -> str:
    """The alert is over, with the value that ended it, after its sentence."""
    return f" Maintenant {value}{unit} : terminé." if locale == "fr" else f" Now {value}{unit}: over."


def over_again(locale: str, why: str) -> str:
    """The alert is over where no single value ended it."""
    words = {
        "symptom": ("No longer reported.", "N'est plus signalé."),
        "silence": ("Measured again.", "De nouveau mesuré."),
        "usual": ("Back to the usual.", "Revenu à l'habituel."),
        "technical": ("No longer so.", "Ce n'est plus le cas."),
        "plan": ("Ended by a change of the care plan.", "Terminé par un changement du plan de soins."),
        "learning": (
            "Ended, since learning was begun anew.",
            "Terminé, car l'apprentissage a été recommencé.",
        ),
    }
    return f" {words[why][locale == 'fr']}"


def gain_eased(locale: str, value: str | None, unit: str, days: int) -> str:
    """The gravest gain is over but a milder one is not; days 0: the gain over the dry weight."""
    if locale == "fr":
        over = "le jour précédent" if days == 1 else f"{days} jours"
        still = f"le gain sur {over}" if days else "le gain au-dessus du poids sec"
        return f" {_milder(locale, value, unit)} ; {still} compte encore."
    over = counted(days, "day", "days")
    still = f"the gain over {over}" if days else "the gain over the dry weight"
    return f" {_milder(locale, value, unit)}; {still} still counts."


def personal_best(locale: str, percent: str, best: str, unit: str) -> str:
    """How a value stands to the patient's personal best, after the sentence about its limit."""
    if locale == "fr":
        return f" C'est {percent} % du record personnel ({best}{unit})."
    return f" That is {percent} % of the personal best ({best}{unit})."


def symptom(locale: str, name: str, value: str | None) -> str:
    """A symptom was reported beyond what the plan lets pass; value None: it is only there or not."""
    told = "Le patient signale :" if locale == "fr" else "The patient reports:"
    return f"{told} {name}." if value is None else f"{told} {name}, {value}."


def denied(locale: str, name: str) -> str:
    """The patient answered no where the plan asks for a yes."""
    return f"Le patient répond non : {name}." if locale == "fr" else f"The patient answers no: {name}."


def gain(locale: str, name: str, value: str, unit: str, amount: str, days: int, low: str) -> str:
    """Weight gained over days."""
    if locale == "fr":
        return f"{name} {value}{unit} : +{amount}{unit} par rapport au plus bas ({low}{unit}) " + (
            "du jour précédent." if days == 1 else f"des {days} jours précédents."
        )
    before = "day" if days == 1 else f"{days} days"
    return f"{name} {value}{unit}: +{amount}{unit} over the lowest ({low}{unit}) of the {before} before."


def over_dry_weight(
    locale: str, name: str, value: str, unit: str, amount: str, percent: str, dry: str
) -> str:
    """More water between two dialyses than the plan lets pass."""
    if locale == "fr":
        return f"{name} {value}{unit} : +{amount}{unit} ({percent} %) au-dessus du poids sec ({dry}{unit})."
    return f"{name} {value}{unit}: +{amount}{unit} ({percent} %) over the dry weight ({dry}{unit})."


def over_dry_weight_for_days(
    locale: str, name: str, days: int, unit: str, amount: str, percent: str, dry: str
) -> str:
    """For days no dialysis came down to the dry weight."""
    if locale == "fr":
        return (
            f"{name} : depuis {days} jours au moins {amount}{unit} ({percent} %) au-dessus du poids sec "
            f"({dry}{unit})."
        )
    over = f"at least {amount}{unit} ({percent} %) over the dry weight ({dry}{unit})"
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
            return f"variabilité nocturne de {value}{unit} au lieu de {low} à {high}{unit}"
        if channel == "rhythm":
            return f"écart entre jour et nuit de {value}{unit} au lieu de {low} à {high}{unit}"
        side = "au-dessus" if channel == "above" else "au-dessous"
        who = "nuits" if nights else f"{value}{unit},"
        return f"{who} {distance}{unit} {side} de l'habituel : {usual} ({low} à {high}){unit},"
    if channel == "variability":
        return f"nights vary by {value}{unit} instead of {low} to {high}{unit}"
    if channel == "rhythm":
        return f"day and night differ by {value}{unit} instead of {low} to {high}{unit}"
    who = "nights" if nights else f"{value}{unit},"
    return f"{who} {distance}{unit} {channel} the usual {usual} ({low} to {high}){unit}"


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
        return f" L'écart s'est nettement accentué : {before}{unit} lors de l'annonce précédente."
    return f" It has grown much since it was told at {before}{unit}."


def silence(locale: str, name: str, every: int, last: int | None) -> str:
    """An expected measurement did not come; `last`: local ms of the last one, None: never."""
    expected = length(every, locale)
    if locale == "fr":
        since = (
            "aucune n'a jamais été reçue" if last is None else f"la dernière date du {moment(last, locale)}"
        )
        return f"{name} : aucune mesure reçue dans le délai prévu ({expected}) ; {since}."
    since = "none was ever received" if last is None else f"the last was on {moment(last, locale)}"
    return f"{name}: no measurement within the expected {expected}; {since}."


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
            f"L'appareil {device} a envoyé {count} valeurs impossibles de suite ({name} {value}{unit} ; "
            f"plausible : {low} à {high}{unit}). Elles sont écartées : vérifier l'appareil."
        )
    return (
        f"Device {device} sent {count} impossible values in a row ({name} {value}{unit}; plausible: "
        f"{low} to {high}{unit}). They are set aside: check the device."
    )
