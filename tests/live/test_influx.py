"""InfluxDB itself: set up, its credentials' limits, and the sink."""

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.native import influxdb
from infra.native.process import Running
from models import glucose
from streams.cli import main
from streams.influx.api import InfluxApi
from streams.influx.setup import ADMIN_PASSWORD, ADMIN_TOKEN, READER, WRITER
from streams.secret_files import read_secret, write_secret
from streams.sinks import SinkMisconfigured, lines
from streams.sinks.influx import InfluxSink
from streams.sinks.influx_answer import OURS
from tests import live, workers
from tests.test_sqlite_sink import transition
from tests.test_worker import append, ward

DAY = 86_400 * 10**9
QUARTER = 900 * 10**9
NOW = 1_800_000_000 * 10**9  # whatever the clock says: the buckets of these tests keep for ever


class Deployment:
    """A server that `vigie influx setup` has prepared, and what its credentials may ask."""

    def __init__(self, running: Running, secrets: Path) -> None:
        self.running, self.url, self.secrets = running, running.address, secrets

    def vigie(self, *arguments: str, **more: str) -> Result:
        settings = {
            "VIGIE_INFLUX_URL": self.url,
            "VIGIE_INFLUX_ORG": "clinic",
            "VIGIE_INFLUX_BUCKET": "vigie",
            "VIGIE_INFLUX_RAW_DAYS": "0",
            "VIGIE_INFLUX_HISTORY_DAYS": "0",
            "VIGIE_SECRETS": str(self.secrets),
        }
        return CliRunner().invoke(main, ["influx", *arguments], env=settings | more)

    def secret(self, name: str) -> str:
        found = read_secret(self.secrets, name)
        assert found
        return found

    def api(self, name: str) -> InfluxApi:
        return InfluxApi(self.url, self.secret(name))

    def sink(self) -> InfluxSink:
        return InfluxSink(self.url, "vigie", self.secret(WRITER))

    def ask(self, query: str) -> list[list[object]]:
        """Rows of an InfluxQL query, with Grafana's token."""
        answer = self.api(READER).call("GET", "/query", db="vigie", q=query, epoch="ns")["results"][0]
        assert "error" not in answer, answer
        return [row for series in answer.get("series", ()) for row in series["values"]]

    def ids(self) -> dict[str, str]:
        """Of the raw bucket, its organisation and the writer."""
        admin = self.api(ADMIN_TOKEN)
        bucket = admin.call("GET", "/api/v2/buckets", name="vigie")["buckets"][0]
        writer = admin.call("GET", "/private/legacy/authorizations")["authorizations"][0]
        return {"bucket": bucket["id"], "organisation": bucket["orgID"], "writer": writer["id"]}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with live.server(influxdb.server, tmp_path_factory.mktemp("influxdb")).running() as server:
        yield server


@pytest.fixture(scope="module")
def influx(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    made = Deployment(running, tmp_path_factory.mktemp("deployment") / "secrets")
    assert made.vigie("check").exit_code == 1  # nobody has set it up
    done = made.vigie("setup")
    assert done.exit_code == 0, done.output
    for name in (ADMIN_PASSWORD, ADMIN_TOKEN, WRITER, READER):
        assert made.secret(name) not in done.output
    other = {"orgID": made.ids()["organisation"], "name": "other", "retentionRules": []}
    made.api(ADMIN_TOKEN).call("POST", "/api/v2/buckets", other)
    return made


def line(i: int, patient: str = "p-1", vital: str = "body-weight", value: str = "80.5") -> bytes:
    return f"reading,patient={patient},vital={vital} value={value} {NOW + i}".encode()


def window(size: str, i: int = 0) -> bytes:
    return f"window,patient=p-1,vital=spo2,window={size} count=3i,mean=97.0,revision=1i {NOW + i}".encode()


def test_setup_again_changes_nothing_and_secrets_are_ours_alone(influx: Deployment) -> None:
    before = {path.name: path.read_text() for path in influx.secrets.iterdir()}
    done = influx.vigie("setup")
    assert done.exit_code == 0
    assert "made anew" not in done.output
    assert {path.name: path.read_text() for path in influx.secrets.iterdir()} == before
    assert len(before) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in influx.secrets.iterdir()} == {0o600}
    assert stat.S_IMODE(influx.secrets.stat().st_mode) == 0o700
    assert influx.vigie("check").exit_code == 0


WHOLE = {"start": "2000-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z"}
HOUR = {"retentionRules": [{"type": "expire", "everySeconds": 3600}]}
FROM = 'from(bucket:"{}")|>range(start:0)'


