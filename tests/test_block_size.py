"""However much a block of state holds, its topic takes it: what could grow is bounded where it grows."""

import random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.calibration import Calibration, needed
from models.catalog import MOST_VITALS, Catalog, parse_catalog
from models.devices import SUSPICIONS, Suspicion
from models.plan import LONGEST_TEXT, Plan
from models.record import PATIENT, SERIES
from models.rivers import watch
from models.rivers.build import LARGEST_STATE, weighs
from models.rivers.plan import MOST
from models.state import LARGEST_BLOCK, PATIENTS_PER_BLOCK, State, Watch
from models.strict import ConfigurationError
from models.triage import Alert
from models.verdicts.features import CAUSES, OPENINGS
from streams.packing import pack
from tests.stories import Story
from tests.test_rivers import calm, faults, of

STANDING = 100  # alerts of one patient at a time, of which nobody would read so many
GROWTH = 1.3  # of a state between two weighings: an eighth more windows, squared


def worst_plan(rng: random.Random) -> Plan:
    """A plan as large as a record may be: numbers take most, nine bytes for three in JSON."""
    numbers = [rng.random() for _ in range(65_536 // 4)]
    pipeline = {"estimator": "anomaly.GaussianScorer", "arguments": numbers}
    return msgspec.convert(
        {
            "patient": "p" * 64,
            **dict.fromkeys(("programme", "version", "route"), "x" * LONGEST_TEXT),
            "estimators": [
                {
                    "name": "n" * 64,
                    "vital": "v" * 64,
                    "window": "15m",
                    "score_above": 0.9,
                    "severity": "low",
                    "pipeline": [pipeline],
                }
            ],
        },
        Plan,
    )


def alert(i: int, rng: random.Random) -> Alert:
    text = rng.randbytes(500).hex()
    facts = {
        "value": rng.random(),
        "last_points": [{"measured_at": "2026-03-02T00:00:00.000Z", "value": rng.random()}] * 6,
        "explanation": {"en": text, "fr": text},
    }
    words = ["x" * 64] * 5
    return Alert(
        f"a-{i}", *words[:4], "x" * LONGEST_TEXT, "high", "open", 1, 1, False, facts, {"r" * 64: "high"}
    )


def test_a_block_in_which_all_is_at_its_bound_is_not_larger_than_its_topic_takes() -> None:
    rng, noise = random.Random(1), np.random.default_rng(1)
    state = State([f"{i:02}" + "v" * 62 for i in range(MOST_VITALS)])
    for p in range(PATIENTS_PER_BLOCK):
        patient = state.add_patient(f"{p}" * 64)
        for vital in range(MOST_VITALS):
            row = state.add_series(patient, vital, 0)
            state.series[row] = np.frombuffer(noise.bytes(SERIES.itemsize), SERIES)[0]
        patient.plan = worst_plan(rng)
        patient.desk.alerts = [alert(i, rng) for i in range(STANDING)]
        patient.desk.past.opened = [(rng.getrandbits(40), rng.randbytes(64).hex()) for _ in range(OPENINGS)]
        patient.desk.past.judged = {
            rng.randbytes(64).hex(): (rng.random(), rng.random()) for _ in range(CAUSES)
        }
        patient.suspicions = {
            rng.randbytes(64).hex(): Suspicion("device-battery", "d" * 64, "v" * 64, 1)
            for _ in range(SUSPICIONS)
        }
        each = int(GROWTH * LARGEST_STATE / MOST)
        patient.watches = {f"{i}" * 64: Watch(state=rng.randbytes(each)) for i in range(MOST)}
    state.patients[:PATIENTS_PER_BLOCK] = np.frombuffer(
        noise.bytes(PATIENTS_PER_BLOCK * PATIENT.itemsize), PATIENT
    )
    # Packed, and yet hardly smaller for it: all numbers are random, all texts are of random digits.
    size = len(pack(state.save(1, 1 << 62)))
    print(f"{size} of {LARGEST_BLOCK} bytes")
    assert 0.5 * LARGEST_BLOCK < size <= LARGEST_BLOCK


def test_a_catalogue_of_more_vitals_than_a_block_holds_is_refused(catalog: Catalog) -> None:
    one = '[vital.v%d]\nloinc = ""\nunit = "1"\nminimum = 0\nmaximum = 1\ndecimals = 0\nlateness = "0s"\n'
    one += 'windows = ["1d"]\nen = "a"\nfr = "b"\n'
    with pytest.raises(ConfigurationError, match=f"more than {MOST_VITALS}"):
        parse_catalog("".join(one % i for i in range(MOST_VITALS + 1)), "f")


def test_a_plan_of_a_long_name_or_of_too_many_estimators_is_refused_soon(catalog: Catalog) -> None:
    assert "programme: is longer than 128" in faults(catalog, f'programme = "{"x" * 129}"\n')


GROWS = """
[[plan.estimators]]
name = "neighbours"
vital = "heart-rate"
window = "15m"
features = ["mean"]
score_above = 2.0
ready = 1000
severity = "low"
pipeline = [{ estimator = "anomaly.LocalOutlierFactor", n_neighbors = 5 }]
"""


def grown(bound: int, monkeypatch: pytest.MonkeyPatch, restart: bool) -> Story:
    monkeypatch.setattr(watch, "LARGEST_STATE", bound)
    story = Story("default", GROWS)
    values = calm(2 * 288)
    for i in range(0, len(values), 96):
        story.series("heart-rate", f"{1 + i // 288} {i % 288 // 12:02}:00", 5, values[i : i + 96])
        if restart:
            story.restart()
    return story


def test_an_estimator_that_outgrows_its_block_is_named_and_begun_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = grown(2_000, monkeypatch, restart=False)
    failed = of(story, "neighbours")[0]
    assert (failed["kind"], failed["rule"], failed["error"]) == (
        "technical",
        "estimator-failed",
        "StateTooLarge",
    )
    assert story.ledger.estimators_failed >= 1
    assert story.ledger.accepted == 2 * 288
    again = grown(2_000, monkeypatch, restart=True)
    assert again.bodies == story.bodies
    assert again.ledger.estimators_failed == story.ledger.estimators_failed


@given(st.integers(1, 1 << 20))
def test_a_state_is_weighed_before_an_eighth_more_windows_were_learned(learned: int) -> None:
    later = next(n for n in range(learned, 2 * learned + 1) if weighs(n))
    assert later <= learned * 9 / 8 + 1
    assert sum(map(weighs, range(1024, 2048))) == 8


def calibration(programme: str) -> Calibration:
    return Calibration(programme=programme, version="1", budget=0.1, vitals={})


def test_a_calibration_that_no_block_needs_is_let_go_of() -> None:
    one, other = calibration("one"), calibration("other")
    history = [(1, one), (2, other), (5, one), (9, one)]
    assert needed(history, -1) == history
    assert needed(history, 4) == history
    assert needed(history, 5) == [(2, other), (5, one), (9, one)]
    assert needed(history, 100) == [(2, other), (9, one)]
