r"""Threshold deleveraging: who exceeds a limit of leverage sells, and prices fall for all.

Institution i holds :math:`\Pi_{i\mu}` of what can be sold, :math:`\Theta_i` of what cannot, and has
capital :math:`C_i`. Leverage above :math:`\lambda_{max}` is brought back to :math:`\lambda_b` by
selling the share

.. math:: \Gamma_i = \min\Big(1, \frac{\Theta_i + \sum_\mu \Pi_{i\mu} - \lambda_b C_i}
          {\sum_\mu \Pi_{i\mu}}\Big)

of every position (all of it where capital is gone). The sales :math:`q_\mu = \sum_i \Gamma_i
\Pi_{i\mu}` lower the price S, which never falls below B, by the fraction

.. math:: \Psi_\mu(q) = (1 - B/S)(1 - e^{-q/\delta}), \qquad \delta = (1 - B/S) D_\mu

or, linear, :math:`q / D_\mu` as far as B; and i loses :math:`\sum_\mu ((1 - \Gamma_i) +
a \Gamma_i) \Pi_{i\mu} \Psi_\mu`. What is left is judged again in the next round.

Overlap, weighted by depth, says who hurts whom at first order: the losses of a small sale are
:math:`\Omega\, \Gamma`,

.. math:: \Omega_{ij} = \sum_\mu \Pi_{i\mu} \Pi_{j\mu} / D_\mu

and the component of i in its principal eigenvector is the indirect contagion index.

References
----------
Cont, R. and Schaanning, E. (2017), "Fire sales, indirect contagion and systemic stress testing",
Norges Bank Working Paper 2/2017. https://doi.org/10.2139/ssrn.2541114; and (2019), "Monitoring
indirect contagion", J. Banking Finance 104:85. https://doi.org/10.1016/j.jbankfin.2019.04.007
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.checks import (
    Floats,
    array_of,
    check_range,
    choice_of,
    fraction_of,
)


class Deleveraging(NamedTuple):
    """What rounds of forced selling did.

    Attributes
    ----------
    shares : (n,), of its first positions that each sold
    sales : (m,), money, at the prices at which rounds began
    falls : (m,), fraction of the first price
    losses : (n,), money
    equity : (n,), money, after the losses
    leverage : (n,), assets over equity after; infinite without equity
    positions : (n, m), money, after
    rounds : int, in which somebody sold
    """

    shares: Floats
    sales: Floats
    falls: Floats
    losses: Floats
    equity: Floats
    leverage: Floats
    positions: Floats
    rounds: int


class _Rules(NamedTuple):
    """When somebody sells, and what that does to prices."""

    largest: float
    buffer: float
    floor: float
    slippage: float
    impact: str


def cont_schaanning(
    positions: Any,
    others: Any,
    equity: Any,
    depth: Any,
    largest: float,
    *,
    buffer: float | None = None,
    floor: float = 0.5,
    slippage: float = 0.5,
    impact: Literal["exponential", "linear"] = "exponential",
    rounds: int = 1,
) -> Deleveraging:
    r"""Forced selling at frozen mandates, in one unit of money.

    Parameters
    ----------
    positions : (n, m) array
        Value of what can be sold, 0 or more.
    others : (n,) array
        Value of other assets, 0 or more.
    equity : (n,) array
        Of any sign.
    depth : (m,) array
        Sales that would lower a price to nothing if impact were linear, above 0. In the source
        :math:`c\,(ADV/\sigma)\sqrt{\tau}`.
    largest : float
        Leverage above which somebody must sell, above 0.
    buffer : float, optional
        Leverage to which it returns; 0.95 of `largest` by default, as in the source.
    floor : float
        Fraction of its first price below which nothing falls, 0 to below 1.
    slippage : float
        Share of the fall that what is sold suffers.
    impact : {"exponential", "linear"}
    rounds : int
        Most rounds; it ends before when nobody must sell.

    Returns
    -------
    Deleveraging

    Raises
    ------
    ParameterError
        With the argument and what is allowed.

    Examples
    --------
    >>> found = cont_schaanning([[40, 20]], [29.1], [3.3], [300, 700], 25.0)
    >>> found.shares.round(5).tolist()
    [0.17875]
    """
    held = array_of("positions", positions, (None, None))
    check_range("positions", held, 0.0)
    n, m = held.shape
    rest = array_of("others", others, (n,))
    check_range("others", rest, 0.0)
    worth = array_of("equity", equity, (n,))
    deep = _depth(depth, m)
    rules = _rules(largest, buffer, floor, slippage, impact)
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise ParameterError(f"rounds = {rounds!r}: must be a whole number, at least 1")
    return _deleverage(held, rest, worth, deep, rules, rounds)


def _rules(largest: Any, buffer: Any, floor: Any, slippage: Any, impact: str) -> _Rules:
    most, least = array_of("largest", largest, ()), array_of("floor", floor, ())
    check_range("largest", most, above=0.0)
    check_range("floor", least, 0.0)
    if least >= 1:
        raise ParameterError(f"floor = {float(least):g}: must be below 1")
    back = array_of("buffer", 0.95 * float(most) if buffer is None else buffer, ())
    check_range("buffer", back, 0.0, float(most))
    kind = choice_of("impact", impact, ("exponential", "linear"))
    return _Rules(float(most), float(back), float(least), fraction_of("slippage", slippage), kind)


def _depth(depth: Any, m: int) -> Floats:
    found = array_of("depth", depth, (m,))
    check_range("depth", found, above=0.0)
    return found


def _deleverage(
    held: Floats, rest: Floats, worth: Floats, deep: Floats, rules: _Rules, rounds: int
) -> Deleveraging:
    held, worth = held.copy(), worth.copy()
    kept, prices = np.ones(len(worth)), np.ones(len(deep))
    sales, losses, n_rounds = np.zeros(len(deep)), np.zeros(len(worth)), 0
    while n_rounds < rounds:
        shares = shares_sold(held, rest, worth, rules.largest, rules.buffer)
        if not shares.any():
            break
        sold = held.T @ shares
        least = np.divide(rules.floor, prices, out=np.ones(len(prices)), where=prices > 0)
        falls = price_falls(sold, deep, least, rules.impact)
        lost = ((1.0 - shares) + rules.slippage * shares) * (held @ falls)
        sales, losses, worth = sales + sold, losses + lost, worth - lost
        held *= (1.0 - shares)[:, None] * (1.0 - falls)[None, :]
        kept, prices, n_rounds = kept * (1.0 - shares), prices * (1.0 - falls), n_rounds + 1
    assets = rest + held.sum(axis=1)
    leverage = np.where(worth > 0, assets / np.where(worth > 0, worth, 1.0), np.inf)
    return Deleveraging(1.0 - kept, sales, 1.0 - prices, losses, worth, leverage, held, n_rounds)


def shares_sold(
    positions: Floats, others: Floats, equity: Floats, largest: float, buffer: float
) -> Floats:
    """Share of its positions that each must sell, a fraction."""
    held = positions.sum(axis=1)
    assets = others + held
    forced = (assets > largest * equity) & (held > 0)
    excess = np.where(equity > 0, assets - buffer * equity, held)
    return np.where(forced, np.clip(excess / np.where(held > 0, held, 1.0), 0.0, 1.0), 0.0)


def price_falls(sales: Floats, depth: Floats, floor: Any, impact: str = "exponential") -> Floats:
    """Fall of each price under some sales, a fraction; never below the floor."""
    room = 1.0 - np.minimum(floor, 1.0)
    if impact == "linear":
        return np.minimum(sales / depth, room)
    scale = np.where(room > 0, room, 1.0) * depth
    return np.where(room > 0, room * -np.expm1(-sales / scale), 0.0)


def overlap(positions: Any, depth: Any) -> Floats:
    """Overlap of portfolios weighted by depth, (n, n), money."""
    held = array_of("positions", positions, (None, None))
    return np.asarray((held / _depth(depth, held.shape[1])) @ held.T)


def contagion_index(positions: Any, depth: Any) -> Floats:
    """Indirect contagion index, (n,): principal eigenvector of the overlap, of length 1.

    Nothing for everybody where nobody holds anything.
    """
    matrix = overlap(positions, depth)
    if not matrix.any():
        return np.zeros(len(matrix))
    found = np.linalg.eigh(matrix)[1][:, -1]
    return np.asarray(np.abs(found))
