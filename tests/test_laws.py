"""The five laws, on the whole pipeline."""

import json
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.catalog import Catalog
from models.outputs import Ledger, Outputs
from models.pipeline import Pipeline
from models.plan import Plan
from streams.zones import zone
from tests import mature
from tests.logs import START, WEEK, Entry, logs, plan_of, reading

Told = tuple[bytes, list[bytes], list[tuple[str, int, bytes]]]
Make = Callable[[], Pipeline]


@pytest.fixture(scope="session")
def make(catalog: Catalog, default_plan: Plan) -> Make:
    return lambda: Pipeline(catalog, default_plan, zone, capacity=4)


def feed(pipeline: Pipeline, log: list[Entry], begin: int = 0) -> Outputs:
    return pipeline.process([e.value for e in log], [e.received for e in log], range(begin, begin + len(log)))


def told(*outputs: Outputs) -> Told:
    return (
        b"".join(o.results for o in outputs),
        [a.body for o in outputs for a in o.alerts],
        [(r.reason, r.offset, r.original) for o in outputs for r in o.rejects],
    )


def balances(ledger: Ledger) -> bool:
    fates = ledger.accepted + ledger.duplicate + ledger.late + sum(ledger.rejected.values())
    return ledger.received == fates


@given(log=logs(), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_batches_do_not_matter(make: Make, log: list[Entry], cuts: list[int]) -> None:
    whole = make()
    expected = told(feed(whole, log))
    split, bounds = make(), sorted({0, len(log), *(c % (len(log) + 1) for c in cuts)})
    parts = [feed(split, log[a:b], a) for a, b in pairwise(bounds)]
    assert told(*parts) == expected
    assert split.ledger == whole.ledger
    assert balances(whole.ledger)


@given(log=logs(), cuts=st.lists(st.integers(0, 400), min_size=1, max_size=4))
def test_restarts_do_not_matter(make: Make, log: list[Entry], cuts: list[int]) -> None:
    whole = make()
    expected = told(feed(whole, log))
    bounds = sorted({0, len(log), *(c % (len(log) + 1) for c in cuts)})
    pipeline, parts, saved = make(), [], dict[bytes, bytes]()
    for a, b in pairwise(bounds):
        parts.append(feed(pipeline, log[a:b], a))
        saved |= pipeline.snapshot()
        pipeline = make()
        pipeline.restore(saved)
    assert told(*parts) == expected
    assert pipeline.ledger == whole.ledger


@given(log=logs(), cut=st.integers(0, 400), again=st.integers(0, 400))
def test_records_that_a_saved_block_reflects_are_skipped_when_they_come_again(
    make: Make, log: list[Entry], cut: int, again: int
) -> None:
    whole = make()
    expected = told(feed(whole, log))
    cut = cut % (len(log) + 1)
    again = again % (cut + 1)
    first = make()
    before = feed(first, log[:cut])
    second = make()
    second.restore(first.snapshot())
    after = feed(second, log[again:], again)
    assert told(before, after) == expected
    assert second.ledger == whole.ledger


def test_a_plan_comes_again_whose_patient_a_torn_checkpoint_has_left_out(make: Make) -> None:
    log = [
        Entry(START, plan_of("p-one"), "p-one"),
        Entry(START, reading("p-one", "breathlessness", 8, START), "p-one"),
    ]
    pipeline = make()
    whole = feed(pipeline, log)
    second = make()
    second.restore(dict(list(pipeline.snapshot().items())[:1]))
    assert told(feed(second, log))[1] == told(whole)[1]
    assert second.ledger == pipeline.ledger


@given(
    log=logs(),
    cuts=st.lists(st.integers(0, 400), min_size=2, max_size=5),
    kept=st.integers(0, 4),
)
def test_a_kill_in_the_midst_of_a_checkpoint_changes_nothing(
    make: Make, log: list[Entry], cuts: list[int], kept: int
) -> None:
    """The first blocks of the last checkpoint are saved, the others are as the one before left them."""
    expected = told(feed(make(), log))
    bounds = sorted({0, *(c % (len(log) + 1) for c in cuts)})
    pipeline, parts, saved = make(), [], dict[bytes, bytes]()
    fresh: dict[bytes, bytes] = {}
    for a, b in pairwise(bounds):
        saved |= fresh
        parts.append(feed(pipeline, log[a:b], a))
        fresh = pipeline.snapshot()
    saved |= dict(list(fresh.items())[:kept])
    again = bounds[-2] if len(bounds) > 1 else 0  # the offsets that the checkpoint before has committed
    second = make()
    second.restore(saved)
    parts.append(feed(second, log[again:], again))
    lines, alerts, rejects = told(*parts)
    assert set(lines.splitlines()) == set(expected[0].splitlines())
    assert set(alerts) == set(expected[1])
    assert set(rejects) == set(expected[2])


@given(log=logs(), cut=st.integers(0, 400))
def test_the_outputs_of_a_prefix_are_the_prefix_of_the_outputs(
    make: Make, log: list[Entry], cut: int
) -> None:
    whole, prefix = told(feed(make(), log)), told(feed(make(), log[: cut % (len(log) + 1)]))
    for all_of_it, some in zip(whole, prefix, strict=True):
        assert all_of_it[: len(some)] == some


def shifted(value: bytes) -> bytes:
    """A record with its measured_at three weeks later."""

    def later(match: re.Match[bytes]) -> bytes:
        return (datetime.fromisoformat(match.group().decode()) + timedelta(weeks=3)).isoformat().encode()

    return re.sub(rb"\d{4}-\d\d-\d\dT[0-9:.]+\+01:00", later, value)


def timeless(outputs: Told) -> tuple[list[bytes], list[object]]:
    """Results without their times, alerts without times and the ids that hash them."""
    lines = [line.rpartition(b" ")[0] for line in outputs[0].splitlines()]
    alerts = []
    for body in outputs[1]:
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "T", body.decode())
        # a moment in words: the weekday and the time of day stay, the day of the month goes
        text = re.sub(r"\d{1,2}(er)? [^\W\d]+ (?=at \d\d:\d\d|à \d+ h \d\d)", "T ", text)
        alerts.append({k: v for k, v in json.loads(text).items() if k != "alert_id"})
    return lines, [alerts, [(r, o) for r, o, _ in outputs[2]]]


