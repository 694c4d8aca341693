"""What a tired nurse reads: units, decimals, singulars, and why an alert is over, of plans of one's own."""

import msgspec
import pytest

from models import texts, texts_windows
from models.plan import Baseline, Expectation, Limit, Plan
from tests.stories import CATALOG, Story


def limit(rule: str, vital: str, direction: str, value: float, clear: float, severity: str) -> str:
    return (
        f'[[plan.limits]]\nrule = "{rule}"\nvital = "{vital}"\ndirection = "{direction}"\nvalue = {value}\n'
        f'clear = {clear}\nseverity = "{severity}"\n'
    )


def told_of(own: str, vital: str, *values: float) -> Story:
    """A patient under limits of its own who measures one vital each hour."""
    story = Story("default", own)
    for hour, value in enumerate(values):
        story.measure(f"1 {8 + hour:02d}:00", vital, value)
    return story


def test_what_is_counted_has_no_unit_and_no_gap_before_a_stop() -> None:
    story = told_of(limit("few", "steps", "below", 100.0, 200.0, "low"), "steps", 50, 250)
    assert story.sentence("en", 1) == "Steps 50, below the care plan's limit of 100. Now 250: over."
    assert story.sentence("fr", 1) == (
        "Pas 50, au-dessous de la limite de 100 fixée par le plan de soins. Maintenant 250 : terminé."
    )


def test_a_score_that_ends_at_4_is_not_told_out_of_10() -> None:
    story = told_of(limit("c", "consciousness", "above", 0.0, 0.0, "high"), "consciousness", 2, 0)
    assert story.sentence("en", 1) == (
        "Consciousness (ACVPU, 0 = alert) 2, above the care plan's limit of 0. Now 0: over."
    )


@pytest.mark.parametrize(
    ("bound", "value", "words"),
    [
        (92.5, 88.0, "88 %, below the care plan's limit of 92.5 %."),
        (92.5, 92.0, "92.0 %, below the care plan's limit of 92.5 %."),
        (92.0, 91.6, "91.6 %, below the care plan's limit of 92.0 %."),
        (92.0, 91.0, "91 %, below the care plan's limit of 92 %."),
    ],
)
def test_a_value_is_never_told_as_the_limit_that_it_passed(bound: float, value: float, words: str) -> None:
    story = told_of(limit("low", "spo2", "below", bound, 94.0, "medium"), "spo2", value)
    assert story.sentence("en") == f"Oxygen saturation {words}"


def test_a_share_of_the_personal_best_is_never_told_as_the_limit_that_it_passed() -> None:
    own = limit("zone", "peak-flow", "below", 80.0, 85.0, "medium") + 'of = "personal-best"\n'
    story = told_of("personal_best = { peak-flow = 423.0 }\n" + own, "peak-flow", 338)
    assert story.sentence("en") == (
        "Peak flow 338.0 L/min, below the care plan's limit of 338.4 L/min. That is 79.9 % of the personal "
        "best (423 L/min)."
    )


def test_a_value_is_never_told_as_the_plausible_bound_that_it_passed() -> None:
    story = told_of("", "spo2", *[100.4] * 5)
    assert "(Oxygen saturation 100.4 %; plausible: 30 to 100 %)" in story.sentence("en")


def test_a_no_where_a_yes_is_wanted_is_a_sentence() -> None:
    story = told_of(limit("taken", "medication-taken", "below", 1.0, 1.0, "low"), "medication-taken", 0, 1)
    assert story.sentence("en", 1) == "The patient answers no: Medication taken. Now yes: over."
    assert story.sentence("fr", 1) == "Le patient répond non : Médicament pris. Maintenant oui : terminé."


def test_nothing_is_told_as_less_than_nothing() -> None:
    assert texts.number(-0.04, 1, "en") == "0.0"
    assert texts.number(-0.06, 1, "fr") == "-0,1"


def test_one_is_singular() -> None:
    window = {"mean": 80.0, "min": 80.0, "max": 80.0, "standard_deviation": 0.0, "count": 1.0}
    weight = CATALOG["body-weight"]
    told = [
        texts_windows.estimator(locale, weight, "e", "1d", 1.0, 0.9, 1, window, 1) for locale in texts.LOCALES
    ]
    assert "Mean of 1 reading 80.00 kg" in told[0]
    assert told[0].endswith(" Learned from 1 window.")
    assert "Moyenne de 1 mesure 80,00 kg" in told[1]
    assert told[1].endswith(" Appris sur 1 fenêtre.")
    joint = [texts_windows.joint(locale, [(weight, 80.0, 79.0, 1.0)], 14, 1) for locale in texts.LOCALES]
    assert joint[0].startswith(
        "Several vitals depart together from the usual (each one's share): weight 80.00 kg "
    )
    assert "1 heure" not in joint[1]


HIGH = Limit("above-130", "heart-rate", "above", 130.0, 120.0, "high")
MEDIUM = Limit("above-110", "heart-rate", "above", 110.0, 100.0, "medium")


def own_plan(limits: tuple[Limit, ...] = (), baselines: tuple[Baseline, ...] = ()) -> Plan:
    return Plan("p-7f3a", "own", "1", "Europe/Paris", limits=limits, baselines=baselines)


