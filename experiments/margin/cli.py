"""`crossmargin margin` and `crossmargin presets`: the calculator on the command line."""

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from crossmargin.experiments.margin.report import MarginReport

presets = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    help="List the presets of venues, or show one.",
)

#: What the table over venues shows of a report.
COMPARED = ("equity", "initial_margin", "maintenance_margin", "free_collateral", "health")


def margin(
    portfolio: Annotated[Path, typer.Argument(help="TOML file: what one account holds.")],
    preset: Annotated[
        str | None, typer.Option(help="Preset by name, or a TOML file of your own.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the preset."),
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(metavar="PRESET", help="Also under this one; repeatable.")
    ] = None,
    others: Annotated[
        list[str] | None, typer.Argument(metavar="[PRESET]...", help="More presets to compare.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write an HTML page as well.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The page; by default PORTFOLIO-PRESET.html or PORTFOLIO-compared.html."),
    ] = None,
) -> None:
    """Evaluate a portfolio under the margin rules of a venue."""
    from crossmargin.experiments.cli import parse_settings
    from crossmargin.experiments.margin.evaluate import evaluate_margin

    changes = parse_settings(settings or [])
    names = _names(preset, compare, others)
    if len(names) > 1:
        file = out or Path(f"{portfolio.stem}-compared.html") if report or out is not None else None
        _compare(portfolio, names, changes, as_json=as_json, page=file)
        return
    found = evaluate_margin(portfolio, names[0], changes)
    page = None
    if report or out is not None:
        page = out or Path(f"{portfolio.stem}-{found.preset}.html")
        # pages lie above this folder: they are looked up by name, so that imports run one way
        home = importlib.import_module("crossmargin.dashboards.margin")
        home.write_margin_report(portfolio, names[0], changes, page)
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        _print(found, page)


def _names(preset: str | None, compare: list[str] | None, others: list[str] | None) -> list[str]:
    """Presets asked for, each once."""
    from crossmargin.model.errors import ParameterError

    if others and not compare:
        raise ParameterError(f"{others[0]}: more presets go with --compare")
    names = [preset] if preset is not None else []
    names += [*(compare or []), *(others or [])]
    if not names:
        raise ParameterError("--preset: is missing; `crossmargin presets` lists them")
    return list(dict.fromkeys(names))


def _compare(
    portfolio: Path,
    names: list[str],
    changes: dict[str, Any],
    *,
    as_json: bool,
    page: Path | None,
) -> None:
    """Print a table over venues; one that cannot hold the portfolio says why."""
    from crossmargin.experiments.margin.comparing import compare_margin

    rows = compare_margin(portfolio, names, changes)
    if page is not None:
        home = importlib.import_module("crossmargin.dashboards.margin_comparison")
        home.write_margin_comparison(rows, portfolio.stem, page)
    if as_json:
        typer.echo(json.dumps(rows))
        return
    from rich.table import Table

    from crossmargin.experiments.console import console

    table = Table(box=None)
    table.add_column("preset", no_wrap=True)
    for key in COMPARED:
        table.add_column(key.replace("_", " "), justify="right")
    for name, row in rows.items():
        if "not_possible" in row:
            table.add_row(name, *["-"] * len(COMPARED))
        else:
            cells = ["infinite" if row[k] is None else f"{row[k]:,.2f}" for k in COMPARED]
            table.add_row(name, *cells)
    out = console()
    out.print(table)
    for name, row in rows.items():
        if "not_possible" in row:
            out.print(f"{name}: {row['not_possible']}", markup=False)
    if page is not None:
        out.print(f"written: {page}")


def _print(report: "MarginReport", page: Path | None) -> None:
    from rich.table import Table

    from crossmargin.experiments.console import console

    out = console()
    table = Table(title=report.preset, title_justify="left", box=None, show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    for label, value in report.rows():
        table.add_row(label, value)
    out.print(table)
    out.print(_positions(report))
    binding = [row for row in report.scenarios if row["binding"]]
    for row in binding:
        out.print(
            f"worst scenario of {row['underlying']}: spot {row['spot']:+.0%}, volatility moves "
            f"{row['vol']:+g}, counts {row['counted']:,.2f}"
        )
    for note in report.notes:
        out.print(f"note: {note}", markup=False)
    if page is not None:
        out.print(f"written: {page}")


def _positions(report: "MarginReport") -> Any:
    from rich.table import Table

    table = Table(box=None)
    table.add_column("position", no_wrap=True)
    for name in ("size", "value", "initial margin", "maintenance margin", "free collateral"):
        table.add_column(name, justify="right")
    for row in report.positions:
        keys = ("value", "initial_margin", "maintenance_margin", "free_collateral")
        cells = [f"{row[key]:,.2f}" for key in keys]
        table.add_row(row["position"], f"{row['size']:,.6g}", *cells)
    return table


@presets.callback()
def list_presets(context: typer.Context) -> None:
    """List the presets that come along."""
    if context.invoked_subcommand is not None:
        return
    from crossmargin.experiments.console import console
    from crossmargin.experiments.margin.presets import load_preset, preset_names

    out = console()
    for name in preset_names():
        out.print(f"{name:<20} {load_preset(name).title}", markup=False)


@presets.command()
def show(name: Annotated[str, typer.Argument(help="Preset by name, or a TOML file.")]) -> None:
    """Print a preset: its parts, their numbers and sources, and what it does not model."""
    from crossmargin.experiments.margin.presets import find_preset, load_preset

    load_preset(name)
    typer.echo(find_preset(name).read_text(encoding="utf-8"), nl=False)
