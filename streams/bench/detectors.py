"""What the detectors cost per reading, apart from decoding, windows and result lines of readings.

The kernels of the product on records of SERIES, in turns as devices send, after LEARNED days of learning.
Processor time, so that a neighbour counts less. Several vitals are judged once an hour, and only where a plan
asks for it: that is timed per patient and hour.
"""

import time
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from models import days, quality
from models.calibration import of_vital
from models.closing import DAY_MILLISECONDS, HALF_HOUR
from models.joint import SIZE, Interplay, Joint, take
from models.kernel import BUFFER_RESERVE, EVENT_RESERVE
from models.record import EVENT, LIMITS, PATIENT, SERIES
from models.rules import RuleSets, compile_catalog
from models.score import acute, extremes, joint, joint_parameters, limit
from models.score.acute_parameters import parameters
from models.triage import Desk
from streams.bench.core import START, VITALS
from streams.configuration import load_catalog, load_default_plan

LIMIT, ACUTE, DAYS = 1, 2, 4  # bits of the detectors that a run is made of
EVERYTHING: Final = LIMIT | ACUTE | DAYS
PASSES: Final = (  # what is timed, and the bits of it
    ("limits", LIMIT),
    ("acute baseline", ACUTE),
    ("change over days", DAYS),
    ("all detectors", EVERYTHING),
)
COUNT: Final = 4000  # series
EVERY: Final = 900_000  # ms between two readings of a series
A_DAY: Final = DAY_MILLISECONDS // EVERY  # readings of a series
LEARNED: Final = 21  # days before anything is timed
TOGETHER: Final = 4  # vitals of one patient that are judged together
FIRST_HOUR: Final = START // 3_600_000
REPEATS: Final = 5  # of a timed day; the fastest counts, as noise only ever adds


_CATALOG: Final = load_catalog()


class State(NamedTuple):
    """Everything that a pass reads and advances."""

    series: np.ndarray
    patients: np.ndarray
    rules: np.ndarray
    rule_index: np.ndarray
    vitals: np.ndarray
    codes: np.ndarray


