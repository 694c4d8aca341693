"""The acute baseline: how unusual is this reading for this series?

Eight channels, each calibrated to its own series, joined to one score: level over a short and a long
span, surprise for the hour of day, variability, surprise of the sequence, and three records (the
value, its short mean, its standardised short mean, outside all that was seen). Higher is stranger;
about 1 per channel is one reading in ten, 2 one in a hundred. O(1) state; plain loops in log order. No
denominator can be 0, so divisions are compiled without Python's check of each: the same bits, a tenth
faster.

Learning is guarded. Every update is winsorised, the known ranges of the records too, so that a spike
teaches little. While an alert of the vital stands readings are scored but not learned, for at most FREEZE
days: then what still lasts is learned anew, as a normal of its own.
"""

import math

import numpy as np
from numba import njit

from models.record import BINS, CHANNELS, RECORDS, SERIES

WARM = 60  # readings before the first score
READY = 288  # readings before the first alert: a day of a five-minute sensor
UNIT = 16  # histogram counts are kept in sixteenths, so that halving loses little
LEAST = 1e-3  # of a channel's own spread: less is as good as nothing
CAPACITY = 2048 * UNIT  # a histogram row is halved when it holds this much
PROFILE_UNIT = 1 / 4096  # in which a half hour's profile is kept: beyond the winsor's reach at 8 scales
FREEZE = 14 * 86_400  # seconds, as of change over days (models/score/slow.py)
SCORE_90, SCORE_98 = -math.log10(1 - 0.90), -math.log10(1 - 0.98)

# Names of the channels in the order of their index, for explanations.
CHANNEL_NAMES = (
    "short-level",
    "sustained-level",
    "hour-of-day",
    "variability",
    "sequence",
    "record",
    "record-mean",
    "record-standardised",
)

CALM_SHARE = 0.5  # an episode ends when the score stays under this share of the threshold …
CALM_READINGS = 6  # … for this many readings


@njit(error_model="numpy")
def _surprise(counts, row, bin_, prior, learns):  # type: ignore[no-untyped-def]
    """-ln of the bin's probability in its context, then count the bin if it `learns`."""
    total = 0
    for j in range(BINS):
        total += counts[row, j]
    surprise = -math.log((counts[row, bin_] / UNIT + prior) / (total / UNIT + BINS * prior))
    if learns:
        if total >= CAPACITY:
            for j in range(BINS):
                counts[row, j] = counts[row, j] // 2
        counts[row, bin_] += UNIT
    return surprise


@njit
def band(s, half_hour, p):  # type: ignore[no-untyped-def]
    """(expected, half width) of the next reading at this half hour: level + profile, 3 residual scales."""
    scale = 1.2533 * s["deviation"]
    use = s["profile_count"][half_hour] >= 2 and s["error_profile"] < p["profile_share"] * s["error_plain"]
    centre = s["mean"] + (s["profile"][half_hour] * PROFILE_UNIT * scale if use else 0.0)
    return centre, 3.0 * 1.2533 * s["residual_deviation"] * scale


@njit(error_model="numpy")
def learns(s, held, second):  # type: ignore[no-untyped-def]
    """Whether a reading at this second is learned; held: an alert of the vital stands.

    A baseline that is not READY learns always: there is no normal yet to keep. What has lasted longer than
    FREEZE is learned as quickly as at the beginning.
    """
    if not held:
        s["held"] = 0
        return True
    if s["n"] <= READY or s["held"] == 1:
        return True
    if s["held"] == 0:
        s["held"] = second
    if second - s["held"] <= FREEZE:
        return False
    s["held"] = 1
    s["n"] = READY
    return True


