"""Settings: what is wrong is named with its remedy, and no secret is ever shown."""

import base64
import json
import os
from pathlib import Path

import pytest

from models.strict import ConfigurationError
from streams.settings import Settings, load_settings

PLAIN = "a test's secret of thirty bytes"
SECRET = "whsec_" + base64.b64encode(PLAIN.encode()).decode()
NURSE = {"name": "nurse", "url": "https://nurse.example/alerts", "secret": SECRET}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VIGIE_")]:
        monkeypatch.delenv(name)


def told(**overrides: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**overrides)
    assert PLAIN not in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "vigie.toml"
    file.write_text('prefix = "of-file"\npartitions = 8\n')
    monkeypatch.setenv("VIGIE_CONFIG", str(file))
    monkeypatch.setenv("VIGIE_PREFIX", "of-environment")
    settings = load_settings()
    assert (settings.prefix, settings.partitions) == ("of-environment", 8)


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "vigie.toml"
    file.write_text("partition = 8\n")
    monkeypatch.setenv("VIGIE_CONFIG", str(file))
    monkeypatch.setenv("VIGIE_PREFX", "x")
    text = told()
    assert "partitions" in text
    assert "VIGIE_PREFX" in text
    assert "VIGIE_PREFIX" in text


def test_an_unknown_key_of_an_endpoint_names_the_nearest_too() -> None:
    text = told(endpoints=[{**NURSE, "route": ["ward"]}])
    assert "endpoints.0.route" in text
    assert "routes" in text


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"url": "http://nurse.example/"}, "use https"),
        ({"url": "https://user:word@nurse.example/"}, "leave them out"),
        ({"url": "nurse"}, "write https://"),
        ({"secret": "whsec_c2hvcnQ="}, "24 to 64"),
        ({"name": "two words"}, "name"),
    ],
)
def test_an_endpoint_that_would_leak_or_never_work_is_refused(change: dict[str, str], remedy: str) -> None:
    text = told(endpoints=[{**NURSE, **change}])
    assert remedy in text
    assert "word@" not in text


def test_two_endpoints_of_one_name_are_refused() -> None:
    assert "twice" in told(endpoints=[NURSE, NURSE])


def test_broken_json_in_the_environment_is_told_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_ENDPOINTS", f'[{{"secret": "{SECRET}"')
    assert "VIGIE_ENDPOINTS" in told()


def test_the_influx_sink_says_everything_it_lacks() -> None:
    text = told(sink="influx")
    assert all(key in text for key in ("influx_url", "influx_org", "influx_bucket", "influx_token"))


def test_no_secret_shows_in_any_form_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_ENDPOINTS", json.dumps([NURSE]))
    monkeypatch.setenv("VIGIE_INFLUX_TOKEN", PLAIN)
    settings = load_settings()
    shown = repr(settings) + str(settings) + settings.model_dump_json() + str(settings.model_dump())
    assert SECRET not in shown
    assert PLAIN not in shown
    assert set(settings.secrets()) == {SECRET, PLAIN}


def test_the_defaults_are_the_embedded_deployment() -> None:
    settings = Settings()
    assert settings.log_folder() == Path("vigie-data")
    assert settings.results_database() == Path("vigie-data/results.db")
    assert settings.topic("alerts") == "vigie.alerts"


def test_a_secret_in_a_file_wins_over_toml_and_loses_to_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vigie.toml").write_text('influx_token = "of-toml"\n')
    (tmp_path / "vigie_influx_token").write_text("of-file\n")
    monkeypatch.setenv("VIGIE_CONFIG", str(tmp_path / "vigie.toml"))
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path))
    assert load_settings().secrets() == ["of-file"]
    monkeypatch.setenv("VIGIE_INFLUX_TOKEN", "of-environment")
    assert load_settings().secrets() == ["of-environment"]


