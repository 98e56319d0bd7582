"""What the command line prints: progress, summaries, lists."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from crossmargin.experiments.load import load_scenario, scenario_names
from crossmargin.experiments.run import Run, simulate
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.wiring import program_of
from crossmargin.model.parts import PHASES


def console() -> Console:
    """Standard output; plain when it is no terminal."""
    return Console(highlight=False, soft_wrap=True)


def watch(scenario: Scenario, *, seed: int, audit: bool, profile: bool, quiet: bool) -> Run:
    """Run a scenario with a bar on standard error, when that is a terminal."""
    shown = sys.stderr.isatty() and not quiet
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} blocks"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not shown,
    )
    with bar:
        task = bar.add_task(scenario.name, total=scenario.run.steps)
        return simulate(
            scenario,
            seed=seed,
            audit=audit,
            profile=profile,
            progress=lambda done: bar.update(task, completed=done),
        )


def money(value: float) -> str:
    """Amount in words a person reads: 1.25M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.2f}{letter}"
    return f"{value:,.2f}"


#: Rows of the printed summary: label, key, and whether it is money.
ROWS = (
    ("blocks", "steps", False),
    ("messages", "messages", False),
    ("fills", "fills", False),
    ("orders refused", "orders_rejected", False),
    ("accounts liquidated", "liquidated_accounts", False),
    ("forced closings", "liquidations", False),
    ("notional liquidated", "liquidated_notional", True),
    ("bad debt", "bad_debt", True),
    ("insurance fund, start", "insurance_start", True),
    ("insurance fund, end", "insurance_end", True),
    ("auto-deleveraged", "adl_notional", True),
    ("socialised loss", "socialised_loss", True),
)


def print_run(run: Run, folder: Path | None, report: bool) -> None:
    """Print the summary of a run and where its files are."""
    out, quote = console(), run.scenario.asset[0].name
    table = Table(title=f"{run.scenario.name}, seed {run.seed}", title_justify="left", box=None)
    table.add_column("")
    table.add_column("", justify="right")
    for label, key, is_money in ROWS:
        value = run.summary[key]
        table.add_row(label, f"{money(value)} {quote}" if is_money else f"{value:,}")
    out.print(table)
    out.print(_market_table(run))
    wrong = {name: value for name, value in run.summary["residuals"].items() if value}
    out.print(f"conservation: {wrong or 'every residual is 0'}")
    if "burn_in" in run.summary:
        out.print(_burn_in(run.summary["burn_in"]))
    seconds = ", ".join(f"{name} {value:.2f} s" for name, value in run.wall.items())
    out.print(f"time: {seconds}")
    if folder is not None:
        out.print(f"written: {folder / 'report.html' if report else folder}")


def _burn_in(found: dict[str, Any]) -> str:
    """What came before step 0, in one line."""
    rest = "at rest" if found["is_stationary"] else "not at rest"
    return f"burn-in: {found['blocks']:,} blocks, {found['seconds'] / 3600:.3g} h, {rest}"


def _market_table(run: Run) -> Table:
    table = Table(box=None)
    for name in ("market", "first mark", "last", "lowest", "largest fall of mark", "volume"):
        table.add_column(name, justify="left" if name == "market" else "right")
    for name, row in run.summary["markets"].items():
        prices = [f"{row[key]:,.6g}" for key in ("first", "last", "lowest")]
        table.add_row(name, *prices, f"{row['largest_fall']:.2%}", f"{row['volume']:,.6g}")
    return table


def print_scenarios() -> None:
    """Print the built-in scenarios with their stories."""
    out = console()
    for name in scenario_names():
        found = load_scenario(name)
        agents = sum(population.count for population in found.population)
        hours = found.run.steps * found.run.block_seconds / 3600
        out.print(f"[bold]{name}[/bold]: {found.title}")
        out.print(f"    {agents:,} agents, {len(found.market)} markets, {hours:,.1f} hours")


def print_phases(scenario: str) -> None:
    """Print the program of a scenario by phase."""
    out, rows = console(), _by_phase(program_of(load_scenario(scenario)))
    for number, phase in enumerate(PHASES, 1):
        out.print(f"{number:2d}. {phase}")
        for line in rows.get(phase, []):
            out.print(f"      {line}")


def _by_phase(entries: list[Any]) -> dict[str, list[str]]:
    """Lines of the parts by the phase in which they run; a round runs within liquidation."""
    rows: dict[str, list[str]] = {}
    for entry in entries:
        again = " (again after a forced order)" if entry.after_forced else ""
        phase = "liquidation" if entry.after_forced else entry.part.phase
        rows.setdefault(phase, []).append(f"{entry.part.name:<22} {entry.key}{again}")
    return rows


def print_keys(name: str) -> None:
    """Keys of a scenario that an override can set and a sweep can vary, with what they take."""
    from crossmargin.experiments.sweeps.keys import all_keys

    out = console()
    for key in all_keys(load_scenario(name)).values():
        value = "" if key.value is None else f" = {key.value}"
        out.print(f"{key.path}{value}  ({key.takes})", markup=False)
