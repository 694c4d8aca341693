"""The example plans of infra/plans/examples: they hold, and a patient lives them."""

from pathlib import Path

import numpy as np
import pytest

from models.plan import Plan
from models.plan_file import parse_plans
from streams.configuration import INFRA, load_templates
from streams.zones import zone
from tests.stories import CATALOG, PATIENT, Story
from tests.test_joint import MEAN, SPREAD, hours

EXAMPLES = INFRA / "plans" / "examples"
README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def example(name: str) -> Plan:
    text = (EXAMPLES / f"{name}.toml").read_text("utf-8")
    (plan,) = parse_plans(text, name, CATALOG, load_templates(CATALOG), zone)
    assert plan.patient == PATIENT
    return plan


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_holds_and_the_readme_names_it(path: Path) -> None:
    example(path.stem)
    assert f"{path.stem}.toml" in README


def story_of(name: str) -> Story:
    story = Story("default")
    story.apply("1 00:00", example(name))
    return story


def test_a_copd_patient_at_90_percent_on_air_has_no_point_and_on_oxygen_too_much_saturation_has_three() -> (
    None
):
    story = story_of("copd-news2")
    story.measure("1 08:00", "oxygen-flow", 0)
    for minute, (vital, value) in enumerate(
        (("spo2", 90), ("heart-rate", 80), ("respiratory-rate", 16), ("body-temperature", 36.8)), 1
    ):
        story.measure(f"1 08:{minute:02}", vital, value)
    assert story.told == []
    story.measure("1 20:00", "oxygen-flow", 3)
    story.series("spo2", "1 20:05", 15, [97.0, 97.0, 97.0])
    score = [b for b in story.bodies if b["kind"] == "score"]
    assert [(b["event"], b["rule"], b["value"]) for b in score] == [("opened", "news2-medium", 5)]
    assert "sous oxygène (2 points, " in score[0]["explanation"]["fr"]


def test_the_example_with_several_vitals_finds_what_no_limit_sees() -> None:
    story = story_of("several-vitals")
    vitals = ("heart-rate", "respiratory-rate", "spo2")
    values, rng = hours(24, 1.8, 16), np.random.default_rng(3)
    for i, row in enumerate(values):
        for j, vital in enumerate(vitals):
            for minute in (10, 40):
                x = row[j] + 0.3 * SPREAD[j] * rng.standard_normal()
                when = f"{1 + i // 24} {i % 24:02}:{minute}"
                story.measure(when, vital, round(float(x), CATALOG[vital].decimals))
    assert "joint" in {b["rule"] for b in story.bodies}
    assert not [b for b in story.bodies if b["kind"] == "limit"]
    assert np.all(np.abs(values[:, :3] - MEAN[:3]) < 6 * SPREAD[:3])


def test_the_example_estimator_tells_of_a_pulse_that_varies_more_than_in_the_weeks_before() -> None:
    story = story_of("several-vitals")
    rng = np.random.default_rng(1)
    calm = [float(x) for x in np.round(70 + rng.normal(0, 3, 8 * 288))]
    for day in range(8):
        story.series("heart-rate", f"{day + 1} 00:00", 5, calm[day * 288 : day * 288 + 288])
    assert "pulse-variation" not in {b["rule"] for b in story.bodies}
    irregular = [float(x) for x in np.round(72 + rng.normal(0, 11, 48))]
    story.series("heart-rate", "9 00:00", 5, irregular)
    assert "pulse-variation" in {b["rule"] for b in story.bodies}
