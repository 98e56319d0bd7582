r"""Branching matrix of an order book: forced sales that a forced sale brings about.

A type is a market and a direction: a fall, under which longs are closed, or a rise, under which
shorts are. With :math:`F_{ab}` the money of type b that a move of type a by the bandwidth h would
close, alone and at frozen positions, and :math:`D_b` what rests within h on the side that it meets,

.. math:: \ell_{ab} = F_{ab} / h, \qquad \kappa_b = g h / D_b, \qquad
          K = \mathrm{diag}(\kappa)\, \ell^\top, \qquad R_0 = \rho(K)

with g the share of the impact that reaches the marks and stays over the horizon. A shock X to
prices ends in the fall :math:`(I - K)^{-1} X`, with one market :math:`X / (1 - \kappa \ell)`, as
long as :math:`R_0 < 1` and :math:`\ell` is constant. It is not: the map from prices to sales is a
staircase, so the number belongs to its bandwidth, and the band is what half and twice of it give.

References
----------
Caccioli, F., Shrestha, M., Moore, C. and Farmer, J. D. (2014), "Stability analysis of financial
contagion due to overlapping portfolios", J. Banking Finance 46:233.
https://doi.org/10.1016/j.jbankfin.2014.05.021 (the branching matrix of which this is the analogue).
Diekmann, O., Heesterbeek, J. A. P. and Roberts, M. G. (2010), "The construction of next-generation
matrices", J. R. Soc. Interface 7:873. https://doi.org/10.1098/rsif.2009.0386
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.checks import Floats, array_of, check_range, fraction_of

#: Bandwidths of the band, as multiples of the one that is stated.
BANDS = (0.5, 1.0, 2.0)


class Branching(NamedTuple):
    """Next generation of forced sales. Types: falls of all markets, then their rises.

    Attributes
    ----------
    matrix : (2 m, 2 m), fall of the type of the row for a whole fall of that of the column
    slopes : (2 m, 2 m), money closed of the type of the column for a whole move of the row
    impact : (2 m,), fraction of the price for one unit of money
    radius : float, reproduction number at the bandwidth
    falling, rising : float, the same of longs alone and of shorts alone
    low, high : float, band over half the bandwidth, the bandwidth and twice it
    near : int, accounts that a move within the bandwidth closes
    bandwidth : float, fraction of the price
    """

    matrix: Floats
    slopes: Floats
    impact: Floats
    radius: float
    falling: float
    rising: float
    low: float
    high: float
    near: int
    bandwidth: float


def branching_matrix(
    positions: Any,
    distance: Any,
    depth: Any,
    *,
    rates: Any = 0.0,
    closed: Any = 1.0,
    bandwidth: float = 0.05,
    gain: float = 1.0,
) -> Branching:
    r"""Reproduction number of forced sales before any happens.

    Parameters
    ----------
    positions : (n, m) array
        Money at the mark, above 0 long, below 0 short.
    distance : (n,) array
        Maintenance equity less requirement, money; who is below 0 is being closed already and
        does not count.
    depth : (2, m) array, or function of the bandwidth that gives one
        Money that rests within the bandwidth: bids, which sales of longs meet, then asks. An array
        counts as proportional to the bandwidth for the band.
    rates : float, (m,) or (n, m) array
        Maintenance requirement over position, which falls with the price of a long and rises
        with that of a short; of collateral one less its weight. 0 to 1.
    closed : float, (m,) or (n, m) array
        Share of a position that a liquidation of its account closes, 0 to 1.
    bandwidth : float
        Move over which sales and depth are counted, fraction of the price, above 0.
    gain : float
        Share of the impact of a sale that reaches the marks and stays over the horizon, 0 to 1.

    Returns
    -------
    Branching

    Raises
    ------
    ParameterError
        With the argument and what is allowed.

    Examples
    --------
    Ten longs of 10, each closed by a fall of 5% or less, before bids of 200 within that:

    >>> found = branching_matrix([[10.0]] * 10, [0.3] * 10, [[200.0], [200.0]])
    >>> found.radius, found.near
    (0.5, 10)
    """
    held = array_of("positions", positions, (None, None))
    n, m = held.shape
    far = array_of("distance", distance, (n,))
    rate = _spread_out("rates", rates, held.shape)
    share = _spread_out("closed", closed, held.shape)
    width = array_of("bandwidth", bandwidth, ())
    check_range("bandwidth", width, above=0.0)
    kept = fraction_of("gain", gain)
    losses = np.hstack([np.maximum(held, 0) * (1 - rate), np.maximum(-held, 0) * (1 + rate)])
    sales = np.hstack([np.maximum(held, 0), np.maximum(-held, 0)]) * np.tile(share, 2)
    found = []
    for band in BANDS:
        h = float(width) * band
        breaks = (losses > 0) & (far >= 0)[:, None] & (far[:, None] <= losses * h)
        slopes = breaks.T.astype(float) @ sales / h
        impact = kept * h / _depth_of(depth, h, band, m)
        found.append((impact[:, None] * slopes.T, slopes, impact, int(breaks.any(axis=1).sum())))
    matrix, slopes, impact, near = found[1]
    radii = [spectral_radius(each[0]) for each in found]
    return Branching(
        matrix=matrix,
        slopes=slopes,
        impact=impact,
        radius=radii[1],
        falling=spectral_radius(matrix[:m, :m]),
        rising=spectral_radius(matrix[m:, m:]),
        low=min(radii),
        high=max(radii),
        near=near,
        bandwidth=float(width),
    )


def _spread_out(name: str, value: Any, shape: tuple[int, int]) -> Floats:
    found = array_of(name, value, (), (shape[1],), shape)
    check_range(name, found, 0.0, 1.0)
    return np.broadcast_to(found, shape)


def _depth_of(depth: Any | Callable[[float], Any], bandwidth: float, band: float, m: int) -> Floats:
    """Money that rests within a bandwidth, (2 m,)."""
    given = depth(bandwidth) if callable(depth) else depth
    found = array_of("depth", given, (2, m)).reshape(-1)
    check_range("depth", found, above=0.0)
    return found if callable(depth) else found * band


def spectral_radius(matrix: Any) -> float:
    """Largest absolute eigenvalue of a square matrix."""
    found = array_of("matrix", matrix, (None, None))
    if found.shape[0] != found.shape[1]:
        raise ParameterError(f"matrix: has the shape {found.shape}; it must be square")
    return float(np.abs(np.linalg.eigvals(found)).max(initial=0.0))


def total_fall(matrix: Any, shock: Any) -> Floats:
    r"""Fall of each type when the feedback has run its course, :math:`(I - K)^{-1} X`.

    Parameters
    ----------
    matrix : (k, k) array
        Branching matrix K, 0 or more, with a spectral radius below 1.
    shock : (k,) array
        First fall of each type, 0 or more.

    Raises
    ------
    ParameterError
        When the spectral radius is 1 or more: the feedback has no end.

    Examples
    --------
    >>> total_fall([[0.5]], [4.0]).tolist()
    [8.0]
    """
    found = array_of("matrix", matrix, (None, None))
    check_range("matrix", found, 0.0)
    radius = spectral_radius(found)
    if radius >= 1.0 - 1e-12:
        raise ParameterError(f"matrix: its spectral radius is {radius:g}; it must be below 1")
    first = array_of("shock", shock, (len(found),))
    check_range("shock", first, 0.0)
    return np.linalg.solve(np.eye(len(found)) - found, first)