@pytest.mark.parametrize(
    ("account", "method", "path", "body"),
    [
        (WRITER, "GET", "/query?db=vigie&q=SELECT+*+FROM+reading", None),
        (WRITER, "POST", "/query?db=vigie&q=DELETE+FROM+reading", b""),
        (WRITER, "POST", "/query?db=vigie&q=DROP+DATABASE+vigie", b""),
        (WRITER, "POST", "/api/v2/query?org=clinic", {"query": FROM.format("vigie")}),
        (WRITER, "POST", "/api/v2/delete?org=clinic&bucket=vigie", WHOLE),
        (WRITER, "POST", "/api/v2/write?org=clinic&bucket=other", b"reading value=1"),
        (WRITER, "POST", "/write?db=other", b"reading value=1"),
        (WRITER, "DELETE", "/api/v2/buckets/{bucket}", None),
        (WRITER, "PATCH", "/api/v2/buckets/{bucket}", HOUR),
        (WRITER, "GET", "/api/v2/authorizations", None),
        (WRITER, "POST", "/private/legacy/authorizations/{writer}/password", {"password": "12345678"}),
        (READER, "POST", "/write?db=vigie", b"reading value=1"),
        (READER, "POST", "/api/v2/write?org=clinic&bucket=vigie", b"reading value=1"),
        (
            READER,
            "POST",
            "/api/v2/query?org=clinic",
            {"query": FROM.format("vigie") + '|>to(bucket:"vigie")'},
        ),
        (READER, "POST", "/api/v2/query?org=clinic", {"query": FROM.format("other")}),
        (READER, "POST", "/query?db=vigie&q=DROP+MEASUREMENT+reading", b""),
        (READER, "POST", "/api/v2/delete?org=clinic&bucket=vigie", WHOLE),
        (READER, "DELETE", "/api/v2/buckets/{bucket}", None),
        (READER, "PATCH", "/api/v2/buckets/{bucket}", HOUR),
        (READER, "POST", "/api/v2/authorizations", {"permissions": []}),
    ],
)
async def test_an_account_is_refused_what_it_need_not_do(
    influx: Deployment, account: str, method: str, path: str, body: object
) -> None:
    ids = influx.ids()
    assert await influx.sink().write_results([line(0)]) == []
    if isinstance(body, dict) and "permissions" in body:
        resource = {"type": "buckets", "id": ids["bucket"], "orgID": ids["organisation"]}
        body = {"orgID": ids["organisation"], "permissions": [{"action": "write", "resource": resource}]}
    answer = influx.api(account).ask(method, path.format(**ids), body)
    if answer.status == 200:  # InfluxQL says so in its answer
        assert "error" in json.loads(answer.data)["results"][0]
    else:
        assert answer.status in (401, 403, 404), answer.data
    assert b"80.5" not in answer.data
    assert influx.ask("SELECT value FROM reading WHERE vital = 'body-weight'")[0] == [NOW, 80.5]
    assert influx.vigie("check").exit_code == 0


async def test_a_drop_by_the_writer_drops_nothing(influx: Deployment) -> None:
    assert await influx.sink().write_results([line(0)]) == []
    for query in ("DROP MEASUREMENT reading", "DROP SERIES FROM reading", "DELETE WHERE time > 0"):
        influx.api(WRITER).ask("POST", "/query", b"", db="vigie", q=query)
    assert influx.ask("SELECT value FROM reading WHERE vital = 'body-weight'")[0] == [NOW, 80.5]


async def test_hours_days_and_alerts_are_kept_apart_from_what_is_raw(influx: Deployment) -> None:
    frame = b"\n".join([*map(window, ("1m", "15m", "1h", "1d")), line(1)])
    assert await influx.sink().write_results([frame]) == []
    assert await influx.sink().write_alerts([transition(1)]) == []
    assert sorted(row[1] for row in influx.ask('SELECT count, "window" FROM window')) == [3, 3]
    sizes = {row[2] for row in influx.ask('SELECT count, "window" FROM history.window')}
    assert sizes == {"1h", "1d"}
    assert len(influx.ask("SELECT sequence FROM history.alert")) == 1
    assert influx.ask("SELECT sequence FROM alert") == []


