"""Owners divided among accounts: which positions share which collateral, at equal positions.

What an owner holds is drawn as for one cross account, whatever the mode, and then divided: each
margin group gets an account of its own with the positions of its markets, and of what the owner has
in quote and coins

* a share pro rata to its initial margin, so that nothing is left; or
* what brings its equity to a multiple of its initial margin, the rest being kept apart in an
  account that nobody trades from.

Quote and coins go in the same proportion. Gains and losses since the entry stay with their
position, and so do the debts that were made on them. An owner without positions keeps nothing
apart, since it could not trade otherwise: all goes to the account of the market in which it acts,
or, where it acts in several, every account gets the same.
"""

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.account_tables import Accounts
from crossmargin.experiments.layout import Block, home_of
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.integers import split
from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import QUOTE
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import SPOT, State

Integers = NDArray[np.int64]


def divide(state: State, scenario: Scenario, blocks: list[Block]) -> dict[str, int] | None:
    """Divide all owners as `venue.accounts` says; None where that is as populations state.

    Returns
    -------
    dict or None
        Owners divided among several accounts, those who keep something apart, and accounts below
        their maintenance margin at the start.

    Raises
    ------
    ParameterError
        When accounts of a snapshot are isolated already.
    """
    table = scenario.venue.accounts
    if table.mode == "as_stated":
        return None
    _check_undivided(state, blocks, table)
    for block in blocks:
        _set_capital(state, block, table.capital)
        _move_positions(state, block, table.mode)
    measure_all(state.ledger, state.book)
    several = sum(block.count for block in blocks if len(block.groups) > 1)
    apart = sum(_divide_money(state, block, table) for block in blocks)
    measure_all(state.ledger, state.book)
    accounts = state.ledger.accounts
    below = accounts["maintenance_equity"] < accounts["maintenance_requirement"]
    return {
        "owners_divided": several,
        "owners_with_idle": apart,
        "below_maintenance": int((below & (accounts["population"] >= 0)).sum()),
    }


def _check_undivided(state: State, blocks: list[Block], table: Accounts) -> None:
    for block in blocks:
        if (state.ledger.accounts["only_market"][block.rows] >= 0).any():
            raise ParameterError(
                f"venue.accounts.mode = {table.mode!r}: population {block.population.name} of the "
                'snapshot has isolated accounts already; leave it "as_stated"'
            )


def _has_positions(state: State, rows: slice) -> NDArray[np.bool_]:
    is_derivative = state.ledger.markets["kind"] != SPOT
    return np.asarray((state.ledger.lots[rows][:, is_derivative] != 0).any(axis=1))


def _set_capital(state: State, block: Block, capital: float) -> None:
    """Multiply the balances of owners with positions; coins stay whole lots."""
    if capital == 1.0:
        return
    ledger = state.ledger
    rows = block.first + np.flatnonzero(_has_positions(state, block.rows))
    for a, asset in enumerate(ledger.assets):
        before = ledger.balances[rows, a]
        if a == QUOTE:
            after = np.floor(before * capital).astype(np.int64)
        else:
            m = int(asset["market"])
            lots = np.floor(ledger.lots[rows, m] * capital).astype(np.int64)
            ledger.lots[rows, m] = lots
            after = lots * int(ledger.markets["lot_units"][m])
        ledger.balances[rows, a] = after
        asset["minted"] += int((after - before).sum())


def _move_positions(state: State, block: Block, mode: str) -> None:
    """Give every margin group the positions of its markets, and say where it may trade."""
    accounts, kinds = state.ledger.accounts, state.ledger.markets["kind"]
    for g, (part, group) in enumerate(zip(block.by_group(), block.groups, strict=True)):
        accounts["siblings"][part.rows] = len(block.groups)
        if len(block.groups) > 1 or (len(group) == 1 and mode != "cross"):
            accounts["markets"][part.rows] = sum(1 << m for m in group)
        for m in group:
            if g and kinds[m] != SPOT:
                for table in (state.ledger.lots, state.ledger.cost, state.crowd.outside_lots):
                    table[part.rows, m] = table[block.rows, m]
                    table[block.rows, m] = 0


def _divide_money(state: State, block: Block, table: Accounts) -> int:
    """Share out quote and coins of a population; returns the owners who keep something apart."""
    if len(block.groups) < 2 and block.first_apart < 0:
        return 0
    parts = block.by_group()
    held = np.array([_has_positions(state, part.rows) for part in parts]).any(axis=0)
    weights, behind = _weights(state, block, held, table)
    targets = [part.first for part in parts]
    targets += [block.first_apart] if block.first_apart >= 0 else []
    for i in range(block.count):
        rows = np.array(targets) + i
        _share_out(state, block.first + i, rows, weights[i], behind[i])
    return _set_apart(state, block, table, held) if block.first_apart >= 0 else 0


