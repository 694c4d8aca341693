"""NEWS2 from vitals that were not measured together: points of each part, its age, what is missing.

Source of every number: Royal College of Physicians, National Early Warning Score (NEWS) 2, London 2017,
charts 1 (the scoring system), 2 (thresholds and triggers) and 4 (clinical response). It does not apply to
children under 16 nor to pregnant women (so says NICE's medtech innovation briefing 205; the charts do not):
a care plan says for whom it is, and for them nothing is computed. A part that is missing, or older than its
allowed age, gives no points and is named; the total of such a partial score is a lower bound. Nothing
validates NEWS2 at home (cebm.net, 2020): it orders attention, it does not replace it.
"""

import math
from typing import Final

from numba import njit

from models.record import SCORE_CHANGED, SCORE_WAITS

# The seven parts, in the order of chart 1: the index of each is its place in every array here.
PARTS: Final = (
    "respiratory-rate",
    "spo2",
    "oxygen",
    "systolic-bp",
    "heart-rate",
    "consciousness",
    "body-temperature",
)
RESPIRATION, SATURATION, OXYGEN, PRESSURE, PULSE, CONSCIOUSNESS, TEMPERATURE = range(len(PARTS))

# Which vital measures which part, and what is taken off its value. Oxygen counts where more than nothing
# flows, or more is inspired than the 21 % of air.
SOURCES: Final = {
    **{code: (part, 0.0) for part, code in enumerate(PARTS) if code != "oxygen"},
    "oxygen-flow": (OXYGEN, 0.0),
    "inspired-oxygen": (OXYGEN, 21.0),
}

MISSING: Final = -1  # points of a part that is missing or too old
AIR, ON_OXYGEN, MEASURED = 0, 1, 2  # what the plan says of oxygen: prescribed, or taken from readings

# Clinical risk by chart 2: nothing; 1-4; 3 in one part; 5-6; 7 and more.
NONE, LOW, LOW_MEDIUM, MEDIUM, HIGH = range(5)
BANDS: Final = ("none", "low", "low-medium", "medium", "high")


@njit
def saturation_points(percent, scale, on_oxygen):  # type: ignore[no-untyped-def]
    """Points of an oxygen saturation in whole %, on scale 1, or 2 (target 88-92 %, hypercapnia)."""
    if scale == 1:
        return 3 if percent <= 91 else (2 if percent <= 93 else (1 if percent <= 95 else 0))
    if percent <= 87:
        return 3 if percent <= 83 else (2 if percent <= 85 else 1)
    if percent <= 92 or not on_oxygen:
        return 0
    return 1 if percent <= 94 else (2 if percent <= 96 else 3)


@njit
def points_of(part, value, scale, on_oxygen):  # type: ignore[no-untyped-def]
    """Points 0-3 of one part.

    value: in the canonical unit of its vital, rounded here to the chart's precision (whole numbers,
    temperature to 0.1 °C); oxygen: more than 0 is oxygen; consciousness: 0 alert, more is CVPU.
    """
    if part == OXYGEN:
        return 2 if value > 0 else 0
    if part == CONSCIOUSNESS:
        return 3 if value > 0 else 0
    if part == TEMPERATURE:
        tenths = math.floor(10.0 * value + 0.5)
        if tenths <= 360:
            return 3 if tenths <= 350 else 1
        return 0 if tenths <= 380 else (1 if tenths <= 390 else 2)
    whole = math.floor(value + 0.5)
    if part == RESPIRATION:
        if whole <= 11:
            return 3 if whole <= 8 else 1
        return 0 if whole <= 20 else (2 if whole <= 24 else 3)
    if part == SATURATION:
        return saturation_points(whole, scale, on_oxygen)
    if part == PRESSURE:
        if whole <= 110:
            return 3 if whole <= 90 else (2 if whole <= 100 else 1)
        return 0 if whole <= 219 else 3
    if whole <= 50:  # the pulse
        return 3 if whole <= 40 else 1
    return 0 if whole <= 90 else (1 if whole <= 110 else (2 if whole <= 130 else 3))


