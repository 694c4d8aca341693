"""The state of one series, one patient and one rule set, as numpy records.

A *series* is one vital of one patient. Its whole state (open windows, models, rule states) is one
record of `SERIES`; the state of a partition is an array of them, a checkpoint is their bytes. The
functions of the core take one record and one reading, so that what else is in a batch changes
neither result nor cost.

Times are UTC milliseconds since 1970 unless a name says otherwise. Values are in the canonical unit
of their vital.
"""

from typing import Final

import numpy as np

from models.score import slow_parameters

# Sizes of the fixed parts of a series, chosen so that a series stays under 2.5 KB.
WINDOW_SLOTS: Final = 12  # windows kept open for late readings, all sizes together
LIMITS: Final = 8  # clinician's limits on one vital of one plan
GAINS: Final = 4  # weight-gain rules of one plan
RECENT: Final = 24  # readings remembered exactly, to tell a repeat from a late one
DAYS: Final = 8  # daily means kept for trends over at most seven days
POINTS: Final = 5  # last readings quoted in an alert
PARTS: Final = 7  # of NEWS2 (models/score/news2.py)

WINDOW_NAMES: Final = ("1m", "15m", "1h", "1d")
WINDOW_MILLISECONDS: Final = (60_000, 900_000, 3_600_000, 86_400_000)
DAY: Final = 3  # index of the local day among the window sizes

# A window's life: free, collecting, told to the world (a later reading re-tells it).
FREE, OPEN, EMITTED = 0, 1, 2

WINDOW = np.dtype(
    [
        ("start", "i4"),  # window number: start divided by its size (local days: days since 1970-01-01)
        ("offset", "i2"),  # minutes east of UTC: of a local day where it begins, else of the first reading
        ("revision", "u1"),  # of the next emission
        ("state", "u1"),  # FREE, OPEN or EMITTED
        ("mean", "f8"),
        ("count", "i4"),
        ("m2", "f4"),  # sum of squared deviations from the mean (Welford 1962)
        ("min", "f4"),
        ("max", "f4"),
        ("first", "f4"),
        ("last", "f4"),
        ("first_at", "i4"),  # milliseconds after the window's start
        ("last_at", "i4"),
        ("ranges", "u2", (4,)),  # readings below cut 0, below cut 1, above cut 2, above cut 3 (disjoint)
    ],
    align=True,
)

CHANNELS: Final = 5  # calibrated channels of the acute baseline; the record channels follow them
RECORDS: Final = 3
PROFILE: Final = 48  # half hours of a day
CONTEXTS: Final = 48  # hours of a weekday, then hours of a weekend day
BINS: Final = 8
SPANS: Final = 6  # over which extremes are known: the day, and 1, 2, 4, 8, 16 days before it

FEATURES: Final = 3  # of a night: level, variability, rhythm
TRENDS: Final = 4  # ways to leave one's normal: above, below, more variable, less rhythm

