"""Each programme as a patient lives it: what is measured, and what the nurse is told in her language."""

import pytest

from models.plan_file import parse_plans
from models.strict import ConfigurationError
from streams.configuration import load_templates
from streams.zones import zone
from tests.stories import CATALOG, Story


def test_a_heart_failure_patient_who_gains_2_4_kg_in_three_days_is_told_of_once_until_the_water_is_gone() -> (
    None
):
    story = Story("heart-failure")
    story.series("body-weight", "1 07:10", 1440, [80.0, 80.3, 81.2, 82.4, 82.6])
    assert story.told == [("opened", "weight-gain-2-kg-3-days", "medium")]
    assert story.sentence("fr") == (
        "Poids 82,4 kg : +2,4 kg par rapport au plus bas (80,0 kg) des 3 jours précédents."
    )
    assert story.sentence("en") == ("Weight 82.4 kg: +2.4 kg over the lowest (80.0 kg) of the 3 days before.")
    story.measure("6 07:10", "body-weight", 81.6)  # the diuretic works, the week's gain is still there
    story.measure("7 07:10", "body-weight", 81.0)
    assert story.told[1:] == [
        ("updated", "weight-gain-2300-g-7-days", "low"),
        ("resolved", "weight-gain-2300-g-7-days", "low"),
    ]
    assert story.sentence("en", 1).endswith(" Now 81.6 kg: less grave; the gain over 7 days still counts.")
    assert story.sentence("fr", 1).endswith(
        " Maintenant 81,6 kg : moins grave ; le gain sur 7 jours compte encore."
    )


def test_a_heart_failure_patient_who_does_not_step_on_the_scale_is_missed_the_same_evening() -> None:
    story = Story("heart-failure")
    story.measure("1 07:10", "body-weight", 80.0)
    story.wait("2 19:10")
    assert story.told == []
    story.wait("2 19:15")
    assert story.told == [("opened", "silence", "medium")]
    assert story.sentence("fr") == (
        "Poids : aucune mesure reçue dans le délai prévu (36 h) ; la dernière date du lundi 2 mars à 7 h 10."
    )
    assert story.sentence("en") == (
        "Weight: no measurement within the expected 36 h; the last was on Monday 2 March at 07:10."
    )
    story.measure("3 07:05", "body-weight", 80.1)
    assert story.told[1:] == [("resolved", "silence", "medium")]


def test_a_slow_heart_worries_nobody_while_the_heart_failure_patient_sleeps() -> None:
    story = Story("heart-failure")
    story.series("heart-rate", "1 23:00", 15, [48.0] * 24)
    assert story.told == []
    story.series("heart-rate", "2 10:00", 15, [48.0, 47.0, 48.0, 60.0])
    assert story.told == [
        ("opened", "heart-rate-below-50-by-day", "low"),
        ("resolved", "heart-rate-below-50-by-day", "low"),
    ]
    assert story.sentence("fr").startswith("Fréquence cardiaque 48 /min, au-dessous de la limite de 50 /min")


def test_a_single_low_saturation_is_taken_for_a_slipped_probe_three_are_not() -> None:
    story = Story("heart-failure")
    story.series("spo2", "1 07:00", 3, [88.0, 95.0, 88.0, 95.0])
    assert story.told == []
    story.series("spo2", "2 07:00", 3, [89.0, 89.0, 89.0])
    assert story.told == [("opened", "spo2-below-90", "high")]
    assert story.sentence("en") == (
        "Oxygen saturation 89 %, below the care plan's limit of 90 %, 3 readings in a row."
    )
    assert story.sentence("fr") == (
        "Saturation en oxygène 89 %, au-dessous de la limite de 90 % fixée par le plan de soins, "
        "3 mesures de suite."
    )


def test_a_copd_patient_lives_at_90_percent_without_an_alarm_and_below_the_target_with_one() -> None:
    story = Story("copd")
    story.series("spo2", "1 08:00", 15, [90.0, 91.0, 92.0, 88.0, 97.0, 89.0])
    assert story.told == []
    story.series("spo2", "2 08:00", 15, [87.0, 86.0, 87.0, 83.0, 83.0, 83.0, 88.0, 90.0])
    assert story.told == [
        ("opened", "spo2-below-88", "medium"),
        ("updated", "spo2-below-84", "high"),
        ("updated", "spo2-below-88", "medium"),
        ("resolved", "spo2-below-88", "medium"),
    ]
    assert story.sentence("fr") == (
        "Saturation en oxygène 87 %, au-dessous de la limite de 88 % fixée par le plan de soins, "
        "3 mesures de suite."
    )
    worse = "Oxygen saturation 83 %, below the care plan's limit of 84 %, 3 readings in a row."
    assert story.sentence("en", 1) == worse
    eased = f"{worse} Now 88 %: less grave; the alert ends at 90 % or above."
    assert (story.sentence("en", 2), story.bodies[2]["limit"]) == (eased, 88.0)
    assert story.sentence("fr", 2).endswith(
        " Maintenant 88 % : moins grave ; l'alerte prend fin à 90 % ou plus."
    )


ON_OXYGEN = """
[[plan.limits]]
rule = "spo2-above-96-on-oxygen"
vital = "spo2"
direction = "above"
value = 96.0
clear = 92.0
severity = "high"
readings = 3
"""


