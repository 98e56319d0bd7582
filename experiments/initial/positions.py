"""Positions at the start: drawn, scaled, matched, and none of them liquidatable already.

Wealth is equity at the start, so that whoever enters at a price away from the first one brings that
much more or less cash; or, with `wealth_at = "entry"`, what was paid in when the position was
opened, so that gain and loss since then stand beside it. Every long has its short: what directional
populations leave open is taken by the populations whose side is `balance`, and a scenario that
leaves anything open is refused.

Positions below their maintenance margin would have been liquidated before the start. With
`liquidatable = "redraw"` their accounts draw another entry price, which is rejection sampling from
the entry prices with which a position of this side and leverage still exists; wealth and leverage
stay as drawn. Who finds none after all attempts has no position left.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.initial.directions import Entries, lots_of, terms_of
from crossmargin.experiments.initial.drawing import Floats, whales_of
from crossmargin.experiments.initial.histories import profile_of
from crossmargin.experiments.initial.open_interest import (
    Holding,
    balance,
    check_leverage,
    scale_to,
    scaled_wealth,
)
from crossmargin.experiments.initial.wealth import (
    check_total,
    collateral_of,
    endow,
    mint_funds,
    wealth_of,
)
from crossmargin.experiments.initial_tables import Initial
from crossmargin.experiments.layout import Block
from crossmargin.experiments.schema import Scenario
from crossmargin.model.contracts import contract_values
from crossmargin.model.errors import ParameterError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import POOLED, SPOT, State


@dataclass(eq=False)
class Book:
    """What every account is to hold.

    Attributes
    ----------
    wealth : (n_accounts,) float64, quote units
    lots : (n_accounts, n_markets) int64
    entry : (n_accounts, n_markets) float64, entry over first price
    collateral : shares of wealth by asset, for each population
    """

    wealth: Floats
    lots: NDArray[np.int64]
    entry: Floats
    collateral: list[dict[str, Floats]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Drawer:
    """Draws the book of a scenario again and again, as some accounts try other entries."""

    state: State
    scenario: Scenario
    blocks: list[Block]
    seed: int

    @property
    def initial(self) -> Initial:
        """`[initial]`, or its defaults."""
        return self.scenario.initial or Initial()

    def entries(self) -> Entries:
        """Sources of entry prices, before anyone draws again."""
        markets = self.state.ledger.markets
        names = [market.name for market in self.scenario.market]
        profiles = {}
        for table in self.initial.volume_at_price:
            m = names.index(table.market)
            u = int(markets["underlying"][m])
            price = float(self.state.outside.references["price"][u])
            underlying = self.scenario.underlying[u]
            profiles[m] = profile_of(table, underlying, price, self.seed)
        return Entries(profiles, np.zeros(len(self.state.ledger.accounts), np.int64))

    def draw(self, entries: Entries, closed: NDArray[np.bool_]) -> Book:
        """Matched book of all accounts; those that are closed hold nothing."""
        wealth = wealth_of(self.state, self.scenario, self.blocks, self.seed)
        book = Book(
            wealth=wealth,
            lots=np.zeros(self.state.ledger.lots.shape, np.int64),
            entry=np.ones(self.state.ledger.lots.shape),
        )
        holdings = [self._holding(block, entries, wealth, closed) for block in self.blocks]
        self._scale(holdings)
        for block, holding in zip(self.blocks, holdings, strict=True):
            book.lots[block.rows] = np.trunc(holding.lots).astype(np.int64)
            book.entry[block.rows] = holding.terms.entry
            if self.initial.scale == "wealth":
                book.wealth[block.rows] = scaled_wealth(holding)
                total = float(book.wealth[block.rows].sum()) / 10 ** self.scenario.asset[0].decimals
                check_total(self.scenario, f"population.{holding.name}.wealth", total)
            else:
                check_leverage(self.state, self.scenario, holding)
            shares = collateral_of(self.state, self.scenario, block, self.seed)
            book.collateral.append(shares)
        for m in range(book.lots.shape[1]):
            kind = self.state.ledger.markets[m]["kind"]
            if kind == POOLED:
                pool = self.state.ledger.pools[self.state.ledger.markets[m]["pool"]]
                book.lots[pool["row"], m] = -book.lots[:, m].sum()
            elif kind != SPOT:
                balance(self.state, self.scenario, holdings, book.lots[:, m], m)
        return book

    def _holding(
        self, block: Block, entries: Entries, wealth: Floats, closed: NDArray[np.bool_]
    ) -> Holding:
        terms = terms_of(self.state, block, self.seed, entries)
        at_entry = self.initial.wealth_at == "entry"
        lots = lots_of(self.state, block, terms, wealth[block.rows], at_entry)
        lots[closed[block.rows]] = 0.0
        return Holding(
            block=block,
            terms=terms,
            wealth=wealth[block.rows],
            lots=lots,
            factor=np.ones_like(lots),
            order=np.zeros(lots.shape[1]),
            is_closed=closed[block.rows],
        )

    def _scale(self, holdings: list[Holding]) -> None:
        names = [market.name for market in self.scenario.market]
        for row in self.initial.open_interest:
            scale_to(self.state, row, names.index(row.market), holdings)


def write_book(state: State, scenario: Scenario, blocks: list[Block], book: Book) -> None:
    """Mint wealth and write positions and costs; the settlement rows balance them."""
    mint_funds(state, scenario)
    for block, shares in zip(blocks, book.collateral, strict=True):
        endow(state, scenario, block, book.wealth[block.rows].astype(np.int64), shares)


def open_positions(state: State, book: Book, *, at_entry: bool) -> None:
    """Write positions and their cost; what was gained since the entry is in wealth or beside it."""
    ledger = state.ledger
    for m, market in enumerate(ledger.markets):
        if market["kind"] == SPOT:
            continue
        held, mark, asset = book.lots[:, m], int(market["mark"]), int(market["settles"])
        price = np.maximum(1, np.rint(mark * book.entry[:, m])).astype(np.int64)
        cost = contract_values(market, held, price)
        now = contract_values(market, held, np.full_like(price, mark))
        gain = np.zeros_like(cost) if at_entry else now - cost
        ledger.lots[:, m] = held
        ledger.cost[:, m] = cost
        ledger.balances[:, asset] -= gain
        ledger.balances[int(market["settlement"]), asset] -= int(cost.sum())
        ledger.assets[asset]["minted"] += -int(gain.sum()) - int(cost.sum())
        market["open_interest"] = int(np.abs(held).sum())
        if asset != QUOTE:
            spot = int(ledger.assets[asset]["market"])
            lot = int(ledger.markets[spot]["lot_units"])
            ledger.lots[:, spot] = ledger.balances[:, asset] // lot


def hold(state: State, scenario: Scenario, blocks: list[Block], seed: int, check: Any) -> Any:
    """Give every account its money and its positions.

    Parameters
    ----------
    check : function of a State and a Scenario
        Called when the money is there, before positions are.

    Returns
    -------
    dict
        What is worth knowing of it: accounts that drew again or were closed, rows of whales.
    """
    drawer = Drawer(state, scenario, blocks, seed)
    entries, initial = drawer.entries(), drawer.initial
    closed = np.zeros(len(state.ledger.accounts), bool)
    before = _copy_of(state)
    while True:
        book = drawer.draw(entries, closed)
        write_book(state, scenario, blocks, book)
        check(state, scenario)
        open_positions(state, book, at_entry=initial.wealth_at == "entry")
        if scenario.initial is None or initial.liquidatable == "keep":
            break
        failing = _failing(state)
        if not failing.any():
            break
        _give_way(drawer, entries, closed, failing)
        _restore(state, before)
    return _notes(scenario, blocks, entries, closed)


def _failing(state: State) -> NDArray[np.bool_]:
    """Accounts with positions that are below their maintenance margin."""
    measure_all(state.ledger, state.book)
    accounts = state.ledger.accounts
    short = accounts["maintenance_equity"] < accounts["maintenance_requirement"]
    return np.asarray(short & (accounts["population"] >= 0))


def _give_way(
    drawer: Drawer, entries: Entries, closed: NDArray[np.bool_], failing: NDArray[np.bool_]
) -> None:
    """Let accounts that would be liquidated at once draw again, or close them."""
    initial = drawer.initial
    if initial.liquidatable == "refuse" or (failing & closed).any():
        row = int(np.flatnonzero(failing)[0])
        account = drawer.state.ledger.accounts[row]
        name = drawer.blocks[int(account["population"])].population.name
        raise ParameterError(
            f"population.{name}.position: account {account['index']} is below its maintenance "
            f"margin at the start, {int(failing.sum())} in all; lower leverage, change entry, or "
            'let initial.liquidatable be "redraw" or "close"'
        )
    may = initial.liquidatable == "redraw" and initial.wealth_at == "entry"
    again = failing & (entries.attempt < initial.attempts) if may else np.zeros_like(failing)
    entries.attempt[again] += 1
    closed |= failing & ~again


def _copy_of(state: State) -> list[Any]:
    ledger = state.ledger
    arrays = (ledger.balances, ledger.lots, ledger.cost, ledger.assets, ledger.markets)
    return [array.copy() for array in arrays]


def _restore(state: State, before: list[Any]) -> None:
    ledger = state.ledger
    arrays = (ledger.balances, ledger.lots, ledger.cost, ledger.assets, ledger.markets)
    for array, saved in zip(arrays, before, strict=True):
        array[:] = saved


def _notes(
    scenario: Scenario, blocks: list[Block], entries: Entries, closed: NDArray[np.bool_]
) -> dict[str, Any]:
    whales = {
        whale.name: block.first + rows.start for block in blocks for whale, rows in whales_of(block)
    }
    found: dict[str, Any] = {"whales": whales} if whales else {}
    if scenario.initial is not None:
        found["entries_drawn_again"] = int((entries.attempt > 0).sum())
        found["positions_closed"] = int(closed.sum())
    return found
