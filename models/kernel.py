"""The journey of each reading, compiled: quality → rollup → score, in log order.

One function of one record and one reading, looped. Outputs are written where they arise: result lines
into a byte buffer, decisions into an array of EVENT. The same functions run uncompiled in the tests.
"""

from numba import njit

from models import quality, rollup
from models.closing import DAY_MILLISECONDS, HALF_HOUR, close_before, close_window
from models.days import follow, troubled
from models.decide import emit
from models.devices import BATTERY_LOW
from models.record import (
    ACCEPTED,
    ACUTE_CLEARED,
    ACUTE_OPENED,
    CLOCK_AHEAD,
    DAY,
    DEVICE_HEARD,
    EMITTED,
    FUTURE,
    GAINS,
    IMPLAUSIBLE,
    IMPOSSIBLE_VALUE,
    LIMIT_CLEARED,
    LIMIT_OPENED,
    LIMITS,
    OPEN,
    PARTS,
    POINTS,
    SILENCE_CLEARED,
    SILENCE_OPENED,
    WINDOW_MILLISECONDS,
)
from models.score import acute, extremes, gain, limit, news2, slow
from models.state import NEVER
from models.wire_lines import put_reading, put_score
from models.zones import midnight_offset, zone_offset

SIZES = WINDOW_MILLISECONDS
BUFFER_RESERVE = 32_768  # bytes that one reading or one series at a tick may write at most
EVENT_RESERVE = 64


@njit
def score_news2(row, s, patient, vital, rule, offset, received, buffer, event, out):  # type: ignore[no-untyped-def]
    """Score what is known of the patient after a reading of a part; tell the score, and a change of risk."""
    points = event[out[0]]["part_points"]  # the next event, which a change of risk will fill
    now = news2.newest(patient)
    total, band, oldest = news2.assess(
        patient["part_value"], patient["part_at"], now, rule["allowed"], rule["scale"], rule["oxygen"], points
    )
    out[1] = put_score(buffer, out[1], patient, now, total, band, oldest, points)
    before = patient["band"]
    turn = news2.step(patient, band, points, vital["part"], rule)
    if turn != 0:
        after = int(patient["band"])
        e = emit(out, event, turn, row, after, 0, s, offset, now, received, now, float(total))
        e["readings"] = before
        e["days"] = int(patient["band_asked"])
        for part in range(PARTS):
            e["part_value"][part] = patient["part_value"][part]
            e["part_at"][part] = patient["part_at"][part]


