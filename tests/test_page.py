"""The page, served by a real server over a real results file."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientTimeout
from aiohttp.test_utils import TestClient, TestServer

from models.plan import Plan, decode_plan
from models.state import State
from streams.configuration import load_catalog, load_default_plan
from streams.following import Progress
from streams.packing import pack
from streams.page import create_page, views
from streams.page import desk as page_of_desk
from streams.page.application import STATIC
from streams.page.plans import Plans
from streams.page.results import Results
from streams.settings import Settings
from streams.sinks.sqlite import SQLiteSink
from streams.topics import make_in_log
from streams.transports import LogUnusable
from streams.transports.log.store import Log
from streams.transports.records import UP_TO
from streams.zones import zone
from tests.logs import plan_of

CATALOG = load_catalog()
NOON = 1_773_313_200_000  # 2026-03-12 11:00 UTC, ms
HOSTILE = "<img src=x onerror=alert(1)>"


def alert(number: int, patient: str, severity: str, opened: str, **more: Any) -> bytes:
    body = {
        "schema_version": 1, "event": "opened", "alert_id": f"a-{number}", "sequence": 1, "patient": patient,
        "programme": "diabetes", "kind": "limit", "rule": "r", "rule_version": "1", "vital": "heart-rate",
        "severity": severity, "status": "open", "received_at": opened, "opened_at": opened, "value": 140.0,
        "limit": 130.0, "explanation": {"en": "Too fast.", "fr": "Trop rapide."}, **more,
    }  # fmt: skip
    return json.dumps(body).encode()


def window(patient: str, minute: int, mean: float, size: str = "1m") -> str:
    at = (NOON + minute * 60_000) * 1_000_000
    return (
        f"window,patient={patient},vital=heart-rate,window={size} count=1i,mean={mean},"
        f"standard_deviation=0.0,min={mean},max={mean},first={mean},last={mean},revision=0i {at}\n"
    )


async def fill(path: Path) -> SQLiteSink:
    sink = SQLiteSink(path)
    frame = "".join(
        window("p-old", m, 70.0 + m / 60)
        + f"baseline,patient=p-old,vital=heart-rate expected=70,expected_low=60,expected_high=80,"
        f"readings=900i,score=0.1 {(NOON + m * 60_000) * 1_000_000}\n"
        for m in range(-600, 1, 15)
    )
    frame += window("p-old", -660, 71.0, "1h") + window("p-calm", 0, 62.0)
    frame += f"reading,patient=p-calm,vital=body-weight value=71.4 {NOON * 1_000_000}\n"
    assert not await sink.write_results([frame.encode()])
    await sink.write_alerts(
        [
            alert(1, "p-new", "high", "2026-03-12T10:50:00.000Z"),
            alert(2, "p-old", "high", "2026-03-12T09:00:00.000Z"),
            alert(3, "p-mid", "medium", "2026-03-10T09:00:00.000Z"),
            alert(4, "p-ack", "high", "2026-03-09T09:00:00.000Z", status="acknowledged"),
            alert(5, "p-calm", "high", "2026-03-09T09:00:00.000Z", status="resolved"),
        ]
    )
    return sink


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    sink = await fill(tmp_path / "results.db")
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG, clock="data"))) as made:
        yield made
    await sink.close()


async def test_who_needs_attention_comes_first_by_severity_then_by_how_long_it_waits(client: Any) -> None:
    ward = await (await client.get("/api/ward")).json()
    assert [p["patient"] for p in ward["patients"]] == ["p-old", "p-new", "p-mid", "p-ack", "p-calm"]
    assert ward["open"] == {"high": 2, "medium": 1, "low": 0}


async def test_an_alert_that_stands_is_not_hidden_by_newer_ones_that_are_over(tmp_path: Path) -> None:
    sink = await fill(tmp_path / "results.db")
    over = [
        alert(100 + i, "p-old", "low", f"2026-03-12T10:{i:02}:00.000Z", status="resolved") for i in range(60)
    ]
    await sink.write_alerts(over)
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG, clock="data"))) as client:
        told = (await (await client.get("/api/patient/p-old")).json())["alerts"]
    assert told[0]["alert_id"] == "a-2"
    assert len(told) == 41
    await sink.close()


async def test_a_calm_patient_shows_the_last_of_each_vital(client: Any) -> None:
    ward = await (await client.get("/api/ward")).json()
    (calm,) = [p for p in ward["patients"] if p["patient"] == "p-calm"]
    assert calm["alerts"] == []
    assert {v["vital"]: v["value"] for v in calm["vitals"]} == {"heart-rate": 62.0, "body-weight": 71.4}


async def test_a_patient_has_line_band_limit_windows_and_explanations(client: Any) -> None:
    patient = await (await client.get("/api/patient/p-old?range=1d")).json()
    (chart,) = patient["charts"]
    assert chart["points"][-1] == [NOON, 70.0]
    assert chart["band"][-1] == [NOON, 60.0, 70.0, 80.0]
    assert chart["limits"] == [{"value": 130.0, "rule": "r", "severity": "high"}]
    assert chart["windows"]["1h"]["mean"] == 71.0
    assert patient["alerts"][0]["explanation"] == {"en": "Too fast.", "fr": "Trop rapide."}
    assert patient["alerts"][0]["life"][0]["event"] == "opened"


async def test_the_header_knows_the_pipelines_time(client: Any) -> None:
    health = (await (await client.get("/api/ward")).json())["health"]
    assert health["now"] == NOON
    assert health["incomplete"] is False


async def test_everything_comes_from_the_page_itself_and_no_script_stands_in_the_html(client: Any) -> None:
    answer = await client.get("/")
    policy, html = answer.headers["Content-Security-Policy"], await answer.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"\son\w+=|style=", html)
    for name in ("app.js", "chart.js", "texts.js", "style.css"):
        text = await (await client.get(f"/static/{name}")).text()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)


async def test_a_path_outside_the_pages_own_files_is_not_found(client: Any) -> None:
    for path in ("/static/../application.py", "/static/index.html", "/api/patient/a%2Fb", "/nothing"):
        assert (await client.get(path)).status == 404


async def test_a_foreign_host_name_is_refused(client: Any) -> None:
    assert (await client.get("/api/ward", headers={"Host": "evil.example"})).status == 403


async def test_an_unknown_range_is_refused_in_words(client: Any) -> None:
    answer = await client.get("/api/patient/p-old?range=9y")
    assert answer.status == 400
    assert "1d, 7d, 21d" in await answer.text()


async def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """Answers are JSON with nosniff; the page writes text nodes only."""
    sink = SQLiteSink(tmp_path / "results.db")
    await sink.write_alerts([alert(1, "p-1", "high", "2026-03-12T10:50:00.000Z", programme=HOSTILE)])
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG))) as client:
        answer = await client.get("/api/ward")
        assert answer.content_type == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (await answer.json())["patients"][0]["programme"] == HOSTILE
    await sink.close()


async def test_without_a_results_file_the_page_waits(tmp_path: Path) -> None:
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG))) as client:
        ward = await (await client.get("/api/ward")).json()
        assert ward["patients"] == []
        assert ward["health"]["age"] is None
        sink = await fill(tmp_path / "results.db")
        assert len((await (await client.get("/api/ward")).json())["patients"]) == 5
        await sink.close()


async def test_a_new_alert_changes_the_version_that_events_tell(tmp_path: Path) -> None:
    sink = await fill(tmp_path / "results.db")
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG))) as client:
        answer = await client.get("/api/events", timeout=ClientTimeout(total=20))
        versions = []
        async for line in answer.content:
            if line.startswith(b"data:"):
                versions.append(json.loads(line[5:])["version"])
                if len(versions) == 1:
                    await sink.write_alerts([alert(9, "p-9", "low", "2026-03-12T10:59:00.000Z")])
                if len(versions) == 3:
                    break
        assert versions[-1] != versions[0]
        answer.close()
    await sink.close()


def test_both_languages_have_every_text() -> None:
    text = (STATIC / "texts.js").read_text("utf-8")
    english, french = text.split("  fr: {")
    keys = [set(re.findall(r'(?:^|[,{]\s*|\s{4})"?([\w-]+)"?: "', part, re.M)) for part in (english, french)]
    french_only = set(re.findall(r'"?([\w-]+)"?: "', french.split("export")[0]))
    english_only = set(re.findall(r'"?([\w-]+)"?: "', english))
    assert keys[0]
    assert english_only == french_only


def test_the_scripts_parse() -> None:
    """With node where it is there; otherwise the browser is the judge."""
    try:
        subprocess.run(["node", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no node here to parse the scripts")
    for name in ("app.js", "chart.js", "texts.js"):
        source = (STATIC / name).read_bytes()
        subprocess.run(["node", "--input-type=module", "--check"], input=source, check=True)


async def test_a_writer_at_work_does_not_disturb_the_page(tmp_path: Path) -> None:
    sink = await fill(tmp_path / "results.db")
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG))) as client:

        async def write() -> None:
            for minute in range(1, 60):
                await sink.write_results([window("p-old", minute, 70.0).encode()])

        async def read() -> None:
            for _ in range(20):
                assert (await client.get("/api/ward")).status == 200

        await asyncio.gather(write(), read())
    await sink.close()


def save_plans(log: Log, plans: dict[str, Plan | None], everyones: Plan | None, stamp: int = 7) -> None:
    """State as a worker saves it: patients in blocks of their partition, everyone's plan in block 0."""
    for partition in range(4):
        state = State([vital.code for vital in CATALOG.vitals])
        for name, plan in plans.items():
            if log.partition("vigie.readings", name.encode()) == partition:
                state.add_patient(name).plan = plan
        state.defaults = [(3, everyones)] if everyones else []
        for number in range(len(state.members)):
            key, block = b"%d/%d" % (partition, number), pack(state.save(number, stamp))
            log.append([("vigie.state", partition, key, block, NOON, [(UP_TO, b"%d" % stamp)])])