@given(log=logs())
def test_moving_all_times_by_whole_weeks_changes_only_the_times(make: Make, log: list[Entry]) -> None:
    later = [Entry(e.received + 3 * WEEK, shifted(e.value), e.patient) for e in log]
    assert timeless(told(feed(make(), log))) == timeless(told(feed(make(), later)))


@given(log=logs(hostile=False), data=st.data())
def test_patients_do_not_matter_to_each_other(make: Make, log: list[Entry], data: st.DataObject) -> None:
    mixed: list[Entry] = []
    stretch: list[Entry] = []
    for entry in [*log, None]:
        if entry is not None and entry.patient:
            stretch.append(entry)
            continue
        by_patient = {p: [e for e in stretch if e.patient == p] for p in {e.patient for e in stretch}}
        for patient in data.draw(st.permutations(sorted(by_patient))):
            mixed += by_patient[patient]
        stretch = []
        if entry is not None:
            mixed.append(entry)
    one, other = told(feed(make(), log)), told(feed(make(), mixed))
    for patient in {e.patient for e in log if e.patient}:
        tag = b",patient=%s," % patient.encode()
        assert [x for x in one[0].splitlines() if tag in x] == [x for x in other[0].splitlines() if tag in x]
        name = b'"patient":"%s"' % patient.encode()
        assert [a for a in one[1] if name in a] == [a for a in other[1] if name in a]
    assert sorted((r, v) for r, _, v in one[2]) == sorted((r, v) for r, _, v in other[2])


