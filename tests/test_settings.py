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
