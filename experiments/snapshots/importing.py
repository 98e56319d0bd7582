"""From the folder of a snapshot to a scenario that every command can run."""

import copy
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydantic import ValidationError

from crossmargin.experiments.anchoring import anchor_files
from crossmargin.experiments.build import build, first_prices
from crossmargin.experiments.explain import did_you_mean, explain
from crossmargin.experiments.filling import fill_markets
from crossmargin.experiments.kinds import n_pools, system_rows
from crossmargin.experiments.load import load_scenario, read_toml
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.snapshots.content import Content, digest_of, read
from crossmargin.experiments.snapshots.grid import Grid, grid_of
from crossmargin.experiments.snapshots.placing import price_markets
from crossmargin.experiments.snapshots.problems import Problem, refuse
from crossmargin.experiments.snapshots.reading import Sheet, is_empty, read_sheet
from crossmargin.experiments.snapshots.resting import levels_needed, markets_of
from crossmargin.experiments.snapshots.table import (
    DEPTH,
    PARAMETERS,
    PASSIVE,
    PROVIDERS,
    UNLABELLED,
    Depth,
    Snapshot,
)
from crossmargin.experiments.tables import Name
from crossmargin.model.blank import Sizes, blank_state
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.state import SYSTEM_ROWS
from crossmargin.model.world import World

#: First lines of a scenario that was made from a folder.
HEADER = """\
# Made by `crossmargin import` from {source}. Behaviours, venue and shocks may be changed
# here; accounts, positions and depth are read from the snapshot whenever it runs.

"""


@dataclass(frozen=True, eq=False)
class Imported:
    """A folder that was read and checked.

    Attributes
    ----------
    folder : Path
    table : dict, the scenario as its file says it, the folder of the snapshot left out
    scenario : Scenario
    content : Content, its accounts and curves
    grid : Grid, units and prices that they were read with
    world : World, at step 0
    """

    folder: Path
    table: dict[str, Any]
    scenario: Scenario
    content: Content
    grid: Grid
    world: World


def import_snapshot(folder: str | Path) -> Scenario:
    """Scenario of the folder of a snapshot, checked; nothing is written.

    Parameters
    ----------
    folder : str or Path
        With `accounts.parquet`, `market.toml` and, where depth is known, `depth.csv`.

    Raises
    ------
    ScenarioError
        With file, row and column of what is wrong.

    Examples
    --------
    `crossmargin.simulate(crossmargin.import_snapshot("venue"), seed=7)`
    """
    return load_folder(folder).scenario


def load_folder(folder: str | Path) -> Imported:
    """Everything that a folder says, checked by building the market once."""
    path = Path(folder).resolve()
    if not path.is_dir():
        raise ScenarioError(f"{folder}: is no folder")
    table = read_toml(path / PARAMETERS)
    snapshot = _snapshot_of(path, table)
    _fill_populations(path, table, read_sheet(path, snapshot), snapshot)
    curves = table["population"].pop() if snapshot.depth is not None else None
    first = _scenario(path, table, snapshot.model_copy(update={"depth": None}))
    grid = grid_without_state(first)
    content = read(snapshot, grid)
    if curves is not None:
        markets = [grid.markets[m].name for m in markets_of(content.curves)]
        curves.setdefault("count", levels_needed(content.curves))
        table["population"].append({**curves, "markets": curves.get("markets", markets)})
    scenario = _scenario(path, table, snapshot)
    kept = snapshot.model_dump(mode="json", exclude_defaults=True, exclude={"folder"})
    table["snapshot"] = {**kept, "digest": digest_of(snapshot)}
    return Imported(path, table, scenario, content, grid, build(scenario, 0))


def _snapshot_of(folder: Path, table: dict[str, Any]) -> Snapshot:
    """Table of the snapshot: what `market.toml` says, and the depth that lies in the folder."""
    given = table.get("snapshot", {})
    try:
        found = Snapshot.model_validate({**given, "folder": str(folder), "digest": ""})
    except (ValidationError, TypeError) as error:
        if isinstance(error, TypeError):
            raise ParameterError(f"{folder / PARAMETERS}: snapshot: is no table") from None
        where = str(folder / PARAMETERS)
        raise ParameterError(explain(f"{where}: snapshot", given, error, Snapshot)) from None
    if found.depth is None and (folder / DEPTH).is_file():
        return found.model_copy(update={"depth": Depth.model_validate({})})
    return found


def _scenario(folder: Path, table: Mapping[str, Any], snapshot: Snapshot) -> Scenario:
    """Scenario of a table, recordings found beside it; errors name its file."""
    full = copy.deepcopy(dict(table))
    full["snapshot"] = snapshot.model_dump(mode="json", exclude_none=True)
    anchor_files(folder / PARAMETERS, full)
    try:
        found = load_scenario(full)
    except ParameterError as error:
        text = str(error).removeprefix("scenario: ")
        raise ParameterError(f"{folder / PARAMETERS}: {text}") from None
    vars(found)["origin"] = str(folder / PARAMETERS)
    return found