SERIES = np.dtype(
    [
        ("patient", "i4"),  # row of the patient in its partition
        ("vital", "i2"),  # index in the catalogue
        ("seen", "u1"),  # 1 once a reading was accepted
        ("same", "u1"),  # readings accepted at exactly the newest instant, less one
        ("newest", "i8"),  # the series' own watermark: newest measured_at
        ("received", "i8"),  # receipt of the last accepted reading
        ("floor", "i8"),  # readings at or before it have left the exact memory: late
        ("deadline", "i8"),  # received time at which silence begins; 0 = nothing is expected
        ("windows", WINDOW, (WINDOW_SLOTS,)),
        ("silent", "u1"),
        ("recent_next", "u1"),
        ("point_next", "u1"),
        ("limit_open", "u1"),  # bits of the limits whose alert stands
        ("current", "i4", (4,)),  # newest window number of each size
        ("recent_seconds", "u4", (RECENT,)),
        ("recent_mark", "u2", (RECENT,)),
        ("recent_breach", "u1", (RECENT,)),  # bits of the limits that it passed, until an alert told of it
        # the limits (models/score/limit.py): the breaches in a row that may open, or what may clear
        ("limit_since", "u4", (LIMITS,)),  # second of the first of them
        ("limit_pending", "u1", (LIMITS,)),  # how many, at most 255
        ("gain_open", "u1", (GAINS,)),
        ("day_newest", "i4"),  # the newest day in day_mean; 0 = none yet
        ("day_mean", "f4", (DAYS,)),  # by day number modulo DAYS; NaN = no reading
        ("point_value", "f4", (POINTS,)),
        ("point_seconds", "u4", (POINTS,)),
        # change over days (models/score/slow.py)
        ("slow_day", "i4"),  # the day or night being collected; 0 = none yet
        ("slow_alerted", "u2"),  # day on which the last alert opened or cleared
        ("slow_learned", "u2", (FEATURES,)),  # days told to the baseline, two of them still waiting
        ("slow_open", "u1"),  # channel of the standing alert, plus 1
        ("slow_told", "u1"),  # tenths of standard deviations by which the day left that was told last
        ("slow_frozen", "u1"),  # days in a row on which an alert of the vital stood
        ("slow_troubled", "u1"),  # 1 = one stood at a reading of the day being collected
        ("slow_nights", "u1"),  # nights less days without one: whether nights are followed, or days
        ("slow_usual", "u1"),  # tenths of readings that the patient takes a day, where days are followed
        ("night_halves", "u1"),  # half hours with readings
        ("day_halves", "u1"),
        ("slow_since", "u2", (TRENDS,)),  # day on which the sum left 0, or yesterday if odd; 0 = none
        ("night_count", "f4"),
        ("night_sum", "f4"),
        ("night_residual", "f4"),  # sum of what the time of day does not explain
        ("night_square", "f4"),
        ("day_count", "f4"),
        ("day_sum", "f4"),
        ("slow_mean", "f4", (FEATURES,)),
        ("slow_variance", "f4", (FEATURES,)),
        ("slow_waiting", "f4", (FEATURES, 2)),  # the last two days, not learned yet
        ("slow_sum", "f4", (TRENDS,)),
        ("week", "f4", (2,)),  # course of the week: cosine and sine (models/score/ramp.py)
        # the acute baseline (models/score/acute.py)
        ("acute_open", "u1"),
        ("calm", "u1"),  # quiet readings in a row during an open episode
        ("channel", "u1"),  # the strongest channel of the last score
        ("bin", "u1"),  # of the last reading
        ("profile_count", "u1", (PROFILE,)),
        ("refractory", "f4"),  # readings until another episode may open
        ("score", "f4"),  # of the last reading
        ("peak", "f4"),  # highest score since the last baseline line
        ("n", "f4"),
        ("mean", "f4"),
        ("deviation", "f4"),  # mean absolute deviation
        ("error_plain", "f4"),
        ("error_profile", "f4"),
        ("residual_deviation", "f4"),
        ("chart", "f4", (2,)),
        ("chart_mean", "f4", (2,)),
        ("chart_variance", "f4", (2,)),
        ("move_last", "f4"),
        ("move_fast", "f4"),
        ("move_slow", "f4"),
        ("move_mean", "f4"),
        ("move_variance", "f4"),
        ("surprise", "f4", (2,)),
        ("record_chart", "f4", (2,)),
        ("record_min", "f4", (3,)),
        ("record_max", "f4", (3,)),
        ("quantile_90", "f4", (CHANNELS,)),
        ("quantile_98", "f4", (CHANNELS,)),
        ("channel_mean", "f4", (CHANNELS,)),
        ("channel_spread", "f4", (CHANNELS,)),
        ("quiet", "u4", (CHANNELS + RECORDS,)),  # second at which each channel was last below 1
        ("held", "u4"),  # second since which nothing is learned; 0 = it learns, 1 = it learns again
        ("profile", "i2", (PROFILE,)),  # in PROFILE_UNITs of the scale
        ("hour_counts", "u2", (CONTEXTS, BINS)),
        ("transition_counts", "u2", (BINS, BINS)),
        # highest and lowest reading of spans of days (models/score/extremes.py)
        ("extreme_days", "u1"),  # before the day, of which the bits say which spans are filled
        ("extreme_day", "i4"),  # the local day; 0 = none yet
        ("highest", "f4", (SPANS,)),
        ("lowest", "f4", (SPANS,)),
    ],
    align=True,
)

