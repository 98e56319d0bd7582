"""The command `crossmargin scorecard`."""

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

COLOURS = {"passes": "green", "fails": "red", "undecided": "yellow"}


def scorecard(
    scenario: Annotated[str, typer.Argument(help="Built-in name or TOML file.")] = "calm",
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Runs, seeds 0, 1, ...")] = 20,
    days: Annotated[float, typer.Option(min=1, help="Simulated days of each run.")] = 30.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Runs at a time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scorecard as JSON.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write scorecard.html as well.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for scorecard.json.")] = None,
) -> None:
    """Judge a scenario by stylised facts, null markets and documented crashes."""
    from crossmargin.experiments.load import load_scenario
    from crossmargin.experiments.store import check_folder
    from crossmargin.experiments.validation.plan import Plan, check
    from crossmargin.experiments.validation.scorecard import scorecard as made

    found, plan = load_scenario(scenario), Plan(seeds, days)
    check(found, plan)
    folder = out if out is not None or not report else Path(f"scorecard-{found.name}")
    if folder is not None:
        check_folder(folder)
    card = _watched(made, found, plan, threads or os.cpu_count() or 1)
    if folder is not None:
        _write(card, folder, report)
    if as_json:
        typer.echo(json.dumps(card))
    else:
        _print(card, folder, report)


def _watched(made: Any, scenario: Any, plan: Any, threads: int) -> dict[str, Any]:
    """Make a scorecard with a bar on standard error, when that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("runs", total=None)
        return dict(
            made(
                scenario,
                plan,
                threads=threads,
                progress=lambda n, all_: bar.update(task, completed=n, total=all_),
            )
        )


def _write(card: dict[str, Any], folder: Path, report: bool) -> None:
    from crossmargin.experiments.store import staged

    with staged(folder) as stage:
        text = json.dumps(card, indent=1)
        (stage / "scorecard.json").write_text(text + "\n", encoding="utf-8")
        if report:
            # the report lies above this folder: it is looked up by name, so imports run one way
            page = importlib.import_module("crossmargin.dashboards.scorecard")
            page.write_scorecard(card, stage / "scorecard.html")
    if not report:
        (folder / "scorecard.html").unlink(missing_ok=True)  # of an earlier one, not of this


#: Facts whose band ends below this are written in percent.
SMALL = 2e-3


def is_small(band: Sequence[float | None]) -> bool:
    """Tell whether the values of a band read better in percent."""
    ends = [abs(end) for end in band if end is not None]
    return 0 < max(ends, default=0.0) < SMALL


def number(value: float | None, small: bool = False) -> str:
    """Write a number in three figures, in percent if it is small; a dash when there is none."""
    if value is None:
        return "–"
    text = f"{100 * value:.3g}%" if small and value else f"{value:.3g}"
    return text.replace("-", "−")


def span(ends: Sequence[float | None], small: bool = False) -> str:
    """Write an interval by its two ends; an open end is left out."""
    low, high = ends
    if low is None and high is None:
        return "–"
    if high is None:
        return f"≥ {number(low, small)}"
    if low is None:
        return f"≤ {number(high, small)}"
    return f"{number(low, small)} to {number(high, small)}"


def _print(card: dict[str, Any], folder: Path | None, report: bool) -> None:
    from crossmargin.experiments.console import console

    out, plan = console(), card["plan"]
    out.print(f"{card['scenario']}: {plan['seeds']} seeds of {plan['days']:g} days")
    head = ("fact", "scale", "mean", "95% interval", "path alone", "band")
    _print_lines(out, head, [(_cells(row), row["verdict"]) for row in card["facts"]])
    for event in card["events"]:
        _print_event(out, event)
    for note in card["notes"]:
        out.print(f"note: {note}")
    out.print("facts: " + ", ".join(f"{n} {word}" for word, n in card["tally"].items()))
    if folder is not None:
        out.print(f"written: {folder / 'scorecard.html' if report else folder}")


def _print_lines(
    out: Any, head: tuple[str, ...], lines: Sequence[tuple[tuple[str, ...], str]]
) -> None:
    """Print columns as wide as they need, whatever the terminal: what is cut cannot be read."""
    cells = [head, *(cells for cells, _ in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    verdicts = ["verdict", *(f"[{COLOURS[verdict]}]{verdict}[/]" for _, verdict in lines)]
    for row, verdict in zip(cells, verdicts, strict=True):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.print("  ".join(("", *padded, verdict)))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    small = is_small(row["band"])
    return (
        row["title"],
        row["scale"],
        number(row["mean"], small),
        span((row["low"], row["high"]), small),
        path_words(row, small),
        span(row["band"], small),
    )


def path_words(row: Mapping[str, Any], small: bool) -> str:
    """Write the value of a fact on the outside path alone; a dash where it needs a market."""
    path = row.get("path")
    return number(path["mean"] if path else None, small)


def _print_event(out: Any, event: dict[str, Any]) -> None:
    if not event["simulated"]:
        out.print(f"{event['title']}: there is no scenario {event['scenario']!r} to compare with")
        return
    out.print(f"{event['title']}: {event['runs']} runs of {event['scenario']}")
    lines = []
    for row in event["rows"]:
        model = (row["title"], number(row["mean"]), span((row["low"], row["high"])))
        lines.append(((*model, span(row["band"]), row["kind"]), row["verdict"]))
    _print_lines(out, ("measure", "model", "95% interval", "on record", ""), lines)
