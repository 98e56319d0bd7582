"""A snapshot enters a state: who holds what, and what rests in the books."""

from collections import Counter

import numpy as np

from crossmargin.experiments.layout import Block, home_of
from crossmargin.experiments.schema import Population, Scenario
from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.content import read
from crossmargin.experiments.snapshots.exact import Integers
from crossmargin.experiments.snapshots.grid import grid_of, set_prices
from crossmargin.experiments.snapshots.resting import lay_curves
from crossmargin.experiments.snapshots.table import Snapshot
from crossmargin.model.errors import ParameterError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import INSURANCE, SPOT, SYSTEM_ROWS, State

#: What a population that comes from a snapshot leaves to it.
GIVEN = ("wealth", "collateral", "margin", "position", "whale")


def price_markets(state: State, scenario: Scenario) -> None:
    """Set the prices of a snapshot, before anything is valued."""
    if scenario.snapshot is not None:
        set_prices(state, scenario, scenario.snapshot.market)


def bring_in(state: State, scenario: Scenario, blocks: list[Block]) -> None:
    """Put the accounts and the depth of a snapshot into a state.

    Raises
    ------
    SnapshotError
        With everything that is wrong with the files.
    ParameterError
        When the scenario contradicts them.
    """
    snapshot = scenario.snapshot
    assert snapshot is not None
    content = read(snapshot, grid_of(state, scenario))
    accounts = content.accounts
    rows = _rows(accounts, blocks, snapshot)
    _hold(state, accounts, rows)
    _own(state, accounts, rows)
    if snapshot.depth is not None:
        by_name = {block.population.name: block for block in blocks}
        block = by_name.get(snapshot.depth.population)
        if block is None:
            raise ParameterError(
                f"snapshot.depth.population = {snapshot.depth.population!r}: there are "
                f"{', '.join(by_name)}"
            )
        _check_given(block.population)
        lay_curves(state, block, content.curves, snapshot.depth)
    state.ledger.venue["min_fund"] = state.ledger.balances[INSURANCE, QUOTE]


def _rows(accounts: Accounts, blocks: list[Block], snapshot: Snapshot) -> Integers:
    """Row of the ledger of every account: those of a population in the order of the file."""
    rows = np.zeros(len(accounts.ids), np.int64)
    counts, names = Counter(accounts.populations), np.array(accounts.populations, dtype=object)
    for s, name in enumerate(SYSTEM_ROWS):
        rows[names == name] = s
    for block in blocks:
        population = block.population
        if population.name not in counts:
            continue
        if snapshot.depth is not None and population.name == snapshot.depth.population:
            raise ParameterError(
                f"snapshot.depth.population = {population.name!r}: accounts have this population"
            )
        _check_given(population)
        if population.count != counts[population.name]:
            raise ParameterError(
                f"population.{population.name}.count = {population.count}: the snapshot has "
                f"{counts[population.name]} accounts of it"
            )
        own = names == population.name
        if home_of(block.behaviour, "CROSS_ONLY") and (accounts.only_market[own] >= 0).any():
            raise ParameterError(
                f"population.{population.name}.kind = {population.kind!r}: acts in all its markets "
                "from one account, and the snapshot has isolated accounts of it"
            )
        rows[own] = np.arange(block.first, block.first + block.count)
    return rows


def _check_given(population: Population) -> None:
    """Refuse what the snapshot says already."""
    for name in GIVEN:
        field = type(population).model_fields[name]
        default = field.get_default(call_default_factory=True)
        value = getattr(population, name)
        if value != default and not (name == "wealth" and value == {"constant": [0.0]}):
            raise ParameterError(
                f"population.{population.name}.{name}: its accounts come from the snapshot; leave "
                f"{', '.join(GIVEN)} out"
            )


def _hold(state: State, accounts: Accounts, rows: Integers) -> None:
    """Mint what accounts hold, enter positions at cost; settlement rows stand against them."""
    ledger = state.ledger
    ledger.balances[rows] += accounts.balances
    ledger.assets["minted"] += accounts.balances.sum(axis=0)
    ledger.lots[rows] += accounts.lots
    ledger.cost[rows] += accounts.cost
    for m, market in enumerate(ledger.markets):
        if market["kind"] == SPOT:
            ledger.lots[rows, m] += accounts.balances[:, market["base"]] // market["lot_units"]
            continue
        cost = int(accounts.cost[:, m].sum())
        ledger.balances[market["settlement"], QUOTE] -= cost
        ledger.assets["minted"][QUOTE] -= cost
        market["open_interest"] = int(np.abs(ledger.lots[:, m]).sum())
    state.crowd.outside_lots[rows] = accounts.outside


def _own(state: State, accounts: Accounts, rows: Integers) -> None:
    """Margin modes, and owners by their first account."""
    own = ~accounts.is_system
    state.ledger.accounts["only_market"][rows[own]] = accounts.only_market[own]
    first: dict[str, int] = {}
    for row, owner in zip(rows[own], np.array(accounts.owners, object)[own], strict=True):
        if owner:
            state.ledger.accounts["owner"][row] = first.setdefault(str(owner), int(row))
