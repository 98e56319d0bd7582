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
    What each holds, how leveraged it is, and what rests in the books (`network_holdings.py`).

Reading changes nothing: margin numbers are measured on a copy.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.model.contagion.levels import level_of
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import CLOSED, INSURANCE, LENDERS, SPOT, Array
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


class Values(NamedTuple):
    """Values of the ledger at the mark, quote."""

    unit: float
    accounts: Array  # (n,) ACCOUNT, measured now
    gains: Floats  # (n, m) of derivative positions
    values: Floats  # (n, m) of positions, signed
    balances: Floats  # (n,)
    is_spot: Array  # (m,)


def values_of(world: World) -> Values:
    """Values of a ledger now, with the margin numbers of all accounts measured on a copy."""
    ledger = world.state.ledger._replace(accounts=world.state.ledger.accounts.copy())
    measure_all(ledger, world.state.book)
    markets, unit = ledger.markets, 10.0 ** -int(ledger.assets["decimals"][0])
    is_spot = markets["kind"] == SPOT
    values = ledger.lots * (markets["mark"] * markets["half_unit"])
    gains = np.where(is_spot, 0, values - ledger.cost)
    balances = ledger.balances[:, 0] * unit
    return Values(unit, ledger.accounts, gains * unit, values * unit, balances, is_spot)


def summed(world: World, level: str) -> tuple[Any, list[Any]]:
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


def _debts(world: World, book: Values) -> Any:
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

    book, ledger = values_of(world), world.state.ledger
    n = len(book.balances)
    total = _debts(world, book)
    for m in np.flatnonzero(~book.is_spot):
        centre, gains = int(ledger.markets["settlement"][m]), book.gains[:, m]
        won, lost = np.flatnonzero(gains > 0), np.flatnonzero(gains < 0)
        rows = np.concatenate([lost, np.full(len(won), centre)])
        columns = np.concatenate([np.full(len(lost), centre), won])
        amounts = np.concatenate([-gains[lost], gains[won]])
        total = total + sparse.csr_array((amounts, (rows, columns)), shape=(n, n))
    sums, nodes = summed(world, level)
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

    book = values_of(world)
    sums, nodes = summed(world, level)
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
