"""The diabetes programme as a patient lives it, with a sensor and with finger sticks."""

from tests.stories import Story


def test_a_diabetic_whose_sugar_falls_by_day_is_told_of_at_each_level_and_after_eating_no_more() -> None:
    story = Story("diabetes")
    falling = [90.0, 78.0, 69.0, 66.0, 64.0, 60.0, 53.0, 58.0, 72.0, 80.0]
    story.series("blood-glucose", "2 14:00", 5, falling)
    assert story.told == [
        ("opened", "blood-glucose-below-70", "medium"),
        ("updated", "blood-glucose-below-54", "high"),
        ("updated", "blood-glucose-below-70", "medium"),
        ("resolved", "blood-glucose-below-70", "medium"),
    ]
    assert story.sentence("fr") == (
        "Glycémie 64 mg/dL, au-dessous de la limite de 70 mg/dL fixée par le plan de soins, "
        "3 mesures de suite."
    )
    assert story.sentence("en", 1) == "Glucose 53 mg/dL, below the care plan's limit of 54 mg/dL."


def test_the_same_low_sugar_of_a_sleeping_diabetic_is_high_at_once_and_told_once() -> None:
    story = Story("diabetes")
    story.series("blood-glucose", "2 02:00", 5, [90.0, 78.0, 69.0, 66.0, 64.0, 66.0, 76.0])
    assert story.told == [
        ("opened", "blood-glucose-below-70-at-night", "high"),
        ("resolved", "blood-glucose-below-70-at-night", "high"),
    ]


def test_two_hours_of_very_high_sugar_are_told_and_five_minutes_less_are_not() -> None:
    story = Story("diabetes")
    story.series("blood-glucose", "2 08:00", 5, [260.0] * 23 + [245.0])
    assert story.told == []
    story.series("blood-glucose", "3 08:00", 5, [260.0] * 24 + [240.0, 219.0])
    assert story.told == [
        ("opened", "blood-glucose-above-250", "medium"),
        ("resolved", "blood-glucose-above-250", "medium"),
    ]
    assert story.sentence("fr") == (
        "Glycémie 260 mg/dL, au-dessus de la limite de 250 mg/dL fixée par le plan de soins, "
        "24 mesures de suite."
    )


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
