r"""Threshold cascades: who fails because those to whom it lent have failed.

A firm fails once its losses reach its equity, and who has a claim on it loses :math:`1 - R` of it:

.. math:: F_0 = F, \qquad F_{t+1} = F_t \cup \Big\{ i :
          \ell_i + (1-R) \sum_{j \in F_t} A_{ij} \ge E_i \Big\}

which ends after n rounds at most.

References
----------
Furfine, C. H. (2003), "Interbank exposures: quantifying the risk of contagion", J. Money, Credit
and Banking 35:111. https://doi.org/10.1353/mcb.2003.0004
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.checks import (
    Floats,
    Integers,
    array_of,
    check_range,
    fraction_of,
    network_of,
)


class Furfine(NamedTuple):
    """Who failed and when.

    Attributes
    ----------
    waves : (n,) int64, round in which a firm fails, 0 for those that failed at first, -1 for never
    losses : (n,) float64, money, at most what a firm has claims for and lost at first
    """

    waves: Integers
    losses: Floats

    @property
    def failed(self) -> Any:
        """Who failed, (n,) bool."""
        return self.waves >= 0


def furfine(
    exposures: Any, equity: Any, failed: Any, recovery: float = 0.0, *, losses: Any = None
) -> Furfine:
    """Failures that follow from the failure of some, and what all lose.

    Parameters
    ----------
    exposures : (n, n) array or scipy.sparse matrix
        Claim of the row on the column, 0 or more.
    equity : (n,) array
        Loss at which each fails, 0 or more.
    failed : (n,) bool array or sequence of int
        Who fails at first, as a mask or by number; who cannot bear `losses` joins them.
    recovery : float
        Share of a claim on a failed firm that is paid, 0 to 1.
    losses : (n,) array, optional
        Lost at first, from elsewhere; nothing by default.

    Returns
    -------
    Furfine

    Raises
    ------
    ParameterError
        With the argument and what is allowed.

    Examples
    --------
    >>> chain = [[0, 0, 0], [4, 0, 0], [0, 3, 0]]
    >>> furfine(chain, [1, 3, 5], [0]).waves.tolist()
    [0, 1, -1]
    """
    network = network_of("exposures", exposures)
    n = network.shape[0]
    worth = array_of("equity", equity, (n,))
    check_range("equity", worth, 0.0)
    first = np.zeros(n) if losses is None else array_of("losses", losses, (n,))
    check_range("losses", first, 0.0)
    kept = 1.0 - fraction_of("recovery", recovery)
    is_down = _mask(failed, n) | ((first >= worth) & (first > 0))
    waves = np.where(is_down, 0, -1)
    lost = first
    for wave in range(1, n + 1):
        lost = first + kept * (network @ (waves >= 0).astype(float))
        joining = (waves < 0) & (lost >= worth) & (lost > 0)
        if not joining.any():
            break
        waves[joining] = wave
    return Furfine(waves.astype(np.int64), lost)


def _mask(failed: Any, n: int) -> Any:
    """Who fails at first, (n,) bool."""
    found = np.asarray(failed)
    if found.dtype == np.bool_ and found.shape == (n,):
        return found
    if found.size == 0:
        return np.zeros(n, bool)
    if found.ndim != 1 or found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= n:
        raise ParameterError(f"failed: must be a mask of {n} or numbers from 0 to {n - 1}")
    mask = np.zeros(n, bool)
    mask[found] = True
    return mask
