r"""Sizes of cascades in which everybody brings down a Poisson number of others.

With R the mean number of offspring, the size of the cascade of one root has the law of Borel, that
of r roots the law of Borel and Tanner,

.. math:: P(k) = \frac{r}{k}\, \frac{e^{-Rk} (Rk)^{k-r}}{(k-r)!}, \qquad
          E = \frac{r}{1-R}, \qquad \mathrm{Var} = \frac{rR}{(1-R)^3}

At R = 1 its tail falls like :math:`k^{-1/2}`; above, a cascade never ends with probability 1 - q,
:math:`q = e^{R(q-1)}` for one root.

References
----------
Otter, R. (1949), "The multiplicative process", Ann. Math. Stat. 20:206.
https://doi.org/10.1214/aoms/1177729740. Tanner, J. C. (1961), "A derivation of the Borel
distribution", Biometrika 48:222. https://doi.org/10.1093/biomet/48.1-2.222
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.checks import Floats, array_of, check_range

#: Terms of a tail that are added at once.
BLOCK = 1 << 12


class Progeny(NamedTuple):
    """Size of a cascade, roots included.

    Attributes
    ----------
    mean, variance : float, individuals; infinite from R = 1 on
    extinction : float, probability that it ends
    """

    mean: float
    variance: float
    extinction: float


class BorelFit(NamedTuple):
    """Mean offspring that fits some sizes best.

    Attributes
    ----------
    reproduction : float
    error : float, standard error
    low, high : float, 95% interval, cut at 0
    """

    reproduction: float
    error: float
    low: float
    high: float


def _reproduction(value: Any) -> float:
    found = array_of("reproduction", value, ())
    check_range("reproduction", found, 0.0)
    return float(found)


def _sizes(name: str, value: Any, least: int) -> Floats:
    found = array_of(name, value, (), (None,))
    if (found != np.floor(found)).any():
        raise ParameterError(f"{name}: must be whole numbers")
    check_range(name, found, least)
    return found


def borel_pmf(size: Any, reproduction: float, roots: int = 1) -> Any:
    """Probability that a cascade has exactly this many individuals.

    Parameters
    ----------
    size : int or (n,) array
        Individuals, roots included.
    reproduction : float
        Mean offspring R, 0 or more.
    roots : int
        Individuals that it begins with, 1 or more.

    Returns
    -------
    float or (n,) float64

    Examples
    --------
    >>> borel_pmf([1, 2, 3], 0.7).round(10).tolist()
    [0.4965853038, 0.1726178748, 0.0900054748]
    """
    from scipy.special import gammaln, xlogy

    sizes, rate = _sizes("size", size, 0), _reproduction(reproduction)
    first = float(_sizes("roots", roots, 1))
    k = np.maximum(sizes, first)
    logs = xlogy(k - first, rate * k) - rate * k - gammaln(k - first + 1) + np.log(first / k)
    found = np.where(sizes >= first, np.exp(logs), 0.0)
    return found if found.ndim else float(found)


def borel_cdf(size: Any, reproduction: float, roots: int = 1) -> Any:
    """Probability that a cascade ends with at most this many individuals."""
    sizes = _sizes("size", size, 0)
    largest = int(sizes.max(initial=0))
    sums = np.cumsum(borel_pmf(np.arange(largest + 1), reproduction, roots))
    found = np.minimum(sums, 1.0)[sizes.astype(np.int64)]
    return found if found.ndim else float(found)


def borel_tail(size: Any, reproduction: float, roots: int = 1) -> Any:
    """Probability that a cascade reaches a size, those that never end included.

    Below R = 1 terms are added until they vanish, so that small tails keep their digits; from there
    on it is one less what ends earlier.

    Examples
    --------
    >>> f"{borel_tail(100, 0.7):.5e}"
    '2.91383e-05'
    """
    sizes, rate = _sizes("size", size, 0), _reproduction(reproduction)
    found = np.array([_tail(int(s), rate, roots) for s in sizes.reshape(-1)]).reshape(sizes.shape)
    return found if found.ndim else float(found)


def _tail(size: int, rate: float, roots: int) -> float:
    if size <= roots:
        return 1.0
    if rate > 0.999:  # too many terms
        return 1.0 - float(borel_cdf(size - 1, rate, roots))
    total = 0.0
    while True:
        terms = borel_pmf(np.arange(size, size + BLOCK), rate, roots)
        total += float(terms.sum())
        size += BLOCK
        if terms[-1] <= 1e-17 * total:
            return total


def borel_fit(sizes: Any, roots: int = 1) -> BorelFit:
    r"""Mean offspring by maximum likelihood from sizes of cascades that all ended.

    .. math:: \hat R = 1 - r / \bar k

    which is below 1 whatever the truth: cascades that never end, or that the end of a record cut
    off, are not among the sizes.

    Parameters
    ----------
    sizes : (n,) array
        Individuals of each cascade, roots included.
    roots : int
        Individuals that each begins with.
    """
    found = _sizes("sizes", sizes, int(_sizes("roots", roots, 1)))
    if found.ndim != 1 or not len(found):
        raise ParameterError("sizes: needs one size at least")
    rate = 1.0 - roots / float(found.mean())
    error = float(np.sqrt(rate * (1.0 - rate) / (roots * len(found))))
    return BorelFit(rate, error, max(0.0, rate - 1.96 * error), rate + 1.96 * error)


def extinction_probability(reproduction: float, roots: int = 1) -> float:
    r"""Probability that a cascade ends: the least root of :math:`q = e^{R(q-1)}`, to the power r.

    Examples
    --------
    >>> extinction_probability(0.9), round(extinction_probability(2.0), 6)
    (1.0, 0.203188)
    """
    from scipy.special import lambertw

    rate, first = _reproduction(reproduction), float(_sizes("roots", roots, 1))
    if rate <= 1.0:
        return 1.0
    return float((-lambertw(-rate * np.exp(-rate)).real / rate) ** first)


def total_progeny(reproduction: float, roots: int = 1) -> Progeny:
    """Mean and variance of the size of a cascade, and whether it ends."""
    rate, first = _reproduction(reproduction), float(_sizes("roots", roots, 1))
    ends = extinction_probability(rate, roots)
    if rate >= 1.0:
        return Progeny(np.inf, np.inf, ends)
    return Progeny(first / (1.0 - rate), first * rate / (1.0 - rate) ** 3, ends)
