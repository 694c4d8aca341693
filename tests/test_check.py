"""`vigie check` on real files: each fault is named with its key and its remedy, many at once all of them."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.catalog import Catalog, parse_catalog
from models.pipeline import Pipeline
from models.plan_file import parse_plans
from models.strict import ConfigurationError, Fault
from models.units import is_unit
from streams.cli import main
from streams.configuration import INFRA
from streams.ingest.columns import check_vitals, parse_map
from streams.zones import zone
from tests import workers
from tests.logs import START, reading

HERE = Path(__file__).parent
CATALOGUE = """
[vital.heart-rate]
loinc = "8867-4"
unit = "/min"
minimum = 20.0
maximum = 300.0
decimals = 0
lateness = "4min"
windows = ["1m", "1d"]
en = "Heart rate"
fr = "Fréquence cardiaque"
conversions = { "bpm" = [1.0, 0.0] }
cuts = [40, 60, 100, 130]
"""
PLAN = """
[[plan]]
patient = "p-1"
programme = "own"
time_zone = "Europe/Paris"
day = ["07:00", "22:00"]

[[plan.limits]]
rule = "fast"
vital = "heart-rate"
direction = "above"
value = 120
clear = 110
severity = "high"
readings = 2
within = "2h"

[[plan.expectations]]
vital = "heart-rate"
every = "1d"
grace = "12h"
severity = "low"

[[plan.gains]]
rule = "gain"
vital = "body-weight"
amount = 2.0
days = 3
clear = 1.0
severity = "medium"

[[plan.baselines]]
vital = "heart-rate"
acute = 6.5
trend = "above"
severity = "low"
"""
MAP = """
[columns]
patient = "id"
vital = "kind"
value = "x"
unit = "u"

[time]
columns = ["when"]
format = "%Y-%m-%d %H:%M"
zone = "Europe/London"

