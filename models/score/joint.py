"""Several vitals of one patient: do they leave their usual interplay together, each within its own band?

Once an hour the vector of the vitals' hourly means, less the usual mean of each at that hour of the day
(an exponentially weighted profile of at most `horizon` days), is smoothed by an exponentially weighted
moving average (the multivariate chart of Lowry et al., Technometrics 1992;34:46-53). An hour without a
value counts as a usual one: what was seen before a gap fades in it. The squared Mahalanobis distance
d² = m' S⁻¹ m is taken with the patient's own exponentially weighted covariance S of such smoothed vectors,
shrunk towards its diagonal as Ledoit and Wolf do (J Multivar Anal 2004;88:365-411; the weight here is by
days, prior / (prior + days)). A vector of k known vitals has the score

    z = ((d²/k)^(1/3) - (1 - 2/(9k))) / sqrt(2/(9k))        (Wilson and Hilferty, PNAS 1931;17:684-688)

which is about standard normal, so that hours with a vital missing compare with full ones. Each vital's
share of d² is that of Garthwaite and Koch (Aust N Z J Stat 2016;58:99-119, corr-max): never negative,
their sum is 1. Learning is bounded: residuals beyond `winsor` of their own deviations count as that, and a
vector far away moves the covariance by a Huber weight (min(1, c/d))².

Functions take `states`, JOINT (1,), the number of vitals `k` and, where they need them, the parameters `p`
(models/score/joint_parameters.py, a record).
"""

import math

import numpy as np
from numba import njit

VITALS = 6  # of one plan at most
HOURS = 24
READY = 14  # days of learning before the first score
SWEEPS = 30  # of Jacobi's method at most: six vitals need about six
EXACT = 1e-15  # of the sum of squares beside the diagonal, where it ends
COLLECTING, EARLIER, COMPLETE = 0, 1, 2  # what `collect` says
FLATTEST = 1e-6  # of an eigenvalue of the correlation

JOINT = np.dtype(
    [
        ("hour", "i4"),  # hour since 1970 that is being collected; 0 = none yet
        ("judged", "i4"),  # the last one that was judged; 0 = none yet
        ("hours", "i4"),  # learned
        ("known", "u1", (VITALS,)),  # 1 where the hour being collected has a mean
        ("began", "u1", (VITALS,)),  # hours since the moving average began, at most 255
        ("value", "f4", (VITALS,)),
        ("deviation", "f4", (VITALS,)),  # mean square of a residual
        ("smoothed", "f4", (VITALS,)),
        ("covariance", "f4", (VITALS, VITALS)),  # of the smoothed residuals
        ("seen", "u1", (VITALS, HOURS)),  # days learned of an hour of the day, at most 255
        ("profile", "f4", (VITALS, HOURS)),
    ],
    align=True,
)


@njit(cache=True)
def begin(states, hour):  # type: ignore[no-untyped-def]
    """Collect another hour."""
    s = states[0]
    s["hour"] = hour
    for j in range(VITALS):
        s["known"][j] = 0


@njit(cache=True)
def collect(states, k, place, hour, x):  # type: ignore[no-untyped-def]
    """Put the mean `x` of the vital at `place` into its hour, unless that hour is over: what is to be done.

    COMPLETE: all `k` vitals are there. EARLIER: nothing was put, since an earlier hour is to be judged first,
    and its successor begun.
    """
    s = states[0]
    if hour < s["hour"]:
        return COLLECTING
    if hour > s["hour"]:
        if s["known"].any():
            return EARLIER
        begin(states, hour)
    s["known"][place] = 1
    s["value"][place] = x
    return COMPLETE if s["known"][:k].all() else COLLECTING


