r"""Shares of a total among players: leave-one-out, and Shapley's value with its error.

For a value :math:`v` of every set of players that take part,

.. math:: \mathrm{loo}_i = v(N) - v(N \setminus i), \qquad
          \phi_i = \sum_{S \not\ni i} \frac{|S|!\,(n-|S|-1)!}{n!} \bigl(v(S \cup i) - v(S)\bigr).

Leave-one-out numbers need not sum to anything: where one liquidation sets off the next, each of a
chain is blamed for all that follows. Shapley's values sum to :math:`v(N) - v(\emptyset)`
(efficiency) whichever permutations are drawn, since every permutation telescopes.

References
----------
Shapley (1953), "A value for n-person games", Contributions to the Theory of Games II.
Castro, Gomez, Tejada (2009), "Polynomial calculation of the Shapley value based on sampling",
Computers and Operations Research 36(5), doi:10.1016/j.cor.2008.04.004.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]
#: Value of a set of players that take part: a number, or one for every future.
Value = Callable[[frozenset[Any]], Any]
#: Players up to which the value is worked out over all sets.
EXACT = 10


class Shares(NamedTuple):
    """Shares of players in a total.

    Attributes
    ----------
    players : tuple
    values : (n_players, ...) float64, one for every future if the value has them
    errors : (n_players, ...) float64, standard errors of the permutations drawn; 0 when exact
    permutations : int, 0 when exact
    """

    players: tuple[Any, ...]
    values: Floats
    errors: Floats
    permutations: int


def remembered(value: Value) -> Value:
    """Value that is worked out once for every set."""
    known: dict[frozenset[Any], Floats] = {}

    def look_up(players: frozenset[Any]) -> Floats:
        if players not in known:
            known[players] = np.asarray(value(players), float)
        return known[players]

    return look_up


def leave_one_out(value: Value, players: Sequence[Hashable]) -> Floats:
    """(n_players, ...) float64, what is missing when one player alone does not take part."""
    everyone = frozenset(players)
    whole = np.asarray(value(everyone), float)
    return np.array([whole - np.asarray(value(everyone - {player}), float) for player in players])


def exact_shapley(value: Value, players: Sequence[Hashable]) -> Shares:
    """Shapley's value over all sets of players, 2**n of them.

    Raises
    ------
    ParameterError
        When there are more than ten players.

    Examples
    --------
    >>> exact_shapley(lambda s: float(len(s) == 2), ["a", "b"]).values.tolist()
    [0.5, 0.5]
    """
    n = len(players)
    if not 1 <= n <= EXACT:
        raise ParameterError(f"players: {n} given; exact values take 1 to {EXACT}")
    known = remembered(value)
    shares = []
    for player in players:
        others = [other for other in players if other != player]
        share: Any = 0.0
        for size in range(n):
            weight = 1.0 / (n * math.comb(n - 1, size))
            for chosen in combinations(others, size):
                without = frozenset(chosen)
                share = share + weight * (known(without | {player}) - known(without))
        shares.append(share)
    values = np.array(shares, float)
    return Shares(tuple(players), values, np.zeros_like(values), 0)


def sampled_shapley(
    value: Value, players: Sequence[Hashable], permutations: int, seed: int = 0
) -> Shares:
    """Shapley's value from random permutations, each followed by its reverse.

    The standard error is that over pairs of permutations, which are independent.

    Parameters
    ----------
    permutations : int
        At least 4; an odd number is rounded up.

    Raises
    ------
    ParameterError
        When there are no players or too few permutations.
    """
    if not players or permutations < 4:
        raise ParameterError(
            f"permutations = {permutations}: at least 4, of at least one player, are needed"
        )
    known, rng = remembered(value), np.random.default_rng(seed)
    pairs = []
    for _ in range(-(-permutations // 2)):
        order = rng.permutation(len(players)).tolist()
        pairs.append((_along(known, players, order) + _along(known, players, order[::-1])) / 2)
    found = np.array(pairs)
    errors = found.std(axis=0, ddof=1) / math.sqrt(len(found))
    return Shares(tuple(players), found.mean(axis=0), errors, 2 * len(found))


def _along(value: Value, players: Sequence[Hashable], order: Sequence[int]) -> Floats:
    """What each player adds when players come in an order."""
    joined: frozenset[Any] = frozenset()
    before, added = value(joined), {}
    for place in order:
        joined |= {players[place]}
        after = value(joined)
        added[place] = after - before
        before = after
    return np.array([added[place] for place in range(len(players))])