async def test_a_line_of_another_type_is_refused_and_its_neighbours_land(influx: Deployment) -> None:
    assert await influx.sink().write_results([line(0, vital="spo2")]) == []
    good = [line(i, vital="spo2") for i in range(1, 400)]
    bad = line(500, vital="spo2", value="97i")
    refused = await influx.sink().write_results([b"\n".join([*good[:300], bad, *good[300:]])])
    assert [one.line for one in refused] == [bad]
    assert "422" in refused[0].message
    assert "field type conflict" in refused[0].message
    assert influx.ask("SELECT count(value) FROM reading WHERE vital = 'spo2'")[0][1] == 400


async def test_a_line_that_cannot_be_read_is_refused_and_its_neighbours_land(influx: Deployment) -> None:
    good = [line(i, vital="steps") for i in range(400)]
    # a time of 64 bits, the last of which InfluxDB keeps for itself
    bad = f"reading,patient=p-1,vital=steps value=80.5 {2**63 - 1}".encode()
    refused = await influx.sink().write_results([b"\n".join([*good[:300], bad, *good[300:]])])
    assert [one.line for one in refused] == [bad]
    assert "400" in refused[0].message
    assert "unable to parse" in refused[0].message
    assert influx.ask("SELECT count(value) FROM reading WHERE vital = 'steps'")[0][1] == 400


async def test_a_repeated_write_makes_no_second_point(influx: Deployment) -> None:
    for _ in range(3):
        await influx.sink().write_results([b"\n".join(line(i, vital="pulse") for i in range(100))])
    assert influx.ask("SELECT count(value) FROM reading WHERE vital = 'pulse'")[0][1] == 100


def test_influxdb_marks_its_own_errors(influx: Deployment) -> None:
    writer, reader, stranger = influx.api(WRITER), influx.api(READER), InfluxApi(influx.url, "a:stranger")
    place = {"db": "vigie", "rp": "autogen"}
    for api, body, where, status in (
        (writer, b"no line", place, 400),
        (writer, b"", {"db": "nothing", "rp": "autogen"}, 404),
        (stranger, b"", place, 401),
        (reader, line(0), place, 403),
    ):
        answer = api.ask("POST", "/write", body, **where)
        assert (answer.status, OURS in answer.headers) == (status, True), answer.data


@pytest.mark.parametrize("credential", ["vigie-writer:another", "nobody:another", "a-token-of-nobody"])
async def test_a_wrong_token_is_told_with_its_remedy(influx: Deployment, credential: str) -> None:
    sink = InfluxSink(influx.url, "vigie", credential)
    with pytest.raises(SinkMisconfigured, match="VIGIE_INFLUX_TOKEN") as caught:
        await sink.write_results([line(1)])
    assert credential not in str(caught.value)


async def test_a_token_without_the_right_and_a_bucket_that_is_not_there_are_told(influx: Deployment) -> None:
    with pytest.raises(SinkMisconfigured, match="403"):
        await InfluxSink(influx.url, "vigie", influx.secret(READER)).write_results([line(1)])
    with pytest.raises(SinkMisconfigured, match="vigie influx setup"):
        await InfluxSink(influx.url, "nothing", influx.secret(WRITER)).write_results([line(1)])


def test_a_drift_is_reported_with_the_command_that_mends_it(influx: Deployment) -> None:
    changed = influx.vigie("check", VIGIE_INFLUX_RAW_DAYS="30")
    assert changed.exit_code == 1
    assert "vigie keeps 0 days, the settings say 30" in changed.output
    assert "vigie influx setup --retention" in changed.output
    told = influx.vigie("setup", VIGIE_INFLUX_RAW_DAYS="30")
    assert (told.exit_code, told.output.partition("\n")[0]) == (0, changed.output.strip())
    assert influx.vigie("check", VIGIE_INFLUX_RAW_DAYS="30").exit_code == 1  # not without being asked
    assert influx.vigie("setup", "--retention", VIGIE_INFLUX_HISTORY_DAYS="9000").exit_code == 0
    assert influx.vigie("check", VIGIE_INFLUX_HISTORY_DAYS="9000").exit_code == 0
    assert influx.vigie("setup", "--retention").exit_code == 0


