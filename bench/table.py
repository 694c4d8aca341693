"""The table of a run: a row per peer, medians over its rounds."""

from statistics import median
from typing import Any

HEAD = (
    f"{'peer':32} {'readings/s':>10} {'whole':>9} {'CPU s/M':>8} {'RSS MB':>7} {'p50 ms':>7} {'p99 ms':>7}"
    f"  {'undisturbed':24} after kill -9"
)


def table(runs: list[dict[str, Any]]) -> str:
    """All rows, in the order of the runs, with a line for what could not be measured."""
    names = list(dict.fromkeys(run["what"] for run in runs))
    rows = [_row(name, [run for run in runs if run["what"] == name]) for name in names]
    faults = [f"{run['what']}: {fault}" for run in runs for fault in run["faults"]]
    return "\n".join([HEAD, *rows, *faults])


def _row(name: str, runs: list[dict[str, Any]]) -> str:
    def middle(step: str, key: str) -> str:
        values = [run[step][key] for run in runs if step in run]
        return f"{median(values):,.0f}" if values and abs(median(values)) >= 10 else _small(values)

    figures = (
        f"{middle('full', 'rate'):>10} {middle('full', 'whole_rate'):>9} "
        f"{middle('full', 'processor_seconds_per_million'):>8} {middle('full', 'peak_megabytes'):>7} "
        f"{middle('light', 'median'):>7} {middle('light', 'percentile_99'):>7}"
    )
    again = middle("killed", "seconds_to_move_again")
    share = middle("killed", "killed_at")
    after = f"{_findings(runs, 'killed')}; {again} s, killed at {share}" if share != "-" else "-"
    return f"{name:32} {figures}  {_findings(runs, 'full'):24} {after}"


def _small(values: list[float]) -> str:
    return f"{median(values):.1f}" if values else "-"


def _findings(runs: list[dict[str, Any]], step: str) -> str:
    """What differs, summed over the rounds; harmless repeats are told, too."""
    found = [run[step] for run in runs if step in run]
    if not found:
        return "-"
    sums = {key: sum(run["findings"][key] for run in found) for key in found[0]["findings"]}
    words = [f"{count:,} {key.replace('_', ' ')}" for key, count in sums.items() if count]
    return ("exact" if all(run["exact"] for run in found) else "WRONG") + "".join(f", {w}" for w in words)
