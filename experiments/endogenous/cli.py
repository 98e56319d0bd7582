"""The command `crossmargin split`."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def split(
    scenario: Annotated[str, typer.Argument(help="Built-in name or TOML file, with a recording.")],
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Runs, seeds 0, 1, ...")] = 4,
    underlying: Annotated[str | None, typer.Option(help="Which record, of several.")] = None,
    open_interest: Annotated[
        float | None,
        typer.Option(help="Of the market of the record, quote; the venue's own by default."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Blocks to run.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, as venue.insurance=0."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Runs at a time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write split.html as well.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and split.json.")] = None,
) -> None:
    """Split a recorded crash into what came from outside and what leverage added."""
    from crossmargin.experiments.cli import parse_settings
    from crossmargin.experiments.load import load_scenario
    from crossmargin.experiments.store import check_folder

    changes = parse_settings(settings or [])
    if steps is not None:
        changes["run.steps"] = steps
    found = load_scenario(scenario, changes)
    folder = out if out is not None or not report else Path(f"split-{found.name}")
    if folder is not None:
        check_folder(folder)
    made = _watched(
        found,
        seeds=seeds,
        underlying=underlying,
        open_interest=open_interest,
        threads=threads or os.cpu_count() or 1,
    )
    if folder is not None:
        made.save(folder, report=report)
    if as_json:
        typer.echo(json.dumps(made.summary))
    else:
        _print(made.summary, folder, report)


def _watched(scenario: Any, **options: Any) -> Any:
    """Split with a bar on standard error, when that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    from crossmargin.experiments.endogenous.identify import split_path

    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("runs", total=None)
        return split_path(
            scenario,
            progress=lambda n, all_: bar.update(task, completed=n, total=all_),
            **options,
        )


#: What a verdict means.
MEANINGS = {
    "fits": "every share within the band lies between 0 and 1",
    "partly misfit": "some shares within the band lie outside 0 to 1",
    "misfit": "no share within the band lies between 0 and 1",
}


def share(value: float | None) -> str:
    """Write a share in percent."""
    return "–" if value is None else f"{100 * value:.3g}%"


def with_interval(found: dict[str, Any]) -> str:
    """Write a mean with its interval over seeds, where there is one."""
    if found["low"] is None:
        return share(found["mean"])
    return f"{share(found['mean'])} ({share(found['low'])} to {share(found['high'])} over seeds)"


def rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Headline numbers in words, label and value."""
    fall, forced = summary["fall"], summary["forced"]
    ticks, missed = fall["ticks"], summary["reproduces"]
    return [
        ("fall of the record", f"{fall['peak']:,.2f} to {fall['trough']:,.2f}"),
        ("in ticks", ", ".join(f"{name} {n:,}" for name, n in ticks.items())),
        ("record reproduced", f"within {max(missed.values())} ticks, solved and followed again"),
        ("venues like this one", f"{summary['venues']:,.4g}"),
        ("endogenous share", with_interval(summary["share"])),
        ("band", " to ".join(map(share, summary["band"]))),
        *(
            (f"  {name} alone", " to ".join(map(share, ends)))
            for name, ends in summary["by"].items()
        ),
        ("forced orders", f"{with_interval(forced)}: {forced['verdict']}"),
        ("verdict", f"{summary['verdict']}: {MEANINGS[summary['verdict']]}"),
    ]


def _print(summary: dict[str, Any], folder: Path | None, report: bool) -> None:
    from crossmargin.experiments.console import console

    out, lines = console(), rows(summary)
    width = max(len(label) for label, _ in lines)
    out.print(f"{summary['scenario']}, {summary['underlying']}, {summary['seeds']} seeds")
    for label, value in lines:
        out.print(f"  {label.ljust(width)}  {value}")
    if folder is not None:
        out.print(f"written: {folder / 'split.html' if report else folder}")