def test_an_organisation_and_buckets_among_many_are_found_and_shards_are_as_long_as_wanted(
    influx: Deployment,
) -> None:
    admin, ids = influx.api(ADMIN_TOKEN), influx.ids()
    for i in range(105):  # the server gives 100 of a list at most, the oldest first
        admin.call("POST", "/api/v2/orgs", {"name": f"ward-{i:03}"})
        body = {"orgID": ids["organisation"], "name": f"a-{i:03}", "retentionRules": []}
        admin.call("POST", "/api/v2/buckets", body)
    late = {
        "VIGIE_INFLUX_ORG": "ward-104",
        "VIGIE_INFLUX_BUCKET": "late",
        "VIGIE_SECRETS": f"{influx.secrets}-late",
    }
    write_secret(Path(late["VIGIE_SECRETS"]), ADMIN_TOKEN, influx.secret(ADMIN_TOKEN))
    for settings in ({}, late):
        assert influx.vigie("setup", **settings).exit_code == 0
        assert influx.vigie("check", **settings).exit_code == 0
    found = admin.call("GET", f"/api/v2/buckets/{ids['bucket']}")["retentionRules"]
    assert found[0]["shardGroupDurationSeconds"] == 86_400  # the server itself would take a week
    rules = [{"type": "expire", "everySeconds": 0, "shardGroupDurationSeconds": 7 * 86_400}]
    admin.call("PATCH", f"/api/v2/buckets/{ids['bucket']}", {"retentionRules": rules})
    assert "shards vigie has shards of 7 days, 1 are wanted" in influx.vigie("check").output
    assert influx.vigie("setup").exit_code == 0
    assert influx.vigie("check").exit_code == 0


async def test_what_is_older_than_its_bucket_keeps_is_refused_and_the_rest_lands(influx: Deployment) -> None:
    assert influx.vigie("setup", "--retention", VIGIE_INFLUX_RAW_DAYS="30").exit_code == 0
    now = time.time_ns()
    old = [b"reading,patient=p-2,vital=spo2 value=97 %d" % (now - 40 * DAY - i) for i in range(3)]
    new = [b"reading,patient=p-2,vital=spo2 value=97 %d" % (now - i) for i in range(50)]
    refused = await influx.sink().write_results([b"\n".join([*new[:20], *old, *new[20:]])])
    assert {one.line for one in refused} == set(old)
    assert all("older than the bucket keeps" in one.message for one in refused)
    assert influx.ask("SELECT count(value) FROM reading WHERE patient = 'p-2'")[0][1] == 50
    assert influx.vigie("setup", "--retention").exit_code == 0


async def test_a_lost_secret_a_widened_right_and_a_lost_mapping_are_mended(influx: Deployment) -> None:
    admin, ids = influx.api(ADMIN_TOKEN), influx.ids()
    old = influx.secret(WRITER)
    write_secret(influx.secrets, WRITER, "vigie-writer:forgotten")
    (influx.secrets / READER).unlink()
    (influx.secrets / ADMIN_PASSWORD).chmod(0o644)
    for mapping in admin.call("GET", "/api/v2/dbrps", orgID=ids["organisation"], db="vigie")["content"]:
        admin.call("DELETE", f"/api/v2/dbrps/{mapping['id']}", orgID=ids["organisation"])
    told = influx.vigie("check")
    assert told.exit_code == 1
    for what in ("mapping autogen", "mapping history", "writer", "reader", "mode influx_admin_password"):
        assert what in told.output
    assert influx.vigie("setup").exit_code == 0
    assert influx.vigie("check").exit_code == 0
    assert influx.secret(WRITER) != old
    assert influx.api(WRITER).ask("POST", "/write", b"", db="vigie").status == 204
    assert InfluxApi(influx.url, old).ask("POST", "/write", b"", db="vigie").status == 401


