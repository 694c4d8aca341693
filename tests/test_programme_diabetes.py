"""The diabetes programme as a patient lives it: the same story on sensors of 1, 5 and 15 minutes."""

import numpy as np
import pytest

from tests.stories import Story

SENSORS = pytest.mark.parametrize("minutes", [1, 5, 15])
Path = dict[str, float]  # "14:30" of the day -> mg/dL, constant until the next


def story_of(path: Path, minutes: int, own: str = "", day: int = 2) -> Story:
    """A sensor that sends every so many minutes from the path's first moment to its last."""
    story = Story("diabetes", own)
    clock = [int(moment[:2]) * 60 + int(moment[3:]) for moment in path]
    levels = list(path.values())
    for at in range(clock[0], clock[-1] + 1, minutes):
        place = int(np.searchsorted(clock, at, "right")) - 1
        story.measure(f"{day} {at // 60:02}:{at % 60:02}", "blood-glucose", levels[place])
    return story


def moments(story: Story) -> list[tuple[str, str, str]]:
    """(event, rule, moment of the reading that decided, in UTC)."""
    return [(b["event"], b["rule"], b["measured_at"][11:16]) for b in story.bodies]


@SENSORS
def test_a_low_is_told_after_fifteen_minutes_and_over_after_fifteen_minutes_out_of_it(minutes: int) -> None:
    story = story_of({"13:00": 90, "14:00": 64, "14:30": 72, "15:30": 90}, minutes)
    assert moments(story) == [
        ("opened", "blood-glucose-below-70", "13:15"),
        ("resolved", "blood-glucose-below-70", "13:45"),
    ]
    assert [b["severity"] for b in story.bodies] == ["medium", "medium"]
    assert story.sentence("fr") == (
        "Glycémie 64 mg/dL, au-dessous de la limite de 70 mg/dL fixée par le plan de soins, "
        "depuis au moins 15 min."
    )
    assert story.sentence("en") == (
        "Glucose 64 mg/dL, below the care plan's limit of 70 mg/dL, for at least 15 min."
    )


@SENSORS
def test_the_same_low_of_a_sleeper_is_high_and_told_once(minutes: int) -> None:
    story = story_of({"01:00": 90, "02:00": 64, "02:30": 76, "03:30": 90}, minutes)
    assert moments(story) == [
        ("opened", "blood-glucose-below-70-at-night", "01:15"),
        ("resolved", "blood-glucose-below-70-at-night", "01:45"),
    ]
    assert {b["severity"] for b in story.bodies} == {"high"}


@SENSORS
def test_fourteen_minutes_below_70_and_one_good_reading_between_two_lows_are_no_event(minutes: int) -> None:
    assert story_of({"13:00": 90, "14:01": 64, "14:15": 75, "14:16": 90, "15:00": 90}, minutes).told == []
    assert story_of({"13:00": 90, "14:00": 64, "14:15": 71, "14:30": 64, "14:44": 80}, minutes).told == []


@SENSORS
def test_below_54_is_told_at_the_first_reading_and_lasts_until_fifteen_minutes_of_70(minutes: int) -> None:
    story = story_of({"13:00": 90, "14:00": 50, "14:30": 65, "15:00": 70, "16:00": 80}, minutes)
    assert moments(story) == [
        ("opened", "blood-glucose-below-54", "13:00"),
        ("resolved", "blood-glucose-below-54", "14:15"),
    ]
    assert story.bodies[0]["severity"] == "high"
    assert story.sentence("en") == "Glucose 50 mg/dL, below the care plan's limit of 54 mg/dL."


@SENSORS
def test_an_end_that_does_not_last_is_no_end(minutes: int) -> None:
    path = {"13:00": 90, "14:00": 64, "14:30": 72, "14:45": 66, "15:00": 80, "16:00": 80}
    assert moments(story_of(path, minutes)) == [
        ("opened", "blood-glucose-below-70", "13:15"),
        ("resolved", "blood-glucose-below-70", "14:15"),
    ]


@SENSORS
def test_two_hours_of_very_high_sugar_are_told_and_less_is_not(minutes: int) -> None:
    assert story_of({"08:00": 260, "09:45": 245, "12:00": 200}, minutes).told == []
    story = story_of({"08:00": 260, "11:00": 215, "12:00": 180}, minutes)
    assert moments(story) == [
        ("opened", "blood-glucose-above-250", "09:00"),
        ("resolved", "blood-glucose-above-250", "10:15"),
    ]
    assert story.sentence("fr") == (
        "Glycémie 260 mg/dL, au-dessus de la limite de 250 mg/dL fixée par le plan de soins, "
        "depuis au moins 2 h."
    )


def test_lows_before_and_after_two_silent_hours_of_the_sensor_are_no_event() -> None:
    story = Story("diabetes")
    story.series("blood-glucose", "2 14:00", 150, [64.0, 64.0])
    assert story.told == []


def test_a_low_that_somebody_else_had_to_treat_is_high_whatever_the_sensor_says() -> None:
    story = Story("diabetes")
    story.measure("2 14:00", "blood-glucose", 110.0)
    story.measure("2 14:01", "symptom-severe-hypoglycaemia", 1)
    assert story.told == [("opened", "severe-hypoglycaemia", "high")]


FINGER_STICK = """
[[plan.limits]]
rule = "blood-glucose-above-250"
vital = "blood-glucose"
direction = "above"
value = 250.0
clear = 220.0
severity = "medium"
readings = 2
"""


def test_a_diabetic_with_finger_sticks_has_a_limit_of_the_own_plan_in_place_of_the_programmes() -> None:
    story = Story("diabetes", FINGER_STICK)
    story.measures("blood-glucose", d2_0730=262.0, d2_1200=281.0, d2_1830=160.0)
    assert story.told == [
        ("opened", "blood-glucose-above-250", "medium"),
        ("resolved", "blood-glucose-above-250", "medium"),
    ]
