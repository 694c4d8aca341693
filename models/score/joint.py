"""Several vitals of one patient: do they leave their usual interplay together, each within its own band?

Once an hour the vector of the vitals' hourly means, less the usual mean of each at that hour of the day
(an exponentially weighted profile of at most HORIZON days), is smoothed by an exponentially weighted
moving average (the multivariate chart of Lowry et al., Technometrics 1992;34:46-53). Its squared
Mahalanobis distance d² = m' S⁻¹ m is taken with the patient's own exponentially weighted covariance S of
such smoothed vectors, shrunk towards its diagonal as Ledoit and Wolf do (J Multivar Anal 2004;88:365-411;
the weight here is by days, PRIOR / (PRIOR + days)). A vector of k known vitals has the score

    z = ((d²/k)^(1/3) - (1 - 2/(9k))) / sqrt(2/(9k))        (Wilson and Hilferty, PNAS 1931;17:684-688)

which is about standard normal, so that hours with a vital missing compare with full ones. Each vital's
share of d² is that of Garthwaite and Koch (Aust N Z J Stat 2016;58:99-119, corr-max): never negative,
their sum is 1. Learning is bounded: residuals beyond WINSOR of their own deviations count as that, and a
vector far away moves the covariance by a Huber weight (min(1, c/d))².
"""

import math
from typing import Final

import numpy as np

VITALS: Final = 6  # of one plan at most
HOURS: Final = 24
HORIZON: Final = 28.0  # days of memory
READY: Final = 14  # days of learning before the first score
PRIOR: Final = 7.0  # days that the shrinkage is worth
SMOOTHING: Final = 0.25  # of the moving average of hours: a shift is seen after about four
WINSOR: Final = 3.0  # deviations beyond which an hour teaches the profile no more
HUBER: Final = 2.0  # score beyond which a vector moves the covariance less
CAP: Final = 20.0  # of the squared smoothed residual over its variance, in learning
FLOOR: Final = 1e-3  # of a vital's mean: the least deviation that is believed

JOINT: Final = np.dtype(
    [
        ("hour", "i8"),  # hour since 1970 that is being collected; 0 = none yet
        ("hours", "i8"),  # learned
        ("known", "u1", (VITALS,)),  # 1 where the hour being collected has a mean
        ("value", "f8", (VITALS,)),
        ("profile", "f8", (VITALS, HOURS)),
        ("seen", "u1", (VITALS, HOURS)),  # days learned of an hour of the day, at most 255
        ("deviation", "f8", (VITALS,)),  # mean square of a residual
        ("smoothed", "f8", (VITALS,)),
        ("smoothed_known", "u1", (VITALS,)),  # hours since it began, at most 255
        ("covariance", "f8", (VITALS, VITALS)),  # of the smoothed residuals
    ],
    align=True,
)


def missing_days(s: np.void, k: int) -> int:
    """Days still missing before `k` vitals are scored; 0 when they are ready."""
    days = int(s["seen"][:k].astype(np.int64).sum(axis=1).min()) // HOURS
    return max(0, READY - days)


def residuals(s: np.void, k: int, hour_of_day: int) -> np.ndarray:
    """float64 (k,): the hour's means less the usual ones; NaN where there is none."""
    known = (s["known"][:k] > 0) & (s["seen"][:k, hour_of_day] > 0)
    return np.where(known, s["value"][:k] - s["profile"][:k, hour_of_day], np.nan)


def smooth(s: np.void, k: int, residual: np.ndarray) -> np.ndarray:
    """Advance the moving average; float64 (k,), NaN where the hour has no residual."""
    known = ~np.isnan(residual)
    began = s["smoothed_known"][:k]
    rate = np.maximum(SMOOTHING, 1.0 / (1.0 + began))
    s["smoothed"][:k] = np.where(
        known, s["smoothed"][:k] + rate * (residual - s["smoothed"][:k]), s["smoothed"][:k]
    )
    s["smoothed_known"][:k] = np.where(known, np.minimum(began.astype(np.int64) + 1, 255), began)
    return np.where(known, s["smoothed"][:k], np.nan)