def _weights(
    state: State, block: Block, held: NDArray[np.bool_], table: Accounts
) -> tuple[Integers, Integers]:
    """Shares of the rows of every owner in what it has, and in what it owes, (n, rows) int64."""
    accounts, parts = state.ledger.accounts, block.by_group()
    asked = np.array([accounts["initial_requirement"][part.rows] for part in parts]).T
    gains = np.array([_gains(state, part.rows) for part in parts]).T
    rows = np.zeros((len(held), len(parts) + (block.first_apart >= 0)), np.int64)
    if table.split == "idle":
        needed = np.maximum(0, np.ceil(table.posted * asked).astype(np.int64) - gains)
        rows[:, : len(parts)] = needed
        rows[:, -1] = np.maximum(0, _movable(state, parts[0].rows) - needed.sum(axis=1))
    else:
        rows[:, : len(parts)] = asked
    rows[~held] = 0
    free = ~held | (rows.sum(axis=1) == 0)
    rows[free, : len(parts)] = _places_of(state, block)[free]
    owed = np.zeros_like(rows)
    owed[:, : len(parts)] = np.maximum(0, gains)
    owed[:, 0] += owed.sum(axis=1) == 0
    return rows, owed


def _places_of(state: State, block: Block) -> Integers:
    """Shares of the accounts of owners without positions, (n, groups) int64."""
    markets = block.markets
    shares = np.ones((block.count, len(block.groups)), np.int64)
    kind = home_of(block.behaviour, "ONE_MARKET")
    if kind is None:
        return shares
    if kind == "perpetual":
        markets = tuple(m for m in markets if state.ledger.markets["kind"][m] != SPOT)
    place = np.arange(block.count) % len(markets)
    for g, group in enumerate(block.groups):
        shares[:, g] = np.isin(np.array(sorted(markets))[place], group)
    return shares


def _gains(state: State, rows: slice) -> Integers:
    """Unrealised profit of accounts at the mark, quote units."""
    ledger = state.ledger
    is_derivative = ledger.markets["kind"] != SPOT
    value = ledger.lots[rows] * (ledger.markets["mark"] * ledger.markets["half_unit"])
    return np.asarray((value - ledger.cost[rows])[:, is_derivative].sum(axis=1))


def _movable(state: State, rows: slice) -> Integers:
    """What owners can post, coins at the weight that entry is judged by, quote units."""
    ledger = state.ledger
    total = np.maximum(0, ledger.balances[rows, QUOTE]).astype(float)
    for asset in ledger.assets[1:]:
        m = int(asset["market"])
        unit = int(ledger.markets["mark"][m]) * int(ledger.markets["half_unit"][m])
        total += ledger.lots[rows, m] * unit * float(asset["initial_weight"])
    return np.floor(total).astype(np.int64)


def _share_out(state: State, owner: int, rows: Integers, weights: Integers, owed: Integers) -> None:
    """Give the rows of one owner their shares of its quote balance and its coins."""
    ledger = state.ledger
    quote = int(ledger.balances[owner, QUOTE])
    ledger.balances[rows, QUOTE] = _shared(quote, weights if quote >= 0 else owed)
    for a, asset in enumerate(ledger.assets):
        if a == QUOTE:
            continue
        m = int(asset["market"])
        lots = _shared(int(ledger.lots[owner, m]), weights)
        ledger.lots[rows, m] = lots
        ledger.balances[rows, a] = lots * int(ledger.markets["lot_units"][m])


def _shared(total: int, weights: Integers) -> Integers:
    shares = np.zeros(len(weights), np.int64)
    from_python(split)(abs(total), weights, shares)
    return shares if total >= 0 else -shares


def _set_apart(state: State, block: Block, table: Accounts, held: NDArray[np.bool_]) -> int:
    """Name the rows that hold what is kept apart, and how much of it may flow back."""
    accounts = state.ledger.accounts
    apart = slice(block.first_apart, block.first_apart + block.count)
    owners = np.arange(block.first, block.first + block.count)
    for name in ("population", "index", "key"):
        accounts[name][apart] = accounts[name][block.rows]
    accounts["owner"][apart] = accounts["owner"][block.rows]
    accounts["markets"][apart] = 0
    limit = table.top_up.limit if table.top_up is not None else 0.0
    quote = state.ledger.balances[apart, QUOTE]
    accounts["allowance"][apart] = np.floor(np.maximum(0, quote) * limit).astype(np.int64)
    for g in range(len(block.groups)):
        rows = owners[held] + g * block.count
        accounts["purse"][rows] = block.first_apart + np.flatnonzero(held)
    return int((held & (quote > 0)).sum())
