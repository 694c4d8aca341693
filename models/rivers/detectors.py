"""Our detectors behind River's AnomalyDetector: the kernels of the pipeline, on one stream of dicts.

Each holds the state of one series (one patient for NEWS2 and several vitals), reads `x[feature]` at the
local instant `x[time]` (ms since 1970) and runs the very functions that the pipeline runs. `score_one`
scores a reading as if it came next and leaves no trace; `learn_one` takes it in. A reading without its
value or time scores 0 and teaches nothing. A score says how strange a reading is, within one detector.
"""

import copy
import math
from typing import Any, Final

import numpy as np
from river import base

from models import joint as several
from models import kernel
from models import record as R
from models.calibration import SHIPPED, UNKNOWN
from models.catalog import Catalog, Vital
from models.closing import DAY_MILLISECONDS
from models.plan import Baseline, Gain, Limit, Plan
from models.rules import RuleSets, compile_catalog
from models.score import gain, joint, news2
from models.score.acute_parameters import parameters
from models.state import NEVER

Reading = dict[base.typing.FeatureName, Any]
HOUR: Final = several.HOUR
WIDEST: Final = 1e9  # of a value; beyond, no reading is plausible
_OUT: Final = np.zeros(2, np.int64)
_BUFFER: Final = np.zeros(2 * kernel.BUFFER_RESERVE, np.uint8)
_EVENTS: Final = np.zeros(2 * kernel.EVENT_RESERVE, R.EVENT)
_ZONES: Final = (np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int32))
_ACUTE: Final = parameters()


class _Detector(base.AnomalyDetector):
    """A detector whose whole memory is arrays: scoring is learning in a copy."""

    feature: str
    time: str

    def learn_one(self, x: Reading) -> None:
        """Take a reading in."""
        self._take(x)

    def score_one(self, x: Reading) -> float:
        """The score that this reading would have."""
        twin = copy.copy(self)
        for name, part in vars(self).items():
            if isinstance(part, np.ndarray):
                setattr(twin, name, part.copy())
        return twin._take(x)

    def _take(self, x: Reading) -> float:
        raise NotImplementedError


class _Series(_Detector):
    """One series under one rule, advanced by the compiled journey of a reading."""

    def _begin(self, plan: Plan, windows: tuple[str, ...], cohort: str = "") -> None:
        """Compile what a plan says of this one vital."""
        vital = Vital(plan.programme, "", "1", -WIDEST, WIDEST, 3, 0.0, windows, {}, {})
        rules = RuleSets()
        self._rule = rules.index(plan, vital.code, SHIPPED.get(cohort, UNKNOWN))
        self._rules = rules.table
        self._vitals, self._codes = compile_catalog(Catalog((vital,)))
        self._series, self._patient = np.zeros(1, R.SERIES), np.zeros(1, R.PATIENT)
        self._patient["zone"] = -1

    def _take(self, x: Reading) -> float:
        value, at = x.get(self.feature), x.get(self.time)
        if value is None or at is None or self._read(int(at), float(value)) != R.ACCEPTED:
            return 0.0
        return self._score(int(at), float(value))

    def _read(self, at: int, value: float) -> int:
        """Run the kernel on one reading, received when it was measured; its fate."""
        fates, zero, instant = np.zeros(1, np.uint8), np.zeros(1, np.int64), np.array([at])
        _OUT[:] = 0
        kernel.read(
            0,
            zero,
            instant,
            instant,
            np.zeros(1, np.int32),
            np.array([value]),
            np.full(1, np.nan),
            self._series,
            self._patient,
            np.array([self._rule]),
            self._rules,
            self._vitals,
            self._codes,
            *_ZONES,
            np.full(1, NEVER),
            np.zeros(1, np.int32),
            np.zeros((1, len(R.FATES)), np.int64),
            np.zeros(1, np.bool_),
            fates,
            _ACUTE,
            _BUFFER,
            _EVENTS,
            _OUT,
        )
        return int(fates[0])

    def _score(self, at: int, value: float) -> float:
        raise NotImplementedError


class ClinicianLimit(_Series):
    """A clinician's limit with persistence and hysteresis (models/score/limit.py): 1 while open, else 0.

    Parameters
    ----------
    value, clear
        The limit, and the safe side on which it is over.
    direction
        "above" or "below".
    readings
        Breaches in a row that open it.
    within, lasting
        Seconds that those breaches may span (0 = any), and must span.
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(
        self,
        value: float = 130.0,
        clear: float = 120.0,
        direction: str = "above",
        readings: int = 1,
        within: float = 0.0,
        lasting: float = 0.0,
        feature: str = "value",
        time: str = "at",
    ) -> None:
        self.value, self.clear, self.direction, self.readings = value, clear, direction, readings
        self.within, self.lasting, self.feature, self.time = within, lasting, feature, time
        one: Any = direction
        rule = Limit("limit", "x", one, value, clear, "low", readings, within, lasting)
        self._begin(Plan("*", "x", "1", limits=(rule,)), ("1d",))

    def _score(self, at: int, value: float) -> float:
        return float(self._series["limits"]["open"][0, 0])


class AcuteBaseline(_Series):
    """The acute personal baseline of a frequent vital (models/score/acute.py): its score, 0 until ready.

    Parameters
    ----------
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(self, feature: str = "value", time: str = "at") -> None:
        self.feature, self.time = feature, time
        self._begin(Plan("*", "x", "1"), ("15m", "1h", "1d"))

    def _score(self, at: int, value: float) -> float:
        return float(self._series["score"][0])


