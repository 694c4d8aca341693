import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import streams  # noqa: F401 - names the folder of compiled code before the core is imported
from models.catalog import Catalog
from models.pipeline import Pipeline
from models.plan import Plan
from streams.configuration import load_catalog, load_default_plan
from streams.zones import zone
from tests import workers

_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("default", max_examples=500, deadline=None, suppress_health_check=_CHECKS)
settings.register_profile("nightly", max_examples=10_000, deadline=None, suppress_health_check=_CHECKS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def no_process_outlives_its_test() -> Iterator[None]:
    yield
    workers.end_all()


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="session")
def default_plan(catalog: Catalog) -> Plan:
    return load_default_plan(None, catalog)


@pytest.fixture
def pipeline(catalog: Catalog, default_plan: Plan) -> Pipeline:
    return Pipeline(catalog, default_plan, zone)
