"""NEWS2 against the published chart (Royal College of Physicians 2017): every bound of every part."""

import numpy as np
import pytest

from models.score import news2

MINUTE = 60_000
FRESH = np.full(7, 720 * MINUTE)
NOW = 1_772_409_600_000

# part, its values with the points that chart 1 prints for them: both sides of each bound
CHART = {
    "respiratory-rate": {3: 3, 8: 3, 9: 1, 11: 1, 12: 0, 20: 0, 21: 2, 24: 2, 25: 3, 40: 3},
    "systolic-bp": {60: 3, 90: 3, 91: 2, 100: 2, 101: 1, 110: 1, 111: 0, 219: 0, 220: 3, 260: 3},
    "heart-rate": {30: 3, 40: 3, 41: 1, 50: 1, 51: 0, 90: 0, 91: 1, 110: 1, 111: 2, 130: 2, 131: 3, 180: 3},
    "body-temperature": {
        34.0: 3,
        35.0: 3,
        35.1: 1,
        36.0: 1,
        36.1: 0,
        38.0: 0,
        38.1: 1,
        39.0: 1,
        39.1: 2,
        41.0: 2,
    },
    "consciousness": {0: 0, 1: 3, 2: 3, 3: 3, 4: 3},
    "oxygen": {0: 0, 0.5: 2, 2: 2},
}
SCALE_1 = {80: 3, 91: 3, 92: 2, 93: 2, 94: 1, 95: 1, 96: 0, 100: 0}
SCALE_2_AIR = {80: 3, 83: 3, 84: 2, 85: 2, 86: 1, 87: 1, 88: 0, 92: 0, 93: 0, 95: 0, 97: 0, 100: 0}
SCALE_2_OXYGEN = {83: 3, 84: 2, 85: 2, 86: 1, 87: 1, 88: 0, 92: 0, 93: 1, 94: 1, 95: 2, 96: 2, 97: 3, 100: 3}


@pytest.mark.parametrize(
    ("part", "value", "points"), [(part, v, p) for part, row in CHART.items() for v, p in row.items()]
)
def test_a_part_has_the_points_of_the_chart(part: str, value: float, points: int) -> None:
    assert news2.points_of(news2.PARTS.index(part), float(value), 1, False) == points


@pytest.mark.parametrize(
    ("scale", "on_oxygen", "percent", "points"),
    [(1, oxygen, v, p) for oxygen in (False, True) for v, p in SCALE_1.items()]
    + [(2, False, v, p) for v, p in SCALE_2_AIR.items()]
    + [(2, True, v, p) for v, p in SCALE_2_OXYGEN.items()],
)
def test_a_saturation_has_the_points_of_its_scale(
    scale: int, on_oxygen: bool, percent: int, points: int
) -> None:
    assert news2.points_of(news2.SATURATION, float(percent), scale, on_oxygen) == points


