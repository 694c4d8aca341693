"""Catalogue, programme templates and plans from files: the shipped ones, or those a deployment names."""

from pathlib import Path

from models.catalog import Catalog, ConfigurationError, Fault, parse_catalog
from models.plan import Plan, Template, parse_plans, parse_programme
from streams.zones import zone

INFRA = Path(__file__).parent.parent / "infra"


def read(path: Path) -> str:
    """A file's text. Raises ConfigurationError when it cannot be read."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            [Fault(str(path), "-", f"cannot be read: {error}", "check the path")]
        ) from error


def load_catalog(path: Path | None = None) -> Catalog:
    """The shipped catalogue, or another. Raises ConfigurationError."""
    path = path or INFRA / "catalogue.toml"
    return parse_catalog(read(path), str(path))


def load_templates(catalog: Catalog) -> dict[str, Template]:
    """The shipped programmes by name. Raises ConfigurationError."""
    return {
        path.stem: parse_programme(read(path), str(path), catalog)
        for path in sorted((INFRA / "plans").glob("*.toml"))
    }


def load_plans(path: Path, catalog: Catalog) -> list[Plan]:
    """The plans of a file; their time zones must exist. Raises ConfigurationError."""
    plans = parse_plans(read(path), str(path), catalog, load_templates(catalog))
    faults = []
    for plan in plans:
        try:
            zone(plan.time_zone or "UTC")
        except (KeyError, ValueError):
            key = f"plan of {plan.patient}: time_zone"
            faults.append(Fault(str(path), key, f"no time zone {plan.time_zone}", "write Europe/Paris"))
    if faults:
        raise ConfigurationError(faults)
    return plans


def load_default_plan(path: Path | None, catalog: Catalog) -> Plan:
    """The plan of everyone without one: the shipped default, or the "*" plan of a file."""
    if path is None:
        path = INFRA / "plans" / "default.toml"
        return parse_plans(
            '[[plan]]\npatient = "*"\ntemplate = "default"', str(path), catalog, load_templates(catalog)
        )[0]
    for plan in load_plans(path, catalog):
        if plan.patient == "*":
            return plan
    raise ConfigurationError([Fault(str(path), "plan", 'no plan for "*"', 'add [[plan]] patient = "*"')])