[vitals]
"Pulse" = "heart-rate"
"""
FAST = PLAN[PLAN.index("rule") : PLAN.index("[[plan.expectations")]
LIMIT = {"rule": "r", "vital": "spo2", "direction": "below", "value": 90, "clear": 90, "severity": "low"}
WIDE = '[wide.hr]\nvital = "heart-rate"\nunit = "/mn"\n'


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        monkeypatch.delenv(name)


def check(*arguments: str, code: int) -> str:
    result = CliRunner().invoke(main, ["check", *arguments])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output


def one(option: str, tmp_path: Path, text: str | bytes, *more: str) -> str:
    """The only fault of a file."""
    file = tmp_path / "file.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    lines = check(option, str(file), *more, code=1).splitlines()
    assert lines[-1] == "1 fault", lines
    assert lines[0].startswith(f"{file}: ")
    assert len(lines) - ("no plan was checked" in lines[1]) == 2
    return lines[0].removeprefix(f"{file}: ")


def test_what_ships_has_no_fault() -> None:
    maps = [argument for path in sorted((INFRA / "maps").glob("*.toml")) for argument in ("--map", str(path))]
    text = check("--plans", str(HERE / "plans" / "tihm.toml"), *maps, code=0)
    assert text.startswith("no fault in settings, 32 vitals, ")
    assert len(text.splitlines()) == 1
    assert all(path.name in text for path in (INFRA / "maps").glob("*.toml"))


FILES = [
    ("= 3", "-: not TOML: Invalid statement", "mend the syntax there"),
    (b"\xff\xfe\x00", "-: not UTF-8 at byte 0", "save it as UTF-8"),
]
CATALOGUES = [
    ("unit =", "unite =", "vital.heart-rate.unite: unknown key", "did you mean unit?"),
    ('"/min"', '"bpm"', "vital.heart-rate.unit: 'bpm' is no UCUM unit", "/min"),
    ('"4min"', '"5 minutes"', "vital.heart-rate.lateness: '5 minutes' is no duration", "15min"),
    ('"4min"', '"2h"', "vital.heart-rate.lateness: needs 124 open windows", "allow less"),
    ('"8867-4"', '"8867-5"', "vital.heart-rate.loinc: '8867-5' is no LOINC code", "loinc.org"),
    ("20.0", '"20"', "vital.heart-rate.minimum: is text, not a number", "without quotes"),
    ("20.0", "nan", "vital.heart-rate.minimum: nan is no finite number", "give a number"),
    ("20.0", "true", "vital.heart-rate.minimum: is true or false, not a number", "120.5"),
    ("20.0", "400.0", "vital.heart-rate.minimum: is not below maximum", "plausible"),
    ("decimals = 0", "decimals = 5", "vital.heart-rate.decimals: 5 is out of range", "0 to 4"),
    ("decimals = 0", "decimals = 0.5", "vital.heart-rate.decimals: is a number, not a whole number", "3"),
    ('"1m", "1d"', '"1m", "2d"', "vital.heart-rate.windows: ['1m', '2d']", "1m, 15m, 1h, 1d"),
    ('"1m", "1d"', '"1m"', "vital.heart-rate.windows: the day is missing", 'add "1d"'),
    ('"1m", "1d"', '"1d", 60', "vital.heart-rate.windows[1]: is a whole number, not text", "in quotes"),
    ("[1.0, 0.0]", "[1.0]", "vital.heart-rate.conversions.bpm: has 1 entries", "give 2"),
    ("[1.0, 0.0]", "[0, 0]", "vital.heart-rate.conversions.bpm: has the factor 0", "[factor, offset]"),
    ("[40, 60,", "[60, 40,", "vital.heart-rate.cuts:", "four ascending bounds"),
    ('"Heart rate"', '" "', "vital.heart-rate.en: is empty", "name the vital"),
    ('fr = "Fréquence cardiaque"\n', "", "vital.heart-rate.fr: is missing", "add it"),
    ("vital.heart-rate", 'vital."heart rate"', "vital.heart rate.code: is no name", "A-Za-z0-9_-"),
    ("[vital.heart-rate]", "[vitals.heart-rate]", "vitals: unknown key", "did you mean vital?"),
    (CATALOGUE, "vital = 3", "vital: is a whole number, not a table", "write its keys"),
    (CATALOGUE, "vital = {}", "vital: no vital at all", "add [vital.<code>]"),
]
PLANS = [
    ("programme =", "dry_weight = 7e4\nprogramme =", "plan[p-1].dry_weight: 70000 is no", "2 to 400 kg"),
    ("severity =", "severty =", "plan[p-1].limits[fast].severty: unknown key", "did you mean severity?"),
    ("programme =", "program =", "plan[p-1].program: unknown key", "did you mean programme?"),
    ('"2h"', '"2 h"', "plan[p-1].limits[fast].within: '2 h' is no duration", "15min"),
    ('"2h"', "-5", "plan[p-1].limits[fast].within: is out of range", "a duration"),
    (FAST, FAST.replace("heart", "hart"), "plan[p-1].limits[fast].vital: unknown vital hart-", "heart-rate?"),
    ("clear = 110", "clear = 130", "plan[p-1].limits[fast].clear: 130 is on the wrong side of", "below"),
    ("value = 120", "value = 1200", "plan[p-1].limits[fast].value: no heart-rate is ever 1200", "20 to 300"),
    ("readings = 2", "readings = 0", "plan[p-1].limits[fast].readings: 0 is out of range", "1 to 100"),
    ('"above"', '"abvoe"', "plan[p-1].limits[fast].direction: 'abvoe' is none of its words", "above?"),
    ("120", '"120"', "plan[p-1].limits[fast].value: is text, not a number", "without quotes"),
    ('"fast"', '"fast pulse"', "plan[p-1].limits[fast pulse].rule: is no name", "A-Za-z0-9_-"),
    ("Europe/Paris", "Europe/Pariss", "plan[p-1].time_zone: no time zone 'Europe/Pariss'", "Europe/Paris?"),
    ("Europe/Paris", "../../etc/passwd", "plan[p-1].time_zone: no time zone", "IANA"),
    ('"22:00"', '"ten"', "plan[p-1].day: 'ten' is no time", "22:00"),
    ('["07:00", "22:00"]', '"07:00"', "plan[p-1].day: is text, not a list", "[…]"),
    ('["07:00", "22:00"]', '["22:00", "07:00"]', "plan[p-1].day: does not lie within a day", "07:00"),
    ('"p-1"', '"Zoé Martin"', "plan[Zoé Martin].patient: is no pseudonym", "A-Za-z0-9_-"),
    ('patient = "p-1"\n', "", "plan[0].patient: is missing", "add it"),
    ("[[plan]]", '[[plan]]\ntemplate = "defalt"', "plan[p-1].template: no template defalt", "default?"),
    ("days = 3", "days = 30", "plan[p-1].gains[gain].days: 30 is out of range", "1 to"),
    ("clear = 1.0", "clear = 3.0", "plan[p-1].gains[gain].clear: is not below amount", "smaller"),
    ('every = "1d"', "every = 0", "plan[p-1].expectations[heart-rate].every: is out of range", "1d"),
    ("acute = 6.5", "acute = -1", "plan[p-1].baselines[heart-rate].acute: is negative", "0 is off"),
    ("[[plan]]", '[[plan]]\npatient = "p-1"\n[[plan]]', "plan[p-1].patient: has a plan above already", "one"),
    (FAST, FAST + "[[plan.limits]]\n" + FAST, "plan[p-1].limits[fast]: comes twice", "once"),
    (PLAN, '[[plans]]\npatient = "p-1"', "plans: unknown key", "did you mean plan?"),
    (PLAN, "plan = 3", "plan: is a whole number, not a list", "[…]"),
    (PLAN, '[plan]\npatient = "p-1"', "plan: is a table, not a list", "[…]"),
    (PLAN, '[[plan]]\npatient = "p-1"\nlimits = [1]', "plan[p-1].limits[0]: is a whole number", "keys"),
    (PLAN, '[[plan]]\npatient = "p-1"\ntemplate = [1]', "plan[p-1].template: is a list, not text", "quotes"),
    (PLAN, "# nothing", "plan: no plan at all", "add [[plan]]"),
]  # fmt: skip
MAPS = [
    ("format =", "fromat =", "time.fromat: unknown key", "did you mean format?"),
    ("Europe/London", "Europe/Londn", "time.zone: no time zone 'Europe/Londn'", "Europe/London"),
    ("%Y-%m-%d %H:%M", "%Y-%m-%d %Q", "time.format: '%Y-%m-%d %Q' tells no date and time", "%H"),
    ("%Y-%m-%d %H:%M", "%H:%M", "time.format: '%H:%M' tells no date and time", "%Y"),
    ('["when"]', '"when"', "time.columns: is text, not a list", "[…]"),
    ('"heart-rate"', '"hart-rate"', "vitals.Pulse: unknown vital hart-rate", "did you mean heart-rate?"),
    ('"kind"', '"=hart-rate"', "columns.vital: unknown vital hart-rate", "did you mean heart-rate?"),
    ('value = "x"\n', "", "columns.value: is missing", "name a column"),
    (
        "[vitals]",
        '[wide.hr]\nvital = "heart-rate"\nunit = "/mn"\n[vitals]',
        "wide.hr: unknown unit /mn",
        "/min",
    ),
]


def broken(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(("text", "problem", "remedy"), FILES)
@pytest.mark.parametrize("option", ["--catalogue", "--plans", "--map"])
def test_a_file_that_does_not_read_says_how(
    tmp_path: Path, option: str, text: str | bytes, problem: str, remedy: str
) -> None:
    told = one(option, tmp_path, text)
    assert told.startswith(problem)
    assert told.endswith(remedy)


@pytest.mark.parametrize(
    ("text", "problem"), [("a = " + "[" * 5000, "nested too deeply"), ("a = " + "9" * 5000, "not TOML")]
)
@pytest.mark.parametrize("option", ["--catalogue", "--plans", "--map"])
def test_toml_that_its_parser_cannot_bear_is_a_fault(
    tmp_path: Path, option: str, text: str, problem: str
) -> None:
    assert problem in one(option, tmp_path, text)


@pytest.mark.parametrize("option", ["--catalogue", "--plans", "--map"])
def test_a_missing_file_and_a_folder_are_faults(tmp_path: Path, option: str) -> None:
    missing = check(option, str(tmp_path / "none.toml"), code=1)
    assert f"{tmp_path / 'none.toml'}: -: there is no such file; check the path" in missing
    assert "cannot be read" in check(option, str(tmp_path), code=1)


@pytest.mark.parametrize(("old", "new", "problem", "remedy"), CATALOGUES)
def test_a_fault_of_the_catalogue_is_named(
    tmp_path: Path, old: str, new: str, problem: str, remedy: str
) -> None:
    others = (INFRA / "catalogue.toml").read_text().split("[vital.heart-rate]")
    rest = others[0] + others[1][others[1].index("[vital.spo2]") :]
    text = broken(CATALOGUE, old, new)
    if old != CATALOGUE and "vitals" not in new and "vital." not in new:
        text += rest
    file = tmp_path / "file.toml"
    file.write_text(text)
    lines = check("--catalogue", str(file), code=1).splitlines()
    [told] = [line for line in lines if line.startswith(f"{file}: ")]
    assert told.startswith(f"{file}: {problem}")
    assert remedy in told


@pytest.mark.parametrize(("old", "new", "problem", "remedy"), PLANS)
def test_a_fault_of_a_plan_is_named(tmp_path: Path, old: str, new: str, problem: str, remedy: str) -> None:
    told = one("--plans", tmp_path, broken(PLAN, old, new))
    assert told.startswith(problem)
    assert remedy in told


@pytest.mark.parametrize(("old", "new", "problem", "remedy"), MAPS)
def test_a_fault_of_a_column_map_is_named(
    tmp_path: Path, old: str, new: str, problem: str, remedy: str
) -> None:
    told = one("--map", tmp_path, broken(MAP, old, new))
    assert told.startswith(problem)
    assert remedy in told


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("partition = 8", "partition: unknown key", "did you mean partitions?"),
        ("partitions = 0", "partitions: input should be greater than or equal to 1", "in that range"),
        ('partitions = "many"', "partitions: input should be a valid integer", "whole number"),
        ('ticks = "wroker"', "ticks: input should be 'worker' or 'log'", "one of these"),
        ('prefix = "two words"', "prefix: string should match pattern", "letters"),
        ('broker = "kafka:9092"', "broker: is no broker", "batch://host:9092"),
        ('endpoints = [{name = "n"}]', "endpoints.0.url: field required", "add it"),
        ('influx_url = "http://influx.example"', "influx_url: is not encrypted", "use https"),
        ("= 3", "-: not TOML", "mend the syntax"),
    ],
)
def test_a_fault_of_the_settings_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, problem: str, remedy: str
) -> None:
    file = tmp_path / "vigie.toml"
    file.write_text(text)
    monkeypatch.setenv("VIGIE_CONFIG", str(file))
    lines = [line for line in check(code=1).splitlines() if problem in line]
    assert lines[0].startswith(f"{file}: {problem}")
    assert remedy in lines[0]


def test_faults_of_every_file_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue, plans, column_map, config = (tmp_path / name for name in ("c", "p", "m", "s"))
    catalogue.write_text(
        CATALOGUE.replace("20.0", '"20"').replace('"8867-4"', '"8867-5"')
        + (INFRA / "catalogue.toml").read_text().replace("heart-rate", "pulse").replace('"kg"', '"kilos"', 1)
    )
    plans.write_text(
        PLAN.replace("Europe/Paris", "Mars/Base").replace('"2h"', '"soon"').replace("days = 3", "days = 30")
        + '[[plan]]\npatient = "p-2"\nprogram = "x"\n[[plan.limits]]\nrule = "a b"\nvital = "hart-rate"\n'
        'direction = "above"\nvalue = 1\nclear = 2\nseverity = "hgih"\n'
    )
    column_map.write_text(MAP.replace("Europe/London", "nowhere").replace('"heart-rate"', '"puls"'))
    config.write_text('partitions = 0\nticks = "x"\npartition = 3\n')
    monkeypatch.setenv("VIGIE_CONFIG", str(config))
    monkeypatch.setenv("VIGIE_PREFX", "x")
    monkeypatch.setenv("VIGIE_ENDPOINTS", "{")
    text = check(
        "--catalogue", str(catalogue), "--plans", str(plans), "--map", str(column_map), code=1
    )  # fmt: skip
    for told in (
        f"{catalogue}: vital.heart-rate.minimum: is text",
        f"{catalogue}: vital.body-weight.unit: 'kilos' is no UCUM unit",
        f"{plans}: plan[p-1].time_zone: no time zone 'Mars/Base'",
        f"{plans}: plan[p-1].limits[fast].within: 'soon' is no duration",
        f"{plans}: plan[p-1].gains[gain].days: 30",
        f"{plans}: plan[p-2].program: unknown key; did you mean programme?",
        f"{plans}: plan[p-2].limits[a b].severity: 'hgih' is none of its words; did you mean high?",
        f"{column_map}: time.zone: no time zone 'nowhere'",
        f"{column_map}: vitals.Pulse: unknown vital puls; did you mean pulse?",
        f"{config}: partition: unknown key; did you mean partitions?",
        f"{config}: partitions: input should be greater",
        f"{config}: ticks: input should be",
        "environment: VIGIE_PREFX: unknown key; did you mean VIGIE_PREFIX?",
        "environment: VIGIE_ENDPOINTS: is no JSON",
    ):
        assert told in text, text
    # heart-rate is named in the catalogue, though it does not read: plans are not told off for it
    assert "unknown vital heart-rate" not in text


def test_a_fault_hides_no_other_of_the_same_rule(tmp_path: Path) -> None:
    text = PLAN.replace('"high"', '"hihg"').replace("value = 120", 'valu = "1200"').replace("110", "400")
    file = tmp_path / "plans.toml"
    file.write_text(text.replace('"fast"\nvital = "heart-rate"', '"fast"\nvital = "heart rate"'))
    told = check("--plans", str(file), code=1)
    for key in ("severity: 'hihg'", "valu: unknown key", "valu: is text", "vital: unknown vital heart rate"):
        assert f"plan[p-1].limits[fast].{key}" in told
    file.write_text(text)
    told = check("--plans", str(file), code=1)
    for key in ("value: no heart-rate is ever 1200", "clear: no heart-rate is ever 400"):
        assert f"plan[p-1].limits[fast].{key}" in told


def test_the_faults_of_the_whole_table_are_all_told_of_one_file(tmp_path: Path) -> None:
    rows = [row for row in PLANS if row[0] != PLAN and not row[2].startswith(("plan[0]", "plan[Z"))]
    assert len(rows) > 20
    texts, expected = [], []
    for i, (old, new, problem, _) in enumerate(rows):
        texts.append(broken(PLAN, old, new).replace('"p-1"', f'"n-{i}"'))
        expected.append(problem.replace("p-1", f"n-{i}"))
    file = tmp_path / "plans.toml"
    file.write_text("\n".join(texts))
    text = check("--plans", str(file), code=1)
    assert [problem for problem in expected if f"{file}: {problem}" not in text] == []
    assert text.splitlines()[-1] == f"{len(rows)} faults"


ODD = [
    "3",
    "-1",
    "nan",
    '"nan"',
    '"120"',
    "1e308",
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "[1]",
    "[[]]",
    "[{}]",
    "2026-01-01",
    "{ a = 1 }",
]
PARSERS = {
    CATALOGUE: lambda text, _: parse_catalog(text, "file"),
    PLAN: lambda text, catalog: parse_plans(text, "file", catalog, {}, zone),
    MAP: lambda text, catalog: check_vitals(parse_map(text, "file"), catalog),
}


@pytest.mark.parametrize(("route", "told"), [("wrad", True), ("ward", False), ("", True)])
def test_a_route_that_no_endpoint_takes_is_remarked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str, told: bool
) -> None:
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    nurse = {"name": "nurse", "url": "https://nurse.example/", "secret": secret, "routes": ["ward"]}
    monkeypatch.setenv("VIGIE_ENDPOINTS", json.dumps([nurse]))
    (tmp_path / "p.toml").write_text(PLAN.replace("programme =", f'route = "{route}"\nprogramme ='))
    text = check("--plans", str(tmp_path / "p.toml"), code=0)
    assert (f"plan[p-1].route: no endpoint of the settings takes the route '{route}'" in text) == told


def test_a_fault_is_one_line_whatever_a_name_holds() -> None:
    assert str(Fault("f", "plan[a\nb\x1b]", "p", "r")) == r"f: plan[a\nb\x1b]: p; r"


@given(data=st.data())
@pytest.mark.parametrize("text", PARSERS, ids=["catalogue", "plan", "map"])
def test_whatever_stands_behind_a_key_is_taken_or_told_and_never_crashes(
    catalog: Catalog, text: str, data: st.DataObject
) -> None:
    lines = text.splitlines()
    places = [i for i, line in enumerate(lines) if " = " in line]
    for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=4, unique=True)):
        key = lines[place].partition(" = ")[0]
        lines[place] = f"{key} = {data.draw(st.sampled_from(ODD))}"
    faults: list[Fault] = []
    try:
        PARSERS[text]("\n".join(lines), catalog)
    except ConfigurationError as error:
        faults = error.faults
    assert all(fault.key and fault.problem and fault.remedy for fault in faults)


def test_the_command_itself_says_how_many_faults_and_exits_with_one(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(PLAN.replace("clear = 110", "clear = 130"))
    arguments = [*workers.VIGIE, "check", "--plans", str(tmp_path / "p.toml")]
    done = subprocess.run(arguments, env=workers.environment(tmp_path), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "1 fault\n")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"time_zone": "Mars/Base"}, "Mars/Base"),
        ({"expectations": [{"vital": "spo2", "every": 1e300, "grace": 0, "severity": "low"}]}, "every"),
        ({"limits": [{**LIMIT, "within": 1e306}]}, "within"),
        ({"limits": [{**LIMIT, "value": 1e300}]}, "value"),
    ],
)
def test_a_plan_in_the_log_that_could_stop_the_worker_is_refused(
    pipeline: Pipeline, change: dict[str, object], told: str
) -> None:
    plan = {"kind": "plan", "patient": "p-1", "programme": "own", "version": "1", **change}
    values = [json.dumps(plan).encode(), reading("p-1", "heart-rate", 70, START)]
    outputs = pipeline.process(values, [START, START], range(2))
    assert [reject.reason for reject in outputs.rejects] == ["invalid-plan"]
    assert told in outputs.rejects[0].detail
    assert pipeline.ledger.accepted == 1


GOOD_UNITS = (
    "mm[Hg] /min % Cel kg mg/dL mmol/L L/min {steps} 1 [degF] [lb_av] {beats}/min kPa m/s2 10*9/L 10*3/uL "
    "kcal/(kg.d) umol/(8.h.kg) s-1 dam cm[H2O] u[iU]/mL 10^6/l kg.m/s2 (m)/s mL/min/{1.73_m2} dB"
)
BAD_UNITS = (
    "mmHg bpm beats/min mg//dL mg. / (m m) °C lb KG mm[hg] kmin m() () {a {a}{b} min2x /.m ./m x"
)  # fmt: skip


def test_units_follow_the_syntax_of_ucum(catalog: Catalog) -> None:
    assert all(is_unit(vital.unit) for vital in catalog.vitals)
    assert [unit for unit in GOOD_UNITS.split() if not is_unit(unit)] == []
    assert [unit for unit in ["", "m g", *BAD_UNITS.split()] if is_unit(unit)] == []