PATIENT = np.dtype(
    [
        ("received", "i8"),  # running maximum of the patient's own received_at
        ("zone_from", "i8"),
        ("zone_until", "i8"),
        # NEWS2: the latest reading of each part, and the risk that stands (models/score/news2.py)
        ("part_value", "f4", (PARTS,)),
        ("part_at", "i8", (PARTS,)),  # measured_at in ms; 0 = never
        ("name", "u1", (64,)),  # the pseudonym, ASCII
        ("block", "i4"),  # the block of state that holds the patient and all its series
        ("zone_offset", "i4"),  # seconds, valid in [zone_from, zone_until)
        ("zone", "i2"),  # row of the zone table; -1 = each reading's own offset
        ("name_length", "u1"),
        ("told_windows", "u1"),  # bits of the window sizes that the plan's estimators and joint baseline take
        ("suspect", "u1"),  # 1 while one of the patient's devices is under suspicion (models/devices.py)
        ("band", "u1"),  # the clinical risk that stands
        ("band_readings", "u1"),  # scores in a row that would change it
        ("band_next", "u1"),  # what they would change it to
        ("band_parts", "u1"),  # bits of the parts whose points made it
        ("band_asked", "u1"),  # bits of those whose new measurement was asked for, since they are missing
    ],
    align=True,
)

# What a plan says of one vital, compiled. Shared by all series with the same rules: not state.
LIMIT_RULE = np.dtype(
    [
        ("value", "f8"),
        ("clear", "f8"),
        ("within", "i8"),  # milliseconds; 0 = no bound
        ("lasting", "i8"),  # milliseconds from the first breach to the one that opens
        ("clear_lasting", "i8"),  # milliseconds on the safe side until it is over
        ("direction", "i1"),  # +1 above, -1 below, 0 = no rule in this place
        ("readings", "u1"),
        ("when", "u1"),  # 0 always, 1 day, 2 night
    ],
    align=True,
)
GAIN_RULE = np.dtype(
    [
        ("amount", "f8"),  # 0 = no rule in this place
        ("clear", "f8"),
        ("base", "f8"),  # the dry weight; 0 = the lowest daily mean of the days before
        ("days", "i4"),
        ("beside", "u1"),  # 1 = it counts only beside a symptom (models/checklist.py)
    ],
    align=True,
)
NEWS2_RULE = np.dtype(
    [
        ("scale", "u1"),  # of oxygen saturation: 1 or 2; 0 = NEWS2 is off
        ("oxygen", "u1"),  # AIR, ON_OXYGEN or MEASURED
        ("alert_from", "u1"),  # lowest clinical risk that alerts
        ("readings", "u1"),  # scores in a row that change the risk
        ("allowed", "i8", (PARTS,)),  # ms of age up to which a part counts
    ],
    align=True,
)
RULE_SET = np.dtype(
    [
        ("every", "i8"),  # milliseconds between expected readings plus grace; 0 = none expected
        ("acute", "f8"),  # threshold of the acute score; 0 = off
        ("trend", "f8", (TRENDS,)),  # thresholds of change over nights; 0 = off
        ("trend_daily", "f8", (2,)),  # of a series that is followed by days: above, below
        ("trend_beside", "u1"),  # 1 = its score is told, for it counts beside a symptom too
        ("slow", slow_parameters.PARAMETERS),
        ("cohort", "f8", (FEATURES,)),  # variance between nights of a usual patient; 0 = not known
        ("cohort_daily", "f8"),  # and of the level between days, where those are followed
        ("day_from", "i8"),  # local milliseconds of the day
        ("day_until", "i8"),
        ("limits", LIMIT_RULE, (LIMITS,)),
        ("gains", GAIN_RULE, (GAINS,)),
        ("news2", NEWS2_RULE),
    ],
    align=True,
)