def own(patient: str, **change: Any) -> Plan:
    return msgspec.structs.replace(decode_plan(plan_of(patient), CATALOG, zone), **change)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    """The page over results and the log that they came from, with a plan for p-old."""
    sink = await fill(tmp_path / "results.db")
    settings = Settings(broker=f"log://{tmp_path}", ticks="log")
    log = Log(tmp_path)
    make_in_log(settings, log)
    save_plans(log, {"p-old": own("p-old"), "p-calm": None}, None)
    for partition in range(4):
        log.append([("vigie.readings", partition, None, b'{"kind":"tick"}', NOON, None)])
    log.close()
    page = create_page(tmp_path / "results.db", CATALOG, "data", settings=settings)
    async with TestClient(TestServer(page)) as made:
        yield made
    await sink.close()


async def charts_with_plan(client: Any, patient: str) -> Any:
    """A patient's page once its plan is known."""
    for _ in range(100):
        found = await (await client.get(f"/api/patient/{patient}?range=1d")).json()
        if found["charts"][0]["limits"] and "when" in found["charts"][0]["limits"][0]:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"no plan: {found}")


def actions(folder: Path) -> list[Any]:
    log = Log(folder)
    found = [
        (record.key, record.timestamp, json.loads(record.value or b""))
        for place in log.refresh()
        for record in log.read(place, 0, 100)
        if b'"action"' in (record.value or b"")
    ]
    log.close()
    return found


