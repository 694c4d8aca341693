"""What the page shows, made of the sink's rows: the ward, and one patient."""

from typing import Any, Final

from models import glucose
from models.catalog import Catalog
from models.glucose import Glucose
from models.plan import Plan
from streams.alerts import RANKS, urgency
from streams.page.plans import Plans, limits_of
from streams.page.results import SIZES, Key, Results

HOUR: Final = 3_600_000
RANGES: Final = {"1d": 24 * HOUR, "7d": 7 * 24 * HOUR, "21d": 21 * 24 * HOUR}
SPARSE_RANGE: Final = 14 * 24 * HOUR  # a daily measurement needs days to be a line
SPARK_HOURS: Final = 24
SINGLE: Final = {"reading": "value", "score": "total"}  # measurements of points that stand alone: their field


def names(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """How the vitals are called and written; scores of several of them have names here alone."""
    scores = {"news2": ("NEWS2", "NEWS2"), "joint": ("Several vitals", "Plusieurs paramètres")}
    return {
        v.code: {"names": v.names, "unit": v.unit, "decimals": v.decimals, "symptom": v.symptom}
        for v in catalog.vitals
    } | {
        code: {"names": {"en": english, "fr": french}, "unit": "", "decimals": 0}
        for code, (english, french) in scores.items()
    }


def ward(results: Results, now: int, plans: Plans | None) -> dict[str, Any]:
    """All patients, those who need attention first; `now` in ms bounds the small curves.

    A patient of whom nothing is kept any more is left out.
    """
    standing: dict[str, list[dict[str, Any]]] = {}
    for alert in results.alerts():
        standing.setdefault(alert["patient"], []).append(alert)
    series = results.by_patient()
    patients: list[dict[str, Any]] = []
    for name in sorted({*series, *standing}):
        alerts, vitals = standing.get(name, []), latest(results, series.get(name, []))
        if not alerts and not vitals:
            continue
        plan = plans.of(name) if plans else None
        patients.append(
            {
                "patient": name,
                "programme": plan.programme if plan else programme(results, name),
                "alerts": alerts,
                "vitals": vitals,
                "spark": spark(results, series.get(name, []), alerts[0]["vital"], now) if alerts else None,
            }
        )
    patients.sort(key=lambda p: (urgency(p["alerts"][0]) if p["alerts"] else (9,), p["patient"]))
    counts = dict.fromkeys(RANKS, 0)
    for alerts in standing.values():
        for alert in alerts:
            if alert["status"] == "open" and alert["severity"] in counts:
                counts[alert["severity"]] += 1
    return {"patients": patients, "open": counts}


def programme(results: Results, patient: str) -> str | None:
    """The programme that a patient's most urgent alert names: all that the sink knows of it."""
    alerts = results.alerts(patient)
    return alerts[0].get("programme") if alerts else None


def source(keys: list[Key], vital: str) -> Key | None:
    """The series that shows a vital most closely: single readings or scores, else the finest window."""
    own = {key[3] if key[0] == "window" else key[0]: key for key in keys if key[2] == vital}
    for name in (*SINGLE, "1m", "15m", "1h", "1d"):
        if name in own:
            return own[name]
    return None


def value(key: Key, fields: dict[str, Any]) -> float | None:
    """What a point shows: a reading's value, a score's total, a window's mean."""
    shown = fields.get(SINGLE.get(key[0], "mean"))
    return float(shown) if shown is not None else None


def latest(results: Results, keys: list[Key]) -> list[dict[str, Any]]:
    """The last value of each vital of a patient."""
    shown = []
    for vital in sorted({key[2] for key in keys}):
        key = source(keys, vital)
        if key is None:
            continue
        for at, fields in results.tail(key):
            last = fields.get(SINGLE.get(key[0], "last"))
            shown.append({"vital": vital, "at": at, "value": last})
    return shown


def spark(results: Results, keys: list[Key], vital: str, now: int) -> dict[str, Any] | None:
    """The small curve beside a patient's first alert."""
    key = source(keys, vital)
    if key is None:
        return None
    length = SPARSE_RANGE if key[0] in SINGLE else SPARK_HOURS * HOUR
    points = [(at, value(key, fields)) for at, fields in results.span(key, now - length, now)]
    return {"vital": vital, "from": now - length, "until": now, "points": points}


def patient(
    results: Results, name: str, length: str, now: int, plans: Plans | None, catalog: Catalog
) -> dict[str, Any]:
    """One patient: alerts with their lives, and a chart of every vital, with the limits of the plan."""
    plan = plans.of(name) if plans is not None else None
    keys = [key for key in results.series() if key[1] == name]
    alerts = results.alerts(name)
    for alert in alerts:
        alert["life"] = [
            {k: t.get(k) for k in ("event", "severity", "received_at", "acknowledged_by", "verdict")}
            for t in results.transitions(alert["alert_id"])
        ]
    worry = {alert["vital"]: i for i, alert in reversed(list(enumerate(alerts)))}
    vitals = sorted({key[2] for key in keys}, key=lambda vital: (worry.get(vital, 99), vital))
    return {
        "patient": name,
        "programme": plan.programme if plan else next((a.get("programme") for a in alerts), None),
        "alerts": alerts,
        "charts": [
            chart(results, keys, vital, alerts, RANGES[length], now)
            | {"learning": learning(results, keys, plan, vital)}
            | {"glucose": two_weeks(results, keys, vital, now)}
            | ({"limits": limits_of(plan, catalog, vital)} if plan and vital in catalog.index else {})
            for vital in vitals
        ],
    }


def learning(
    results: Results, keys: list[Key], plan: Plan | None, vital: str
) -> dict[str, int | None] | None:
    """What the patient's own normal of a vital still misses, alone and together with others; None: nothing.

    A count is None before the first day is over. plan: None when it is not known; every vital is told then.
    """
    baseline = next((b for b in plan.baselines if b.vital == vital), None) if plan else None
    told_by = [key for key in keys if key[2] == vital and key[0] in ("trend", "joint")]
    own = {key[0]: fields for key in told_by for _, fields in results.tail(key)}
    fields = own.get("trend", {})
    watched = "trend" in own if plan is None else baseline is not None
    missing: dict[str, float | None] = {"days": 0, "readings": 0, "together": 0}
    if watched and not (baseline and baseline.trend == "off"):
        missing["days"] = fields.get("level_missing_days")
    if watched and not (baseline and not baseline.acute):
        missing["readings"] = fields.get("acute_missing_readings", 0)
    if "joint" in own and (plan is None or (plan.joint is not None and vital in plan.joint.vitals)):
        missing["together"] = own["joint"]["missing_days"]
    told = {name: None if count is None else int(count) for name, count in missing.items()}
    return told if any(count is None or count > 0 for count in told.values()) else None


def two_weeks(results: Results, keys: list[Key], vital: str, now: int) -> Glucose | None:
    """The last 14 days of a vital with ranges (glucose), pooled; None of others."""
    own = {key[3]: key for key in keys if key[0] == "window" and key[2] == vital}
    begin = now - glucose.DAYS * SIZES["1d"]
    days = [f for _, f in results.span(own["1d"], begin, now)] if "1d" in own else []
    days = [fields for fields in days if glucose.RANGES[0] in fields]
    quarters = results.count(own["15m"], begin, now) if days and "15m" in own else 0
    return glucose.pooled(days, quarters)


def chart(
    results: Results, keys: list[Key], vital: str, alerts: list[dict[str, Any]], length: int, now: int
) -> dict[str, Any]:
    """A vital's line, the band expected of this patient, limits passed lately, windows."""
    own = [key for key in keys if key[2] == vital]
    windows = {key[3]: key for key in own if key[0] == "window"}
    key = source(own, vital)
    if key is not None and key[0] in SINGLE:
        length = max(length, SPARSE_RANGE)
    elif length > RANGES["1d"] and "1h" in windows:
        key = windows["1h"]
    begin = now - length
    band_key = next((k for k in own if k[0] == "baseline"), None)
    band = results.span(band_key, begin, now) if band_key else []
    limits = {
        (a["limit"], a.get("rule", "")): a.get("severity")
        for a in alerts
        if a["vital"] == vital and a.get("kind") == "limit" and a.get("limit") is not None
    }
    return {
        "vital": vital,
        "from": begin,
        "until": now,
        "step": SIZES.get(key[3], SIZES["1d"]) if key else 0,
        "single": bool(key and key[0] in SINGLE),
        "points": [(at, value(key, fields)) for at, fields in results.span(key, begin, now)] if key else [],
        "band": [
            (at, f["expected_low"], f["expected"], f["expected_high"])
            for at, f in band
            if "expected_low" in f and "expected_high" in f
        ],
        "last": next(((v["at"], v["value"]) for v in latest(results, own)), None),
        "readings": band[-1][1].get("readings") if band else None,
        "limits": [{"value": v, "rule": rule, "severity": s} for (v, rule), s in sorted(limits.items())],
        "windows": {
            window: {"at": at, **fields}
            for window in ("15m", "1h", "1d")
            if window in windows
            for at, fields in results.tail(windows[window])
        },
        "opened": [a["opened_at"] for a in alerts if a["vital"] == vital and a.get("opened_at")],
    }
