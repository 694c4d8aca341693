"""What others would do: methods of the literature on the cohorts of `vigie evaluate drift`.

Each takes a cohort's nights (means of 0 to 7 h) or daily weights, float64 (days, patients), NaN = missing,
and scores every day from that day and those before it alone. An alert opens on the first day beyond the
threshold and is over on the first day that is not. Methods with a threshold get the one that spends the
budget, as ours do; fixed rules spend what they spend.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import anomaly

from streams.evaluation.budget import bound
from streams.evaluation.cohort import DAY, MORNING, Cohort

Floats = NDArray[np.float64]
SPAN: Final = 28  # days of an exponentially weighted mean
FIRST: Final = 8  # days before a score
POUND: Final = 0.45359237  # kg
ROUNDED: Final = 0.1**2 / 12  # variance of rounding to 0.1 kg


class Rival(NamedTuple):
    """A method; `bar`: the threshold of a fixed rule, None: it gets the one that spends the budget."""

    name: str
    scores: Callable[[Cohort], Floats]
    bar: float | None = None


def daily(cohort: Cohort) -> Floats:
    """(days, patients): a weight of each day, or the mean of each night from 0 to 7 h."""
    if cohort.every >= DAY:
        return cohort.values
    a_day = DAY // cohort.every
    nights = cohort.values.reshape(-1, a_day, cohort.values.shape[1])[:, : a_day * MORNING // DAY]
    known = ~np.isnan(nights)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, nights, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def averages(values: Floats, span: float) -> tuple[Floats, Floats]:
    """(mean, variance) before each day: exponentially weighted, of rate 2 / (span + 1), plain at first."""
    mean, variance, count = np.zeros(values.shape[1]), np.zeros(values.shape[1]), np.zeros(values.shape[1])
    out = np.full((2, *values.shape), np.nan)
    for day, value in enumerate(values):
        out[:, day] = np.where(count >= FIRST, (mean, variance), np.nan)
        known = ~np.isnan(value)
        count += known
        rate = np.maximum(2 / (span + 1), 1 / np.maximum(count, 1))
        step = np.where(known, value - mean, 0.0)
        mean = mean + rate * step
        variance = np.where(known, (1 - rate) * (variance + rate * step * step), variance)
    return out[0], out[1]


def z_score(cohort: Cohort, sign: float = 1.0) -> Floats:
    """Distance from the patient's exponentially weighted mean in such standard deviations."""
    values = daily(cohort)
    mean, variance = averages(values, SPAN)
    return sign * (values - mean) / np.sqrt(variance + 1e-6)


def convergence(cohort: Cohort) -> Floats:
    """A short mean less a long one, in kg: the MACD of Zhang et al., Eur J Heart Fail 2009;11:420.

    Its form is theirs, the spans of 3 and 28 days are ours.
    """
    values = daily(cohort)
    short, long = (averages(values, span)[0] for span in (3.0, SPAN))
    return np.vstack([(short - long)[1:], np.full((1, values.shape[1]), np.nan)])  # with the day itself


def gained(values: Floats, days: int) -> Floats:
    """Each day's value over the lowest of the `days` days before, NaN without one."""
    out = np.full(values.shape, np.nan)
    for day in range(1, len(values)):
        before = values[max(0, day - days) : day]
        known = ~np.isnan(before).all(axis=0)
        out[day, known] = values[day, known] - np.nanmin(before[:, known], axis=0)
    return out


def guideline(cohort: Cohort) -> Floats:
    """Gain in kg within 3 days: more than 2 alert (ESC, Eur Heart J 2021;42:3599)."""
    return gained(daily(cohort), 3)


def thumb(cohort: Cohort) -> Floats:
    """3 lb within 3 days or 5 lb within 7, as a share of it."""
    values = daily(cohort)
    return np.fmax(gained(values, 3) / (3 * POUND), gained(values, 7) / (5 * POUND))