def test_a_password_that_is_kept_elsewhere_becomes_the_writer_s(
    influx: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_secret(tmp_path, ADMIN_TOKEN, influx.secret(ADMIN_TOKEN))
    write_secret(tmp_path, WRITER, "ward-writer:drawn-by-vigie-init")
    # a secret that Kubernetes has mounted
    monkeypatch.setattr("os.access", lambda _, mode: mode != os.W_OK)
    settings = {"VIGIE_INFLUX_BUCKET": "ward", "VIGIE_SECRETS": str(tmp_path)}
    for _ in range(2):
        done = influx.vigie("setup", **settings)
        assert done.exit_code == 0, done.output
        assert "reader ward-reader is missing" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([ADMIN_TOKEN, WRITER])
    writer = InfluxApi(influx.url, "ward-writer:drawn-by-vigie-init")
    assert writer.ask("POST", "/write", b"", db="ward").status == 204


def test_a_worker_loses_nothing_to_a_wrong_token_nor_to_a_server_that_is_killed(
    influx: Deployment, tmp_path: Path
) -> None:
    for measurement in ("window", "reading", "baseline", "alert"):  # what other tests have written
        for bucket in ("vigie", "vigie-history"):
            body = {**WHOLE, "predicate": f'_measurement="{measurement}"'}
            influx.api(ADMIN_TOKEN).call("POST", "/api/v2/delete", body, org="clinic", bucket=bucket)
    settings = {
        "VIGIE_SINK": "influx",
        "VIGIE_INFLUX_URL": influx.url,
        "VIGIE_INFLUX_ORG": "clinic",
        "VIGIE_INFLUX_BUCKET": "vigie",
        "VIGIE_SECRETS": str(tmp_path / "secrets"),
    }
    readings = ward(6000)
    write_secret(tmp_path / "secrets", WRITER, "vigie-writer:wrong")
    append(tmp_path, readings[:2000])
    worker = workers.start(tmp_path, **settings)
    wait_until_said(tmp_path, "set VIGIE_INFLUX_TOKEN")
    assert influx.ask("SELECT count(count) FROM history.window") == []
    assert workers.stop(worker) == 0
    write_secret(tmp_path / "secrets", WRITER, influx.secret(WRITER))
    worker = workers.start(tmp_path, **settings)
    append(tmp_path, readings[2000:4000], at_once=50, pause=0.05)
    influx.running.kill()
    append(tmp_path, readings[4000:], at_once=50, pause=0.05)
    wait_until_said(tmp_path, "InfluxDB does not answer")
    influx.running.start()
    workers.wait_until_drained(tmp_path)
    assert workers.stop(worker) == 0

    told, alerts = workers.told(tmp_path)
    last: dict[tuple[str, ...], tuple[int, str]] = {}
    for series, time_ns, revision, fields in lines.read(told).rows:
        key = (*lines.tags_of(series), str(time_ns))
        last[key] = max(last.get(key, (0, "")), (revision, fields))
    points = {}
    for policy in ("autogen", "history"):
        query = f'SELECT patient, vital, "window", count, revision FROM {policy}.window'
        for time_ns, patient, vital, size, count, revision in influx.ask(query):
            points["window", patient, vital, size, str(time_ns)] = (revision, count)
    assert points == {
        key: (revision, int(fields.partition("count=")[2].partition("i,")[0]))
        for key, (revision, fields) in last.items()
        if key[0] == "window"
    }
    for measurement, field in (("reading", "value"), ("baseline", "score")):
        found = influx.ask(f"SELECT patient, vital, {field} FROM {measurement}")
        assert len(found) == sum(key[0] == measurement for key in last)
    found = influx.ask("SELECT alert_id, sequence FROM history.alert")
    bodies = [json.loads(body) for body in alerts]
    assert {(row[1], row[2]) for row in found} == {(b["alert_id"], b["sequence"]) for b in bodies}
    assert len(found) == len(bodies) > 20
    assert influx.secret(WRITER) not in (tmp_path / "worker.txt").read_text()


def wait_until_said(folder: Path, words: str, seconds: float = 60) -> None:
    """Until the worker's log holds these words."""
    until = time.monotonic() + seconds
    while words not in (folder / "worker.txt").read_text():
        assert time.monotonic() < until, (folder / "worker.txt").read_text()[-2000:]
        time.sleep(0.1)


async def test_the_query_of_the_document_pools_two_weeks_of_glucose_as_the_page_does(
    influx: Deployment,
) -> None:
    text = (Path(__file__).parents[2] / "docs/influxdb.md").read_text("utf-8")
    pooling, worn = text.partition("```sql\n")[2].partition("\n```")[0].split(";")
    today = time.time_ns() // DAY * DAY
    days = [{"count": 100 + i, "mean": 120.0 + 5 * i, "standard_deviation": 30.0 + i} for i in range(13)]
    told = [
        f"window,patient=p-1,vital=blood-glucose,window=1d count={day['count']}i,mean={day['mean']},"
        f"standard_deviation={day['standard_deviation']} {today - i * DAY}".encode()
        for i, day in enumerate(days)
    ]
    told += [
        f"window,patient=p-1,vital=blood-glucose,window=15m count=3i,mean=120.0 {at}".encode()
        for at in range(today, today - 1000 * QUARTER, -QUARTER)
    ]
    assert not await influx.sink().write_results(told)
    pooled = glucose.pooled([day | dict.fromkeys(glucose.RANGES, 0.0) for day in days], 1000)
    assert pooled is not None
    [[_, mean, deviation, indicator]] = influx.ask(pooling)
    assert [mean, deviation] == pytest.approx([pooled.mean, pooled.standard_deviation])
    assert indicator == pytest.approx(pooled.glucose_management_indicator)
    [[_, share]] = influx.ask(worn)
    assert 100 * float(str(share)) == pytest.approx(pooled.worn)
