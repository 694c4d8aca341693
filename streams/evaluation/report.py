"""Tables on the terminal, JSON and a plot beside them: the same report for every evaluation."""

import json
import math
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from xml.sax.saxutils import escape

import click
import numpy as np

from models.score.acute_parameters import BASIS
from streams.compilation import share_compiled_code

Command = TypeVar("Command", bound=Callable[..., Any])
Row = list[str | int | float]
COLOURS = ("#1b5e8c", "#c2571a", "#3c7d3c", "#7a4b94", "#666666", "#b3a125", "#a8324e", "#2a9d8f")
WIDTH, HEIGHT, MARGIN = 640, 420, 60
SIMULATED: Final = "simulated cohorts of other seeds (31001 to 38001)"
TUNED_ON: Final = {
    "nab": BASIS,
    "drift": f"parameters and shares of the channels: {SIMULATED}",
    "tihm": f"the limits called tuned: the visible recording; change over days: {SIMULATED}",
    "icu": "nothing",
    "welltory": f"change over days: {SIMULATED}; nothing on this recording",
    "diary": f"acute baseline: {BASIS}; nothing on this recording",
    "joint": "nothing; the thresholds are of the first cohort",
    "verdicts": "drift test and priors: simulated nurses of seeds 1 and 11; nothing on TIHM",
}


class Table(NamedTuple):
    """A table: what it is about, its columns, its rows (numbers are shown with three digits)."""

    title: str
    columns: list[str]
    rows: list[Row]


class Curve(NamedTuple):
    """One line of a plot: points (x, y) in the order in which they are joined."""

    name: str
    points: list[tuple[float, float]]


class Plot(NamedTuple):
    """A plot of some curves."""

    title: str
    x: str
    y: str
    curves: list[Curve]


class Real(click.FloatRange):
    """A number of a range; what is none (NaN) lies in no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number. Fails with a usage error that names the range."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


PERCENT: Final = Real(0, 90)
BUDGET: Final = Real(0.001, 70)  # alerts per patient-week
COUNT: Final = click.IntRange(1)
SEED: Final = click.IntRange(0)


def options(function: Command) -> Command:
    """The options that all evaluations share: --data and --out."""
    folder = click.Path(path_type=Path, exists=True, file_okay=False)
    function = click.option("--data", type=folder, required=True, help="Folder of the recording.")(function)
    out = click.Path(path_type=Path, file_okay=False)
    return click.option("--out", type=out, help="Folder for the figures as JSON and plots.")(function)


def perturbations(function: Command) -> Command:
    """The options of an evaluation that is repeated with whatever was learned or tuned moved at once."""
    for option in (
        click.option("--seed", type=SEED, default=1, help="Of --perturb."),
        click.option("--repeats", type=click.IntRange(2), default=10, help="How often --perturb repeats."),
        click.option("--perturb", type=PERCENT, help="Repeat, parameters moved by up to ± %."),
    ):
        function = option(function)
    return function


def repeated(title: str, columns: list[str], figures: Sequence[Sequence[float]]) -> Table:
    """Mean, standard deviation and least of the figures of repeated runs, two at least, a row each."""
    table = np.array(figures, float)
    measures = {"mean": table.mean(axis=0), "sd": table.std(axis=0, ddof=1), "min": table.min(axis=0)}
    rows: list[Row] = [[name, *values.tolist()] for name, values in measures.items()]
    return Table(title, ["figure", *columns], rows)


def need(path: Path) -> Path:
    """A file of the recording. Raises a usage error that names it when it is not there."""
    if not path.exists():
        raise click.UsageError(f"--data: no {path.name} in {path.parent}; see the format of the recording")
    return path


def tell(
    name: str, tables: list[Table], plots: list[Plot], out: Path | None, notes: Sequence[str] = ()
) -> None:
    """Print the tables and notes; write NAME.json and a plot per file into `out` when it is given.

    The JSON also says what was asked, of which version, and on what it was tuned. Raises a usage error when
    `out` cannot be written; the figures are printed by then.
    """
    for table in tables:
        click.echo(as_text(table))
    for note in notes:
        click.echo(note)
    if out is None:
        return
    asked = click.get_current_context().params
    told = {
        "evaluation": name,
        "version": f"{version('vigie')}, core {share_compiled_code().name}",
        "tuned_on": TUNED_ON[name],
        "parameters": {
            option: value.name if isinstance(value, Path) else value
            for option, value in sorted(asked.items())
            if option != "out"
        },
        "tables": {table.title: [_row(table, row) for row in table.rows] for table in tables},
        "notes": list(notes),
        "curves": {plot.title: {c.name: _points(c) for c in plot.curves} for plot in plots},
    }
    text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(text + "\n", "utf-8")
        for number, plot in enumerate(plots, 1):
            (out / f"{name}-{number}.svg").write_text(_svg(plot), "utf-8")
    except OSError as error:
        raise click.UsageError(f"--out: cannot be written: {error}; name another folder") from error


def _defined(cell: Any) -> Any:
    """JSON knows neither NaN nor infinity: what is undefined is null."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _points(curve: Curve) -> list[list[float | None]]:
    return [[_defined(x), _defined(y)] for x, y in curve.points]


def _row(table: Table, row: Row) -> dict[str, Any]:
    """A row by its columns."""
    return {name: _defined(cell) for name, cell in zip(table.columns, row, strict=True)}


def shown(cell: str | int | float) -> str:
    """A cell as the terminal shows it; - where it is undefined."""
    if isinstance(cell, float) and math.isnan(cell):
        return "-"  # undefined, such as a rate of nothing
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def as_text(table: Table) -> str:
    """The table as the terminal shows it."""
    rows = [table.columns, *([shown(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    lines = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([table.title, *lines, ""])


def _svg(plot: Plot) -> str:
    """The plot as a small SVG: axes from 0 or what is less, a legend, one polyline per curve."""
    points = [point for curve in plot.curves for point in curve.points if all(map(math.isfinite, point))]
    right = max((x for x, _ in points), default=1.0) or 1.0
    bottom = min((0.0, *(y for _, y in points)))
    top = max((y for _, y in points), default=1.0)
    top = top if top > bottom else bottom + 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = MARGIN + x / right * (WIDTH - 2 * MARGIN)
        return across, HEIGHT - MARGIN - (y - bottom) / (top - bottom) * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{MARGIN}" y="24" font-size="15">{escape(plot.title)}</text>',
        f'<path d="M{MARGIN},{MARGIN} V{HEIGHT - MARGIN} H{WIDTH - MARGIN}" fill="none" stroke="black"/>',
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 20}" text-anchor="end">{escape(plot.x)}</text>',
        f'<text x="{MARGIN}" y="{MARGIN - 12}">{escape(plot.y)}</text>',
    ]
    for share in (0.25, 0.5, 0.75, 1.0):
        level = bottom + share * (top - bottom)
        x, y = place(share * right, level)
        parts.append(
            f'<text x="{x}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{share * right:.3g}</text>'
        )
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4}" text-anchor="end">{level:.3g}</text>')
    for i, curve in enumerate(plot.curves):
        colour, left = COLOURS[i % len(COLOURS)], WIDTH - MARGIN - 180
        finite = (point for point in curve.points if all(map(math.isfinite, point)))
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in finite))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{left}" y="{MARGIN + 16 * i}" fill="{colour}">{escape(curve.name)}</text>')
    return "\n".join([*parts, "</svg>\n"])
