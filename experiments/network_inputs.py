r"""A market as the measures of `model/networks` read it, at one moment, in quote.

Rows are those of the ledger; a level sums them (`account`, `owner`, `population`). Everything is
valued at the mark.

liabilities
    What would have to be paid if all positions were settled and all debts called now. Who stands
    at a loss in a perpetual owes it to the settlement row of the market, which owes the gains to
    those who stand in profit; who has a negative balance owes it to LENDERS, and a closed account
    what nobody covered (an unfunded claim) to INSURANCE. Endowments are positive balances and
    coins; what a settlement row has paid out already and not yet received is its debt outside.
exposures
    The same as claims of one account on another: through each settlement, everybody in profit has a
    claim on everybody at a loss, in proportion to both.
holdings
    What each holds, how leveraged it is, and what rests in the books.

Reading changes nothing: margin numbers are measured on a copy.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.model.contagion.levels import level_of
from crossmargin.model.depth import depth_within
from crossmargin.model.early_warning import P as WARNING_NUMBERS
from crossmargin.model.early_warning import Parameters as WarningNumbers
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.networks.branching import Branching as Branching
from crossmargin.model.networks.branching import branching_matrix
from crossmargin.model.state import CLOSED, INSURANCE, LENDERS, PERPETUAL, SPOT, Array
from crossmargin.model.world import World

Floats = NDArray[np.float64]
#: Pairs of a winner and a loser up to which claims of single accounts are written out.
MOST_PAIRS = 20_000_000


class Liabilities(NamedTuple):
    """Debts for `networks.clearing_vector`, quote.

    Attributes
    ----------
    matrix : (n, n) scipy.sparse, what the row owes to the column
    endowment : (n,) float64
    external : (n,) float64, owed outside
    nodes : list, names of the rows
    """

    matrix: Any
    endowment: Floats
    external: Floats
    nodes: list[Any]


class Exposures(NamedTuple):
    """Claims for `networks.debtrank` and `networks.furfine`, quote.

    Attributes
    ----------
    matrix : (n, n) scipy.sparse, claim of the row on the column
    equity : (n,) float64, of any sign
    nodes : list, names of the rows
    """

    matrix: Any
    equity: Floats
    nodes: list[Any]

    def solvent(self) -> "Exposures":
        """Nodes with equity above 0 alone: those that can still be distressed."""
        rows = np.flatnonzero(self.equity > 0)
        nodes = [self.nodes[row] for row in rows]
        return Exposures(self.matrix[rows][:, rows], self.equity[rows], nodes)


class Holdings(NamedTuple):
    """What is held in common, for `networks.fire_sale` and `networks.cont_schaanning`.

    Both take positions without sign: longs alone for a fall. With `gross` their sum by node, a fire
    sale is `fire_sale(gross, equity, longs / gross, liquidity, shock)`, whose own measure of
    leverage, gross over equity less one, is what keeps that of a derivative account; and the depth
    of Cont and Schaanning, sales down to a price of nothing, is `depth[0] / bandwidth`.

    Attributes
    ----------
    positions : (n, m) float64, quote at the mark, below 0 short; of spot markets the coins
    cash : (n,) float64, quote balance, below 0 a debt
    equity : (n,) float64, quote
    leverage : (n,) float64, gross positions over equity; infinite without equity
    distance : (n,) float64, quote, maintenance equity less requirement, summed over accounts
    depth : (2, m) float64, quote that rests in bids and asks within the bandwidth of the best price
    liquidity : (m,) float64, fraction of the price for one quote sold: bandwidth over bids
    bandwidth : float, fraction of the price
    nodes, markets : lists of names
    """

    positions: Floats
    cash: Floats
    equity: Floats
    leverage: Floats
    distance: Floats
    depth: Floats
    liquidity: Floats
    bandwidth: float
    nodes: list[Any]
    markets: list[str]


class _Book(NamedTuple):
    """Values of the ledger at the mark, quote."""

    unit: float
    accounts: Array  # (n,) ACCOUNT, measured now
    gains: Floats  # (n, m) of derivative positions
    values: Floats  # (n, m) of positions, signed
    balances: Floats  # (n,)
    is_spot: Array  # (m,)


def _book(world: World) -> _Book:
    ledger = world.state.ledger._replace(accounts=world.state.ledger.accounts.copy())
    measure_all(ledger, world.state.book)
    markets, unit = ledger.markets, 10.0 ** -int(ledger.assets["decimals"][0])
    is_spot = markets["kind"] == SPOT
    values = ledger.lots * (markets["mark"] * markets["half_unit"])
    gains = np.where(is_spot, 0, values - ledger.cost)
    balances = ledger.balances[:, 0] * unit
    return _Book(unit, ledger.accounts, gains * unit, values * unit, balances, is_spot)


def _summed(world: World, level: str) -> tuple[Any, list[Any]]:
    """Matrix that sums rows of the ledger to nodes of a level, and the names of those."""
    from scipy import sparse

    found = level_of(world, level)
    nodes = found.nodes[found.holders]
    ones = np.ones(len(nodes))
    shape = (len(found.keys), len(nodes))
    return sparse.csr_array((ones, (nodes, np.arange(len(nodes)))), shape=shape), found.keys


def _without_loops(matrix: Any) -> Any:
    found = matrix.tocsr()
    found.setdiag(0.0)
    found.eliminate_zeros()
    return found


def _debts(world: World, book: _Book) -> Any:
    """Debts to LENDERS and unfunded claims, (n, n) sparse."""
    from scipy import sparse

    n = len(book.balances)
    accounts = world.state.ledger.accounts
    is_own = accounts["population"] >= 0
    lacking = np.where(is_own, np.maximum(0.0, -book.balances), 0.0)
    owed = np.where(accounts["state"] == CLOSED, accounts["owed"] * book.unit, 0.0)
    unfunded = np.minimum(lacking, owed)
    rows = np.arange(n)
    return sparse.csr_array(
        (
            np.concatenate([lacking - unfunded, unfunded]),
            (np.tile(rows, 2), np.repeat([LENDERS, INSURANCE], n)),
        ),
        shape=(n, n),
    )


def liabilities(world: World, level: str = "account") -> Liabilities:
    """What everybody owes to whom if all is settled now.

    Parameters
    ----------
    level : {"account", "owner", "population"}
        Debts within a node are left out.

    Raises
    ------
    ParameterError
        When there is no such level.
    """
    from scipy import sparse

    book, ledger = _book(world), world.state.ledger
    n = len(book.balances)
    total = _debts(world, book)
    for m in np.flatnonzero(~book.is_spot):
        centre, gains = int(ledger.markets["settlement"][m]), book.gains[:, m]
        won, lost = np.flatnonzero(gains > 0), np.flatnonzero(gains < 0)
        rows = np.concatenate([lost, np.full(len(won), centre)])
        columns = np.concatenate([np.full(len(lost), centre), won])
        amounts = np.concatenate([-gains[lost], gains[won]])
        total = total + sparse.csr_array((amounts, (rows, columns)), shape=(n, n))
    sums, nodes = _summed(world, level)
    is_own = ledger.accounts["population"] >= 0
    coins = np.where(book.is_spot, book.values, 0.0).sum(axis=1)
    outside = np.where(is_own, 0.0, np.maximum(0.0, -book.balances))
    return Liabilities(
        _without_loops(sums @ total @ sums.T),
        sums @ (np.maximum(0.0, book.balances) + np.maximum(0.0, coins)),
        sums @ outside,
        nodes,
    )


def exposures(world: World, level: str = "account") -> Exposures:
    """Who has a claim on whom.

    Parameters
    ----------
    level : {"account", "owner", "population"}
        Claims within a node are left out.

    Raises
    ------
    ParameterError
        When there is no such level, or so many pairs of accounts that a coarser one is needed.
    """
    from scipy import sparse

    book = _book(world)
    sums, nodes = _summed(world, level)
    claims = sums @ _debts(world, book).T @ sums.T
    for m in np.flatnonzero(~book.is_spot):
        won = sums @ np.maximum(book.gains[:, m], 0.0)
        lost = sums @ np.maximum(-book.gains[:, m], 0.0)
        pairs = int(np.count_nonzero(won)) * int(np.count_nonzero(lost))
        if pairs > MOST_PAIRS:
            raise ParameterError(
                f"level = {level!r}: {pairs} pairs of a winner and a loser in "
                f"{world.names.markets[m]} are more than {MOST_PAIRS}; use 'population'"
            )
        if pairs:
            share = min(1.0, float(lost.sum() / won.sum()))  # what the settlement lacks is nobody's
            row = sparse.csr_array((lost / lost.sum())[None, :])
            claims = claims + sparse.csr_array((share * won)[:, None]) @ row
    equity = sums @ (book.accounts["equity"] * book.unit)
    return Exposures(_without_loops(claims), equity, nodes)


def holdings(world: World, level: str = "account", bandwidth: float = 0.05) -> Holdings:
    """What everybody holds, how leveraged, and what rests in the books.

    Parameters
    ----------
    level : {"account", "owner", "population"}
    bandwidth : float
        Distance from the best price over which depth counts, fraction, above 0 and below 1.
    """
    if not 0 < bandwidth < 1:
        raise ParameterError(f"bandwidth = {bandwidth!r}: must be above 0 and below 1")
    book = _book(world)
    accounts = book.accounts
    sums, nodes = _summed(world, level)
    own = np.where(accounts["population"] >= 0, 1.0, 0.0)
    equity = sums @ (own * accounts["equity"] * book.unit)
    positions = sums @ (own[:, None] * book.values)
    gross = sums @ (own * np.abs(book.values).sum(axis=1))
    distance = (accounts["maintenance_equity"] - accounts["maintenance_requirement"]) * book.unit
    depth = depth_of(world, bandwidth)
    return Holdings(
        positions=positions,
        cash=sums @ (own * book.balances),
        equity=equity,
        leverage=np.divide(gross, equity, out=np.full(len(gross), np.inf), where=equity > 0),
        distance=sums @ (own * distance),
        depth=depth,
        liquidity=bandwidth / depth[0],
        bandwidth=bandwidth,
        nodes=nodes,
        markets=list(world.names.markets),
    )


def depth_of(world: World, bandwidth: float) -> Floats:
    """Quote that rests within a bandwidth of the best bids and asks, one lot at least, (2, m)."""
    markets, book, count = world.state.ledger.markets, world.state.book, from_python(depth_within)
    unit = 10.0 ** -int(world.state.ledger.assets["decimals"][0])
    found = np.zeros((2, len(markets)))
    for m, market in enumerate(markets):
        for side, edge in enumerate((1.0 - bandwidth, 1.0 + bandwidth)):
            limit = int(int(book.ladders[m]["best"][side]) * edge)
            lots = max(1, int(count(book, m, side, limit)))
            found[side, m] = lots * int(market["mark"]) * int(market["half_unit"]) * unit
    return found


def branching(world: World, **numbers: float) -> Branching:
    """Reproduction number of forced sales now; as `run.early_warning` records it.

    Parameters
    ----------
    **numbers : float
        Those of `run.early_warning` that are to differ from the scenario's.
    """
    table = dict(world.scenario.run.early_warning) if world.scenario is not None else {}
    values = {k: v for k, v in table.items() if k in WARNING_NUMBERS._fields} | numbers
    try:
        found = WarningNumbers(**values)
    except ValueError as error:
        raise ParameterError(f"early_warning: {str(error).splitlines()[2].strip()}") from None
    book = _book(world)
    own = np.flatnonzero(book.accounts["population"] >= 0)
    accounts = book.accounts[own]
    distance = (accounts["maintenance_equity"] - accounts["maintenance_requirement"]) * book.unit
    is_free = (accounts["maintenance_requirement"] <= 0) & (book.balances[own] >= 0)
    positions = book.values[own]
    return branching_matrix(
        positions,
        np.where(is_free, -1.0, distance),
        lambda width: depth_of(world, width),
        rates=_rates(world, positions / book.unit),
        closed=_closed(positions, book.balances[own], book.is_spot, found.closed),
        bandwidth=found.bandwidth,
        gain=found.pass_through * 2.0 ** (-found.horizon / found.refill_half_life),
    )


def _rates(world: World, notionals: Floats) -> Floats:
    """Maintenance rate of every position by its tier; of coins one less their weight."""
    ledger = world.state.ledger
    rates = np.zeros(notionals.shape)
    for m, market in enumerate(ledger.markets):
        if market["kind"] == SPOT:
            rates[:, m] = 1.0 - ledger.assets["maintenance_weight"][market["base"]]
        elif market["kind"] == PERPETUAL:
            tiers = ledger.tiers[m]
            tier = np.searchsorted(tiers["lower"], np.rint(np.abs(notionals[:, m])), side="right")
            rates[:, m] = tiers["maintenance"][np.maximum(tier - 1, 0)]
    return rates


def _closed(positions: Floats, balances: Floats, is_spot: Array, closed: float) -> Floats:
    """Share of every position that a liquidation closes: of coins what a debt takes."""
    debt = np.maximum(0.0, -balances)[:, None]
    held = np.where(positions > 0, positions, 1.0)
    return np.where(is_spot, np.minimum(1.0, debt / held), closed)