@njit
def read_one(  # type: ignore[no-untyped-def]
    i,
    row,
    at,
    received,
    own,
    x,
    battery,
    s,
    patient,
    rules,
    vital,
    code,
    zone_starts,
    zone_offsets,
    due,
    p,
    buffer,
    event,
    out,
):
    """Advance one series by one reading; returns its fate."""
    received = max(received, patient["received"])
    patient["received"] = received
    verdict = quality.fate(s, vital, at, received, x)
    if verdict != ACCEPTED:
        if verdict in (FUTURE, IMPLAUSIBLE):
            patient["suspect"] = 1
            kind = CLOCK_AHEAD if verdict == FUTURE else IMPOSSIBLE_VALUE
            emit(out, event, kind, row, i, 0, s, own, at, received, at, x)
        return verdict
    in_order = s["seen"] == 0 or at >= s["newest"]
    new_half_hour = 1 if at // HALF_HOUR != s["newest"] // HALF_HOUR else 0
    offset = zone_offset(patient, at, zone_starts, zone_offsets, own)
    s["same"] = min(s["same"] + 1, 255) if s["seen"] and at == s["newest"] else 0
    quality.remember(s, at, x)

    next_due = due[row]
    for size in range(4):
        if vital["slots"][size] == 0:
            continue
        index = rollup.number(at, size, offset)
        if s["seen"] and index > s["current"][size]:
            close_before(row, received, s, size, index, patient, vital, code, p, buffer, event, out)
        if s["seen"] == 0 or index > s["current"][size]:
            s["current"][size] = index
        w = s["windows"][rollup.slot(vital, size, index)]
        again = w["state"] == EMITTED and w["start"] == index
        begins = offset
        if size == DAY and rollup.is_new(w, index):
            begins = midnight_offset(patient, index, zone_starts, zone_offsets, offset)
        rollup.add(w, size, index, begins, at, x, vital)
        if again or index < s["current"][size]:
            close_window(row, received, s, w, size, patient, vital, code, p, buffer, event, out)
        next_due = min(next_due, rollup.start_of(w, size) + SIZES[size] + vital["lateness"])
        if size == DAY:
            gain.keep_day(s, index, w["mean"])
    if vital["single"]:
        out[1] = put_reading(buffer, out[1], patient, code, at, s["same"], x, vital)

    local = (at + offset * 1000) % DAY_MILLISECONDS
    day = rollup.number(at, DAY, offset)
    if in_order:
        if patient["suspect"] or 0.0 <= battery <= BATTERY_LOW:
            patient["suspect"] = 1
            emit(out, event, DEVICE_HEARD, row, i, 0, s, offset, at, received, at, x)
        s["newest"] = at
        s["seen"] = 1
        s["received"] = received
        s["point_value"][s["point_next"]] = x
        s["point_seconds"][s["point_next"]] = at // 1000
        s["point_next"] = (s["point_next"] + 1) % POINTS
        if s["silent"]:
            s["silent"] = 0
            emit(out, event, SILENCE_CLEARED, row, 0, 0, s, offset, at, received, at, x)
        if rules["every"] > 0:
            s["deadline"] = received + rules["every"]
            next_due = min(next_due, s["deadline"])
    due[row] = next_due

    in_hours = 0
    cleared = 0
    for j in range(LIMITS):  # the worst first
        if rules["limits"][j]["direction"] == 0:
            break
        in_hours = limit.applies(rules["limits"][j], local, rules["day_from"], rules["day_until"])
        decision = limit.step(s, j, rules["limits"][j], x, at, in_order, in_hours)
        if decision == LIMIT_OPENED:
            since = int(s["limit_since"][j]) * 1000
            e = emit(out, event, decision, row, j, 0 if in_order else 1, s, offset, at, received, since, x)
            e["days"] = slow.not_ready(s, 0)
            e["readings"] = acute.missing(s) if vital["frequent"] else 0
        elif decision == LIMIT_CLEARED:
            cleared |= 1 << j
    if cleared:
        for j in range(LIMITS - 1, -1, -1):  # the mildest first, so that what ends whole is told once
            if cleared >> j & 1:
                since = int(s["limit_since"][j]) * 1000
                emit(out, event, LIMIT_CLEARED, row, j, 0, s, offset, at, received, since, x)
    if not in_order:
        return ACCEPTED

    for j in range(GAINS):
        if rules["gains"][j]["amount"] > 0:
            decision = gain.step(s, j, rules["gains"][j], x, day)
            if decision != 0:
                e = emit(out, event, decision, row, j, 0, s, offset, at, received, at, x)
                e["low"] = gain.base(s, rules["gains"][j], day)
                e["high"] = gain.counted(s, rules["gains"][j], x, day)
    if vital["part"] >= 0:
        news2.measure(patient, vital["part"], x - vital["part_zero"], at)
        if rules["news2"]["scale"] > 0:
            score_news2(row, s, patient, vital, rules["news2"], offset, received, buffer, event, out)
    centre = x
    half = 0.0
    if vital["frequent"]:
        half_hour = local // HALF_HOUR
        weekend = 24 if (day + 3) % 7 >= 5 else 0  # 1970-01-01 was a Thursday
        centre, half = acute.band(s, half_hour, p)
        learning = acute.learns(s, troubled(s), at // 1000)
        value = acute.score(s, x, half_hour, local // 3_600_000 + weekend, at // 1000, learning, p)
        extremes.pass_day(s, day)
        s["peak"] = max(s["peak"], value)
        turn = acute.episode(s, value, rules["acute"], p)
        if turn != 0:
            kind = ACUTE_OPENED if turn > 0 else ACUTE_CLEARED
            c = int(s["channel"])
            since = int(s["quiet"][c]) * 1000
            e = emit(out, event, kind, row, c, 0, s, offset, at, received, since, x)
            e["score"] = value
            e["low"] = centre - half
            e["high"] = centre + half
            e["readings"] = int(s["n"])
            e["side"] = acute.side(s, c, x, centre - half, centre + half)
            e["days"] = extremes.days_beyond(s, x, e["side"])
        extremes.take(s, x)
    follow(
        row,
        at,
        received,
        offset,
        x,
        centre,
        half,
        new_half_hour,
        s,
        patient,
        rules,
        vital,
        code,
        buffer,
        event,
        out,
    )
    return ACCEPTED


@njit(cache=True)
def read(  # type: ignore[no-untyped-def]
    begin,
    rows,
    at,
    received,
    offsets,
    values,
    batteries,
    series,
    patients,
    rule_index,
    rule_sets,
    vitals,
    codes,
    zone_starts,
    zone_offsets,
    due,
    row_block,
    ledger,
    dirty,
    fates,
    parameters,
    buffer,
    event,
    out,
):
    """Advance the series by the readings from `begin` on, in order.

    rows: int64 (n,), -1 = skip; at, received: int64 (n,) ms; offsets: int64 (n,) seconds; values:
    float64 (n,); batteries: float64 (n,) charge 0-1, NaN = unsaid; row_block: int32 per series; ledger:
    int64 (blocks, fates) and dirty: bool (blocks,) advanced; fates: uint8 (n,) written; parameters:
    PARAMETERS (1,) of the acute baseline; buffer: uint8; event: EVENT; out: int64 [events, bytes].
    Returns the index of the first reading that was not taken, for want of room in the outputs.
    """
    for i in range(begin, len(rows)):
        if out[0] + EVENT_RESERVE > len(event) or out[1] + BUFFER_RESERVE > len(buffer):
            return i
        row = rows[i]
        if row < 0:
            continue
        s = series[row]
        v = s["vital"]
        fates[i] = read_one(
            i,
            row,
            at[i],
            received[i],
            offsets[i],
            values[i],
            batteries[i],
            s,
            patients[s["patient"]],
            rule_sets[rule_index[row]],
            vitals[v],
            codes[v],
            zone_starts,
            zone_offsets,
            due,
            parameters[0],
            buffer,
            event,
            out,
        )
        ledger[row_block[row], fates[i]] += 1
        dirty[row_block[row]] = True
    return len(rows)


@njit
def pass_time(  # type: ignore[no-untyped-def]
    row, now, s, patient, vital, code, zone_starts, zone_offsets, p, buffer, event, out
):
    """Close what received time has passed, begin silence where it is due; returns when to look again."""
    next_due = NEVER
    for size in range(4):
        slots = vital["slots"][size]
        if slots == 0 or s["seen"] == 0:
            continue
        newest = int(s["current"][size])
        for number in range(newest - slots + 1, newest + 1):
            w = s["windows"][rollup.slot(vital, size, number)]
            if w["state"] != OPEN or w["start"] != number:
                continue
            end = rollup.start_of(w, size) + SIZES[size] + vital["lateness"]
            if end <= now:
                close_window(row, now, s, w, size, patient, vital, code, p, buffer, event, out)
            else:
                next_due = min(next_due, end)
    if s["deadline"] > 0 and not s["silent"]:
        if s["deadline"] <= now:
            s["silent"] = 1
            own = 0  # the last reading's, as its day keeps it
            if s["seen"] and vital["slots"][DAY] > 0:
                own = int(s["windows"][rollup.slot(vital, DAY, int(s["current"][DAY]))]["offset"]) * 60
            last = s["newest"] if s["seen"] else now
            offset = zone_offset(patient, last, zone_starts, zone_offsets, own)
            emit(out, event, SILENCE_OPENED, row, 0, 0, s, offset, s["newest"], now, s["deadline"], 0.0)
        else:
            next_due = min(next_due, s["deadline"])
    return next_due


@njit(cache=True)
def tick(  # type: ignore[no-untyped-def]
    begin,
    rows,
    now,
    series,
    patients,
    vitals,
    codes,
    zone_starts,
    zone_offsets,
    due,
    parameters,
    buffer,
    event,
    out,
):
    """Let received time reach `now` (ms) for the due series `rows`; like `read`, returns where it stopped."""
    for i in range(begin, len(rows)):
        if out[0] + EVENT_RESERVE > len(event) or out[1] + BUFFER_RESERVE > len(buffer):
            return i
        row = rows[i]
        s = series[row]
        v = s["vital"]
        due[row] = pass_time(
            row,
            now,
            s,
            patients[s["patient"]],
            vitals[v],
            codes[v],
            zone_starts,
            zone_offsets,
            parameters[0],
            buffer,
            event,
            out,
        )
    return len(rows)