def test_a_plan_that_drops_the_gravest_limit_says_which_one_holds_and_when_it_ends() -> None:
    story = Story("default")
    story.apply("1 07:00", own_plan((HIGH, MEDIUM)))
    story.measure("1 08:00", "heart-rate", 140)
    story.apply("1 08:10", own_plan((MEDIUM,)))
    assert story.told[1] == ("updated", "above-110", "medium")
    assert story.bodies[1]["limit"] == 110.0
    assert story.sentence("en", 1) == (
        "Heart rate 140 /min, above the care plan's limit of 130 /min. The care plan changed: less grave; "
        "the alert ends at 100 /min or below."
    )


def test_an_alert_that_a_plan_ends_says_so() -> None:
    story = Story("default")
    story.apply("1 07:00", own_plan((MEDIUM,)))
    story.measure("1 08:00", "heart-rate", 140)
    story.apply("1 08:10", own_plan())
    assert story.told[1] == ("resolved", "above-110", "medium")
    assert story.sentence("en", 1).endswith(" of 110 /min. Ended by a change of the care plan.")
    assert story.sentence("fr", 1).endswith(" Terminé par un changement du plan de soins.")


def test_of_limits_of_one_severity_the_one_that_still_holds_is_told() -> None:
    lower = msgspec.structs.replace(MEDIUM, rule="above-105", value=105.0, clear=80.0)
    story = Story("default")
    story.apply("1 07:00", own_plan((MEDIUM, lower)))
    for minute, value in enumerate((140, 95, 75)):
        story.measure(f"1 08:0{minute}", "heart-rate", value)
    assert story.told[-1] == ("resolved", "above-105", "medium")
    assert story.bodies[-1]["limit"] == 105.0


def test_a_baseline_that_a_plan_drops_is_not_told_as_back_to_the_usual() -> None:
    watched = Baseline("body-weight", 0.0, "both", "low")
    story = Story("default")
    story.apply("1 01:00", own_plan(baselines=(watched,)))
    for day in range(1, 26):
        story.measure(f"{day} 07:00", "body-weight", 80 + (day * 7 % 5 - 2) / 10 + (5 if day > 20 else 0))
    assert story.told == [("opened", "own-normal", "low")]
    story.apply("26 00:00", own_plan())
    story.measure("26 07:00", "body-weight", 85)
    assert story.told[1:] == [("resolved", "own-normal", "low")]
    assert story.sentence("en", 1).endswith(" Ended by a change of the care plan.")


def test_a_device_that_is_well_again_is_told_so() -> None:
    story = Story("default")
    for minute in range(2):
        story.measure(f"1 08:0{minute}", "heart-rate", 70, battery=0.08)
    story.measure("1 08:05", "heart-rate", 70, battery=0.9)
    assert story.sentence("en", 1).endswith(" before readings cease. No longer so.")
    assert story.sentence("fr", 1).endswith(" ne cessent. Ce n'est plus le cas.")


@pytest.mark.parametrize(
    ("minutes", "english", "french"),
    [
        (90, "90 min", "90 min"),
        (150, "2 h 30 min", "2 h 30 min"),
        (36 * 60, "36 h", "36 h"),
        (84 * 60, "3 days 12 h", "3 j 12 h"),
        (72 * 60, "3 days", "3 j"),
    ],
)
def test_what_a_plan_asks_for_is_told_to_the_minute(minutes: int, english: str, french: str) -> None:
    milliseconds = minutes * 60_000
    assert f" within the expected {english};" in texts.silence("en", "Weight", milliseconds, None)
    assert f" dans le délai prévu ({french}) ;" in texts.silence("fr", "Poids", milliseconds, None)
    assert texts.limit("en", "Pulse", "130", " /min", "120", True, 1, milliseconds).endswith(
        f" for at least {english}."
    )
    assert texts.eased("fr", "110", " /min", "100", True, milliseconds).endswith(f" pendant {french}.")


def test_a_plan_that_comes_again_puts_off_no_silence() -> None:
    waits = Expectation("body-weight", 86_400.0, 43_200.0, "medium")
    plan = msgspec.structs.replace(own_plan(), expectations=(waits,))
    story = Story("default")
    story.apply("1 07:00", plan)
    story.measure("1 08:00", "body-weight", 80)
    for day in (2, 3, 4):
        story.apply(f"{day} 07:00", plan)
        story.wait(f"{day} 20:01")
    (silence,) = story.bodies
    assert silence["received_at"] == "2026-03-03T19:01:00Z"


def test_a_plan_that_waits_longer_begins_its_wait_anew() -> None:
    story = Story("default")
    for hour, days in ((7, 1.0), (9, 2.0)):
        waits = Expectation("body-weight", days * 86_400.0, 0.0, "medium")
        story.apply(f"1 {hour:02d}:00", msgspec.structs.replace(own_plan(), expectations=(waits,)))
    story.wait("3 08:59")
    assert not story.bodies
    story.wait("3 09:00")
    assert story.told == [("opened", "silence", "medium")]