def shrunk(s: np.void, k: int) -> np.ndarray:
    """float64 (k, k): the covariance, shrunk to its diagonal, with a floor for flat vitals."""
    days = min(HORIZON, float(s["hours"]) / HOURS)
    keep = days / (PRIOR + days)
    raw = s["covariance"][:k, :k]
    least = (FLOOR * np.abs(s["profile"][:k]).mean(axis=1)) ** 2 + 1e-9
    whole = keep * raw
    whole[np.diag_indices(k)] = np.maximum(np.diag(raw), least)
    return whole


def distance(m: np.ndarray, covariance: np.ndarray) -> tuple[float, float, np.ndarray]:
    """(d², score, shares (k,) with NaN for vitals that are missing) of a smoothed vector."""
    known = np.flatnonzero(~np.isnan(m))
    k = len(known)
    scale = 1.0 / np.sqrt(np.diag(covariance)[known])
    correlation = covariance[np.ix_(known, known)] * np.outer(scale, scale)
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors / np.sqrt(np.maximum(values, 1e-6))) @ vectors.T
    parts = (root @ (m[known] * scale)) ** 2
    squared = float(parts.sum())
    score = (math.cbrt(squared / k) - (1 - 2 / (9 * k))) / math.sqrt(2 / (9 * k))
    shares = np.full(len(m), np.nan)
    shares[known] = parts / squared if squared > 0 else 1.0 / k
    return squared, score, shares


def learn(s: np.void, k: int, hour_of_day: int, m: np.ndarray, score: float) -> None:
    """Let the collected hour move profile and covariance.

    m: of `smooth`; score: of `distance`, NaN while there is none.
    """
    days = max(1.0, min(HORIZON, s["hours"] / HOURS))
    settled = missing_days(s, k) == 0
    for j in range(k):
        if not s["known"][j]:
            continue
        n = int(s["seen"][j, hour_of_day])
        residual = s["value"][j] - s["profile"][j, hour_of_day] if n else 0.0
        if settled:
            bound = WINSOR * math.sqrt(s["deviation"][j]) + 1e-9
            residual = min(max(residual, -bound), bound)
        if n == 0:
            s["profile"][j, hour_of_day] = s["value"][j]
        else:
            s["profile"][j, hour_of_day] += max(1.0 / HORIZON, 1.0 / (n + 1)) * residual
            s["deviation"][j] += (residual * residual - s["deviation"][j]) / (days * HOURS)
        s["seen"][j, hour_of_day] = min(n + 1, 255)
    weight = min(1.0, HUBER / score) ** 2 if score > 0 else 1.0
    known = ~np.isnan(m)
    if known.any():
        far = np.sqrt(CAP * np.maximum(np.diag(s["covariance"])[:k], 1e-9))
        d = np.where(known, np.clip(m, -far, far) if settled else m, 0.0)
        both = np.outer(known, known)
        change = weight * (np.outer(d, d) - s["covariance"][:k, :k]) / (days * HOURS)
        s["covariance"][:k, :k] += np.where(both, change, 0.0)
        s["hours"] += 1


def start(s: np.void, hour: int) -> None:
    """Collect another hour."""
    s["hour"] = hour
    s["known"] = 0


def assess(s: np.void, k: int, hour_of_day: int) -> tuple[np.ndarray, float, float, np.ndarray]:
    """(smoothed residuals, d², score, shares) of the collected hour; NaN while it cannot be scored.

    Advances the moving average: to be called once an hour, before `learn`. An hour is scored once every
    vital is ready, and when two of them at least were measured in it.
    """
    m = smooth(s, k, residuals(s, k, hour_of_day))
    if missing_days(s, k) or k - np.isnan(m).sum() < 2:
        return m, math.nan, math.nan, np.full(k, np.nan)
    return m, *distance(m, shrunk(s, k))
