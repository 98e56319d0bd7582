r"""DebtRank: how far the distress of some eats into the equity of those who lent to them.

:math:`A_{ij}` is the claim of i on j, :math:`E_i` the equity of i, :math:`h_i` the share of it that
is lost, :math:`\Lambda_{ij} = A_{ij} / E_i`.

linear
    .. math:: h_i(t+1) = \min\{1,\; h_i(t) + \sum_j \Lambda_{ij} [h_j(t) - h_j(t-1)]\}
single-hit
    who is distressed passes it on once, and then no more, whatever befalls it later: with D those
    whose distress began in the turn before,
    :math:`h_i(t) = \min\{1, h_i(t-1) + \sum_{j \in D(t-1)} \min(1, \Lambda_{ij}) h_j(t-1)\}`
nonlinear
    as linear with :math:`p(h) = h e^{\alpha(h-1)}` in place of h in the sum: 0 is linear, and
    towards infinity only a default is passed on (Furfine)

While no cap binds, the linear end is :math:`(I - \Lambda)^{-1} h(1)`; with a spectral radius of
:math:`\Lambda` of 1 or more somebody defaults whatever the shock.

References
----------
Battiston, S. et al. (2012), "DebtRank: too central to fail?", Scientific Reports 2:541.
https://doi.org/10.1038/srep00541. Bardoscia, M. et al. (2015), "DebtRank: a microscopic foundation
for shock propagation", PLoS ONE 10:e0130406. https://doi.org/10.1371/journal.pone.0130406.
Bardoscia, M., Caccioli, F., Perotti, J. I., Vivaldo, G. and Caldarelli, G. (2016), "Distress
propagation in complex networks: the case of non-linear DebtRank", PLoS ONE 11:e0163825.
https://doi.org/10.1371/journal.pone.0163825
"""

import math
from typing import Any, Literal, NamedTuple

import numpy as np

from crossmargin.model.errors import ConvergenceError, ParameterError
from crossmargin.model.kernel import kernel
from crossmargin.model.networks.checks import (
    Floats,
    array_of,
    check_range,
    choice_of,
    network_of,
)
from crossmargin.model.networks.residual import BLOCK, MOST_BLOCKS, is_settled

#: Nodes up to which linear shocks that make nobody default are solved directly.
DIRECT = 2000
#: Sums of the inverse from which on it is too near to singular to have nine digits.
LARGEST = 1e6
KINDS = ("linear", "single-hit", "nonlinear")


class DebtRank(NamedTuple):
    """Distress after it has spread; one row a shock where several were given.

    Attributes
    ----------
    distress : (n,) or (n_shocks, n) float64, share of equity lost
    value : float or (n_shocks,) float64, DebtRank: what was lost beyond the shock, in shares of the
        economic value
    """

    distress: Floats
    value: Any


def debtrank(
    exposures: Any,
    equity: Any,
    shock: Any,
    kind: Literal["linear", "single-hit", "nonlinear"] = "linear",
    alpha: float | None = None,
    *,
    weights: Any = None,
) -> DebtRank:
    r"""Distress of everybody after a shock to some, as a share of equity.

    Parameters
    ----------
    exposures : (n, n) array or scipy.sparse matrix
        Claim of the row on the column, 0 or more.
    equity : (n,) array
        Before the shock, above 0: who has none has defaulted and is to be left out.
    shock : (n,) or (n_shocks, n) array
        Share of equity lost at first, 0 to 1.
    kind : {"linear", "single-hit", "nonlinear"}
    alpha : float, optional
        Of `nonlinear` alone, which needs it: 0 or more.
    weights : (n,) array, optional
        Economic value :math:`v_i`, of which shares count; by default the claims of each,
        as in the source.

    Returns
    -------
    DebtRank
        :math:`R = \sum_i v_i [h_i - h_i(1)]` in `value`.

    Raises
    ------
    ParameterError
        With the argument and what is allowed.
    ConvergenceError
        When distress does not settle: at a spectral radius of 1 a minute shock takes any number of
        turns to bring about the default in which it ends.

    Examples
    --------
    >>> claims = [[0, 0.1, 0], [1, 0, 0.3], [0.3, 0.2, 0]]
    >>> debtrank(claims, [2, 5, 2], [0.1, 0.2, 0.05], "single-hit").distress.round(9).tolist()
    [0.11, 0.223, 0.085]
    """
    network = network_of("exposures", exposures)
    n = network.shape[0]
    worth = array_of("equity", equity, (n,))
    check_range("equity", worth, above=0.0)
    first = array_of("shock", shock, (n,), (None, n))
    check_range("shock", first, 0.0, 1.0)
    steepness = _steepness(choice_of("kind", kind, KINDS), alpha)
    value = _value(network, weights)
    shocks = first.reshape(-1, n)
    distress = _spread(network, worth, shocks, kind, steepness)
    lost = (distress - shocks) @ value
    if first.ndim == 1:
        return DebtRank(distress[0], float(lost[0]))
    return DebtRank(distress, lost)


