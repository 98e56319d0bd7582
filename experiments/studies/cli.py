"""`crossmargin study`: rerun a ready study with one command, and draw its figure."""

import functools
import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from crossmargin.experiments.sweeps import cli as sweeps


def study(
    name: Annotated[
        str | None, typer.Argument(help="Name of a ready study; without it they are listed.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder; by default the name of the study.")
    ] = None,
    jobs: sweeps.Jobs = None,
    quick: Annotated[bool, typer.Option("--quick", help="A coarse grid of some seconds.")] = False,
    as_json: sweeps.AsJson = False,
) -> None:
    """Rerun a ready study and write its figure; goes on where it was stopped."""
    if name is None:
        _list(as_json=as_json)
        return
    from crossmargin.experiments.studies.findings import findings
    from crossmargin.experiments.studies.study import load_study
    from crossmargin.experiments.sweeps.engine import conduct
    from crossmargin.experiments.sweeps.results import load_sweep

    found = load_study(name)
    folder = out if out is not None else Path(f"{name}-quick" if quick else name)
    plan = found.make_plan(quick=quick)
    start = functools.partial(conduct, plan, out=folder, jobs=jobs)
    progress = sweeps.watched(start, name, folder, is_quiet=as_json).progress
    sweep = load_sweep(folder)
    # figures lie above this folder: they are looked up by name, so that imports run one way
    home = importlib.import_module("crossmargin.dashboards.study")
    problem = home.write_study(found, sweep, folder)
    facts = {
        "study": name,
        "folder": str(folder),
        "runs": progress.done,
        "failed": progress.failed,
        "seconds": progress.seconds,
        "found": findings(sweep, found),
        "figure": str(folder / ("figure.html" if problem else "figure.svg")),
    }
    _print(facts, problem, as_json=as_json)
    if progress.failed:
        typer.echo(f"{progress.told_failures}: see failures.parquet in {folder}", err=True)
        raise typer.Exit(sweeps.FAILED)


def _print(facts: dict[str, Any], problem: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        for sentence in facts["found"]:
            typer.echo(sentence)
        typer.echo(
            f"{facts['study']}: {facts['runs']:,} runs, {facts['seconds']:,.0f} s; "
            f"figure and report in {facts['folder']}"
        )
    if problem:
        typer.echo(f"no figure.svg, but figure.html: {problem}", err=True)


def _list(*, as_json: bool) -> None:
    """Names of the studies, each with what it asks."""
    from crossmargin.experiments.studies.study import load_study, study_names

    lines = {name: load_study(name).line for name in study_names()}
    if as_json:
        typer.echo(json.dumps(lines))
        return
    width = max(map(len, lines))
    for name, line in lines.items():
        typer.echo(f"{name:<{width}}  {line}")