def test_a_copd_patient_on_oxygen_is_also_told_of_when_saturation_is_too_good() -> None:
    story = Story("copd", ON_OXYGEN)
    story.series("spo2", "1 08:00", 15, [97.0, 98.0, 97.0, 91.0])
    assert story.told == [
        ("opened", "spo2-above-96-on-oxygen", "high"),
        ("resolved", "spo2-above-96-on-oxygen", "high"),
    ]


def test_an_asthmatic_goes_through_yellow_and_red_zones_of_the_own_personal_best() -> None:
    story = Story("asthma", "personal_best = { peak-flow = 420.0 }\n")
    story.series("peak-flow", "1 07:00", 1440, [410.0, 330.0, 325.0, 200.0, 260.0, 360.0])
    assert story.told == [
        ("opened", "peak-flow-yellow-zone", "medium"),
        ("updated", "peak-flow-red-zone", "high"),
        ("updated", "peak-flow-yellow-zone", "medium"),
        ("resolved", "peak-flow-yellow-zone", "medium"),
    ]
    assert story.sentence("en") == (
        "Peak flow 325 L/min, below the care plan's limit of 336 L/min, 2 readings in a row. "
        "That is 77 % of the personal best (420 L/min)."
    )
    assert story.sentence("fr", 1) == (
        "Débit de pointe 200 L/min, au-dessous de la limite de 210 L/min fixée par le plan de soins. "
        "C'est 48 % du record personnel (420 L/min)."
    )


@pytest.mark.parametrize(
    ("own", "field", "remedy"),
    [
        (
            "",
            "limits[peak-flow-red-zone].of",
            "add personal_best = { peak-flow = ... }",
        ),
        ("personal_best = { peak-flow = 42000.0 }", "personal_best.peak-flow", "give 30 to 900 L/min"),
        ("personal_best = { peakflow = 420.0 }", "personal_best.peakflow", "did you mean peak-flow?"),
        ("personal_best = 420.0", "personal_best", "write its keys"),
    ],
)
def test_an_asthma_plan_without_a_plausible_personal_best_says_what_to_add(
    own: str, field: str, remedy: str
) -> None:
    text = f'[[plan]]\npatient = "p-1"\ntemplate = "asthma"\n{own}'
    with pytest.raises(ConfigurationError) as error:
        parse_plans(text, "own.toml", CATALOG, load_templates(CATALOG), zone)
    assert any(fault.key == f"plan[p-1].{field}" and remedy in fault.remedy for fault in error.value.faults)


def test_blood_pressure_of_a_crisis_is_told_after_its_repeat_and_not_before() -> None:
    story = Story("hypertension")
    story.measures("systolic-bp", d1_0730=186.0, d1_0732=150.0, d2_0730=186.0)
    assert story.told == []
    story.measures("systolic-bp", d2_0732=184.0, d2_2000=139.0)
    assert story.told == [
        ("opened", "systolic-bp-above-180", "high"),
        ("resolved", "systolic-bp-above-180", "high"),
    ]
    assert story.sentence("fr") == (
        "Pression artérielle systolique 184 mmHg, au-dessus de la limite de 180 mmHg fixée par le plan de "
        "soins, 2 mesures de suite."
    )


def test_a_week_of_135_and_more_is_told_low_and_one_good_evening_begins_the_week_anew() -> None:
    story = Story("hypertension")
    story.series("systolic-bp", "1 07:30", 720, [138.0] * 11 + [128.0])
    assert story.told == []
    story.series("systolic-bp", "8 07:30", 720, [138.0] * 12)
    assert story.told == [("opened", "systolic-bp-135-or-more-for-a-week", "low")]
    assert story.sentence("en") == (
        "Systolic blood pressure 138 mmHg, above the care plan's limit of 134 mmHg, 12 readings in a row."
    )


def test_fever_and_a_red_wound_after_an_operation_are_two_alerts() -> None:
    story = Story("post-operative")
    story.series("body-temperature", "1 07:00", 720, [36.8, 37.2, 37.1, 38.3, 39.2])
    story.measure("3 08:00", "symptom-wound", 1.0)
    story.measure("3 08:01", "pain", 8.0)
    assert story.told == [
        ("opened", "body-temperature-above-38", "medium"),
        ("updated", "body-temperature-above-39", "high"),
        ("opened", "wound-reported", "medium"),
        ("opened", "pain-7-or-more", "medium"),
    ]
    assert story.sentence("fr", 1) == (
        "Température corporelle 39,2 °C, au-dessus de la limite de 39,0 °C fixée par le plan de soins."
    )
    assert story.sentence("fr", 2) == "Le patient signale : Plaie rouge ou qui coule."
    assert story.sentence("en", 3) == "The patient reports: Pain (0-10), 8."
    story.series("body-temperature", "4 07:00", 720, [38.4, 37.4])
    assert story.told[4:] == [
        ("updated", "body-temperature-above-38", "medium"),
        ("resolved", "body-temperature-above-38", "medium"),
    ]


@pytest.mark.parametrize("name", sorted(load_templates(CATALOG)))
def test_every_programme_waits_for_something_and_no_limit_of_a_measured_vital_flaps(name: str) -> None:
    own = "personal_best = { peak-flow = 420.0 }\ndry_weight = 70.0"
    text = f'[[plan]]\npatient = "p-1"\ntemplate = "{name}"\n{own}'
    (plan,) = parse_plans(text, "own.toml", CATALOG, load_templates(CATALOG), zone)
    assert name == "default" or any(expectation.required for expectation in plan.expectations)
    for limit in plan.limits:
        if not CATALOG[limit.vital].symptom:
            assert limit.clear != limit.value or limit.clear_lasting, limit.rule
