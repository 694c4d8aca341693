"""What the page says of learning, and of two weeks of glucose."""

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import glucose
from streams.page import views
from streams.page.results import Results
from streams.sinks.sqlite import SQLiteSink
from tests.stories import CATALOG, PATIENT

NOW = 1_773_313_200_000  # 2026-03-12 11:00 UTC, ms
DAY = 86_400_000
RANGES = "time_below_54=0.0,time_below_70=4.0,time_in_70_180=70.0,time_above_180=26.0,time_above_250=5.0"


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[SQLiteSink]:
    made = SQLiteSink(tmp_path / "results.db")
    yield made
    await made.close()


async def charts(sink: SQLiteSink, path: Path, lines: list[str]) -> dict[str, dict[str, Any]]:
    assert not await sink.write_results(["".join(line + "\n" for line in lines).encode()])
    results = Results(path)
    shown = views.patient(results, PATIENT, "1d", NOW, None, CATALOG)
    results.close()
    return {chart["vital"]: chart for chart in shown["charts"]}


async def test_a_vital_says_how_many_days_and_readings_its_baseline_misses(
    sink: SQLiteSink, tmp_path: Path
) -> None:
    at = (NOW - DAY) * 1_000_000
    lines = [
        f"reading,patient={PATIENT},vital=body-weight value=80.0 {at}",
        f"trend,patient={PATIENT},vital=body-weight level_missing_days=5i {at}",
        f"trend,patient={PATIENT},vital=heart-rate acute_missing_readings=100i,level_missing_days=10i {at}",
        f"trend,patient={PATIENT},vital=spo2 acute_missing_readings=0i,level_missing_days=0i {at}",
        f"joint,patient={PATIENT},vital=spo2 departure=0.1,missing_days=9i {at}",
        f"trend,patient={PATIENT},vital=steps level_missing_days=0i {at}",
    ]
    shown = await charts(sink, tmp_path / "results.db", lines)
    assert shown["body-weight"]["learning"] == {"days": 5, "readings": 0, "together": 0}
    assert shown["heart-rate"]["learning"] == {"days": 10, "readings": 100, "together": 0}
    assert shown["spo2"]["learning"] == {"days": 0, "readings": 0, "together": 9}
    assert shown["steps"]["learning"] is None


def windows(worn: int, size: str, means: list[float]) -> list[str]:
    """Day windows of the last 14 days, and quarter hours of which every tenth is missing beyond `worn` %."""
    lines = [
        f"window,patient={PATIENT},vital=blood-glucose,window=1d count=200i,mean={mean},"
        f"standard_deviation=40.0,min=60.0,max=250.0,first=100.0,last=100.0,revision=0i,{RANGES} "
        f"{(NOW - (i + 1) * DAY + 3_600_000) * 1_000_000}"
        for i, mean in enumerate(means)
    ]
    return lines + [
        f"window,patient={PATIENT},vital=blood-glucose,window=15m count=3i,mean=150.0,{size} "
        f"{(NOW - i * 900_000) * 1_000_000}"
        for i in range(1344)
        if i % 100 < worn
    ]


@pytest.mark.parametrize(("worn", "told"), [(92, True), (55, False)])
async def test_gmi_stands_for_fourteen_days_worn_and_is_hidden_when_they_were_not(
    sink: SQLiteSink, tmp_path: Path, worn: int, told: bool
) -> None:
    lines = windows(
        worn, "standard_deviation=1.0,min=1.0,max=2.0,first=1.0,last=1.0,revision=0i", [140, 160] * 7
    )
    found = (await charts(sink, tmp_path / "results.db", lines))["blood-glucose"]["glucose"]
    assert (found.days, found.readings) == (14, 2800)
    assert found.worn == pytest.approx(worn, abs=2)
    assert found.mean == pytest.approx(150)
    assert found.ranges["time_in_70_180"] == pytest.approx(70)
    assert found.coefficient_of_variation == pytest.approx(100 * math.sqrt(40**2 + 10**2) / 150, rel=1e-2)
    assert (found.glucose_management_indicator is not None) is told
    if told:
        assert found.glucose_management_indicator == pytest.approx(3.31 + 0.02392 * 150)


def test_pooled_days_are_the_mean_and_deviation_of_all_their_readings() -> None:
    rng = np.random.default_rng(1)
    days = [rng.normal(140 + i, 30, 50 + 40 * i) for i in range(14)]
    ranges = dict.fromkeys(glucose.RANGES, 0.0)
    parts = [{"count": len(x), "mean": x.mean(), "standard_deviation": x.std(ddof=1), **ranges} for x in days]
    pooled = glucose.pooled(parts, glucose.QUARTERS)
    assert pooled is not None
    whole = np.concatenate(days)
    assert pooled.mean == pytest.approx(whole.mean())
    assert pooled.standard_deviation == pytest.approx(whole.std(ddof=1))
    assert glucose.pooled([], 0) is None