def grid_without_state(scenario: Scenario) -> Grid:
    """Units and prices of a scenario, before it has accounts."""
    sizes = Sizes(
        accounts=system_rows(scenario),
        assets=len(scenario.asset),
        markets=len(scenario.market),
        underlyings=len(scenario.underlying),
        tiers=max(len(market.tiers) for market in scenario.market) or 1,
        price_levels=4096,
        orders=1,
        pages=1,
        window=1,
        steps_a_chunk=1,
        pools=n_pools(scenario),
    )
    state = blank_state(sizes, 0, scenario.run.block_seconds)
    fill_markets(state, scenario, first_prices(scenario, 0)[0])
    price_markets(state, scenario)
    return grid_of(state, scenario)


# Populations ------------------------------------------------------------------------------------


def _fill_populations(
    folder: Path, table: dict[str, Any], sheet: Sheet, snapshot: Snapshot
) -> None:
    """Give every type of account its population, and the curve one of its own, the last."""
    if sheet.n == 0:
        refuse(folder, sheet.problems)
    rows = table.get("population", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ParameterError(f"{folder / PARAMETERS}: population: must be tables [[population]]")
    counts = Counter(sheet.texts("population", UNLABELLED))
    for name in SYSTEM_ROWS:
        counts.pop(name, None)
    _check_labels(folder, sheet, counts)
    named = {str(row.get("name")): dict(row) for row in rows}
    listed = {row.get("name") for row in table.get("market", []) if isinstance(row, dict)}
    provider = snapshot.depth.population if snapshot.depth is not None else None
    _check_uncounted(folder, named, counts, provider)
    for label, count in counts.items():
        row = named.setdefault(label, {"name": label, "kind": PASSIVE})
        row.setdefault("count", count)
        held = _markets_held(sheet, label)
        row.setdefault("markets", [market for market in held if market in listed])
    if provider is not None:
        if provider in counts:
            raise ParameterError(
                f"{folder / PARAMETERS}: snapshot.depth.population = {provider!r}: accounts have "
                "this population; give the curve another name"
            )
        named[provider] = named.pop(provider, {"name": provider, "kind": PROVIDERS})
    table["population"] = list(named.values())


def _check_labels(folder: Path, sheet: Sheet, counts: Mapping[str, int]) -> None:
    pattern = next(mark.pattern for mark in get_args(Name)[1].metadata if hasattr(mark, "pattern"))
    labels = sheet.texts("population", UNLABELLED)
    problems = []
    for label in counts:
        if not re.fullmatch(pattern, label) or len(label) > 40:
            row = labels.index(label) + 1
            text = f"{label!r} is no name: letters, digits and _ + . - are allowed, 40 at most"
            problems.append(Problem(sheet.file, text, row, "population"))
    refuse(folder, problems)


def _check_uncounted(
    folder: Path, named: Mapping[str, Any], counts: Mapping[str, int], provider: str | None
) -> None:
    """Refuse a population without a count that no account has: a name that is spelled wrongly."""
    for name, row in named.items():
        if "count" not in row and name not in counts and name != provider:
            raise ParameterError(
                f"{folder / PARAMETERS}: population.{name}: has no count, and no account is of it; "
                f"{did_you_mean(name, counts)}"
            )


def _markets_held(sheet: Sheet, label: str) -> list[str]:
    """Markets in which accounts of a type hold positions."""
    own = np.array(sheet.texts("population", UNLABELLED), object) == label
    found = []
    for column, cells in sheet.columns.items():
        kind, _, market = column.partition(":")
        if kind == "position" and any(_is_held(cells[i]) for i in np.flatnonzero(own)):
            found.append(market)
    return found


def _is_held(cell: Any) -> bool:
    return not is_empty(cell) and cell != 0 and cell != "0"


# Writing ----------------------------------------------------------------------------------------


def write_scenario(found: Imported, out: Path, *, overwrite: bool = False) -> Path:
    """Write the scenario of a folder to a file, whole or not at all.

    Raises
    ------
    ScenarioError
        When the file is there already, or cannot be written.
    """
    import tomli_w

    if out.is_dir() or (out.exists() and not overwrite):
        what = "is a folder" if out.is_dir() else "is there already; --overwrite replaces it"
        raise ScenarioError(f"--out {out}: {what}")
    place = out.resolve().parent
    table = copy.deepcopy(dict(found.table))
    table["snapshot"]["folder"] = _relative(found.folder, place)
    if place != found.folder:
        anchor_files(found.folder / PARAMETERS, table)
    text = HEADER.format(source=found.folder.name) + tomli_w.dumps(table)
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix=".crossmargin-") as stage:
            (Path(stage) / out.name).write_text(text, encoding="utf-8")
            os.replace(Path(stage) / out.name, out)
    except OSError as error:
        raise ScenarioError(f"--out {out}: cannot be written: {error.strerror}") from None
    return out


def _relative(folder: Path, place: Path) -> str:
    """Folder as it is found from a place, or as it is where the two share no root."""
    try:
        return Path(os.path.relpath(folder, place)).as_posix()
    except ValueError:
        return str(folder)
