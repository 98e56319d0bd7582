"""A market at any step becomes the folder of a snapshot: accounts, depth curve, parameters.

What a snapshot holds is what a venue has in its database: balances, positions, entry prices, what
rests in the books by distance, and the parameters. Resting orders as such, stop orders, moving
averages of oracle, mark and funding, pending calls of margin and the memory of agents are not in
it and begin anew.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.kinds import refuse_kinds
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.anonymising import Disguise, anonymise
from crossmargin.experiments.snapshots.depth import SIDES, curve_of_book
from crossmargin.experiments.snapshots.exact import step_of
from crossmargin.experiments.snapshots.grid import Grid, grid_of
from crossmargin.experiments.snapshots.parameters import parameters_of
from crossmargin.experiments.snapshots.writing import write_folder
from crossmargin.model.errors import ParameterError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import BACKSTOP, INSURANCE, SPOT, SYSTEM_ROWS
from crossmargin.model.world import World


def export_snapshot(
    market: Any,
    folder: str | Path,
    *,
    keep_makers: bool = False,
    disguise: Disguise | None = None,
) -> Path:
    """Write a market as it stands to the folder of a snapshot.

    Parameters
    ----------
    market : Market, World or Run
    folder : str or Path
        Must not hold a snapshot yet.
    keep_makers : bool
        Market makers go on quoting as they did, and there is no depth curve; by default they hold
        what they have and the curve quotes in their place.
    disguise : Disguise, optional
        Names and amounts are changed as it says.

    Raises
    ------
    ScenarioError
        When the folder holds a snapshot or cannot be written.
    ParameterError
        When the market comes from no scenario, or has a market of a kind that no snapshot holds.

    Examples
    --------
    >>> import crossmargin as xm, tempfile
    >>> market = xm.Market("calm", seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = xm.import_snapshot(xm.export_snapshot(market, f"{folder}/calm"))
    >>> again.name
    'calm-step-0'
    """
    world: World = getattr(market, "world", market)
    if not isinstance(world.scenario, Scenario):
        raise ParameterError("export_snapshot: this market was not made from a scenario")
    refuse_kinds(world.scenario)
    grid = grid_of(world.state, world.scenario)
    table = parameters_of(world, keep_makers=keep_makers)
    accounts = accounts_in(world, _venue_units(table, grid))
    if not keep_makers:
        add_depth(table, world, grid)
    if disguise is not None:
        accounts = anonymise(accounts, grid, disguise)
        forget(table, accounts)
    if (accounts.equity(grid)[~accounts.is_system] < 0).any():
        table["snapshot"]["negative_equity"] = "keep"
    rows = [] if keep_makers else depth_rows(world, grid)
    return write_folder(Path(folder), accounts, grid, table, rows)


def forget(table: dict[str, Any], accounts: Accounts) -> None:
    """Leave out populations that had accounts and have none any more."""
    kept = set(accounts.populations)
    rows = table.get("population", [])
    table["population"] = [row for row in rows if "count" in row or row["name"] in kept]


def _venue_units(table: dict[str, Any], grid: Grid) -> dict[int, int]:
    """Quote units that the parameters give to rows of the venue."""
    one = 1 / grid.assets[QUOTE].unit
    names = {INSURANCE: "insurance", BACKSTOP: "backstop"}
    return {row: round(table["venue"][name] * float(one)) for row, name in names.items()}


def accounts_in(world: World, given: dict[int, int]) -> Accounts:
    """Accounts of a market, and those of its venue's rows that hold anything beyond `given`."""
    ledger, names = world.state.ledger, world.names
    rows, balances = _rows(world, given)
    own = ledger.accounts[rows]
    labels = [*SYSTEM_ROWS, *names.populations]
    kind = np.where(rows < len(SYSTEM_ROWS), rows, len(SYSTEM_ROWS) + own["population"])
    populations = [labels[k] for k in kind]
    ids = {
        int(row): labels[k] if k < len(SYSTEM_ROWS) else f"{labels[k]}-{index}"
        for row, k, index in zip(rows, kind, own["index"], strict=True)
    }
    is_spot = ledger.markets["kind"] == SPOT
    return Accounts(
        ids=list(ids.values()),
        populations=populations,
        owners=[ids.get(int(owner), "") for owner in own["owner"]],
        only_market=own["only_market"].astype(np.int64),
        balances=balances,
        lots=np.where(is_spot, 0, ledger.lots[rows]),
        cost=np.where(is_spot, 0, ledger.cost[rows]),
        outside=world.state.crowd.outside_lots[rows],
    )


def _rows(world: World, given: dict[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the ledger that a snapshot names, and their balances beyond what is given."""
    ledger = world.state.ledger
    balances = ledger.balances.copy()
    for row, units in given.items():
        balances[row, QUOTE] -= units
    own = ledger.accounts["population"] >= 0
    holds = balances.any(axis=1) | ledger.lots.any(axis=1)
    own[: len(SYSTEM_ROWS)] = holds[: len(SYSTEM_ROWS)]  # settlement rows follow from the costs
    rows = np.flatnonzero(own)
    return rows, balances[rows]


def add_depth(table: dict[str, Any], world: World, grid: Grid) -> None:
    """Name the population of the depth curve, which no other has, where any market has depth."""
    markets = {market for market, *_ in depth_rows(world, grid)}
    if not markets:
        return
    name = "depth"
    while name in world.names.populations:
        name += "-again"
    table["snapshot"]["depth"] = {"population": name}


def depth_rows(world: World, grid: Grid) -> list[tuple[str, str, float, Any]]:
    """Rows of `depth.csv`: those markets that have both sides."""
    found = []
    for m, market in enumerate(grid.markets):
        sides = [curve_of_book(world.state, m, side) for side in range(2)]
        if all(sides):
            lot = step_of(world.scenario.market[m].lot)
            for side, curve in zip(SIDES, sides, strict=True):
                found += [(market.name, side, bps, lots * lot) for bps, lots in curve]
    return found