def two_nights(cohort: Cohort, sign: float = 1.0) -> Floats:
    """By how much both this night and the last left the median of those before (NightSignal).

    Alavi et al., Nat Med 2022;28:175-184: red from two nights of 4 bpm and more on.
    """
    values = daily(cohort)
    out = np.full(values.shape, np.nan)
    for day in range(FIRST, len(values)):
        with np.errstate(all="ignore"):
            middle = np.nanmedian(values[: day - 1], axis=0)
        out[day] = np.minimum(sign * (values[day] - middle), sign * (values[day - 1] - middle))
    return out


def level(cohort: Cohort, sign: float = 1.0) -> Floats:
    """The value itself: one limit for everybody."""
    return sign * daily(cohort)


def deviation(cohort: Cohort) -> Floats:
    """River's StandardAbsoluteDeviation, learning each value after its score; it looks to both sides."""
    values = daily(cohort)
    out = np.full(values.shape, np.nan)
    for patient in range(values.shape[1]):
        detector = anomaly.StandardAbsoluteDeviation()
        for day, value in enumerate(values[:, patient]):
            if not np.isnan(value):
                if day >= FIRST:
                    out[day, patient] = detector.score_one({}, value)
                detector.learn_one({}, value)
    return out


def oracle(cohort: Cohort) -> Floats:
    """Page's test for +0.35 kg a day by who knows each true level, week, walk and law of the noise.

    The log-likelihood ratio of a rise that began on any day against none; no detector can know as much.
    """
    assert cohort.level is not None
    phi, deviation, slope = 0.3, 0.35, 0.35
    z = (cohort.values - cohort.level) / deviation
    out = np.full(z.shape, np.nan)
    longest = 7
    for day in range(len(z)):
        best = np.zeros(z.shape[1])
        for days in range(1, min(longest, day + 1) + 1):
            total, gap = np.zeros(z.shape[1]), np.full(z.shape[1], np.inf)
            before, before_ramp = np.zeros(z.shape[1]), np.zeros(z.shape[1])
            for i, row in enumerate(z[max(0, day - days) : day + 1], max(0, day - days)):
                known = ~np.isnan(row)
                ramp = slope / deviation * max(0, i - (day - days))
                share = phi**gap
                scale = 1 / np.sqrt(1 - share * share)
                x = (np.where(known, row, 0) - share * before) * scale
                t = (ramp - share * before_ramp) * scale
                total += np.where(known, x * t - t * t / 2, 0.0)
                before, before_ramp = np.where(known, row, before), np.where(known, ramp, before_ramp)
                gap = np.where(known, 1.0, gap + 1)
            best = np.maximum(best, total)
        out[day] = np.where(np.isnan(z[day]), np.nan, best)
    return out


