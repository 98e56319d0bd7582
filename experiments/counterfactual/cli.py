"""The command `crossmargin whatif`."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    from crossmargin.experiments.counterfactual.results import WhatIf

#: Rows of the printed table.
SHOWN = (
    "losses",
    "losses_of_others",
    "liquidated_notional",
    "liquidated_accounts",
    "contagious_episodes",
    "bad_debt",
    "insurance_used",
    "adl_notional",
    "socialised",
)
#: Least width of the table, characters: in a file it is not folded.
WIDTH = 140


def whatif(
    source: Annotated[
        str, typer.Argument(metavar="SCENARIO|DIR", help="Scenario, or folder of a saved run.")
    ],
    spare: Annotated[
        list[str] | None,
        typer.Option(metavar="ACCOUNT", help="Row, population:index or whale; may be repeated."),
    ] = None,
    spare_group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A population, owner:12, or venue for all accounts."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A rule from the block on."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="POPULATION", help="A population that leaves.")
    ] = None,
    no_feedback: Annotated[
        bool, typer.Option("--no-feedback", help="No forced order reaches a book.")
    ] = False,
    leave_one_out: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="Spare each of the K largest in turn.")
    ] = None,
    shapley: Annotated[
        str | None, typer.Option(metavar="population|whale", help="Share the outcome among groups.")
    ] = None,
    permutations: Annotated[
        int | None, typer.Option(min=4, help="Of Shapley's value; exact up to 10 groups without.")
    ] = None,
    stop_cascade: Annotated[
        str | None, typer.Option(metavar="KEY", help="Find what value of a rule stops it.")
    ] = None,
    low: Annotated[float | None, typer.Option(help="Lower end for --stop-cascade.")] = None,
    high: Annotated[float | None, typer.Option(help="Upper end for --stop-cascade.")] = None,
    share: Annotated[
        float, typer.Option(help="Share of the baseline that counts as stopped.")
    ] = 0.1,
    outcome: Annotated[str | None, typer.Option(help="What is shared out or stopped.")] = None,
    at: Annotated[
        int | None, typer.Option(metavar="STEP", help="Block before which it is undone.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the run.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Block at which all ends.")] = None,
    futures: Annotated[int | None, typer.Option(min=1, help="Pairs of futures.")] = None,
    futures_seed: Annotated[int, typer.Option(min=0, help="Of the futures.")] = 0,
    closure: Annotated[
        str, typer.Option(help="behavioural: others react; mechanical: their orders are replayed.")
    ] = "behavioural",
    placebo: Annotated[str, typer.Option(help="lot, account or none.")] = "lot",
    jobs: Annotated[int | None, typer.Option(min=1, help="Futures at a time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write whatif.html as well.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and whatif.json.")] = None,
) -> None:
    """Run futures again with something undone, and say what that changes."""
    from crossmargin.experiments.cli import parse_settings

    undone = {
        "spare": spare,
        "spare_group": spare_group,
        "set": parse_settings(settings or []) or None,
        "without": without,
        "no_feedback": no_feedback,
    }
    options: dict[str, Any] = {
        "at": at,
        "seed": seed,
        "steps": steps,
        "futures_seed": futures_seed,
        "closure": closure,
        "jobs": jobs or os.cpu_count() or 1,
    }
    if futures is not None:
        options["futures"] = futures
    asked = [leave_one_out is not None, shapley is not None, stop_cascade is not None]
    asked.append(any(undone.values()))
    if sum(asked) > 1:
        raise ParameterError(
            "--leave-one-out, --shapley and --stop-cascade are questions of their own; ask one, "
            "without --spare, --spare-group, --set, --without and --no-feedback"
        )
    if any(asked[:3]):
        if report or out is not None:
            raise ParameterError("--report, --out: only for what is undone; use --json here")
        question = {
            "leave_one_out": leave_one_out,
            "shapley": (shapley, permutations),
            "stop": (stop_cascade, low, high, share),
        }
        _print_found(_answer(source, question, outcome, options), as_json)
        return
    _run(source, {**undone, **options, "placebo": placebo}, (out, report, as_json))


def _answer(
    source: str, question: dict[str, Any], outcome: str | None, options: dict[str, Any]
) -> Any:
    """Answer to one of the questions about shares or thresholds."""
    from crossmargin.experiments.counterfactual.shares import leave_out, shapley
    from crossmargin.experiments.counterfactual.stopping import stop_cascade

    if outcome is not None:
        options["outcome"] = outcome
    key, low, high, share = question["stop"]
    if key is not None:
        if low is None or high is None:
            raise ParameterError("--stop-cascade: give the ends of its range, --low and --high")
        return stop_cascade(source, key, low, high, share=share, **options)
    if question["leave_one_out"] is not None:
        return leave_out(source, question["leave_one_out"], **options)
    by, permutations = question["shapley"]
    return shapley(source, by, permutations=permutations, **options)


def _run(source: str, options: dict[str, Any], output: tuple[Path | None, bool, bool]) -> None:
    """Run the pairs, write what is asked for and print the table."""
    from crossmargin.experiments.store import check_folder

    out, report, as_json = output
    folder = out if out is not None or not report else Path(f"whatif-{Path(source).stem}")
    if folder is not None:
        check_folder(folder)
    found = _watched(source, options)
    if folder is not None:
        found.save(folder, report=report)
    if as_json:
        typer.echo(json.dumps(found.summary))
    else:
        _print(found, folder, report)


def _watched(source: str, options: dict[str, Any]) -> "WhatIf":
    """Run with a bar on standard error, when that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from crossmargin.experiments.counterfactual.whatif import whatif as ask

    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("futures", total=None)
        update: Callable[[int, int], None] = lambda n, all_: bar.update(  # noqa: E731
            task, completed=n, total=all_
        )
        return ask(source, progress=update, **options)