@njit(error_model="numpy")
def score(s, x, half_hour, context, second, learning, p):  # type: ignore[no-untyped-def]
    """Score one reading against the series, then learn it if it is for `learning`.

    s: one record of SERIES; x: value; half_hour: 0-47 of the local day; context: hour 0-23, plus 24 at
    a weekend; second: of the reading, UTC since 1970; p: PARAMETERS. Returns the score (0.0 while the
    series has fewer than WARM readings: `not_ready` tells).
    """
    learned = 1.0 if learning else 0.0
    s["n"] += learned
    n = s["n"]
    slow = learned * max(p["slow_rate"], 1 / n)
    warm = n > WARM
    winsor = p["winsor"]
    if n == 1:
        s["mean"] = x
    least = 1e-6 * abs(s["mean"])  # which the mean's single precision can tell
    scale = 1.2533 * s["deviation"] + 1e-9 + least
    d = x - s["mean"]
    d = d if abs(d) > least else 0.0
    z = d / scale if n > 8 else 0.0
    z_clipped = min(max(z, -winsor), winsor)

    # Half-hour profile, used only where it has proved to predict better than the plain level.
    profile = s["profile"][half_hour] * PROFILE_UNIT
    count = s["profile_count"][half_hour]
    seasonal = z - profile
    residual = seasonal if count >= 2 and s["error_profile"] < p["profile_share"] * s["error_plain"] else z
    residual_scale = 1.2533 * s["residual_deviation"] + 1e-3
    standardised = residual / residual_scale if n > 8 else 0.0
    error_rate = learned * max(p["profile_error_rate"], 1 / n)
    s["error_plain"] += error_rate * (abs(z_clipped) - s["error_plain"])
    s["error_profile"] += error_rate * (min(abs(seasonal), winsor) - s["error_profile"])
    # Before there is a scale to speak of, z knows no bound: the first readings count as at most that.
    residual_step = min(abs(residual), winsor * residual_scale if warm else winsor)
    s["residual_deviation"] += slow * (residual_step - s["residual_deviation"])
    if learning:
        count_next = min(int(count), 254) + 1
        profile += max(1.0 / count_next, p["profile_rate"]) * (z_clipped - profile)
        s["profile"][half_hour] = math.floor(profile / PROFILE_UNIT + 0.5)
        s["profile_count"][half_hour] = count_next
    s["mean"] += slow * (z_clipped * scale if warm else d)
    s["deviation"] += slow * ((min(abs(d), winsor * scale) if warm else abs(d)) - s["deviation"])

    bounded = math.asinh(standardised)
    move = math.asinh(z)
    visible = n > 20
    raw_0 = 0.0
    raw_1 = 0.0
    raw_2 = 0.0
    raw_3 = 0.0
    raw_4 = 0.0

    for j in range(2):  # level charts
        rate = p["chart_rate"][j]
        chart = s["chart"][j] + max(rate, 1 / n) * (bounded - s["chart"][j])
        # at least the variance of such a mean of white noise, so that a constant series has one
        sigma = math.sqrt(s["chart_variance"][j] + 0.5 * rate)
        deviation = chart - s["chart_mean"][j]
        v = abs(deviation) / sigma if visible else 0.0
        if j == 0:
            raw_0 = v
        else:
            raw_1 = v
        if warm:
            deviation = min(max(deviation, -winsor * sigma), winsor * sigma)
        s["chart"][j] = chart
        s["chart_mean"][j] += slow * deviation
        s["chart_variance"][j] += slow * (deviation * deviation - s["chart_variance"][j])

    if n == 1:  # variability: the ratio of fast to slow mean change
        s["move_last"] = move
    change = abs(move - s["move_last"])
    s["move_fast"] += max(p["move_rate"], 1 / n) * (change - s["move_fast"])
    floor = 1e-9 + p["move_floor"] * s["move_slow"]
    ratio = math.log((s["move_fast"] + floor) / (s["move_slow"] + floor)) if s["move_slow"] > 0 else 0.0
    sigma = math.sqrt(s["move_variance"]) + 1e-2
    deviation = ratio - s["move_mean"]
    if visible:
        raw_3 = abs(deviation) / sigma
    if warm:
        deviation = min(max(deviation, -winsor * sigma), winsor * sigma)
    s["move_last"] = move
    s["move_mean"] += slow * deviation
    s["move_variance"] += slow * (deviation * deviation - s["move_variance"])
    slow_change = min(change, winsor * s["move_slow"]) if warm else change
    s["move_slow"] += slow * (slow_change - s["move_slow"])

    bin_ = min(BINS - 1, max(0, int((z / (1 + abs(z)) * 0.5 + 0.5) * BINS)))
    q = _surprise(s["hour_counts"], context, bin_, p["prior"], learning)
    s["surprise"][0] += (q - s["surprise"][0]) * p["surprise_rate"][0]
    q = _surprise(s["transition_counts"], s["bin"], bin_, p["prior"], learning)
    s["surprise"][1] += (q - s["surprise"][1]) * p["surprise_rate"][1]
    s["bin"] = bin_
    if n > 41:
        raw_2 = s["surprise"][0]
        raw_4 = s["surprise"][1]

    # Calibrate each channel by its own 90 % and 98 % quantiles, so that it reads about log10(1/p).
    total = 0.0
    strongest = 0.0
    s["channel"] = 0
    rate = learned * max(p["calibration_rate"], 1 / n)
    tracking = learned * max(p["calibration_rate"], 1 / (n + 1)) * p["calibration_step"]
    for j in range(CHANNELS):
        raw = raw_0 if j == 0 else (raw_1 if j == 1 else (raw_2 if j == 2 else (raw_3 if j == 3 else raw_4)))
        y = math.log(raw + LEAST)
        if n == 1:
            s["quantile_90"][j] = y
            s["quantile_98"][j] = y
            s["channel_mean"][j] = y
        c = 0.0
        if warm:
            width = max(s["quantile_98"][j] - s["quantile_90"][j], 0.05)
            c = SCORE_90 + (y - s["quantile_90"][j]) / width * (SCORE_98 - SCORE_90)
            # What is near in itself (standard deviations, or nats of surprise) is strange to no series.
            c = min(max(min(c, 0.5 + raw * raw), 0.0), p["channel_cap"])
            if c > p["channel_floor"]:
                total += c * c
            if c > strongest:
                strongest = c
                s["channel"] = j
        s["channel_mean"][j] += rate * (y - s["channel_mean"][j])
        s["channel_spread"][j] += rate * (abs(y - s["channel_mean"][j]) - s["channel_spread"][j])
        if c < 1.0:
            s["quiet"][j] = second
        step = tracking * (s["channel_spread"][j] + 1e-3)
        s["quantile_90"][j] += step * (9.0 if y > s["quantile_90"][j] else -1.0)
        s["quantile_98"][j] += step * (49.0 if y > s["quantile_98"][j] else -1.0)
        s["quantile_98"][j] = max(s["quantile_98"][j], s["quantile_90"][j] + 0.02)

    for j in range(RECORDS):  # records: outside a range that leaks slowly towards its middle
        if j == 0:
            v = x
        else:
            source = x if j == 1 else move
            if n == 1:
                s["record_chart"][j - 1] = x if j == 1 else 0.0
            span = max(p["record_rate"][j - 1], 1 / n)
            s["record_chart"][j - 1] += span * (source - s["record_chart"][j - 1])
            v = s["record_chart"][j - 1]
        if n == 1:
            s["record_min"][j] = v
            s["record_max"][j] = v
        low = s["record_min"][j]
        high = s["record_max"][j]
        width = high - low
        excess = max(v - high, low - v)
        c = 0.0
        if width > 0 and warm and excess > p["record_least"] * width:
            c = p["record_weight"] * min(
                math.log1p(excess / width / p["record_scale"]) + 1.0, p["channel_cap"]
            )
            total += c * c
            if c > strongest:
                strongest = c
                s["channel"] = CHANNELS + j
        if c < 1.0:
            s["quiet"][CHANNELS + j] = second
        if learning:
            if warm and width > 0:
                v = min(max(v, low - p["record_reach"] * width), high + p["record_reach"] * width)
            high = max(high, v)
            low = min(low, v)
            s["record_max"][j] = max(high - p["record_leak"] * (high - low), v)
            s["record_min"][j] = min(low + p["record_rise"] * (0.5 * (high + low) - low), v)
    result = math.sqrt(total)
    s["score"] = result
    return result


