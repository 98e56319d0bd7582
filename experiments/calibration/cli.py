"""`crossmargin calibrate`: fit a model's parameters to what was recorded."""

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmargin.experiments.sweeps.cli import STOPPED, StoppedSweepError

if TYPE_CHECKING:
    from crossmargin.experiments.calibration.result import Fit


def calibrate(
    plan: Annotated[str, typer.Argument(help="TOML file, or a calibration that comes along.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for runs, tables and report.html.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Worker processes; all cores.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Fit parameters to recorded prices or stated outcomes; goes on where it was stopped."""
    from crossmargin.experiments.calibration.fit import calibrate as run
    from crossmargin.experiments.calibration.reading import load_calibration
    from crossmargin.experiments.store import check_folder

    found = load_calibration(plan)
    folder = out if out is not None else Path(f"{found.name}-calibration")
    check_folder(folder)
    try:
        with _watched(quiet=as_json) as progress:
            fit = run(plan, out=folder, jobs=jobs or os.cpu_count() or 1, progress=progress)
    except KeyboardInterrupt:
        typer.echo(f"stopped; what was run is in {folder}. The same command goes on", err=True)
        raise StoppedSweepError(STOPPED) from None
    # the report lies above this folder: it is looked up by name, so that imports run one way
    report = importlib.import_module("crossmargin.dashboards.calibration_report")
    report.write_calibration_report(fit, folder / "report.html")
    if as_json:
        typer.echo(json.dumps(fit.summary, default=float))
    else:
        _print(fit, folder)


@contextmanager
def _watched(*, quiet: bool) -> Iterator[Callable[[str, int], None]]:
    """Line on standard error with what is being done, when that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown = sys.stderr.isatty() and not quiet
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task("first points", total=None)
        yield lambda stage, runs: bar.update(task, description=f"{stage}: {runs:,} runs")


def _print(fit: "Fit", folder: Path) -> None:
    from rich.table import Table

    from crossmargin.experiments.console import console

    out = console()
    table = Table(title=fit.calibration.name, title_justify="left", box=None)
    for name in ("parameter", "estimate", "from", "to", "unit", "verdict"):
        table.add_column(name, justify="left" if name in ("parameter", "unit") else "right")
    ends = [c for c in fit.parameters.columns if c.startswith(("low_", "high_"))]
    for row in fit.parameters.to_dict("records"):
        numbers = [f"{row[key]:.4g}" for key in ("estimate", *ends)]
        table.add_row(row["label"], *numbers, row["unit"], row["verdict"])
    out.print(table)
    for sentence in fit.words:
        out.print(sentence)
    s = fit.summary
    new = f"{s['new_runs']:,} of them new" if s["new_runs"] else "none of them new"
    failed = f", {s['failed_runs']:,} failed" if s["failed_runs"] else ""
    out.print(f"{s['runs']:,} runs, {new}{failed}; {s['seconds']:.1f} s")
    out.print(f"written: {folder / 'report.html'}")
