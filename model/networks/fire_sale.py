r"""Fire sales of those who keep their leverage: one round, linear, after a shock to assets.

Bank n holds assets :math:`a_n` in proportions :math:`m_{nk}`, with equity :math:`e_n` and leverage
:math:`b_n` (debt over equity). A shock F to the assets gives it the return :math:`R_{1} = M F`. It
sells (or buys) to be as leveraged as before, in proportion to what it holds, which moves prices:

.. math:: \phi = M^\top B A R_1, \qquad F_2 = L \phi, \qquad R_2 = M F_2

aggregate vulnerability
    :math:`AV = \mathbf 1^\top A M L M^\top B A M F / E`, equity lost by the sales over that of all
systemicness of n
    what its sales contribute, :math:`S(n) = \gamma_n\, (a_n / E)\, b_n\, R_{1n}`, with
    :math:`\gamma_n = \sum_k (\sum_m a_m m_{mk})\, l_k\, m_{nk}`; the sum is AV
indirect vulnerability of n
    :math:`IV(n) = a_n R_{2n} / e_n`, share of its equity lost by the sales of all
direct vulnerability of n
    :math:`DV(n) = a_n R_{1n} / e_n`, share lost by the shock itself

A loss has a negative sign throughout.

References
----------
Greenwood, R., Landier, A. and Thesmar, D. (2015), "Vulnerable banks", J. Financial Economics
115:471. https://doi.org/10.1016/j.jfineco.2014.11.006
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.checks import Floats, array_of, check_range


class FireSale(NamedTuple):
    """One round of sales.

    Attributes
    ----------
    returns : (n,), on the assets of each, by the shock
    sales : (k,), money, bought of each asset; sold where negative
    price_moves : (k,), fraction of the price, by the sales
    spillovers : (n,), return on the assets of each, by the sales
    aggregate_vulnerability : float, fraction of all equity
    systemicness : (n,), fraction of all equity
    indirect_vulnerability, direct_vulnerability : (n,), fraction of the equity of each
    connectedness : (n,), money lost by all for one whole unit sold by each
    """

    returns: Floats
    sales: Floats
    price_moves: Floats
    spillovers: Floats
    aggregate_vulnerability: float
    systemicness: Floats
    indirect_vulnerability: Floats
    direct_vulnerability: Floats
    connectedness: Floats


def fire_sale(
    assets: Any,
    equity: Any,
    weights: Any,
    liquidity: Any,
    shock: Any,
    *,
    leverage: Any = None,
) -> FireSale:
    """Vulnerability of leveraged holders to one another through what they hold in common.

    Parameters
    ----------
    assets : (n,) array
        Money that each holds in assets, 0 or more.
    equity : (n,) array
        Money, above 0.
    weights : (n, k) array or scipy.sparse matrix
        Share of its assets that each holds of each kind; rows sum to 1 or less, the rest is cash.
        Below 0 for what was sold short.
    liquidity : (k,) array
        Fraction by which one unit of money sold lowers a price, 0 or more.
    shock : (k,) array
        Return of each asset at first.
    leverage : (n,) array, optional
        Debt over equity that each keeps; by default what it has, assets over equity less one.

    Returns
    -------
    FireSale

    Raises
    ------
    ParameterError
        With the argument and what is allowed.
    """
    held = array_of("assets", assets, (None,))
    n = len(held)
    check_range("assets", held, 0.0)
    worth = array_of("equity", equity, (n,))
    check_range("equity", worth, above=0.0)
    shares = _weights(weights, n)
    impact = array_of("liquidity", liquidity, (shares.shape[1],))
    check_range("liquidity", impact, 0.0)
    moves = array_of("shock", shock, (shares.shape[1],))
    kept = held / worth - 1.0 if leverage is None else array_of("leverage", leverage, (n,))
    returns = shares @ moves
    wanted = kept * held * returns
    sales = shares.T @ wanted
    falls = impact * sales
    spillovers = shares @ falls
    total = float(worth.sum())
    connected = shares @ (impact * (shares.T @ held))
    return FireSale(
        returns=returns,
        sales=sales,
        price_moves=falls,
        spillovers=spillovers,
        aggregate_vulnerability=float(held @ spillovers) / total,
        systemicness=connected * wanted / total,
        indirect_vulnerability=held * spillovers / worth,
        direct_vulnerability=held * returns / worth,
        connectedness=connected,
    )


def _weights(weights: Any, n: int) -> Any:
    from scipy import sparse

    if sparse.issparse(weights):
        array_of("weights", weights.tocoo().data, (None,))
        if weights.shape[0] != n:
            raise ParameterError(f"weights: has the shape {weights.shape}; it must be ({n}, any)")
        found = sparse.csr_array(weights, dtype=np.float64)
    else:
        found = array_of("weights", weights, (n, None))
    sums = np.asarray(found.sum(axis=1)).reshape(-1)
    if (sums > 1.0 + 1e-9).any():
        at = int(np.argmax(sums))
        raise ParameterError(f"weights[{at}]: shares sum to {sums[at]:g}; at most 1 is allowed")
    return found