@njit
def episode(s, value, threshold, p):  # type: ignore[no-untyped-def]
    """Advance the episode of a series by one score: +1 opens an alert, -1 ends it, 0 neither.

    A threshold of 0 opens nothing, nor does a series of fewer than READY readings. After an opening,
    none follows for 30 readings or 3 % of all readings seen, whichever is more; the end needs
    CALM_READINGS quiet readings in a row.
    """
    s["refractory"] = max(s["refractory"] - 1.0, 0.0)
    if s["acute_open"]:
        quiet = threshold <= 0 or value < CALM_SHARE * threshold
        s["calm"] = min(s["calm"] + 1, 255) if quiet else 0
        if s["calm"] >= CALM_READINGS:
            s["acute_open"] = 0
            s["calm"] = 0
            return -1
        return 0
    if threshold > 0 and s["n"] > READY and value >= threshold and s["refractory"] <= 0:
        s["acute_open"] = 1
        s["calm"] = 0
        s["refractory"] = max(p["refractory_readings"], p["refractory_share"] * s["n"])
        return 1
    return 0


@njit
def missing(s):  # type: ignore[no-untyped-def]
    """Readings still missing before the acute baseline may open an alert; 0 when it is ready."""
    return max(0, READY + 1 - int(s["n"]))


@njit
def side(s, channel, value, low, high):  # type: ignore[no-untyped-def]
    """Direction of a channel's departure: +1 upwards or more, -1 downwards or less, 0 = it has none.

    value: the reading; low, high: of the band that was expected of it.
    """
    if channel <= 1:
        return 1 if s["chart"][channel] > s["chart_mean"][channel] else -1
    if channel == 2:
        return 1 if value > high else (-1 if value < low else 0)
    if channel == 3:
        return 1 if s["move_fast"] > s["move_slow"] * math.exp(s["move_mean"]) else -1
    if channel == 4:
        return 0
    j = channel - CHANNELS
    v = value if j == 0 else s["record_chart"][j - 1]
    return 1 if v > 0.5 * (s["record_min"][j] + s["record_max"][j]) else -1


def not_ready(s: np.void) -> int:
    """Readings still missing before the acute baseline scores; 0 when it is ready."""
    assert s.dtype == SERIES
    return max(0, WARM + 1 - int(s["n"]))


@njit
def score_all(s, values, half_hours, contexts, p, out):  # type: ignore[no-untyped-def]
    """Scores of one series' readings in order, all learned: float64 `out`, same length as `values`."""
    for i in range(len(values)):
        out[i] = score(s, values[i], half_hours[i], contexts[i], i, True, p)