# What the core needs of the catalogue, one row per vital.
VITAL = np.dtype(
    [
        ("minimum", "f8"),
        ("maximum", "f8"),
        ("lateness", "i8"),  # milliseconds
        ("decimals", "i4"),
        ("frequent", "u1"),  # has windows shorter than an hour: it has an acute baseline, and may have nights
        ("single", "u1"),  # only day windows: each reading is kept as a result
        ("finest", "u1"),  # index of the shortest window
        ("has_cuts", "u1"),
        ("part", "i1"),  # of NEWS2 that it measures, -1 = none
        ("part_zero", "f8"),  # taken off a value of that part
        ("cuts", "f8", (4,)),
        ("slot_from", "i4", (4,)),  # first slot of each window size
        ("slots", "i4", (4,)),  # how many; 0 = this size is not kept
    ],
    align=True,
)

# Decisions that a reading or a tick can cause, handed to triage.
LIMIT_OPENED, LIMIT_CLEARED, GAIN_OPENED, GAIN_CLEARED = 1, 2, 3, 4
ACUTE_OPENED, ACUTE_CLEARED, TREND_OPENED, TREND_CLEARED = 5, 6, 7, 8
SILENCE_OPENED, SILENCE_CLEARED = 9, 10
CLOCK_AHEAD, IMPOSSIBLE_VALUE, DEVICE_HEARD = 11, 12, 13  # for models/devices.py
SCORE_CHANGED = 14
WINDOW_CLOSED = 15  # told for the first time; only where the patient's `told_windows` asks for its size
GAIN_HOLDS, TREND_SCORED = 16, 17  # each reading, and each day, of what counts beside a symptom
SCORE_WAITS = 18  # a risk would fall, but a part that made it is missing
TREND_GROWN = 19

# What WINDOW_CLOSED hands over, in this order; `count` is in readings, all others in the vital's unit.
WINDOW_FEATURES: Final = ("mean", "standard_deviation", "min", "max", "first", "last", "count")

EVENT = np.dtype(
    [
        ("kind", "i4"),
        ("row", "i4"),
        ("rule", "i4"),  # limit or gain index; channel of acute baseline or trend; reading of a device
        ("late", "i4"),  # 1 = caused by a reading behind its series' newest
        ("side", "i4"),  # of a departure: +1 upwards, -1 downwards, 0 = neither
        ("offset", "i4"),  # seconds east of UTC of the patient's local time
        ("points", "i4"),  # index of the oldest of the last points
        ("measured", "i8"),
        ("received", "i8"),
        ("since", "i8"),
        ("value", "f8"),
        ("score", "f8"),
        ("low", "f8"),
        ("high", "f8"),
        ("expected", "f8"),
        ("readings", "i8"),  # or days, that the baseline rests on
        ("days", "i8"),  # in a row that a trend holds; of which a reading is the extreme
        ("nights", "i4"),  # 1 = of nights
        ("written", "i8"),  # bytes of result lines that came before
        ("point_value", "f4", (POINTS,)),
        ("point_seconds", "u4", (POINTS,)),
        ("window", "f8", (len(WINDOW_FEATURES),)),  # of a closed window only, whose rule is its size
        # of a score only, whose rule is the new clinical risk and whose readings is the one before
        ("part_points", "i1", (PARTS,)),
        ("part_value", "f8", (PARTS,)),
        ("part_at", "i8", (PARTS,)),
    ],
    align=True,
)

# The fate of a reading, as the kernel tells it.
ACCEPTED, DUPLICATE, LATE, IMPLAUSIBLE, FUTURE = 0, 1, 2, 3, 4
FATES: Final = ("accepted", "duplicate", "late", "implausible", "future")

# A device's clock may run ahead of receipt by this much: five minutes is the tolerance that
# Kerberos (RFC 4120) and Standard Webhooks take for honest clocks.
CLOCK_TOLERANCE_MILLISECONDS: Final = 300_000

Zone = tuple[np.ndarray, np.ndarray]
"""(starts int64 UTC seconds ascending, offsets int32 seconds east of UTC): a time zone's rules."""
