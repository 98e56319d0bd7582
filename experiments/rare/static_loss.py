r"""Static loss of a fire sale: one round of forced selling at frozen positions.

Account :math:`i` holds :math:`\Pi_{i\mu}` of market :math:`\mu`, other assets :math:`\Theta_i` and
equity :math:`C_i`. Leverage above :math:`\lambda_{max}` is brought back to :math:`\lambda_b` by
selling the share

.. math:: \Gamma_i = \min\Big(1, \frac{\Theta_i + \sum_\mu \Pi_{i\mu} - \lambda_b C_i}
          {\sum_\mu \Pi_{i\mu}}\Big)

of every position (all of it where equity is gone). The sales :math:`q_\mu = \sum_i \Pi_{i\mu}
\Gamma_i` lower the price by

.. math:: \Psi_\mu = (1 - f)\,(1 - e^{-q_\mu / ((1 - f) D_\mu)})

with floor :math:`f` and market depth :math:`D_\mu`, and account i loses :math:`\sum_\mu
((1 - \Gamma_i) + \alpha \Gamma_i)\, \Pi_{i\mu} \Psi_\mu`. It knows nothing of time, of who quotes
and of what waits in the book: correlated with what a market does, and nearly free, it is a control
variate.

References
----------
Cont, R. and Schaanning, E. (2017), "Fire sales, indirect contagion and systemic stress testing",
Norges Bank Working Paper 2/2017. https://doi.org/10.2139/ssrn.2541114
"""

from typing import NamedTuple

import numpy as np

from crossmargin.experiments.rare.estimation import Floats
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import FIRST_SETTLEMENT, PERPETUAL
from crossmargin.model.world import World


class Book(NamedTuple):
    """Balance sheets before a fire sale, in one unit of money.

    Attributes
    ----------
    positions : (n, m), value of what can be sold
    others : (n,), value of other assets
    equity : (n,)
    depth : (m,), sales that would lower a price to nothing if impact were linear
    """

    positions: Floats
    others: Floats
    equity: Floats
    depth: Floats


class FireSale(NamedTuple):
    """What a round of selling does.

    Attributes
    ----------
    shares : (n,), of its positions that each account sells
    sales : (m,), money
    falls : (m,), fraction of the price
    losses : (n,), money
    equity : (n,), money, after the losses
    """

    shares: Floats
    sales: Floats
    falls: Floats
    losses: Floats
    equity: Floats


def shares_sold(book: Book, largest: float, buffer: float) -> Floats:
    """Share of its positions that each account sells, a fraction."""
    held = book.positions.sum(axis=1)
    assets = book.others + held
    forced = (assets > largest * book.equity) & (held > 0)
    excess = np.where(book.equity > 0, assets - buffer * book.equity, held)
    return np.where(forced, np.clip(excess / np.where(held > 0, held, 1.0), 0.0, 1.0), 0.0)


def price_falls(sales: Floats, depth: Floats, floor: float) -> Floats:
    """Fall of each price under some sales, a fraction; never below the floor."""
    return (1.0 - floor) * -np.expm1(-sales / ((1.0 - floor) * depth))


def fire_sale(
    book: Book,
    largest: float,
    *,
    buffer: float | None = None,
    floor: float = 0.5,
    slippage: float = 0.5,
) -> FireSale:
    """Round of forced selling, money in the unit of the book.

    Parameters
    ----------
    largest : float
        Leverage above which an account must sell.
    buffer : float, optional
        Leverage to which it returns; 0.95 of `largest` by default, as in the source.
    floor : float
        Fraction of its price below which nothing falls.
    slippage : float
        Share of the fall that what is sold suffers.

    Examples
    --------
    >>> book = Book(np.array([[40.0, 20.0]]), np.array([29.1]), np.array([3.3]),
    ...             np.array([300.0, 700.0]))
    >>> fire_sale(book, 25.0).shares.round(5)
    array([0.17875])
    """
    if not (largest > 0 and 0 <= floor < 1):
        raise ParameterError(f"largest = {largest}, floor = {floor}: need > 0 and 0 to below 1")
    shares = shares_sold(book, largest, 0.95 * largest if buffer is None else buffer)
    sales = book.positions.T @ shares
    falls = price_falls(sales, book.depth, floor)
    kept = (1.0 - shares) + slippage * shares
    losses = kept * (book.positions @ falls)
    return FireSale(shares, sales, falls, losses, book.equity - losses)


class StaticLoss:
    """Static loss of a market as a function of the fall of its price, quote.

    Accounts with long perpetual positions are those who must sell. Leverage is notional over
    equity; the largest is that of the maintenance margin of the first tier.

    Parameters
    ----------
    world : World
        Its positions and equity at this moment.
    depth : float
        Of each market, quote; see `Book`.
    of : {"deficit", "sales", "loss"}
        What is returned: equity lacking after the round, what was sold, or all losses of longs.
    """

    def __init__(self, world: World, depth: float, of: str = "deficit") -> None:
        if of not in ("deficit", "sales", "loss"):
            raise ParameterError(f"of = {of!r}: allowed are deficit, sales, loss")
        ledger = world.state.ledger
        unit = 10.0 ** -int(ledger.assets["decimals"][0])
        perpetual = ledger.markets["kind"] == PERPETUAL
        first = FIRST_SETTLEMENT + int(perpetual.sum())
        values = ledger.markets["mark"] * ledger.markets["half_unit"].astype(float) * unit
        self.positions = np.maximum(ledger.lots[first:, perpetual], 0) * values[perpetual]
        is_long = self.positions.sum(axis=1) > 0
        self.positions = self.positions[is_long]
        self.equity = ledger.accounts["maintenance_equity"][first:][is_long] * unit
        self.largest = float(1.0 / ledger.tiers["maintenance"][perpetual, 0].max())
        self.depth = np.full(int(perpetual.sum()), float(depth))
        self.of = of

    def __call__(self, fall: float) -> float:
        """Static loss after a fall of all prices by a fraction, quote."""
        left = self.positions * (1.0 - fall)
        equity = self.equity - self.positions.sum(axis=1) * fall
        book = Book(left, np.zeros(len(left)), equity, self.depth)
        sale = fire_sale(book, self.largest)
        if self.of == "sales":
            return float(sale.sales.sum())
        if self.of == "loss":
            return float(fall * self.positions.sum() + sale.losses.sum())
        return float(-np.minimum(sale.equity, 0.0).sum())
