"""What the job must give, computed plainly: the windows and alerts of a log, and where each window closes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.load import Reading

WINDOW = 60_000  # ms
LATENESS = 10_000  # ms that a window waits for readings out of order
SHARE = 0.02  # of the newest reading in the exponentially weighted mean and variance
WARM = 30  # readings before a score may alert
THRESHOLD = 4.0
LIMITS = {  # Vigie's rule for the same spikes (bench/vigie_plan.toml): sign, value
    "heart-rate": (1, 95.0),
    "spo2": (-1, 90.0),
    "respiratory-rate": (1, 24.0),
    "skin-temperature": (1, 35.0),
}

Key = tuple[str, str, int]  # patient, vital and ms: a window's start, the measured_at of an alert


@dataclass
class Window:
    """A window as told by a peer: count, mean, lowest, highest."""

    count: int
    mean: float
    low: float
    high: float

    def equals(self, other: "Window", tolerance: float) -> bool:
        """Whether both say the same, the mean within a tolerance."""
        same = (self.count, self.low, self.high) == (other.count, other.low, other.high)
        return same and abs(self.mean - other.mean) <= tolerance


@dataclass
class Series:
    """What the job keeps of one vital of one patient."""

    windows: dict[int, list[float]] = field(default_factory=dict)  # start → count, sum, lowest, highest
    newest: int = 0
    readings: int = 0
    mean: float = 0.0
    variance: float = 0.0
    beyond: bool = False  # Vigie's limit is passed


@dataclass
class Reference:
    """The right results. `closing`: window → (partition, readings of it until the window closes)."""

    readings: int = 0
    windows: dict[Key, Window] = field(default_factory=dict)
    closing: dict[Key, tuple[int, int]] = field(default_factory=dict)
    alerts: set[Key] = field(default_factory=set)
    limits: set[Key] = field(default_factory=set)


def compute(log: Iterable[Reading]) -> Reference:
    """Every result of a log. Raises ValueError when a reading comes after its window has closed."""
    out, series, place = Reference(), dict[tuple[str, str], Series](), dict[int, int]()
    for reading in log:
        out.readings += 1
        place[reading.partition] = place.get(reading.partition, 0) + 1
        s = series.setdefault((reading.patient, reading.vital), Series())
        key = reading.patient, reading.vital, reading.at
        if _limit(s, reading):
            out.limits.add(key)
        if _score(s, reading.value):
            out.alerts.add(key)
        for start, (count, total, low, high) in _windows(s, reading):
            window = reading.patient, reading.vital, start
            out.windows[window] = Window(int(count), total / count, low, high)
            out.closing[window] = reading.partition, place[reading.partition]
    return out


def _windows(s: Series, reading: Reading) -> list[tuple[int, list[float]]]:
    """Put a reading into its window; returns those that it closes."""
    x, start = reading.value, reading.at // WINDOW * WINDOW
    if s.newest >= start + WINDOW + LATENESS:
        raise ValueError(f"the load has a reading of {reading.at} after its window has closed")
    window = s.windows.setdefault(start, [0, 0.0, x, x])
    window[:] = window[0] + 1, window[1] + x, min(window[2], x), max(window[3], x)
    s.newest = max(s.newest, reading.at)
    due = sorted(start for start in s.windows if s.newest >= start + WINDOW + LATENESS)
    return [(start, s.windows.pop(start)) for start in due]


def _score(s: Series, x: float) -> bool:
    """Exponentially weighted z-score of a reading against those before it; whether it alerts."""
    step = x - s.mean if s.readings else 0.0
    z = step / math.sqrt(s.variance) if s.variance > 0 else 0.0
    alert = s.readings >= WARM and abs(z) > THRESHOLD
    s.mean = s.mean + SHARE * step if s.readings else x
    s.variance += SHARE * (step * step - s.variance)
    s.readings += 1
    return alert


def _limit(s: Series, reading: Reading) -> bool:
    """Whether a limit opens: it clears by a reading in order, and opens again only after that."""
    sign, value = LIMITS[reading.vital]
    if sign * (reading.value - value) > 0:
        opened, s.beyond = not s.beyond, True
        return opened
    if reading.at >= s.newest:
        s.beyond = False
    return False