# respiration, SpO2, oxygen (None = by plan: air), systolic, pulse, consciousness, temperature
WELL = (16, 98, 0, 120, 70, 0, 37.0)
CASES = {
    "nothing out of range": (WELL, 1, 0, "none"),
    "one point is low risk": ((16, 95, 0, 120, 70, 0, 37.0), 1, 1, "low"),
    "four points of several parts are low risk": ((21, 95, 0, 120, 91, 0, 37.0), 1, 4, "low"),
    "three points of several parts are low risk": ((16, 95, 0, 110, 91, 0, 37.0), 1, 3, "low"),
    "three points of one part are low-medium risk": ((16, 98, 0, 90, 70, 0, 37.0), 1, 3, "low-medium"),
    "new confusion alone is low-medium risk": ((16, 98, 0, 120, 70, 1, 37.0), 1, 3, "low-medium"),
    "five points are medium risk": ((21, 95, 0, 110, 91, 0, 37.0), 1, 5, "medium"),
    "six points are medium risk": ((21, 95, 2, 120, 91, 0, 37.0), 1, 6, "medium"),
    "a single three within five points is medium risk": ((25, 93, 0, 120, 70, 0, 37.0), 1, 5, "medium"),
    "seven points are high risk": ((25, 93, 2, 120, 70, 0, 37.0), 1, 7, "high"),
    "sepsis": ((26, 90, 2, 85, 135, 1, 39.4), 1, 3 + 3 + 2 + 3 + 3 + 3 + 2, "high"),
    "everything worst on scale 1": ((30, 80, 2, 70, 140, 4, 34.0), 1, 20, "high"),
    "COPD on air at 89 %": ((16, 89, 0, 120, 70, 0, 37.0), 2, 0, "none"),
    "COPD on oxygen at 89 %": ((16, 89, 2, 120, 70, 0, 37.0), 2, 2, "low"),
    "COPD on too much oxygen": ((16, 98, 4, 120, 70, 0, 37.0), 2, 5, "medium"),
    "the same on scale 1": ((16, 98, 4, 120, 70, 0, 37.0), 1, 2, "low"),
    "pneumonia at home": ((24, 92, 0, 118, 104, 0, 38.6), 1, 2 + 2 + 1 + 1, "medium"),
    "the same pneumonia on two litres": ((24, 92, 2, 118, 104, 0, 38.6), 1, 2 + 2 + 2 + 1 + 1, "high"),
    "an attack of asthma": ((28, 93, 0, 135, 124, 0, 37.2), 1, 3 + 2 + 2, "high"),
    "the attack is over": ((20, 96, 0, 130, 90, 0, 37.0), 1, 0, "none"),
    "fever with a fast pulse": ((18, 97, 0, 125, 112, 0, 39.1), 1, 2 + 2, "low"),
    "influenza": ((21, 95, 0, 112, 101, 0, 39.0), 1, 2 + 1 + 1 + 1, "medium"),
    "dehydration": ((18, 97, 0, 98, 112, 0, 37.4), 1, 2 + 2, "low"),
    "bleeding": ((22, 96, 0, 88, 128, 0, 36.0), 1, 2 + 3 + 2 + 1, "high"),
    "the slow pulse of a beta blocker": ((14, 97, 0, 122, 48, 0, 36.4), 1, 1, "low"),
    "a pulse of 40": ((14, 97, 0, 122, 40, 0, 36.4), 1, 3, "low-medium"),
    "a pressure of 224": ((16, 98, 0, 224, 88, 0, 36.8), 1, 3, "low-medium"),
    "a pressure of 219": ((16, 98, 0, 219, 88, 0, 36.8), 1, 0, "none"),
    "too much of an opioid": ((8, 90, 0, 104, 56, 2, 36.2), 1, 3 + 3 + 1 + 3, "high"),
    "hypothermia": ((11, 95, 0, 101, 41, 1, 34.8), 1, 1 + 1 + 1 + 1 + 3 + 3, "high"),
    "35.0 degrees": ((12, 96, 0, 111, 51, 0, 35.0), 1, 3, "low-medium"),
    "35.1 degrees": ((12, 96, 0, 111, 51, 0, 35.1), 1, 1, "low"),
    "pulmonary embolism": ((25, 91, 0, 108, 118, 0, 37.0), 1, 3 + 3 + 1 + 2, "high"),
    "heart failure on oxygen": ((21, 94, 2, 105, 92, 0, 36.1), 1, 2 + 1 + 2 + 1 + 1, "high"),
    "a stroke": ((16, 97, 0, 190, 84, 3, 36.9), 1, 3, "low-medium"),
    "delirium with an infection": ((20, 95, 0, 110, 95, 1, 38.2), 1, 1 + 1 + 1 + 3 + 1, "high"),
    "two days after an operation": ((17, 94, 2, 101, 91, 0, 38.1), 1, 1 + 2 + 1 + 1 + 1, "medium"),
    "COPD on air at 88 %": ((20, 88, 0, 130, 90, 0, 36.5), 2, 0, "none"),
    "COPD on air at 87 %": ((20, 87, 0, 130, 90, 0, 36.5), 2, 1, "low"),
    "COPD on air at 85 %, breathing fast": ((24, 85, 0, 128, 105, 0, 37.0), 2, 2 + 2 + 1, "medium"),
    "COPD on air at 83 %": ((26, 83, 0, 128, 115, 0, 37.8), 2, 3 + 3 + 2, "high"),
    "COPD on air at 97 %": ((16, 97, 0, 120, 70, 0, 37.0), 2, 0, "none"),
    "COPD on oxygen at 92 %": ((18, 92, 2, 120, 88, 0, 37.0), 2, 2, "low"),
    "COPD on oxygen at 94 %": ((18, 94, 1, 120, 88, 0, 37.0), 2, 1 + 2, "low"),
    "COPD on oxygen at 96 %": ((18, 96, 1, 120, 88, 0, 37.0), 2, 2 + 2, "low"),
    "COPD on oxygen at 97 %, drowsy": ((10, 97, 3, 120, 88, 2, 37.0), 2, 1 + 3 + 2 + 3, "high"),
    "the same drowsy patient on scale 1": ((10, 97, 3, 120, 88, 2, 37.0), 1, 1 + 2 + 3, "medium"),
    "COPD on oxygen at 84 %": ((22, 84, 2, 115, 99, 0, 38.4), 2, 2 + 2 + 2 + 1 + 1, "high"),
}


