r"""Reproduction number of a cascade that happened, from the sizes of its generations.

.. math:: \hat R = \frac{\sum_{g < G} Z_{g+1}}{\sum_{g < G} Z_g}

over the first G generations alone. Over all of them it is the share of those who are no roots,
:math:`(N - Z_0)/N`, which is below 1 whatever happened: the last generation begot nobody because
the susceptible were used up, or because the record ends. With Poisson offspring, the sum of K
children of n parents has the exact interval :math:`[\chi^2_{2K}(0.025), \chi^2_{2K+2}(0.975)]/2n`.

References
----------
Diekmann, O. and Heesterbeek, J. A. P. (2000), Mathematical Epidemiology of Infectious Diseases,
Wiley. Garwood, F. (1936), "Fiducial limits for the Poisson distribution", Biometrika 28:437.
https://doi.org/10.1093/biomet/28.3-4.437
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.checks import array_of, check_range


class Reproduction(NamedTuple):
    """Mean offspring of early generations.

    Attributes
    ----------
    number : float, children a parent
    low, high : float, 95% interval for Poisson offspring
    parents, children : int, counted
    generations : int, G
    """

    number: float
    low: float
    high: float
    parents: int
    children: int
    generations: int


def reproduction_number(
    sizes: Any, generations: int | None = None, *, is_over: bool = True
) -> Reproduction:
    """Mean number of offspring in the early generations of a cascade.

    Parameters
    ----------
    sizes : (n,) array
        Individuals of each generation, roots first, whole numbers.
    generations : int, optional
        Generations of parents that count, 1 or more. By default those before the largest: while
        the cascade still grew nobody was lacking to be brought down. One that only shrinks
        counts with its roots.
    is_over : bool
        False when the record ends while the cascade goes on: the last generation then is not
        complete and counts neither as parents nor as children.

    Returns
    -------
    Reproduction

    Raises
    ------
    ParameterError
        With the argument; also where there are no parents to count.

    Examples
    --------
    >>> found = reproduction_number([10, 20, 40, 30, 5])
    >>> found.number, found.generations
    (2.0, 2)
    """
    found = array_of("sizes", sizes, (None,))
    check_range("sizes", found, 0.0)
    if (found != np.floor(found)).any():
        raise ParameterError("sizes: must be whole numbers")
    found = found if is_over else found[:-1]
    if not len(found) or found[0] == 0:
        raise ParameterError("sizes: the first complete generation holds nobody")
    if not is_over and len(found) < 2:
        raise ParameterError("sizes: two complete generations at least are needed")
    most = len(found) if is_over else len(found) - 1
    early = _early(generations, most, max(1, int(np.argmax(found))))
    padded = np.append(found, 0.0)
    parents, children = int(padded[:early].sum()), int(padded[1 : early + 1].sum())
    return _estimated(parents, children, early)


def _early(generations: int | None, most: int, default: int) -> int:
    if generations is None:
        return min(default, most)
    if isinstance(generations, bool) or not isinstance(generations, int | np.integer):
        raise ParameterError(f"generations = {generations!r}: must be a whole number")
    if not 1 <= generations <= most:
        raise ParameterError(f"generations = {generations}: must be from 1 to {most}")
    return int(generations)


def _estimated(parents: int, children: int, early: int) -> Reproduction:
    from scipy.stats import chi2

    low = float(chi2.ppf(0.025, 2 * children) / (2 * parents)) if children else 0.0
    high = float(chi2.ppf(0.975, 2 * children + 2) / (2 * parents))
    return Reproduction(children / parents, low, high, parents, children, early)
