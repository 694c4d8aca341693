"""Gains that depend on more than the scale: symptoms beside them, a dry weight; and learning begun anew."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.plan_file import parse_plans
from models.strict import ConfigurationError
from streams.configuration import load_templates
from streams.zones import zone
from tests.stories import CATALOG, PATIENT, Story
from tests.test_laws import Make, make, told  # noqa: F401 - make is a fixture
from tests.test_slow import nights, weights

RULE = "weight-gain-1-kg-3-days-with-symptoms"


def test_a_kilogram_alone_is_told_to_nobody_until_orthopnoea_is_reported() -> None:
    story = Story("heart-failure")
    story.series("body-weight", "1 07:10", 1440, [80.0, 80.4, 81.3])
    assert story.told == []
    story.restart()
    story.measure("3 08:00", "symptom-orthopnoea", 1)
    assert story.told == [("opened", "orthopnoea-reported", "medium"), ("opened", RULE, "medium")]
    assert story.bodies[1]["symptoms"] == ["symptom-orthopnoea"]
    assert story.sentence("en", 1).startswith("Weight 81.3 kg: +1.3 kg over the lowest (80.0 kg)")
    assert story.sentence("en", 1).endswith(
        f" Reported at the same time: {CATALOG['symptom-orthopnoea'].names['en']}."
    )
    assert f"Signalé en même temps : {CATALOG['symptom-orthopnoea'].names['fr']}." in story.sentence("fr", 1)


def test_a_kilogram_released_days_later_tells_the_newest_weight_and_when_it_was_measured() -> None:
    story = Story("heart-failure")
    story.series("body-weight", "1 07:10", 1440, [80.0, 80.4, 81.3, 81.2])
    story.restart()
    story.measure("5 07:15", "body-weight", 81.4)
    assert story.told == []
    story.measure("6 08:00", "symptom-swelling", 1)
    (released,) = [b for b in story.bodies if b["rule"] == RULE]
    assert released["value"] == 81.4
    assert [p["value"] for p in released["last_points"]] == [80.0, 80.4, 81.3, 81.2, 81.4]
    assert (released["since"], released["measured_at"]) == (
        "2026-03-04T06:10:00Z",
        "2026-03-07T07:00:00Z",
    )
    assert released["explanation"]["en"] == (
        "Weight 81.4 kg: +1.0 kg over the lowest (80.4 kg) of the 3 days before. "
        "Last measured on Friday 6 March at 07:15. Reported at the same time: Swollen legs."
    )
    assert "Dernière mesure : vendredi 6 mars à 7 h 15. Signalé" in released["explanation"]["fr"]


CREEPING = [80.0, 80.2, 79.9, 80.1, 80.0, 79.8, 80.1, 80.2, 79.9, 80.0, 80.1, 79.9, 80.0, 80.1]
TREND = "own-normal-with-symptoms"


def creeping(rise: float) -> Story:
    """Two quiet weeks of weights, then three days that rise by so many kg a day."""
    story = Story("heart-failure")
    story.series("body-weight", "1 07:10", 1440, [*CREEPING, *(80.0 + rise * i for i in (1, 2, 3))])
    return story


def test_weight_that_creeps_up_below_what_alerts_is_told_once_swelling_is_reported() -> None:
    story = creeping(0.28)
    assert story.told == []
    story.restart()
    story.measure("17 08:00", "symptom-swelling", 1)
    assert story.told == [("opened", "swelling-reported", "low"), ("opened", TREND, "low")]
    body = story.bodies[1]
    assert (body["kind"], body["symptoms"]) == ("trend", ["symptom-swelling"])
    assert " Alone, this would not alert. Reported at the same time: Swollen legs." in story.sentence("en", 1)
    assert "Seul, cet écart n'alerterait pas. Signalé en même temps" in story.sentence("fr", 1)
    story.series("body-weight", "18 07:10", 1440, [80.1, 80.0, 80.0])
    assert story.told[2:] == [("resolved", TREND, "low")]


def test_a_symptom_that_stands_lets_the_next_borderline_weight_alert_at_once() -> None:
    story = Story("heart-failure")
    story.measure("1 08:00", "symptom-swelling", 1)
    story.series("body-weight", "1 07:10", 1440, [*CREEPING, *(80.0 + 0.28 * i for i in (1, 2, 3))])
    assert [rule for _, rule, _ in story.told] == ["swelling-reported", TREND]


def test_a_weight_that_does_not_creep_is_not_told_beside_a_symptom() -> None:
    story = creeping(0.0)
    story.measure("17 08:00", "symptom-swelling", 1)
    assert story.told == [("opened", "swelling-reported", "low")]


def test_a_plan_without_the_check_list_ends_what_it_alone_had_raised() -> None:
    story = creeping(0.28)
    story.measure("17 08:00", "symptom-swelling", 1)
    text = f'[[plan]]\npatient = "{PATIENT}"\ntemplate = "hypertension"\n'
    story.apply("17 09:00", parse_plans(text, "p", CATALOG, load_templates(CATALOG), zone)[0])
    assert ("resolved", TREND, "low") in story.told


def test_a_check_list_of_a_baseline_names_limited_symptoms_and_a_side() -> None:
    own = '[[plan.baselines]]\nvital = "body-weight"\nacute = 0.0\ntrend = "{}"\nseverity = "low"\n'
    with pytest.raises(ConfigurationError, match="no limit of the plan is on pain"):
        Story("heart-failure", own=own.format("above") + 'symptoms = ["pain"]\n')
    with pytest.raises(ConfigurationError, match="is off, so symptoms say nothing"):
        Story("heart-failure", own=own.format("off") + 'symptoms = ["symptom-swelling"]\n')


def test_a_symptom_that_stands_makes_the_next_kilogram_count_at_once() -> None:
    story = Story("heart-failure")
    story.measure("1 08:00", "breathlessness", 5)
    story.series("body-weight", "1 09:00", 1440, [80.0, 80.4, 81.3])
    assert story.told[1:] == [("opened", RULE, "medium")]


def test_a_kilogram_that_is_gone_when_the_symptom_comes_counts_no_more() -> None:
    story = Story("heart-failure")
    story.series("body-weight", "1 07:10", 1440, [80.0, 80.4, 81.3, 80.4])
    story.measure("4 08:00", "symptom-swelling", 2)
    assert story.told == [("opened", "swelling-reported", "low")]


def test_a_check_list_names_symptoms_on_which_the_plan_has_a_limit() -> None:
    with pytest.raises(ConfigurationError, match="no limit of the plan is on pain"):
        Story("heart-failure", own=gain('symptoms = ["pain"]', "days = 3"))


def gain(*keys: str) -> str:
    head = 'rule = "own"\nvital = "body-weight"\namount = 1.0\nclear = 0.5\nseverity = "low"\n'
    return "[[plan.gains]]\n" + head + "\n".join(keys) + "\n"


def test_a_dialysis_patient_is_told_of_over_the_dry_weight_and_not_for_what_every_session_takes_off() -> None:
    story = Story("dialysis", own="dry_weight = 70.0\n")
    for week in range(2):  # dialysis in the afternoon of days 1, 3, 5: up to 2.9 kg come and go
        for day, value in enumerate((72.9, 70.2, 71.9, 70.1, 72.0, 70.1, 71.4), 1):
            story.measure(f"{7 * week + day} 07:10", "body-weight", value)
    assert story.told == []
    story.measure("15 07:10", "body-weight", 73.4)
    assert story.told == [("opened", "interdialytic-gain-45-permille", "medium")]
    assert story.sentence("en") == "Weight 73.4 kg: +3.4 kg (4.9 %) over the dry weight (70.0 kg)."
    assert story.sentence("fr") == "Poids 73,4 kg : +3,4 kg (4,9 %) au-dessus du poids sec (70,0 kg)."
    assert (story.bodies[0]["dry_weight"], story.bodies[0]["limit"]) == (70.0, 3.15)
    story.measure("16 07:10", "body-weight", 70.3)
    assert story.told[1:] == [("resolved", "interdialytic-gain-45-permille", "medium")]


def test_a_plan_that_counts_from_the_dry_weight_must_give_it() -> None:
    with pytest.raises(ConfigurationError, match="the dry weight is not given"):
        Story("dialysis")


def test_a_gain_that_another_plan_drops_resolves() -> None:
    story = Story("heart-failure")
    story.series("body-weight", "1 07:10", 1440, [80.0, 80.4, 82.2])
    (other,) = parse_plans(
        f'[[plan]]\npatient = "{PATIENT}"\ntemplate = "copd"\n', "p", CATALOG, load_templates(CATALOG), zone
    )
    story.apply("3 09:00", other)
    assert story.told[-1] == ("resolved", "weight-gain-2-kg-3-days", "medium")


def reset(vital: str, patient: str = "p-one", by: str = "n-4") -> bytes:
    body = {"kind": "action", "patient": patient, "action": "reset-learning", "vital": vital, "by": by}
    return json.dumps(body).encode()


def test_a_reset_resolves_what_rested_on_the_old_normal_and_says_how_many_days_are_missing(
    make: Make,  # noqa: F811
) -> None:
    pipeline, log = make(), nights(34, 8.0)
    pipeline.process([v for _, v in log], [at for at, _ in log], range(len(log)))
    outputs = pipeline.process([reset("heart-rate")], [log[-1][0]], [len(log)])
    events = [(a["event"], a["rule"]) for a in (json.loads(alert.body) for alert in outputs.alerts)]
    assert ("resolved", "own-normal") in events
    assert not outputs.rejects
    later = [(at + 34 * 86_400_000, v) for at, v in nights(20, 0.0)]
    moved = [(at, shift(v)) for at, v in later]
    place = len(log) + 1
    outputs = pipeline.process(
        [v for _, v in moved], [at for at, _ in moved], range(place, place + len(moved))
    )
    lines = [line for line in outputs.results.splitlines() if line.startswith(b"trend,")]
    assert b"level_missing_days=10i" in lines[0] or b"level_missing_days=9i" in lines[0]
    assert b"score" not in lines[0]


def shift(value: bytes) -> bytes:
    """A reading 34 days later."""
    body = json.loads(value)
    body["measured_at"] = (datetime.fromisoformat(body["measured_at"]) + timedelta(days=34)).isoformat()
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (reset("hart-rate"), "vital names none"),
        (reset("spo2"), "vital names none"),
        (reset("body-weight", by="Zoé Martin"), "by is no name"),
        (reset("body-weight", patient="p-nobody"), "patient is not known"),
    ],
)
def test_a_reset_that_cannot_be_is_refused_with_the_reason(make: Make, record: bytes, word: str) -> None:  # noqa: F811
    pipeline = make()
    log = weights([80.0])
    pipeline.process([log[0][1]], [log[0][0]], [0])
    outputs = pipeline.process([record], [log[0][0]], [1])
    assert [word in r.detail for r in outputs.rejects] == [True]


@settings(max_examples=15)
@given(at=st.integers(1, 44), cut=st.integers(1, 45))
def test_a_reset_is_replayed_equal_whatever_the_batches_and_restarts(make: Make, at: int, cut: int) -> None:  # noqa: F811
    log = weights([80 + i % 3 / 10 + (0.4 * (i - 38) if i > 38 else 0) for i in range(45)])
    log.insert(at, (log[at - 1][0], reset("body-weight")))
    values, stamps = [v for _, v in log], [t for t, _ in log]
    whole, first, second = make(), make(), make()
    expected = told(whole.process(values, stamps, range(len(log))))
    before = first.process(values[:cut], stamps[:cut], range(cut))
    second.restore(first.snapshot())
    assert told(before, second.process(values[cut:], stamps[cut:], range(cut, len(log)))) == expected
    assert whole.ledger.actions == 1