# The same laws on a log of five weeks, in which everything has spoken: few draws, each of the whole log.
FEW = settings(max_examples=8, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # none is shrunk
chances = st.integers(0, 1 << 32).map(random.Random)  # small numbers would cut at the beginning of the log


def cuts_of(chance: random.Random, count: int, end: int) -> list[int]:
    """`count` places of a log of `end` records, with its beginning and its end."""
    return sorted({0, end, *(chance.randrange(end) for _ in range(count))})


class Grown:
    """The log, and what it tells when it is taken whole."""

    def __init__(self, make: Make) -> None:
        self.log, pipeline = list(mature.log(START)), make()
        self.told, self.ledger = told(feed(pipeline, self.log)), pipeline.ledger


@pytest.fixture(scope="session")
def grown(make: Make) -> Grown:
    return Grown(make)


def test_the_mature_log_reaches_every_detector_and_every_action(grown: Grown) -> None:
    (lines, alerts, rejects), ledger = grown.told, grown.ledger
    assert not rejects
    assert balances(ledger)
    assert ledger.plans == len(mature.PATIENTS)
    assert ledger.calibrations == 2
    assert ledger.actions > 10
    bodies = [json.loads(body) for body in alerts]
    opened = {(b["kind"], b["rule"]) for b in bodies if b["event"] == "opened"}
    assert opened >= {
        ("limit", "spo2-below-91"),
        ("symptom", "breathlessness-above-6"),
        ("baseline", "acute-baseline"),
        ("baseline", "joint"),
        ("baseline", "trees"),
        ("trend", "own-normal"),
        ("trend", "gain-with-symptoms"),
        ("silence", "silence"),
    }
    assert {kind for kind, _ in opened} >= {"score"}
    assert {b["event"] for b in bodies} >= {"opened", "acknowledged", "resolved", "closed"}
    assert any(b.get("symptoms") == ["breathlessness"] for b in bodies)
    assert any("likelihood" in b for b in bodies)
    assert {line.partition(b",")[0] for line in lines.splitlines()} >= {
        b"window", b"reading", b"baseline", b"trend", b"score", b"joint"
    }  # fmt: skip


@FEW
@given(chance=chances)
def test_batches_do_not_matter_to_a_mature_log(make: Make, grown: Grown, chance: random.Random) -> None:
    pipeline, bounds = make(), cuts_of(chance, chance.choice((2, 20, 200)), len(grown.log))
    parts = [feed(pipeline, grown.log[a:b], a) for a, b in pairwise(bounds)]
    assert (told(*parts), pipeline.ledger) == (grown.told, grown.ledger)


@FEW
@given(chance=chances)
def test_restarts_do_not_matter_to_a_mature_log(make: Make, grown: Grown, chance: random.Random) -> None:
    pipeline, parts, saved = make(), [], dict[bytes, bytes]()
    for a, b in pairwise(cuts_of(chance, 40, len(grown.log))):
        begin = max(a - chance.choice((0, 0, 30)), 0)  # what the saved blocks reflect comes once more
        parts.append(feed(pipeline, grown.log[begin:b], begin))
        saved |= pipeline.snapshot()
        pipeline = make()
        pipeline.restore(saved)
    assert (told(*parts), pipeline.ledger) == (grown.told, grown.ledger)


@FEW
@given(chance=chances)
def test_the_outputs_of_a_prefix_of_a_mature_log_are_the_prefix_of_its_outputs(
    make: Make, grown: Grown, chance: random.Random
) -> None:
    prefix = grown.log[: chance.randrange(len(grown.log))]
    for all_of_it, some in zip(grown.told, told(feed(make(), prefix)), strict=True):
        assert all_of_it[: len(some)] == some


@settings(FEW, max_examples=2)
@given(weeks=st.integers(1, 40))
def test_moving_a_mature_log_by_whole_weeks_changes_only_the_times(
    make: Make, grown: Grown, weeks: int
) -> None:
    later = list(mature.log(START + weeks * WEEK))  # its actions name the alerts of that time
    assert timeless(told(feed(make(), later))) == timeless(grown.told)


@FEW
@given(chance=chances)
def test_the_patients_of_a_mature_log_do_not_matter_to_each_other(
    make: Make, grown: Grown, chance: random.Random
) -> None:
    mixed: list[Entry] = []
    waiting: dict[str, list[Entry]] = {patient: [] for patient in mature.PATIENTS}
    for entry in [*grown.log, None]:
        if entry is not None and entry.patient:
            waiting[entry.patient].append(entry)
            continue
        while rest := [patient for patient in mature.PATIENTS if waiting[patient]]:
            own = waiting[chance.choice(rest)]
            taken = chance.randint(1, len(own))
            mixed += own[:taken]
            del own[:taken]
        mixed += [entry] if entry is not None else []
    one, other = grown.told, told(feed(make(), mixed))
    for patient in mature.PATIENTS:
        tag, name = b",patient=%s," % patient.encode(), b'"patient":"%s"' % patient.encode()
        assert [x for x in one[0].splitlines() if tag in x] == [x for x in other[0].splitlines() if tag in x]
        assert [a for a in one[1] if name in a] == [a for a in other[1] if name in a]
