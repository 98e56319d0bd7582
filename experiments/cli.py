"""The command line: run, margin, sweep, study, calibrate, import and what inspects a scenario.

Bad input ends with one or two lines on standard error and exit code 2; a traceback only with
`--debug`. Heavy imports wait until a command needs them.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from crossmargin.experiments.calibration.cli import calibrate
from crossmargin.experiments.counterfactual.cli import whatif
from crossmargin.experiments.endogenous.cli import split
from crossmargin.experiments.margin import cli as margins
from crossmargin.experiments.modes.cli import compare_margin
from crossmargin.experiments.snapshots.cli import export, import_
from crossmargin.experiments.studies.cli import study
from crossmargin.experiments.sweeps import cli as sweeps
from crossmargin.experiments.validation.cli import scorecard
from crossmargin.model.errors import CrossmarginError, ParameterError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Systemic contagion on cross-margin venues: run a market, ask who brought down whom.",
)

app.add_typer(sweeps.app, name="sweep")
app.add_typer(margins.presets, name="presets")
app.command()(margins.margin)
app.command()(compare_margin)
app.command()(calibrate)
app.command()(split)
app.command()(study)
app.command()(whatif)

#: Exit codes: bad input, a run that differs from its record, and one equal within tolerance only.
BAD_INPUT, DIFFERS, NEAR = 2, 1, 5
#: Exit code after Ctrl-C, as shells have it.
STOPPED = 130

app.command()(scorecard)
app.command("import")(import_)
app.command()(export)

ScenarioArgument = Annotated[str, typer.Argument(help="Built-in name or TOML file.")]


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Overrides from `key=value` words; a value is read as TOML, else as text.

    Raises
    ------
    ParameterError
        When a word has no key or no `=`.
    """
    import tomllib

    found: dict[str, Any] = {}
    for word in settings:
        key, equals, text = word.partition("=")
        if not key or not equals:
            raise ParameterError(f"--set {word}: write key=value, as in venue.insurance=0")
        try:
            found[key.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = text.strip()
    return found


@app.command()
def run(
    scenario: ScenarioArgument,
    seed: Annotated[int, typer.Option(min=0, help="Of all random draws.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Blocks to run.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, as venue.insurance=0."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for tables and run.json.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Write report.html as well.")] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Check conservation every block.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Seconds spent a phase.")] = False,
    no_feedback: Annotated[
        bool, typer.Option("--no-feedback", help="Forced orders become take-overs at the mark.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run a scenario and print what happened."""
    from crossmargin.experiments import console
    from crossmargin.experiments.load import load_scenario

    changes = parse_settings(settings or [])
    if no_feedback:
        changes["venue.take_over"] = True
    if steps is not None:
        changes["run.steps"] = steps
    found = load_scenario(scenario, changes)
    folder = out if out is not None or not report else Path(f"{found.name}-{seed}")
    if folder is not None:
        from crossmargin.experiments.store import check_folder

        check_folder(folder)
    result = console.watch(found, seed=seed, audit=audit, profile=profile, quiet=as_json)
    if folder is not None:
        result.save(folder, report=report)
    if as_json:
        typer.echo(json.dumps(result.summary, default=float))
    else:
        console.print_run(result, folder, report)


@app.command()
def reproduce(folder: Annotated[Path, typer.Argument(help="Folder of an earlier run.")]) -> None:
    """Run a saved run again and compare every table bit for bit."""
    from crossmargin.experiments import store

    is_equal, is_near, notes = store.reproduce(folder)
    for note in notes:
        typer.echo(note)
    if is_equal:
        typer.echo(f"{folder}: every table is equal bit for bit")
        return
    if is_near and not store.same_environment(folder):
        typer.echo(
            f"{folder}: equal within {store.TOLERANCE:g} only; versions or processors differ"
        )
        raise typer.Exit(NEAR)
    typer.echo(f"{folder}: the tables differ")
    raise typer.Exit(DIFFERS)


@app.command()
def scenarios() -> None:
    """List the built-in scenarios."""
    from crossmargin.experiments import console

    console.print_scenarios()


@app.command()
def validate(file: Annotated[str, typer.Argument(help="TOML file or built-in name.")]) -> None:
    """Check a scenario without running it."""
    from crossmargin.experiments.build import build
    from crossmargin.experiments.load import load_scenario

    found = load_scenario(file)
    world = build(found, 0)
    rows, blocks = len(world.state.ledger.accounts), found.run.steps
    typer.echo(f"{file}: valid; {len(found.market)} markets, {rows} accounts, {blocks} blocks")


@app.command()
def schema(
    sweep: Annotated[bool, typer.Option("--sweep", help="Of the plan of a sweep instead.")] = False,
    keys: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="List its keys with unit and range.")
    ] = None,
) -> None:
    """Print the JSON Schema of a scenario with the numbers of every part, or what can be varied."""
    from crossmargin.experiments import describe

    if keys is not None:
        from crossmargin.experiments import console

        console.print_keys(keys)
    else:
        found = describe.plan_schema() if sweep else describe.json_schema()
        typer.echo(json.dumps(found, indent=2))


@app.command()
def phases(
    scenario: Annotated[str, typer.Argument(help="Scenario whose parts are shown.")] = "calm",
) -> None:
    """Print the phases of a block and the parts of a scenario in the order in which they run."""
    from crossmargin.experiments import console

    console.print_phases(scenario)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `crossmargin` command."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if debug:
        words.remove("--debug")
    sys.path.insert(0, os.getcwd())  # a scenario may name modules that lie beside it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app(args=words, prog_name="crossmargin")
    except sweeps.StoppedSweepError:
        raise
    except SystemExit as stop:
        if stop.code == STOPPED:
            typer.echo("stopped; nothing was written", err=True)
        raise
    except CrossmarginError as error:
        if debug:
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was written", err=True)
        sys.exit(STOPPED)
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
