"""A detector of one series under one rule: it runs the compiled journey of a reading itself."""

from typing import Final

import numpy as np

from models import kernel
from models import record as R
from models.calibration import SHIPPED, UNKNOWN
from models.catalog import Catalog, Vital
from models.plan import Plan
from models.rivers.detector import Detector, Reading
from models.rules import RuleSets, compile_catalog
from models.score.acute_parameters import parameters
from models.state import NEVER

WIDEST: Final = 1e9  # of a value; beyond, no reading is plausible
_OUT: Final = np.zeros(2, np.int64)
_BUFFER: Final = np.zeros(2 * kernel.BUFFER_RESERVE, np.uint8)
_EVENTS: Final = np.zeros(2 * kernel.EVENT_RESERVE, R.EVENT)
_ZONES: Final = (np.zeros((1, 1), np.int64), np.zeros((1, 1), np.int32))
_ACUTE: Final = parameters()


class Series(Detector):
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