async def token(client: Any) -> dict[str, str]:
    return {"X-Vigie-Token": (await (await client.get("/api/fixed")).json())["token"]}


TAKE = {"alert_id": "a-2", "action": "acknowledge", "by": "n-1", "minutes": 240}
JUDGE = {"alert_id": "a-5", "action": "verdict", "by": "n-1", "verdict": "device-fault"}


async def test_the_limits_of_a_patients_own_plan_are_in_its_chart(desk: Any) -> None:
    patient = await charts_with_plan(desk, "p-old")
    assert patient["programme"] == "own"
    wanted = {"value": 100.0, "rule": "heart-rate-above-100", "severity": "medium", "when": "night"}
    assert patient["charts"][0]["limits"] == [wanted]
    other = await charts_with_plan(desk, "p-calm")
    charts = {chart["vital"]: chart["limits"] for chart in other["charts"]}
    everyones = {
        limit.value for limit in load_default_plan(None, CATALOG).limits if limit.vital == "heart-rate"
    }
    assert {limit["value"] for limit in charts["heart-rate"]} == everyones != set()


def test_the_newest_plan_holds_and_nobodys_is_guessed(tmp_path: Path) -> None:
    settings = Settings(broker=f"log://{tmp_path}")
    log, plans = Log(tmp_path), Plans(settings, CATALOG)
    make_in_log(settings, log)
    assert not plans.look(log)
    assert plans.of("p-1") is None
    save_plans(log, {"p-1": None, "p-2": own("p-2")}, None)
    plans.look(log)
    assert plans.of("p-1") == load_default_plan(None, CATALOG)
    assert plans.of("p-2") == own("p-2")
    assert plans.of("p-3") is None  # whose state nobody has saved
    everyones = own("*", programme="everyone")
    save_plans(log, {"p-1": None, "p-2": own("p-2", version="9")}, everyones, stamp=9)
    save_plans(log, {"p-1": own("p-1"), "p-2": None}, None, stamp=8)  # what a frozen worker still sent
    plans.look(log)
    assert plans.of("p-1") == everyones
    assert plans.of("p-2") == own("p-2", version="9")
    log.append([("vigie.state", 0, b"0/1", b"of another release", NOON, None)])
    plans.look(log)
    assert plans.of("p-1") == everyones
    log.close()


