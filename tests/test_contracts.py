"""docs/contracts says what the code does: every table there is compared with it."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from models.actions import Action
from models.calibration import Calibration
from models.decode import Reading
from models.joint import Joint
from models.news2 import News2
from models.outputs import Ledger
from models.plan import Baseline, Expectation, Gain, Limit, Plan
from models.rivers.plan import Estimator
from models.verdicts.calibration import LikelihoodCalibration
from models.wire import REASONS, Reject, reject_body
from streams.outbox import Delivery
from streams.webhooks import headers
from tests import contract_tables
from tests.contract_tables import FOLDER, written
from tests.stories import PATIENT, Story
from tests.test_joint import hours, story_of
from tests.test_rivers import TREES, departs

RECORDS = (FOLDER / "records.md").read_text("utf-8")
README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def documented(head: str) -> set[str]:
    """The names in the first column of the table that begins with a head."""
    begin = RECORDS.index(f"| {head} |")
    table = RECORDS[begin:].partition("\n\n")[0]
    return set(re.findall(r"^\| `([\w-]+)` \|", table.partition("\n")[2], re.M))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_generated_tables_are_those_of_the_code(path: Path) -> None:
    text = path.read_text("utf-8")
    assert written(text) == text, "run `python -m tests.contract_tables`, and say what new settings mean"


def test_every_setting_has_a_meaning() -> None:
    text = (FOLDER / "settings.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|[^|]*\|\s*\|$", text, re.M) == []
    assert len(re.findall(r"^\| `VIGIE_\w+` \|", text, re.M)) > 20


def test_a_new_setting_without_a_meaning_would_be_found() -> None:
    text = (FOLDER / "settings.md").read_text("utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| `VIGIE_BROKER`"))
    assert written(text.replace(row + "\n", "")) != text
    assert contract_tables.settings_table("").startswith("| setting | default | meaning |")


@pytest.mark.parametrize(
    ("head", "struct"),
    [
        ("`reading` | type | meaning", Reading),
        ("`plan` | type | meaning", Plan),
        ("`limits[]` | type | meaning", Limit),
        ("`expectations[]` | type | meaning", Expectation),
        ("`gains[]` | type | meaning", Gain),
        ("`baselines[]` | type | meaning", Baseline),
        ("`estimators[]` | type | meaning", Estimator),
        ("`joint{}` | type | meaning", Joint),
        ("`news2{}` | type | meaning", News2),
        ("likelihood | type | meaning", LikelihoodCalibration),
        ("`action` | type | meaning", Action),
        ("`calibration` | type | meaning", Calibration),
        ("delivery | type | meaning", Delivery),
        ("ledger | type | meaning", Ledger),
    ],
)
def test_fields_of_records_are_documented(head: str, struct: type[msgspec.Struct]) -> None:
    assert documented(head) == set(struct.__struct_fields__)


def test_reasons_keys_and_headers_are_documented() -> None:
    assert documented("reason | when") == set(REASONS)
    text = reject_body(Reject("late", "too late", 0, b"{}"), {})
    odd = reject_body(Reject("malformed", "no text", 0, b"\xff"), {})
    large = reject_body(Reject("oversize", "too much", 0, b"x" * 70_000), {})
    assert documented("reject | type | meaning") == {*json.loads(text), *json.loads(odd), *json.loads(large)}
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert documented("header | holds") == set(headers(secret, "a-1", 1, b"{}"))


def act(story: Story, when: str, action: str, **more: str) -> None:
    """A nurse does something about the story's first alert."""
    body = {"kind": "action", "patient": PATIENT, "alert_id": story.bodies[0]["alert_id"], "by": "n-1"}
    story._put(when, json.dumps({**body, "action": action, **more}).encode())


def limits() -> Story:
    story = Story("heart-failure")
    story.measures("spo2", d1_0800=86, d1_0900=86, d1_1000=86, d1_1100=86)
    act(story, "1 12:00", "acknowledge", until="2026-03-02T15:00:00Z")
    story.measures("spo2", d2_0800=97, d2_0900=97, d2_1000=97, d2_1100=97)
    act(story, "2 12:00", "verdict", verdict="actionable")
    story.series("body-weight", "3 07:10", 1440, [80.0, 80.3, 81.2, 82.4, 82.6, 81.6])
    return story


def personal_best() -> Story:
    story = Story("asthma", "personal_best = { peak-flow = 500 }\n")
    story.measures("peak-flow", d1_0800=200, d1_0830=200, d1_0900=200)
    return story


def devices() -> Story:
    story = Story("copd")
    story.series("spo2", "1 08:00", 15, [0.0] * 5)
    for day in (2, 3):
        story.measure(f"{day} 07:00", "peak-flow", 400.0, battery=0.08)
    return story


def own_normal() -> Story:
    story = Story("heart-failure")
    story.series("heart-rate", "1 00:00", 5, [70.0 + i % 5 for i in range(288 * 5)] + [125.0] * 40)
    return story


def grown() -> Story:
    story = Story("heart-failure")
    steady = [80.0 + i % 3 / 10 for i in range(30)]
    story.series("body-weight", "1 07:10", 1440, [*steady, 80.6, 81.2, 81.4, 83.0, 84.0])
    return story


def risks() -> Story:
    story = Story("default", '[plan.news2]\npopulation = "adult"\nscale = 1\noxygen = "air"\nreadings = 1\n')
    story.measures("respiratory-rate", d1_0800=26)
    story.measures("systolic-bp", d1_0801=88)
    story.measures("heart-rate", d2_0800=70)
    return story


def check_list() -> Story:
    story = Story("heart-failure")
    story.series("body-weight", "1 07:10", 1440, [80.0, 80.4, 81.3])
    story.measure("3 08:00", "symptom-orthopnoea", 1)
    return story


def judged() -> Story:
    story = Story("default")
    story.calibrate(
        "1 00:01", {"intercept": 0.5, "weights": {"night": {"weight": 1, "mean": 0.2}}, "verdicts": 40}
    )
    story.measures("systolic-bp", d1_0800=190, d1_0801=191)
    return story


def test_keys_of_transitions_are_documented() -> None:
    stories = (limits(), personal_best(), devices(), own_normal(), grown(), risks())
    stories += check_list(), judged(), departs(TREES), story_of(hours(20, 2.5, 6))
    told = {key for story in stories for body in story.bodies for key in body}
    assert told == documented("transition | type | meaning")