def _spread(network: Any, worth: Floats, shocks: Floats, kind: str, steepness: float) -> Floats:
    """Distress after every shock, (n_shocks, n)."""
    distress, work = shocks.copy(), np.zeros((2, len(worth)))
    starts, columns = network.indptr.astype(np.int64), network.indices.astype(np.int64)
    rates = network.data / np.repeat(worth, np.diff(starts))
    if kind == "single-hit":
        spread_once((starts, columns, np.minimum(rates, 1.0)), distress, work)
        return distress
    left = _solved(network, rates, distress) if steepness == 0 else np.ones(len(distress), bool)
    further = distress[left]
    if not spread((starts, columns, rates), further, work, steepness):
        raise ConvergenceError(
            f"exposures: distress did not settle in {BLOCK * MOST_BLOCKS} turns; the spectral "
            "radius of exposures over equity is close to 1"
        )
    distress[left] = further
    return distress


def _steepness(kind: str, alpha: float | None) -> float:
    if (kind == "nonlinear") != (alpha is not None):
        word = "needs it" if kind == "nonlinear" else f"{kind} has none"
        raise ParameterError(f"alpha = {alpha!r}: {word}")
    found = array_of("alpha", 0.0 if alpha is None else alpha, ())
    check_range("alpha", found, 0.0)
    return float(found)


def _value(network: Any, weights: Any) -> Floats:
    """Shares of the economic value; equal ones where nobody has a claim."""
    n = network.shape[0]
    given = network.sum(axis=1) if weights is None else weights
    found = array_of("weights", given, (n,))
    check_range("weights", found, 0.0)
    total = float(found.sum())
    return found / total if total > 0 else np.full(n, 1.0 / max(n, 1))


def _solved(network: Any, rates: Floats, first: Floats) -> Any:
    """Write into the shocks what they end in where no cap binds; who is left, (n_shocks,) bool.

    With a spectral radius below 1, and only then, the sums of the inverse are all positive.
    """
    n = network.shape[0]
    is_left = np.ones(len(first), bool)
    if not 0 < n <= DIRECT:
        return is_left
    system = np.eye(n)
    system[np.repeat(np.arange(n), np.diff(network.indptr)), network.indices] -= rates
    try:
        found = np.linalg.solve(system, np.column_stack([np.ones(n), first.T])).T
    except np.linalg.LinAlgError:
        return is_left
    if (found[0] > 0).all() and (found[0] < LARGEST).all():
        is_left = (found[1:] > 1.0).any(axis=1)
        first[~is_left] = np.maximum(found[1:], first)[~is_left]
    return is_left


@kernel
def passed_on(h, steepness):
    """Part of a distress that those with a claim feel."""
    return h * math.exp(steepness * (h - 1.0))


@kernel
def one_turn(matrix, first, h, steepness):
    """Let everybody feel the distress of its debtors; returns how much distress that made.

    Distress only rises, so that rounding cannot keep it going round.
    """
    starts, columns, rates = matrix
    made = 0.0
    for i in range(h.shape[0]):
        if h[i] < 1.0:
            felt = first[i]
            if steepness == 0.0:
                for k in range(starts[i], starts[i + 1]):
                    felt += rates[k] * h[columns[k]]
            else:
                for k in range(starts[i], starts[i + 1]):
                    felt += rates[k] * passed_on(h[columns[k]], steepness)
            felt = max(h[i], min(1.0, felt))
            made += felt - h[i]
            h[i] = felt
    return made


@kernel(python=True)
def spread(matrix, shocks, work, steepness):
    """Let the distress of every row spread until nothing is left to come; False when it does not.

    The steps of linear and nonlinear DebtRank sum to the least solution of
    `h = min(1, h(1) + rates p(h))`, which turns from below reach with every node up to date.

    Parameters
    ----------
    matrix : (n + 1,) int64, (m,) int64, (m,) float64
        Starts of rows, columns and rates of what the row feels of the column.
    """
    first = work[0]
    for s in range(shocks.shape[0]):
        h, now, is_over = shocks[s], 0.0, False
        for i in range(h.shape[0]):
            first[i] = h[i]
        for _block in range(MOST_BLOCKS):
            before, now, total = now, 0.0, 0.0
            for _turn in range(BLOCK):
                now += one_turn(matrix, first, h, steepness)
            for i in range(h.shape[0]):
                total += h[i]
            is_over = is_settled(before, now, total)
            if is_over:
                break
        if not is_over:
            return False
    return True


@kernel(python=True)
def spread_once(matrix, shocks, work):
    """Let the distress of every row spread, each node passing it on once."""
    starts, columns, rates = matrix
    news, spent = work[0], work[1]
    for s in range(shocks.shape[0]):
        h, active = shocks[s], 1
        spent[:] = 0.0
        while active > 0:
            active = 0
            for i in range(h.shape[0]):
                news[i] = 0.0
                if h[i] > 0.0 and spent[i] == 0.0:
                    news[i], spent[i] = h[i], 1.0
                    active += 1
            for i in range(h.shape[0]):
                for k in range(starts[i], starts[i + 1]):
                    h[i] = min(1.0, h[i] + rates[k] * news[columns[k]])
    return True