@njit(cache=True)
def missing_days(states, k):  # type: ignore[no-untyped-def]
    """Days still missing before `k` vitals are scored; 0 when they are ready."""
    s = states[0]
    least = 255 * HOURS
    for j in range(k):
        hours = 0
        for h in range(HOURS):
            hours += int(s["seen"][j, h])
        least = min(least, hours)
    return max(0, READY - least // HOURS)


@njit
def smooth(states, k, hour_of_day, p, m):  # type: ignore[no-untyped-def]
    """Advance the moving average to the collected hour; m: float64 (k,), out, NaN without a residual."""
    s = states[0]
    rate = p["smoothing"]
    missed = s["hour"] - s["judged"] - 1 if s["judged"] > 0 else 0
    fading = (1.0 - rate) ** missed if missed > 0 else 1.0
    for j in range(k):
        before = float(s["smoothed"][j]) * fading
        if s["known"][j] and s["seen"][j, hour_of_day] > 0:
            residual = float(s["value"][j]) - float(s["profile"][j, hour_of_day])
            before += max(rate, 1.0 / (1.0 + s["began"][j])) * (residual - before)
            s["began"][j] = min(int(s["began"][j]) + 1, 255)
            m[j] = before
        else:
            before *= 1.0 - rate
            m[j] = math.nan
        s["smoothed"][j] = before
    s["judged"] = s["hour"]


@njit
def shrunk(states, k, p, covariance):  # type: ignore[no-untyped-def]
    """The covariance, shrunk to its diagonal, with a floor for flat vitals; out: float64 (k, k)."""
    s = states[0]
    days = min(p["horizon"], float(s["hours"]) / HOURS)
    keep = days / (p["prior"] + days)
    for i in range(k):
        for j in range(k):
            covariance[i, j] = keep * float(s["covariance"][i, j])
        mean = 0.0
        for h in range(HOURS):
            mean += abs(float(s["profile"][i, h]))
        least = (p["floor"] * mean / HOURS) ** 2 + 1e-9
        covariance[i, i] = max(float(s["covariance"][i, i]), least)


@njit
def eigen(a, vectors):  # type: ignore[no-untyped-def]
    """Jacobi's cyclic method (Golub & Van Loan, Matrix Computations, 8.5): eigenvalues end in a's diagonal.

    a: float64 (n, n), symmetric; vectors: float64 (n, n), out, one eigenvector a column.
    """
    n = len(a)
    for i in range(n):
        for j in range(n):
            vectors[i, j] = 1.0 if i == j else 0.0
    for _ in range(SWEEPS):
        beside = 0.0
        for i in range(n):
            for j in range(i + 1, n):
                beside += a[i, j] * a[i, j]
        if beside < EXACT:
            return
        for i in range(n):
            for j in range(i + 1, n):
                if a[i, j] == 0.0:
                    continue
                theta = (a[j, j] - a[i, i]) / (2.0 * a[i, j])
                t = (1.0 if theta >= 0 else -1.0) / (abs(theta) + math.sqrt(theta * theta + 1.0))
                c = 1.0 / math.sqrt(t * t + 1.0)
                sine = t * c
                for r in range(n):
                    left, right = a[r, i], a[r, j]
                    a[r, i], a[r, j] = c * left - sine * right, sine * left + c * right
                for r in range(n):
                    up, down = a[i, r], a[j, r]
                    a[i, r], a[j, r] = c * up - sine * down, sine * up + c * down
                for r in range(n):
                    left, right = vectors[r, i], vectors[r, j]
                    vectors[r, i], vectors[r, j] = c * left - sine * right, sine * left + c * right


@njit
def distance(m, covariance, shares):  # type: ignore[no-untyped-def]
    """(d², score) of a smoothed vector; shares: float64 (k,), out, NaN for vitals that are missing."""
    n = 0
    known = np.empty(len(m), np.int64)
    for j in range(len(m)):
        shares[j] = math.nan
        if not math.isnan(m[j]):
            known[n] = j
            n += 1
    z, correlation, vectors = np.empty(n), np.empty((n, n)), np.empty((n, n))
    for i in range(n):
        one = known[i]
        z[i] = m[one] / math.sqrt(covariance[one, one])
        for j in range(n):
            other = known[j]
            scale = math.sqrt(covariance[one, one]) * math.sqrt(covariance[other, other])
            correlation[i, j] = covariance[one, other] / scale
    eigen(correlation, vectors)
    squared = 0.0
    for i in range(n):
        part = 0.0
        for e in range(n):  # the row i of the symmetric inverse root, times z
            along = 0.0
            for j in range(n):
                along += vectors[j, e] * z[j]
            part += vectors[i, e] * along / math.sqrt(max(correlation[e, e], FLATTEST))
        shares[known[i]] = part * part
        squared += part * part
    for i in range(n):
        shares[known[i]] = shares[known[i]] / squared if squared > 0 else 1.0 / n
    spread = 2.0 / (9.0 * n)
    score = ((squared / n) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread)
    return squared, score


@njit(cache=True)
def assess(states, k, hour_of_day, p, m, shares):  # type: ignore[no-untyped-def]
    """(d², score) of the collected hour; NaN while it cannot be scored.

    m, shares: float64 (k,), out: smoothed residuals and shares of d², NaN where there is none. Advances the
    moving average: to be called once an hour, before `learn`. An hour is scored once every vital is ready,
    and when two of them at least were measured in it.
    """
    smooth(states, k, hour_of_day, p, m)
    known = 0
    for j in range(k):
        shares[j] = math.nan
        if not math.isnan(m[j]):
            known += 1
    if known < 2 or missing_days(states, k) > 0:
        return math.nan, math.nan
    covariance = np.empty((k, k))
    shrunk(states, k, p, covariance)
    return distance(m, covariance, shares)


@njit(cache=True)
def learn(states, k, hour_of_day, p, m, score):  # type: ignore[no-untyped-def]
    """Let the collected hour move profile and covariance; m, score: of `assess`."""
    s = states[0]
    days = max(1.0, min(p["horizon"], float(s["hours"]) / HOURS))
    share = 1.0 / (days * HOURS)
    settled = missing_days(states, k) == 0
    for j in range(k):
        if not s["known"][j]:
            continue
        n = int(s["seen"][j, hour_of_day])
        if n == 0:
            s["profile"][j, hour_of_day] = s["value"][j]
        else:
            before, deviation = float(s["profile"][j, hour_of_day]), float(s["deviation"][j])
            residual = float(s["value"][j]) - before
            if settled:
                bound = p["winsor"] * math.sqrt(deviation) + 1e-9
                residual = min(max(residual, -bound), bound)
            s["profile"][j, hour_of_day] = before + max(1.0 / p["horizon"], 1.0 / (n + 1)) * residual
            s["deviation"][j] = deviation + (residual * residual - deviation) * share
        s["seen"][j, hour_of_day] = min(n + 1, 255)
    weight = min(1.0, p["huber"] / score) ** 2 if score > 0 else 1.0
    d = np.empty(k)
    learned = False
    for j in range(k):
        d[j] = m[j]
        if not math.isnan(m[j]):
            learned = True
            if settled:
                far = math.sqrt(p["cap"] * max(float(s["covariance"][j, j]), 1e-9))
                d[j] = min(max(m[j], -far), far)
    if not learned:
        return
    for i in range(k):
        for j in range(k):
            if not (math.isnan(d[i]) or math.isnan(d[j])):
                before = float(s["covariance"][i, j])
                s["covariance"][i, j] = before + weight * share * (d[i] * d[j] - before)
    s["hours"] += 1