def informed(cohort: Cohort) -> Floats:
    """Page's test on the innovations of a Kalman filter that knows every law, but no patient's level or week.

    Level (a walk), noise (autoregressive) and the week's cosine and sine are its state, and the filter's
    answer to a rise of 0.25 kg a day, which finds 0.35 soonest, is what innovations are compared with
    (Willsky & Jones, IEEE Trans Autom Control 1976;21:108-112). What it lacks to the oracle is what learning
    a level must cost.
    """
    phi, deviation, walk, slope, longest = 0.3, 0.35, 0.03, 0.25, 6
    values = cohort.values
    patients = values.shape[1]
    move = np.diag([1.0, phi, 1.0, 1.0])
    more = np.diag([walk**2, deviation**2 * (1 - phi**2), 0.0, 0.0])
    state, covariance = (
        np.zeros((patients, 4)),
        np.tile(np.diag([25.0, deviation**2, 0.04, 0.04]), (patients, 1, 1)),
    )
    state[:, 0] = np.nanmean(values[:FIRST], axis=0)
    answer, product, power = np.zeros((longest, patients, 4)), *np.zeros((2, longest, patients))
    rise = slope * np.arange(1, longest + 1)[:, None]
    out = np.full(values.shape, np.nan)
    for day, value in enumerate(values):
        angle = 2 * np.pi * (day % 7) / 7
        seen = np.array([1.0, 1.0, np.cos(angle), np.sin(angle)])
        state, covariance = state @ move, move @ covariance @ move + more
        answer, product, power = (np.roll(a, 1, axis=0) for a in (answer @ move, product, power))
        answer[0], product[0], power[0] = 0.0, 0.0, 0.0
        known = ~np.isnan(value)
        shared = covariance @ seen
        variance = shared @ seen + ROUNDED
        gain = np.where(known[:, None], shared / variance[:, None], 0.0)
        innovation = np.where(known, value - state @ seen, 0.0)
        signal = rise - answer @ seen
        product += np.where(known, signal * innovation / variance, 0.0)
        power += np.where(known, signal * signal / variance, 0.0)
        state = state + gain * innovation[:, None]
        covariance = covariance - gain[:, :, None] * shared[:, None, :]
        answer = answer + gain * signal[:, :, None]
        out[day] = np.where(
            known & (day >= FIRST), np.maximum((product - power / 2).max(axis=0), 0.0), np.nan
        )
    return out


RIVALS: Final = {
    "heart-rate": (
        Rival("EW z-score of nights", z_score),
        Rival("NightSignal's statistic", two_nights),
        Rival("NightSignal: 2 nights of 4/min", two_nights, 4.0),
        Rival("River StandardAbsoluteDeviation of nights", deviation),
        Rival("one limit on nights for all", level),
    ),
    "spo2": (
        Rival("EW z-score of nights", lambda cohort: z_score(cohort, -1.0)),
        Rival("NightSignal's statistic, downwards", lambda cohort: two_nights(cohort, -1.0)),
        Rival("River StandardAbsoluteDeviation of nights", deviation),
        Rival("one limit on nights for all", lambda cohort: level(cohort, -1.0)),
    ),
    "body-weight": (
        Rival("EW z-score", z_score),
        Rival("MACD of 3 and 28 days", convergence),
        Rival("2 kg in 3 days", guideline, 2.0),
        Rival("3 lb in 3 days or 5 lb in 7", thumb, 1.0),
        Rival("Kalman filter, all laws known", informed),
        Rival("oracle, level and week known too", oracle),
    ),
}


def openings(scores: Floats, bar: float) -> NDArray[np.bool_]:
    """(days, patients): an alert opens. A day without a score changes nothing."""
    out = np.zeros(scores.shape, np.bool_)
    above = np.zeros(scores.shape[1], np.bool_)
    for day, row in enumerate(scores):
        beyond = np.where(np.isnan(row), above, row > bar)
        out[day] = beyond & ~above
        above = beyond
    return out


def threshold(scores: Floats, settled: int, budget: float) -> float:
    """The least threshold at which as many new patients stay within the budget (`budget.bound`)."""
    weeks = (len(scores) - settled) * scores.shape[1] / 7
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    for _ in range(40):
        middle = (low + high) / 2
        over = bound(openings(scores, middle)[settled:].sum(axis=0), weeks) > budget
        low, high = (middle, high) if over else (low, middle)
    return high


def alerts(scores: Floats, bar: float) -> list[tuple[int, float]]:
    """(patient, days since the cohort's start) of each alert: of a night or a weight, in the morning."""
    days, who = np.nonzero(openings(scores, bar))
    return [(int(i), float(day) + MORNING / DAY) for day, i in zip(days, who, strict=True)]


def metronome(patients: int, days: int, budget: float, seed: int) -> list[tuple[int, float]]:
    """Alerts at a fixed interval from a random beginning: what is found without looking."""
    every = 7 / budget
    begun = np.random.default_rng(seed).uniform(0, every, patients)
    return [(i, float(at)) for i in range(patients) for at in np.arange(begun[i], days, every)]
