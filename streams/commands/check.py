"""`vigie check`: everything that is written by hand, before it runs. Tells every fault, not the first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from models.catalog import Catalog
from models.news2 import excluded
from models.plan import LISTS
from models.strict import ConfigurationError, Fault, faults_in
from streams.configuration import load_catalog, load_default_plan, load_plans, load_templates, read
from streams.ingest.columns import ColumnMap, check_vitals, parse_map
from streams.settings import Settings, load_settings

PATH = click.Path(path_type=Path)


class Findings:
    """The faults found so far, what was looked at, and what is no fault but must be known."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.checked: list[str] = []
        self.notes: list[str] = []

    def of(self, load: Callable[..., Any], *arguments: Any) -> Any:
        """What a loader gives; or, when it finds faults, what is good of it, if anything."""
        try:
            return load(*arguments)
        except ConfigurationError as error:
            self.faults += [fault for fault in error.faults if fault not in self.faults]
            return error.rest


@click.command(name="check")
@click.option("--plans", "plan_files", type=PATH, multiple=True, help="A file of care plans; again for more.")
@click.option("--catalogue", type=PATH, help="The catalogue, instead of the settings' one.")
@click.option("--map", "map_files", type=PATH, multiple=True, help="A column map; again for more.")
def command(plan_files: tuple[Path, ...], catalogue: Path | None, map_files: tuple[Path, ...]) -> None:
    """Check settings, catalogue, shipped programmes, care plans and column maps.

    Prints each fault as `file: key: problem; remedy` and exits with 1, or says in a line what was checked.
    """
    found = Findings()
    settings: Settings | None = found.of(load_settings)
    found.checked.append("settings")
    catalogue = catalogue or (settings.catalogue if settings else None)
    catalog: Catalog | None = found.of(load_catalog, catalogue)
    if catalog is not None:
        found.checked.append(f"{len(catalog.vitals)} vitals")
        check_plans(found, catalog, settings, plan_files)
    for file in map_files:
        check_map(found, catalog, file)
    for line in [*found.faults, *found.notes]:
        click.echo(str(line))
    if catalog is None:
        click.echo("no plan was checked, since no catalogue can be read", err=True)
    if found.faults:
        click.echo(f"{len(found.faults)} fault{'s' * (len(found.faults) > 1)}", err=True)
        raise SystemExit(1)
    click.echo(f"no fault in {', '.join(found.checked)}")


def check_plans(
    found: Findings, catalog: Catalog, settings: Settings | None, files: tuple[Path, ...]
) -> None:
    """The shipped programmes, the default plan of the settings, and files of plans."""
    templates = found.of(load_templates, catalog)
    rules = sum(len(getattr(plan, key)) for plan in templates.values() for key in LISTS)
    found.checked.append(f"{len(templates)} programmes with {rules} rules")
    if settings is not None and settings.default_plan is not None:
        found.of(load_default_plan, settings.default_plan, catalog)
        found.checked.append(f"the default plan {settings.default_plan}")
    for file in files:
        plans = found.of(load_plans, file, catalog) or ()
        scored = sum(plan.news2 is not None and not excluded(plan.news2) for plan in plans)
        found.checked.append(f"{file} with {len(plans)} plans, NEWS2 in {scored} of them")
        found.notes += [
            f"{file}: plan[{plan.patient}].news2: {reason}"
            for plan in plans
            if (reason := excluded(plan.news2))
        ]
        endpoints = settings.endpoints if settings is not None else []
        found.notes += [
            f"{file}: plan[{plan.patient}].route: no endpoint of the settings takes the route "
            f"{plan.route!r}; its alerts are sent to nobody"
            for plan in plans
            if endpoints and not any(endpoint.takes(plan.route) for endpoint in endpoints)
        ]


def check_map(found: Findings, catalog: Catalog | None, file: Path) -> None:
    """A column map, and that the core knows what it maps to."""
    column_map: ColumnMap | None = found.of(lambda: parse_map(read(file), str(file)))
    if column_map is not None and catalog is not None:
        found.faults += faults_in(str(file), check_vitals(column_map, catalog))
    found.checked.append(str(file))