class ChangeOverDays(_Series):
    """Change over days (models/score/slow.py): the highest of its CUSUMs over the days that are closed.

    Parameters
    ----------
    frequent
        Whether nights of a frequent vital are followed, or days of a sparse one (a weight).
    cohort
        The vital whose usual variance between days is believed at first, as shipped; "" = none.
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(
        self, frequent: bool = True, cohort: str = "heart-rate", feature: str = "value", time: str = "at"
    ) -> None:
        self.frequent, self.cohort, self.feature, self.time = frequent, cohort, feature, time
        watched = Baseline("x", 0.0, "both", "low")
        windows = ("15m", "1h", "1d") if frequent else ("1d",)
        self._begin(Plan("*", "x", "1", baselines=(watched,)), windows, cohort)

    def _score(self, at: int, value: float) -> float:
        return float(self._series["slow_sum"].max())


class WeightGain(_Series):
    """Gain over days (models/score/gain.py): what was gained over the lowest day before, by what alerts.

    Parameters
    ----------
    amount
        The gain that alerts, in the unit of the value.
    days
        Days before, 1 to 7.
    feature, time
        Names of the value and of its local instant (ms since 1970) in `x`.

    """

    def __init__(self, amount: float = 2.0, days: int = 3, feature: str = "value", time: str = "at") -> None:
        self.amount, self.days, self.feature, self.time = amount, days, feature, time
        rule = Gain("gain", "x", amount, 0.5 * amount, "low", days)
        self._begin(Plan("*", "x", "1", gains=(rule,)), ("1d",))

    def _score(self, at: int, value: float) -> float:
        low = gain.lowest(self._series[0], at // DAY_MILLISECONDS, self.days)
        return max(0.0, value - low) / self.amount if low < WIDEST else 0.0


class EarlyWarningScore(_Detector):
    """NEWS2 (models/score/news2.py): the total of the latest vitals, each key of `x` being a vital's code.

    Parameters
    ----------
    scale
        Of oxygen saturation: 1 or 2.
    age
        Seconds up to which a part counts.
    time
        Name of the instant (ms since 1970) in `x`.

    """

    def __init__(self, scale: int = 1, age: float = 43_200.0, time: str = "at") -> None:
        self.scale, self.age, self.time = scale, age, time
        self._patient = np.zeros(1, R.PATIENT)

    def _take(self, x: Reading) -> float:
        at = x.get(self.time)
        if at is None:
            return 0.0
        for code, (part, zero) in news2.SOURCES.items():
            if x.get(code) is not None:
                news2.measure(self._patient[0], part, float(x[code]) - zero, int(at))
        values, instants = self._patient["part_value"][0], self._patient["part_at"][0]
        oxygen = news2.MEASURED if instants[news2.OXYGEN] else news2.AIR
        allowed = np.full(R.PARTS, round(self.age * 1000))
        points = np.zeros(R.PARTS, np.int8)
        total, _, _ = news2.assess(
            values, instants, news2.newest(self._patient[0]), allowed, self.scale, oxygen, points
        )
        return float(total)


class JointDeparture(_Detector):
    """Several vitals of one patient (models/score/joint.py): the score of an hour of their means.

    Parameters
    ----------
    vitals
        Keys of `x`: 2 to 6 vitals whose interplay is learned.
    time
        Name of the hour's local instant (ms since 1970) in `x`.

    """

    def __init__(
        self,
        vitals: tuple[str, ...] = ("heart-rate", "respiratory-rate", "spo2", "skin-temperature"),
        time: str = "at",
    ) -> None:
        self.vitals, self.time = vitals, time
        self._state = np.zeros(1, joint.JOINT)

    def _take(self, x: Reading) -> float:
        s, at, k = self._state[0], x.get(self.time), len(self.vitals)
        if at is None:
            return 0.0
        hour = int(at) // HOUR
        joint.start(s, hour)
        for j, name in enumerate(self.vitals):
            if x.get(name) is not None:
                s["known"][j], s["value"][j] = 1, float(x[name])
        m, _, score, _ = joint.assess(s, k, hour % joint.HOURS)
        joint.learn(s, k, hour % joint.HOURS, m, score)
        return 0.0 if math.isnan(score) else score


DETECTORS: Final = (
    ClinicianLimit,
    AcuteBaseline,
    ChangeOverDays,
    WeightGain,
    EarlyWarningScore,
    JointDeparture,
)