@pytest.mark.parametrize(
    ("name", "value", "problem", "remedy"),
    [
        ("BROKER", "log://", "names no folder", "log:///folder"),
        ("BROKER", "log://?sync=full", "names no folder", "log:///folder"),
        ("BROKER", "log:///a?synk=full", "unknown option synk", "did you mean sync?"),
        ("BROKER", "log:///a?poll=soon", "has an option that is none", "write poll=0.02"),
        ("BROKER", "batch://", "names no broker", "batch://one:9092;batch://two:9092"),
        ("BROKER", "batch://kafka:x", "names no broker", "batch://one:9092;batch://two:9092"),
        ("BROKER", "batch://kafka:99999", "names no broker", "batch://one:9092;batch://two:9092"),
        ("BROKER", "batch://one:9092,two:9092", "names no broker", "batch://one:9092;batch://two:9092"),
        ("TICK_SECONDS", "inf", "less than or equal", "in that range"),
        ("CHECKPOINT_SECONDS", "1e400", "less than or equal", "in that range"),
        ("SESSION_SECONDS", "1e9", "less than or equal", "in that range"),
        ("INFLUX_RAW_DAYS", "99999999999", "less than or equal", "in that range"),
        ("INFLUX_URL", "https://influx:99999", "is no web address", "https://host/path"),
        ("INFLUX_URL", "http://[::1", "is no web address", "https://host/path"),
        ("INFLUX_TOKEN", "of two\nlines", "nor name:password on one line", "influx setup"),
        ("INFLUX_TOKEN", "clé", "nor name:password on one line", "influx setup"),
        ("ENDPOINTS", "[" * 20_000, "is no JSON", '[{"name"'),
        ("ENDPOINTS", "[1]", "valid dictionary", '[{"name"'),
    ],
)
def test_what_could_only_fail_later_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str, remedy: str
) -> None:
    monkeypatch.setenv(f"VIGIE_{name}", value)
    text = told()
    assert text.startswith(f"environment: VIGIE_{name}")
    assert problem in text
    assert remedy in text


@pytest.mark.parametrize(
    "url",
    [
        "https://h:99999/", "https://h:x/", "https://h/a b", "https://h/\r\nX-A: b",
        "https://a..b/", "https://.h/", f"https://{'h' * 64}.example/",
    ],
)  # fmt: skip
def test_an_endpoint_that_no_client_could_call_is_refused_before_it_stops_the_courier(url: str) -> None:
    assert "is no web address; write https://host/path" in told(endpoints=[{**NURSE, "url": url}])


@pytest.mark.parametrize(
    "broker", ["log://folder", "log:///a?sync=normal", "batch://a:1;b:2;batch://[::1]:3"]
)
def test_brokers_are_taken_as_documented(broker: str) -> None:
    assert load_settings(broker=broker).broker == broker


def test_the_writer_of_a_bucket_with_an_accent_comes_in() -> None:
    assert load_settings(influx_token="télé-writer:word").secrets() == ["télé-writer:word"]


def test_true_is_no_number_of_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "vigie.toml"
    file.write_text("partitions = true\n")
    monkeypatch.setenv("VIGIE_CONFIG", str(file))
    assert "partitions: is true or false" in told()


def test_a_name_in_small_letters_is_looked_at_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("vigie_partitons", "8")
    monkeypatch.setenv("vigie_tick_seconds", "soon")
    assert "vigie_partitons: unknown key; did you mean VIGIE_PARTITIONS?" in told()
    assert "environment: VIGIE_TICK_SECONDS: " in told()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("vigie_influx_token", b"caf\xe9", "not UTF-8 at byte 3"),
        ("vigie_influx_token", None, "cannot be read"),
        ("vigie_endpoints", b'[{"name":', "is no JSON"),
        ("vigie_influx_tokem", b"x", "did you mean vigie_influx_token?"),
    ],
)
def test_a_file_of_a_secret_that_is_of_no_use_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, problem: str
) -> None:
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path))
    text = told()
    assert text.startswith(str(tmp_path / name))
    assert problem in text


def test_a_file_of_a_secret_may_begin_as_some_editors_begin_it_or_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vigie_influx_token").write_bytes(b"\xef\xbb\xbfof-file\r\n")
    (tmp_path / "vigie_endpoints").write_bytes(b"\n")
    (tmp_path / "kafka-ca.crt").write_bytes(b"no setting")
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path))
    assert load_settings().secrets() == ["of-file"]


def test_a_folder_of_secrets_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("VIGIE_SECRETS", str(tmp_path / "file"))
    assert "VIGIE_SECRETS: is no folder" in told()


def test_a_certificate_to_trust_that_is_not_there_is_told(tmp_path: Path) -> None:
    given = {"influx_ca": tmp_path / "none", "influx_url": "https://influx"}
    assert "influx_ca: cannot be read" in told(sink="influx", **given)
    assert load_settings(sink="none", **given), "who stores nothing does without, as the console does"