@njit
def run(which, first, values, series, patients, rules, rule_index, vitals, codes, p, buffer, event, out):  # type: ignore[no-untyped-def]
    """Hand readings `values`, float64 (instants, series), to the detectors of the bits `which`.

    first: number of the first instant since START.
    """
    for i in range(values.shape[0]):
        at = START + (first + i) * EVERY
        local, local_day = at % DAY_MILLISECONDS, at // DAY_MILLISECONDS
        half_hour = local // HALF_HOUR
        weekend = 24 if (local_day + 3) % 7 >= 5 else 0
        for row in range(values.shape[1]):
            x, s = values[i, row], series[row]
            rule, vital = rules[rule_index[row]], s["vital"]
            out[:] = 0
            if which & LIMIT:
                quality.remember(s, at, x)  # a limit looks back at what is remembered
                for j in range(LIMITS):
                    if rule["limits"][j]["direction"] == 0:
                        break
                    held = limit.applies(rule["limits"][j], local, rule["day_from"], rule["day_until"])
                    limit.step(s, j, rule["limits"][j], x, at, True, held)
            centre, half = acute.band(s, half_hour, p)
            if which & ACUTE:
                learning = acute.learns(s, days.troubled(s), at // 1000)
                context = local // 3_600_000 + weekend
                score = acute.score(s, x, half_hour, context, at // 1000, learning, p)
                s["peak"] = max(s["peak"], score)
                acute.episode(s, score, rule["acute"], p)
                extremes.pass_day(s, local_day)
                extremes.take(s, x)
            if which & DAYS:
                fresh = 1 if at // HALF_HOUR != (at - EVERY) // HALF_HOUR else 0
                days.follow(
                    row, at, at, 0, x, centre, half, fresh, s, patients[s["patient"]], rule,
                    vitals[vital], codes[vital], buffer, event, out,
                )  # fmt: skip


def begin(count: int) -> State:
    """New series of the frequent vitals, under the shipped plan."""
    catalog, plan = _CATALOG, load_default_plan(None, _CATALOG)
    vitals, codes = compile_catalog(catalog)
    rules, places = RuleSets(), [vital.code for vital in catalog.vitals]
    series, patients = np.zeros(count, SERIES), np.zeros(count, PATIENT)
    index = np.zeros(count, np.int64)
    for i, (code, *_) in enumerate(VITALS):
        series["vital"][i :: len(VITALS)] = places.index(code)
        index[i :: len(VITALS)] = rules.index(plan, code, of_vital({}, plan, code))
    series["patient"] = np.arange(count) // len(VITALS)
    return State(series, patients, rules.table, index, vitals, codes)


def load(days: int, count: int, seed: int) -> np.ndarray:
    """float64 (instants, series): well patients whose level follows the day, 2 in 1,000 far below."""
    chance = np.random.default_rng(seed)
    hours = np.arange(days * A_DAY) % A_DAY / A_DAY * 2 * np.pi
    level, spread = (np.array([vital[k] for vital in VITALS], float) for k in (2, 3))
    own = np.arange(count) % len(VITALS)
    shape = chance.normal(0, 1, (days * A_DAY, count)) - 1.5 * np.cos(hours)[:, None]
    shape -= 6 * (chance.random(shape.shape) < 0.002)
    return np.round(level[own] + spread[own] * shape)


class Cost(NamedTuple):
    """Nanoseconds of one reading, or of one hour of several vitals."""

    name: str
    nanoseconds: float


def measure(count: int = COUNT, learned: int = LEARNED) -> list[Cost]:
    """Each detector alone and all of them, on the same mature state of `count` series."""
    state, p = begin(count), parameters()[0]
    outputs = (
        np.zeros(BUFFER_RESERVE, np.uint8),
        np.zeros(EVENT_RESERVE, EVENT),
        np.zeros(2, int),
    )
    for day in range(learned):
        run(EVERYTHING, day * A_DAY, load(1, count, day), *state, p, *outputs)
    today, costs = load(1, count, learned), []
    for name, which in PASSES:
        best = np.inf
        for _ in range(REPEATS):
            copy = state._replace(series=state.series.copy())
            started = time.process_time()
            run(which, learned * A_DAY, today, *copy, p, *outputs)
            best = min(best, time.process_time() - started)
        costs.append(Cost(name, 1e9 * best / today.size))
    return costs


def several(learned: int = LEARNED) -> list[Cost]:
    """TOGETHER vitals of one patient, an hour: judged and learned alone, then with what surrounds it.

    That is: four closed windows taken from the kernel's events, the result lines made. `learned` days of
    learning, then as many that are timed; an hour without an alert, as nearly all are.
    """
    means = np.random.default_rng(1).normal(80, 5, (2 * learned * joint.HOURS, TOGETHER))
    half, costs = len(means) // 2, []
    for name, one_hour in (("judged", _judged), ("judged, collected and told", _told)):
        memory, best = Interplay(), np.inf
        one_hour(memory, 0, means[:half])
        for _ in range(REPEATS):
            copy = Interplay(bytearray(memory.state))
            started = time.process_time()
            one_hour(copy, half, means[half:])
            best = min(best, time.process_time() - started)
        costs.append(Cost(f"{TOGETHER} vitals together, an hour {name}", 1e9 * best / half))
    return costs


def _judged(memory: Interplay, first: int, means: np.ndarray) -> None:
    states = np.frombuffer(memory.state, joint.JOINT)
    p, m, shares = joint_parameters.parameters()[0], np.empty(TOGETHER), np.empty(TOGETHER)
    for hour, mean in enumerate(means.tolist(), FIRST_HOUR + first):
        joint.begin(states, hour)
        for place, x in enumerate(mean):
            joint.collect(states, TOGETHER, place, hour, x)
        _, score = joint.assess(states, TOGETHER, hour % joint.HOURS, p, m, shares)
        joint.learn(states, TOGETHER, hour % joint.HOURS, p, m, score)


def _told(memory: Interplay, first: int, means: np.ndarray) -> None:
    catalog, desk, p = _CATALOG, Desk("p-0"), joint_parameters.parameters()[0]
    codes = tuple(v.code for v in catalog.vitals if "1h" in v.windows)[:TOGETHER]
    plan = Joint(codes, score_above=1e9)
    event = np.zeros(1, EVENT)[0]
    event["rule"] = SIZE
    for hour, mean in enumerate(means.tolist(), FIRST_HOUR + first):
        event["measured"] = hour * 3_600_000
        for code, x in zip(codes, mean, strict=True):
            event["value"] = x
            take(plan, memory, desk, catalog, event, code, p)
