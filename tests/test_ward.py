"""The simulated ward: the same seed gives the same bytes, and each story reaches its alert."""

import itertools
import json
from collections import Counter
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from models.outputs import Ledger
from models.pipeline import Pipeline
from streams.configuration import load_catalog, load_default_plan
from streams.ingest.clock import TICK, ticks_between
from streams.ward import Arrival, Ward
from streams.zones import zone

LIVE = round(datetime(2026, 3, 12, 6, 45, tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)
CATALOG = load_catalog()


def ward(days: int = 21, seed: int = 1) -> Ward:
    return Ward(CATALOG, LIVE, seed=seed, days=days)


def first(arrivals: Any, hours: float) -> list[Arrival]:
    return list(itertools.takewhile(lambda a: a.received_at < LIVE + hours * 3_600_000, arrivals))


@cache
def watched() -> tuple[Ward, list[dict[str, Any]], Ledger]:
    """Three weeks and two live hours through the core, with ticks."""
    simulated = ward()
    pipeline = Pipeline(CATALOG, load_default_plan(None, CATALOG), zone)
    records: list[tuple[int, bytes]] = []
    for arrival in [*simulated.history(), *first(simulated.live(), 2)]:
        if records:
            records += [(tick, TICK) for tick in ticks_between(records[-1][0], arrival.received_at)]
        records.append((arrival.received_at, arrival.value))
    alerts = []
    for begin in range(0, len(records), 2000):
        batch = records[begin : begin + 2000]
        outputs = pipeline.process(
            [value for _, value in batch], [at for at, _ in batch], range(begin, begin + len(batch))
        )
        alerts += [json.loads(alert.body) for alert in outputs.alerts]
    return simulated, alerts, pipeline.ledger


def opened(story: str, kind: str, vital: str | None = None) -> list[dict[str, Any]]:
    simulated, alerts, _ = watched()
    patient = simulated.stories[story]
    return [
        a
        for a in alerts
        if a["event"] == "opened" and a["patient"] == patient and a["kind"] == kind
        if vital is None or a["vital"] == vital
    ]


def minutes_after_live(alert: dict[str, Any]) -> float:
    return (datetime.fromisoformat(alert["received_at"]).timestamp() * 1000 - LIVE) / 60_000


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    one, two, other = (list(ward(2, seed).history()) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_arrivals_come_in_order_of_receipt_and_the_live_part_goes_on_where_history_ends() -> None:
    simulated = ward(3)
    history, live = list(simulated.history()), first(simulated.live(), 20)
    received = [a.received_at for a in [*history, *live]]
    assert received == sorted(received)
    assert history[-1].received_at < LIVE <= live[0].received_at
    assert received[-1] > LIVE + 18 * 3_600_000, "the live part passes midnight"


def test_the_ward_is_small_enough_to_be_replayed_in_seconds() -> None:
    _, _, ledger = watched()
    assert 100_000 < ledger.received < 150_000


def test_plans_come_before_the_first_reading_of_their_patient() -> None:
    planned = set()
    for arrival in ward(2).history():
        if json.loads(arrival.value).get("kind") == "plan":
            planned.add(arrival.patient)
        assert arrival.patient in planned
    assert len(planned) == 24


def test_nothing_of_the_ward_is_refused_but_what_its_stories_spoil() -> None:
    _, _, ledger = watched()
    assert set(ledger.rejected) == {"future", "implausible"}
    assert ledger.late == 0
    assert ledger.plans == 24


def test_a_hypoglycaemia_alerts_within_a_quarter_of_an_hour_of_the_live_part() -> None:
    (alert,) = opened("hypoglycaemia", "limit", "blood-glucose")
    assert alert["severity"] == "high"
    assert 0 < minutes_after_live(alert) < 15


def test_a_decompensation_is_seen_in_the_weight_before_the_live_part() -> None:
    alerts = opened("decompensation", "trend", "body-weight")
    assert alerts
    assert -5 * 1440 < minutes_after_live(alerts[0]) < 0


def test_a_nocturnal_heart_rate_rise_departs_from_the_patients_own_normal() -> None:
    alert = opened("nocturnal-heart-rate", "baseline", "heart-rate")[-1]
    assert -300 < minutes_after_live(alert) < 0


def test_a_dropped_oximeter_is_noticed_by_its_silence() -> None:
    (alert,) = opened("dropped-oximeter", "silence", "spo2")
    assert 0 < minutes_after_live(alert) < 60


def test_a_wrong_clock_is_a_technical_alert() -> None:
    (alert,) = opened("wrong-clock", "technical")
    assert 0 < minutes_after_live(alert) < 60


def test_a_patient_who_never_sent_is_noticed() -> None:
    (alert,) = opened("never-sent", "silence")
    assert alert["vital"] == "body-weight"
    assert "none was ever received" in alert["explanation"]["en"]


def test_ordinary_patients_raise_nothing_high_nor_medium() -> None:
    simulated, alerts, _ = watched()
    named = set(simulated.stories.values())
    loud = Counter(
        (a["patient"], a["rule"])
        for a in alerts
        if a["event"] == "opened" and a["severity"] != "low" and a["patient"] not in named
    )
    assert not loud