@njit
def assess(values, at, now, allowed, scale, oxygen, points):  # type: ignore[no-untyped-def]
    """Points of all parts at `now`, written to `points` (int, 7; MISSING where there is none).

    values: float (7,) latest value of each part; at: int64 (7,) ms when it was measured, 0 = never;
    allowed: int64 (7,) ms of age up to which a part counts; scale: 1 or 2; oxygen: AIR, ON_OXYGEN (as
    prescribed) or MEASURED. Returns (total, band, ms of age of the oldest part that counts). On scale 2 a
    saturation that rounds to over 92 % is missing too while it is not known whether there was oxygen: its
    points differ.
    """
    total = 0
    oldest = 0
    single = False
    for part in range(len(PARTS)):
        age = now - at[part]
        points[part] = MISSING
        if part == OXYGEN and oxygen != MEASURED:
            points[part] = 2 if oxygen == ON_OXYGEN else 0
            total += points[part]
            continue
        if at[part] == 0 or age > allowed[part]:
            continue
        on_oxygen = oxygen == ON_OXYGEN
        if oxygen == MEASURED and part == SATURATION and scale == 2:
            known = at[OXYGEN] > 0 and now - at[OXYGEN] <= allowed[OXYGEN]
            if not known and values[part] >= 92.5:
                continue
            on_oxygen = known and values[OXYGEN] > 0
        points[part] = points_of(part, values[part], scale, on_oxygen)
        total += points[part]
        oldest = max(oldest, age)
        single = single or points[part] == 3
    return total, band_of(total, single), oldest


@njit
def band_of(total, single):  # type: ignore[no-untyped-def]
    """Clinical risk of a total; `single`: one part has 3 points (chart 2)."""
    if total >= 7:
        return HIGH
    if total >= 5:
        return MEDIUM
    if single:
        return LOW_MEDIUM
    return LOW if total > 0 else NONE


@njit
def measure(patient, part, value, at):  # type: ignore[no-untyped-def]
    """Keep the latest reading of a part: PATIENT, `at` in ms."""
    if at >= patient["part_at"][part]:
        patient["part_value"][part] = value
        patient["part_at"][part] = at


@njit
def newest(patient):  # type: ignore[no-untyped-def]
    """The instant (ms) at which the latest reading of any part was taken: that of the score."""
    at = 0
    for part in range(len(PARTS)):
        at = max(at, patient["part_at"][part])
    return at


@njit
def step(patient, band, points, part, rule):  # type: ignore[no-untyped-def]
    """Advance the clinical risk that stands by one score: SCORE_CHANGED, SCORE_WAITS or 0.

    band, points: of `assess`; part: whose reading caused it. The risk changes when `readings` scores in a
    row are on the same side of it, to the nearest of theirs. Only a reading of a part that has points
    confirms a rise, only one of a part that made the standing risk a fall; and while such a part is missing
    nothing falls, since a partial score is a lower bound: SCORE_WAITS, once for each part, so that somebody
    measures it.
    """
    shown = band if band >= rule["alert_from"] else NONE
    standing = int(patient["band"])
    bits = 0
    for i in range(len(PARTS)):
        if points[i] > 0:
            bits |= 1 << i
    rises = shown > standing
    confirms = points[part] > 0 if rises else ((int(patient["band_parts"]) >> part) & 1) == 1
    missing = 0
    for i in range(len(PARTS)):
        if (int(patient["band_parts"]) >> i) & 1 and points[i] == MISSING:
            missing |= 1 << i
    asked = int(patient["band_asked"]) & missing
    patient["band_asked"] = asked
    if shown < standing and missing:
        patient["band_readings"] = 0
        patient["band_asked"] = missing
        return SCORE_WAITS if missing != asked else 0
    if shown == standing:
        patient["band_readings"] = 0
        patient["band_parts"] = bits
        return 0
    following = int(patient["band_next"])
    if patient["band_readings"] == 0 or (following > standing) != rises:
        patient["band_readings"] = 0
        following = shown
    patient["band_next"] = min(following, shown) if rises else max(following, shown)
    if confirms:
        patient["band_readings"] += 1
    if patient["band_readings"] < rule["readings"]:
        return 0
    patient["band"] = patient["band_next"]
    patient["band_readings"] = 0
    patient["band_parts"] = bits
    patient["band_asked"] = 0
    return SCORE_CHANGED