async def test_a_nurse_takes_an_alert_by_an_action_in_the_log(desk: Any, tmp_path: Path) -> None:
    answer = await desk.post("/api/act", json=TAKE, headers=await token(desk))
    assert answer.status == 202
    ((key, at, action),) = actions(tmp_path)
    assert (key, at) == (b"p-old", NOON)  # a recording's log keeps the recording's time
    assert action == {
        "kind": "action", "patient": "p-old", "alert_id": "a-2", "action": "acknowledge", "by": "n-1",
        "until": "2026-03-12T15:00:00Z", "verdict": None, "vital": "",
    }  # fmt: skip


async def test_a_nurse_says_what_a_resolved_alert_was_worth(desk: Any, tmp_path: Path) -> None:
    assert (await desk.post("/api/act", json=JUDGE, headers=await token(desk))).status == 202
    ((key, _, action),) = actions(tmp_path)
    assert (key, action["action"], action["verdict"], action["until"]) == (
        b"p-calm", "verdict", "device-fault", None,
    )  # fmt: skip


async def test_nobody_but_the_page_itself_acts(desk: Any, client: Any, tmp_path: Path) -> None:
    known = await token(desk)
    for headers in (
        {},
        {"X-Vigie-Token": "guessed"},
        {**known, "Origin": "http://evil.example"},
        {**known, "Host": "evil.example"},
    ):
        assert (await desk.post("/api/act", json=TAKE, headers=headers)).status == 403
    assert (await desk.get("/api/act", headers=known)).status == 405
    assert (await client.post("/api/act", json=TAKE)).status == 403  # a page without a log
    assert actions(tmp_path) == []


async def test_an_action_that_makes_no_sense_is_told_why(desk: Any, tmp_path: Path) -> None:
    known = await token(desk)
    for base, change, status, why in (
        (TAKE, {"alert_id": "a-99"}, 409, "there is no such alert"),
        (TAKE, {"alert_id": "a-4"}, 409, "is acknowledged already"),
        (TAKE, {"by": "Dr Who"}, 409, "by is no pseudonym"),
        (TAKE, {"minutes": 0}, 409, "minutes is out of range"),
        (TAKE, {"minutes": None}, 409, "minutes is out of range"),
        (TAKE, {"minutes": "many"}, 400, "send alert_id, action, by"),
        (TAKE, {"more": 1}, 400, "send alert_id, action, by"),
        (TAKE, {"action": "reset-learning"}, 400, "send alert_id, action, by"),
        (JUDGE, {"verdict": "maybe"}, 409, "verdict is none of actionable"),
        (JUDGE, {"verdict": None}, 409, "verdict is none of actionable"),
        (JUDGE, {"alert_id": "a-2"}, 409, "the alert still stands"),
        (JUDGE, {"alert_id": "a-5", "action": "acknowledge", "minutes": 5}, 409, "is resolved"),
    ):
        answer = await desk.post("/api/act", json={**base, **change}, headers=known)
        assert (answer.status, why in await answer.text()) == (status, True), why
    packed = await desk.post("/api/act", data=b"no gzip", headers={**known, "Content-Encoding": "gzip"})
    assert packed.status == 400
    assert actions(tmp_path) == []


async def test_a_log_that_takes_nothing_is_told_and_the_page_goes_on(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LogUnusable("the disk is full; make room")

    monkeypatch.setattr(page_of_desk, "send", full)
    answer = await desk.post("/api/act", json=TAKE, headers=await token(desk))
    assert (answer.status, await answer.text()) == (503, "the disk is full; make room")
    assert (await desk.get("/api/ward")).status == 200


async def test_a_patient_of_whom_nothing_is_kept_any_more_is_not_shown(tmp_path: Path) -> None:
    sink = await fill(tmp_path / "results.db")
    await sink.write_results([window("p-gone", 0, 70.0).encode()])
    with sqlite3.connect(tmp_path / "results.db") as db:
        db.execute("delete from points where series in (select id from series where patient='p-gone')")
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG))) as client:
        ward = await (await client.get("/api/ward")).json()
        assert "p-gone" not in {patient["patient"] for patient in ward["patients"]}
    await sink.close()


async def test_a_patient_of_whom_only_an_alert_is_kept_can_still_be_opened(tmp_path: Path) -> None:
    """As after a month without a measurement, with the silence alert standing."""
    sink = await fill(tmp_path / "results.db")
    lines = "".join(
        f"{name},patient=p-old,vital=heart-rate level_missing_days=0,missing_days=0 {NOON * 1_000_000}\n"
        for name in ("trend", "joint")
    )
    await sink.write_results([lines.encode()])
    with sqlite3.connect(tmp_path / "results.db") as db:
        db.execute("delete from points")
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG))) as client:
        answer = await client.get("/api/patient/p-old")
        assert answer.status == 200
        assert [alert["alert_id"] for alert in (await answer.json())["alerts"]] == ["a-2"]
    await sink.close()


