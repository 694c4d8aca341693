"""The six things that go wrong on the ward, each as a change of one patient's readings around `live`.

`live` is the moment at which the demo begins to play at its own pace; a story whose alert should come
before the viewer's eyes takes place in the minutes after it, one that needs days has begun before.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.ward.signals import Floats

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

STORIES: Final = (
    "decompensation",
    "nocturnal-heart-rate",
    "hypoglycaemia",
    "dropped-oximeter",
    "wrong-clock",
    "never-sent",
)

CLOCK_AHEAD: Final = 26 * HOUR + 15 * MINUTE  # a tracker set to tomorrow
OXIMETER_DUE: Final = 15 * MINUTE  # into the live part: when the plan's patience with the probe ends


def change(story: str, vital: str, at: Floats, x: Floats, live: float) -> Floats:
    """The values that a story makes of a healthy day's; `at` and `live` in ms of measurement."""
    since = at - live
    days = np.clip(since / DAY + 5, 0, 7)  # fluid gathers from five days before
    if story == "decompensation":
        slope = {
            "body-weight": 0.8,
            "heart-rate": 1.8,
            "spo2": -0.35,
            "systolic-bp": 1.5,
            "breathlessness": 1.3,
        }.get(vital, 0.0)
        x = x + slope * days
        if vital == "symptom-swelling":
            x = np.where(days >= 3, 1.0, x)
    elif story == "nocturnal-heart-rate" and vital == "heart-rate":
        x = x + 34.0 * np.clip((since + 4 * HOUR) / HOUR, 0, 1)  # from four hours before, for good
    elif story == "hypoglycaemia" and vital == "blood-glucose":
        # Falls from 40 min before, below 54 mg/dL within ten minutes of `live`; eaten away after 40 min.
        minutes = since / MINUTE
        path = np.interp(minutes, [-60, -40, 0, 10, 30, 40, 75], [999, 125, 74, 52, 44, 48, 110])
        x = np.where((minutes > -41) & (minutes < 75), np.minimum(x, path), x)
    return x


def kept(story: str, vital: str, at: Floats, live: float, patience: float) -> NDArray[np.bool_]:
    """Which readings reach the service; `patience` is how many ms the plan waits for this vital."""
    if story == "never-sent":
        return np.zeros(len(at), np.bool_)
    if story == "dropped-oximeter" and vital == "spo2":
        return at < live - patience + OXIMETER_DUE
    return np.ones(len(at), np.bool_)


def clock_error(story: str, vital: str, at: Floats, live: float) -> Floats:
    """How far the device's clock is ahead, in ms: the tracker restarts five minutes into the live part."""
    wrong = story == "wrong-clock" and vital == "heart-rate"
    return np.where(wrong & (at > live + 5 * MINUTE), float(CLOCK_AHEAD), 0.0)
