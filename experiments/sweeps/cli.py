"""The commands `crossmargin sweep run|status|merge|retry|report`."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from crossmargin.experiments.sweeps.engine import Conducted

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Many runs by a plan: on this machine, a cluster or a job array; resumed when stopped.",
)

#: Exit codes: some run failed, workers are gone or results cannot be written; stopped by Ctrl-C.
FAILED, STOPPED = 1, 130

Folder = Annotated[Path, typer.Argument(help="Folder of a sweep.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Workers; all cores by default.")]
Executor = Annotated[
    str | None, typer.Option(metavar="serial|threads|processes", help="Where runs are executed.")
]
Dask = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No bar, and no words but about failures.")]
OtherVersion = Annotated[
    bool,
    typer.Option(
        "--other-version",
        help="Go on in a folder of another version of the model: its runs are kept, count as done "
        "and are not done again; this version does what is missing, and timing says which made "
        "each run.",
    ),
]


class StoppedSweepError(SystemExit):
    """Stopped by Ctrl-C, and what was said about it is enough."""


@app.command()
def run(
    plan: Annotated[str, typer.Argument(help="TOML file, or name of a plan that comes along.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder; by default the name of the plan.")
    ] = None,
    jobs: Jobs = None,
    executor: Executor = None,
    dask: Dask = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Part I of N, from 1; for job arrays.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many runs alone.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    other_version: OtherVersion = False,
) -> None:
    """Do the runs of a plan that are not done yet."""
    from crossmargin.experiments.sweeps.engine import conduct
    from crossmargin.experiments.sweeps.plan import load_plan
    from crossmargin.experiments.sweeps.tasks import parse_shard

    name = load_plan(plan).name
    folder = out if out is not None else Path(name.replace(" ", "-"))
    start = functools.partial(
        conduct,
        plan,
        out=folder,
        shard=parse_shard(shard),
        limit=limit,
        other_version=other_version,
        jobs=jobs,
        executor=executor,
        dask=dask,
    )
    _conduct(start, name, folder, (as_json, quiet))


@app.command()
def retry(
    folder: Folder,
    jobs: Jobs = None,
    executor: Executor = None,
    dask: Dask = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    other_version: OtherVersion = False,
) -> None:
    """Do the failed runs of a folder again."""
    from crossmargin.experiments.sweeps.engine import retry as again

    start = functools.partial(
        again, folder, other_version=other_version, jobs=jobs, executor=executor, dask=dask
    )
    _conduct(start, folder.name, folder, (as_json, quiet))


def _conduct(
    start: Callable[..., "Conducted"], name: str, folder: Path, shown: tuple[bool, bool]
) -> None:
    """Run with a bar, say what came of it, and end with the exit code that fits."""
    as_json, quiet = shown
    found = watched(start, name, folder, is_quiet=quiet or as_json)
    _print(found, folder, as_json=as_json, quiet=quiet)
    if found.progress.failed:
        raise typer.Exit(FAILED)


def watched(
    start: Callable[..., "Conducted"], name: str, folder: Path, *, is_quiet: bool
) -> "Conducted":
    """Run with a bar where somebody looks; say so when it is stopped or results are lost."""
    import sys

    from crossmargin.experiments.sweeps.driver import RunError
    from crossmargin.experiments.sweeps.executors import WorkerError
    from crossmargin.experiments.sweeps.files import StorageError
    from crossmargin.experiments.sweeps.progress import Progress, rich_bar

    is_shown = sys.stderr.isatty() and not is_quiet
    last = Progress()

    def follow(progress: Progress) -> None:
        nonlocal last
        last = progress
        show(progress)

    try:
        with rich_bar(name, shown=is_shown) as show:
            return start(report=follow)
    except KeyboardInterrupt:
        typer.echo(
            f"stopped: {last.done:,} of {last.total:,} runs are done and in {folder}; the same "
            "command goes on from there",
            err=True,
        )
        raise StoppedSweepError(STOPPED) from None
    except (RunError, StorageError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from None
    except WorkerError as error:
        typer.echo(
            f"error: {error}; what is finished is in {folder}, the same command goes on from there",
            err=True,
        )
        raise typer.Exit(FAILED) from None


def _print(found: "Conducted", folder: Path, *, as_json: bool, quiet: bool) -> None:
    progress = found.progress
    if as_json:
        names = ("total", "done", "failed", "missing", "reused", "seconds", "rate")
        facts = {name: getattr(progress, name) for name in names}
        typer.echo(json.dumps({"plan": found.plan.name, "folder": str(folder)} | facts))
    elif not quiet:
        again = f", {progress.reused:,} of them before" if progress.reused else ""
        typer.echo(
            f"{found.plan.name}: {progress.done:,} of {progress.total:,} runs done{again}; "
            f"{progress.seconds:,.1f} s; written to {folder}"
        )
    if progress.failed:
        typer.echo(f"{progress.told_failures}: see failures.parquet in {folder}", err=True)


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Say how far a sweep is: done, failed, missing, rate."""
    from crossmargin.experiments.sweeps.reading import mixed
    from crossmargin.experiments.sweeps.status import status as status_of

    found = status_of(folder)
    if as_json:
        typer.echo(json.dumps(found.table))
        return
    typer.echo(f"{found.plan}: {found.points:,} points, {found.total:,} runs")
    typer.echo(f"    done {found.done:,}, failed {found.failed:,}, missing {found.missing:,}")
    typer.echo(
        f"    {found.rate:,.3g} runs a second by {found.workers} workers, "
        f"{found.mean_seconds:,.3g} s a run, {found.files:,} files"
    )
    if found.missing and found.rate:
        typer.echo(f"    at that rate {found.missing / found.rate:,.0f} s are left")
    if found.failed:
        typer.echo(f"    {found.failed:,} of {found.total:,} failed: see failures.parquet")
    if len(found.model_versions) > 1:
        typer.echo(f"    {mixed(found.model_versions)}: timing says which made each run")
    if found.errors:
        typer.echo(f"    results could not be written, last: {found.errors[-1]}; see errors.txt")


@app.command()
def merge(
    folder: Annotated[Path, typer.Argument(help="Folder that takes the runs.")],
    sources: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of the same plan; without any the folder's own files."),
    ] = None,
) -> None:
    """Join folders of one plan, such as shards, into few files."""
    from crossmargin.experiments.sweeps.merge import merge as join

    runs = join(folder, list(sources or []))
    typer.echo(f"{folder}: {runs:,} runs")


@app.command()
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="HTML file; by default report.html in the folder.")
    ] = None,
) -> None:
    """Write a page with the results of a sweep."""
    import importlib

    from crossmargin.experiments.sweeps.results import load_sweep

    path = folder / "report.html" if out is None else out
    # the report lies above this folder: it is looked up by name, so that imports run one way
    home = importlib.import_module("crossmargin.dashboards.sweep_report")
    home.write_sweep_report(load_sweep(folder), path)
    typer.echo(f"written: {path}")