async def test_nothing_that_is_asked_for_each_series_reads_through_all_of_them(tmp_path: Path) -> None:
    """5,000 patients' ward took two minutes, in which nobody else was answered."""
    sink, asked = await fill(tmp_path / "results.db"), set[str]()
    results = Results(tmp_path / "results.db")
    connection = results.connection()
    assert connection is not None
    results.series()
    connection.set_trace_callback(asked.add)
    views.ward(results, NOON, None)
    for name in ("p-old", "p-calm"):
        views.patient(results, name, "21d", NOON, None, CATALOG)
    connection.set_trace_callback(None)
    assert len(asked) > 10
    for statement in asked:
        for *_, step in connection.execute(f"explain query plan {statement}"):
            assert not step.startswith("SCAN"), statement
    results.close()
    await sink.close()


async def test_an_alert_of_a_severity_unknown_here_is_shown_and_hides_no_other(tmp_path: Path) -> None:
    """A console may be older than its workers."""
    sink = SQLiteSink(tmp_path / "results.db")
    opened = "2026-03-12T10:50:00.000Z"
    await sink.write_alerts([alert(1, "p-1", "grave", opened), alert(2, "p-2", "low", opened)])
    async with TestClient(TestServer(create_page(tmp_path / "results.db", CATALOG))) as client:
        ward = await (await client.get("/api/ward")).json()
        assert [patient["patient"] for patient in ward["patients"]] == ["p-2", "p-1"]
        assert ward["open"] == {"high": 0, "medium": 0, "low": 1}
    await sink.close()


def test_a_charts_days_begin_at_midnight_also_where_the_clocks_go_back() -> None:
    """With node where it is there. Paris, 2026-10-25: a day of 25 hours."""
    code = """
      const made = () => ({
        at: {}, kids: [], setAttribute(k, v) { this.at[k] = v; }, append(n) { this.kids.push(n); },
      });
      globalThis.document = { createElementNS: made, documentElement: {} };
      const until = Date.parse("2026-10-29T12:00:00+01:00");
      const chart = {
        vital: "x", from: until - 7 * 864e5, until, step: 1, points: [[until, 1]], band: [],
        limits: [], opened: [],
      };
      const drawn = drawChart(chart, { decimals: 0 }, "x", 1200).kids;
      console.log(drawn.filter((n) => n.at["text-anchor"] === "middle").map((n) => n.textContent).join());
    """
    texts = (STATIC / "texts.js").read_text("utf-8").replace("export ", "")
    drawing = re.sub(r"^import .*$", "", (STATIC / "chart.js").read_text("utf-8"), flags=re.M)
    try:
        done = subprocess.run(
            ["node", "--input-type=module"],
            input=(texts + drawing.replace("export ", "") + code).encode(),
            env={**os.environ, "TZ": "Europe/Paris"},
            capture_output=True,
            check=False,
        )
    except OSError:
        pytest.skip("no node here to run the scripts")
    days = [f"{day} Oct" for day in range(23, 30)]
    assert done.stdout.decode().strip().split(",") == days, done.stderr.decode()


def test_a_programme_may_have_any_name_even_one_that_every_object_of_a_script_has() -> None:
    """With node where it is there. One such name would leave everybody's page blank."""
    texts = (STATIC / "texts.js").read_text("utf-8")
    code = texts + 'console.log(["constructor", "toString", "__proto__", "copd"].map((k) => t(k)).join());'
    try:
        done = subprocess.run(
            ["node", "--input-type=module"], input=code.encode(), capture_output=True, check=False
        )
    except OSError:
        pytest.skip("no node here to run the scripts")
    assert done.stdout.decode().strip() == "constructor,toString,__proto__,COPD", done.stderr.decode()


@pytest.mark.parametrize(
    ("behind", "incomplete", "ready"), [(None, True, 503), (3.0, False, 200), (60.0, True, 503)]
)
async def test_a_page_that_may_lack_alerts_says_so(
    tmp_path: Path, behind: float | None, incomplete: bool, ready: int
) -> None:
    page = create_page(tmp_path / "results.db", CATALOG, progress=lambda: Progress(behind))
    async with TestClient(TestServer(page)) as client:
        assert (await (await client.get("/api/ward")).json())["health"]["incomplete"] is incomplete
        assert (await client.get("/ready")).status == ready