def test_at_least_forty_whole_cases_stand_here_on_both_scales() -> None:
    assert len(CASES) >= 40
    assert {scale for _, scale, _, _ in CASES.values()} == {1, 2}


@pytest.mark.parametrize(("values", "scale", "total", "band"), CASES.values(), ids=CASES.keys())
def test_a_whole_score_has_its_total_and_its_risk(
    values: tuple[float, ...], scale: int, total: int, band: str
) -> None:
    points = np.zeros(7, np.int8)
    at = np.full(7, NOW)
    told, risk, oldest = news2.assess(np.array(values, float), at, NOW, FRESH, scale, news2.MEASURED, points)
    assert (told, news2.BANDS[risk], oldest) == (total, band, 0)
    assert told == points.sum()


def assess(values: tuple[float, ...], ages: list[float], scale: int, oxygen: int) -> tuple[list[int], int]:
    """Points and the age of the oldest part; ages in minutes, -1 = never measured."""
    points = np.zeros(7, np.int8)
    at = np.array([NOW - int(age * MINUTE) if age >= 0 else 0 for age in ages])
    _, _, oldest = news2.assess(np.array(values, float), at, NOW, FRESH, scale, oxygen, points)
    return points.tolist(), oldest // MINUTE


def test_a_part_older_than_its_allowed_age_is_missing_and_gives_no_points() -> None:
    sick = (25, 90, 0, 85, 135, 1, 39.4)
    points, oldest = assess(sick, [720, 721, 0, -1, 5, -1, 60], 1, news2.AIR)
    assert points == [3, news2.MISSING, 0, news2.MISSING, 3, news2.MISSING, 2]
    assert oldest == 720


def test_prescribed_oxygen_counts_without_a_reading() -> None:
    assert assess(WELL, [0, 0, -1, 0, 0, 0, 0], 1, news2.ON_OXYGEN)[0] == [0, 0, 2, 0, 0, 0, 0]


def test_on_scale_2_a_high_saturation_is_missing_while_oxygen_is_unknown() -> None:
    ages: list[float] = [0, 0, 721, 0, 0, 0, 0]
    assert assess((16, 97, 2, 120, 70, 0, 37.0), ages, 2, news2.MEASURED)[0][:3] == [0, -1, -1]
    assert assess((16, 90, 2, 120, 70, 0, 37.0), ages, 2, news2.MEASURED)[0][:3] == [0, 0, -1]
    assert assess((16, 97, 2, 120, 70, 0, 37.0), ages, 2, news2.ON_OXYGEN)[0][:3] == [0, 3, 2]
