"""The command `crossmargin compare-margin`."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmargin.experiments.modes.modes import DEFAULT, NAMES

if TYPE_CHECKING:
    from crossmargin.experiments.modes.comparing import ModeComparison

#: What the table shows of every mode.
SHOWN = (
    "liquidated_accounts",
    "premature_liquidations",
    "premature_owners",
    "profitable_legs",
    "simultaneous",
    "liquidated_notional",
    "bad_debt",
    "efficiency",
)


def compare_margin(
    scenario: Annotated[str, typer.Argument(help="Built-in name or TOML file.")],
    modes: Annotated[
        list[str] | None,
        typer.Option(help=f"Repeatable, or with commas; of {', '.join(NAMES)}."),
    ] = None,
    others: Annotated[
        list[str] | None, typer.Argument(metavar="[MODE]...", help="More modes.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=10000, help="Runs of every mode.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of their seeds.")] = 0,
    hours: Annotated[float, typer.Option(help="For which liquidated books are left alone.")] = 4.0,
    window: Annotated[float, typer.Option(help="Seconds that count as simultaneous.")] = 600.0,
    tail: Annotated[float, typer.Option(help="Level of the tail loss.")] = 0.9,
    basis: Annotated[
        str, typer.Option(help="Equal `positions` (and money), or equal `initial-margin`.")
    ] = "positions",
    posted: Annotated[
        float, typer.Option(help="Initial margins that back an account with an idle rest.")
    ] = 1.5,
    limit: Annotated[
        float, typer.Option(help="Share of the idle rest that may top up accounts.")
    ] = 1.0,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=MARKET,MARKET", help="A sub-portfolio; repeatable."),
    ] = None,
    capital: Annotated[
        list[float] | None,
        typer.Option(help="Also with so many times the equity, for efficiency; repeatable."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Blocks to run.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, as venue.insurance=0."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Runs at a time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write modes.html as well.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and modes.json.")] = None,
) -> None:
    """Run a scenario with cross margin, isolated margin and sub-portfolios, and compare them."""
    from crossmargin.experiments.cli import parse_settings
    from crossmargin.experiments.load import load_scenario
    from crossmargin.experiments.modes.comparing import Question, compare_modes
    from crossmargin.experiments.modes.modes import Terms
    from crossmargin.experiments.store import check_folder

    changes = parse_settings(settings or [])
    found = load_scenario(scenario, changes | ({} if steps is None else {"run.steps": steps}))
    folder = out if out is not None or not report else Path(f"modes-{found.name}")
    if folder is not None:
        check_folder(folder)
    made = compare_modes(
        scenario,
        _names(modes, others),
        question=Question(hours, window, tail, seeds, seed),
        terms=Terms(basis, posted, {"limit": limit}, _groups(group)),  # type: ignore[arg-type]
        capitals=capital or (1.0,),
        steps=steps,
        overrides=changes,
        jobs=threads or os.cpu_count() or 1,
    )
    if folder is not None:
        made.save(folder, report=report)
    if as_json:
        typer.echo(json.dumps(made.to_dict()))
    else:
        _print(made, folder, report)


def _names(modes: list[str] | None, others: list[str] | None) -> list[str]:
    words = [*(modes or []), *(others or [])]
    return [name.strip() for word in words for name in word.split(",")] or list(DEFAULT)


def _groups(words: list[str] | None) -> dict[str, list[str]]:
    from crossmargin.model.errors import ParameterError

    found: dict[str, list[str]] = {}
    for word in words or ():
        name, equals, markets = word.partition("=")
        if not (name and equals and markets):
            raise ParameterError(f"--group {word}: write name=MARKET,MARKET")
        found[name.strip()] = [market.strip() for market in markets.split(",")]
    return found


def _print(found: "ModeComparison", folder: Path | None, report: bool) -> None:
    """Print the outcomes of all modes, with the differences to the first one."""
    from rich.table import Table

    from crossmargin.experiments.console import console

    out, frame = console(), found.summary()
    title = f"{found.scenario.name}, {found.question.seeds} seeds"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("")
    for name in ("mean", f"against {found.modes[0]}", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in SHOWN:
        rows = frame[frame["outcome"] == name]
        table.add_row(f"{name.replace('_', ' ')} ({rows['unit'].iloc[0]})")
        for row in rows.to_dict("records"):
            table.add_row(f"  {row['mode']}", *_cells(row))
    out.print(table)
    if folder is not None:
        out.print(f"written: {folder / 'modes.html' if report else folder}")


def _cells(row: dict[Any, Any]) -> list[str]:
    """Mean, difference and its interval in words; what is missing is a dash."""
    from crossmargin.experiments.console import money

    def word(key: str) -> str:
        value = float(row.get(key, float("nan")))
        return "-" if value != value else money(value)

    low, high = word("difference_low"), word("difference_high")
    return [word("mean"), word("difference"), "" if low == "-" else f"{low} to {high}"]