def _print(found: "WhatIf", folder: Path | None, report: bool) -> None:
    from rich.table import Table

    from crossmargin.experiments.console import console

    out, level = console(), f"{found.confidence:.0%}"
    out.width = max(out.width, WIDTH)
    table = Table(title=found.title, title_justify="left", box=None)
    names = ("baseline", "undone", "effect", f"{level} interval", "placebo band", "run itself")
    for place, name in enumerate(("", *names)):
        table.add_column(name, justify="right" if place else "left")
    for name in [*SHOWN, *(n for n in found.names if n.startswith("lowest:"))]:
        table.add_row(*printed_row(name, found.effect(name)))
    out.print(table)
    out.print(
        f"means over {found.n} futures from block {found.trial.branch.first}, "
        f"{found.trial.branch.closure} closure; effect: undone less baseline"
    )
    for note in found.notes:
        out.print(f"note: {note}")
    if folder is not None:
        out.print(f"written: {folder / 'whatif.html' if report else folder}")


def printed_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    """One outcome as the command line shows it."""
    from crossmargin.experiments.console import money

    def text(value: float) -> str:
        return "–" if value != value else money(round(value, 6) + 0.0)  # no negative zero

    return (
        f"{name.replace('_', ' ')} ({row['unit']})",
        text(row["baseline"]),
        text(row["intervention"]),
        text(row["effect"]),
        f"{text(row['low'])} to {text(row['high'])}",
        f"{text(row['placebo_low'])} to {text(row['placebo_high'])}",
        text(row["run_effect"]),
    )


def _print_found(found: Any, as_json: bool) -> None:
    """Print shares or a threshold."""
    if as_json:
        typer.echo(json.dumps(found.summary, default=float))
        return
    table = (
        found.tried.to_string(index=False) if hasattr(found, "tried") else found.table.to_string()
    )
    typer.echo(table)
    typer.echo(found.words)
