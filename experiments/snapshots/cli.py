"""The commands `crossmargin import` and `crossmargin export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from crossmargin.experiments.snapshots.anonymising import Disguise

BAD_INPUT = 2
#: Problems that one command prints.
SHOWN = 20

Digits = Annotated[
    int, typer.Option(min=0, max=15, help="Anonymised: significant digits of amounts; 0: all.")
]
MergeBelow = Annotated[
    float, typer.Option(min=0, help="Anonymised: accounts with less equity are merged; 0: none.")
]
K = Annotated[int, typer.Option(min=2, help="Anonymised: at least so many become one account.")]


def import_(
    folder: Annotated[
        Path,
        typer.Argument(help="With accounts.parquet, market.toml and, if known, depth.csv."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Scenario to write; by default scenario.toml in the folder.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check; write nothing.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a scenario that is there.")
    ] = False,
    anonymise: Annotated[
        Path | None, typer.Option(help="Write an anonymised copy to this folder, no scenario.")
    ] = None,
    digits: Digits = 0,
    merge_below: MergeBelow = 0.0,
    k: K = 5,
) -> None:
    """Make a scenario of a snapshot: balances, positions, entry prices, depth, parameters.

    Every problem of the files is listed with its row and column. The README of the experiments
    says what the files hold.
    """
    from crossmargin.experiments.snapshots.importing import load_folder, write_scenario
    from crossmargin.experiments.snapshots.report import print_comparison, print_imported

    found = _listing_problems(load_folder, folder)
    if anonymise is not None:
        from crossmargin.experiments.snapshots.copying import write_copy

        changed = write_copy(found, anonymise, _disguise(digits, merge_below, k))
        print_comparison(found.content.accounts, changed, found.grid)
        typer.echo(f"written: {anonymise}")
        return
    place = out if out is not None else folder / "scenario.toml"
    if not check:
        write_scenario(found, place, overwrite=overwrite)
    print_imported(found)
    typer.echo("nothing was written" if check else f"written: {place}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a saved run.")],
    step: Annotated[int, typer.Option(min=0, help="Blocks after which the market is taken.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder; by default RUN-step-N beside that of the run.")
    ] = None,
    keep_makers: Annotated[
        bool,
        typer.Option("--keep-makers", help="Makers quote on as they did; no depth curve."),
    ] = False,
    anonymise: Annotated[
        bool, typer.Option("--anonymise", help="Hash names, shuffle rows, and what follows.")
    ] = False,
    digits: Digits = 0,
    merge_below: MergeBelow = 0.0,
    k: K = 5,
) -> None:
    """Write the market of a run as it stood after some blocks to the folder of a snapshot.

    The run is run again up to there. Resting orders become a depth curve; the memory of agents,
    moving averages and stop orders are not part of a snapshot.
    """
    from crossmargin.experiments.snapshots.exporting import export_snapshot
    from crossmargin.experiments.snapshots.recorded import market_at
    from crossmargin.experiments.snapshots.report import print_exported
    from crossmargin.experiments.snapshots.writing import check_free
    from crossmargin.experiments.store import check_folder

    folder = out if out is not None else run.parent / f"{run.resolve().name}-step-{step}"
    disguise = _disguise(digits, merge_below, k) if anonymise else None
    if disguise is None and (digits or merge_below):
        raise typer.BadParameter("--digits and --merge-below go with --anonymise")
    check_free(folder)
    check_folder(folder)
    market, agrees = market_at(run, step)
    if not agrees:
        typer.echo(
            "note: the run differs from its record; crossmargin reproduce says how", err=True
        )
    export_snapshot(market, folder, keep_makers=keep_makers, disguise=disguise)
    print_exported(market.world, folder, is_changed=anonymise, has_depth=not keep_makers)
    typer.echo(f"written: {folder}")


def _disguise(digits: int, merge_below: float, k: int) -> "Disguise":
    from crossmargin.experiments.snapshots.anonymising import Disguise

    return Disguise(digits=digits, merge_below=merge_below, k=k)


def _listing_problems(read: Any, folder: Path) -> Any:
    """What a folder says; when it is wrong, its problems a line each and exit code 2."""
    from crossmargin.experiments.snapshots.problems import SnapshotError

    try:
        return read(folder)
    except SnapshotError as error:
        if len(error.problems) < 2:
            raise
        for problem in error.problems[:SHOWN]:
            typer.echo(f"error: {folder}: {problem}", err=True)
        more = len(error.problems) - SHOWN
        typer.echo(
            f"{len(error.problems)} problems" + (f", {more} not shown" if more > 0 else ""),
            err=True,
        )
        raise typer.Exit(BAD_INPUT) from None
