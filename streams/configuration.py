"""Catalogue, programme templates and plans from files: the shipped ones, or those a deployment names."""

from pathlib import Path

from models.catalog import Catalog, parse_catalog
from models.plan import Plan
from models.plan_file import parse_plans, parse_programme
from models.strict import ConfigurationError, Fault
from streams.zones import zone

INFRA = Path(__file__).parent.parent / "infra"


def read(path: Path) -> str:
    """A file's text. Raises ConfigurationError when it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        fault = Fault(str(path), "-", "there is no such file", "check the path")
    except UnicodeDecodeError as error:
        fault = Fault(str(path), "-", f"not UTF-8 at byte {error.start}", "save it as UTF-8")
    except OSError as error:
        fault = Fault(str(path), "-", f"cannot be read: {error.strerror}", "check the path and its rights")
    raise ConfigurationError([fault])


def load_catalog(path: Path | None = None) -> Catalog:
    """The shipped catalogue, or another. Raises ConfigurationError."""
    path = path or INFRA / "catalogue.toml"
    return parse_catalog(read(path), str(path))


def load_templates(catalog: Catalog) -> dict[str, Plan]:
    """The shipped programmes by name. Raises ConfigurationError; its rest is what is good of them."""
    templates, faults = {}, []
    for path in sorted((INFRA / "plans").glob("*.toml")):
        try:
            templates[path.stem] = parse_programme(read(path), str(path), catalog, zone)
        except ConfigurationError as error:
            faults += error.faults
            if error.rest is not None:
                templates[path.stem] = error.rest
    if faults:
        raise ConfigurationError(faults, templates)
    return templates


def load_plans(path: Path, catalog: Catalog) -> list[Plan]:
    """The plans of a file. Raises ConfigurationError."""
    return parse_plans(read(path), str(path), catalog, load_templates(catalog), zone)


def load_default_plan(path: Path | None, catalog: Catalog) -> Plan:
    """The plan of everyone without one: the shipped default, or the "*" plan of a file."""
    if path is None:
        return load_templates(catalog)["default"]
    for plan in load_plans(path, catalog):
        if plan.patient == "*":
            return plan
    raise ConfigurationError([Fault(str(path), "plan", 'no plan for "*"', 'add [[plan]] patient = "*"')])
