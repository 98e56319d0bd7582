"""Shares among players on the toy of five liquidations, against its published numbers.

Six accounts are long Q contracts and are liquidated in full, in price order, when the price reaches
their level; each contract sold lowers the price by 0.02, and after each liquidation a share rho of
all that liquidations moved it is refilled. An exogenous fall of 4 starts it. Source: the project's
reference cases of the attribution scheme. Ledger totals are 255/129/144/156/36 = 720, all of the
extra loss of the longs; leaving out one at a time counts more than twice the loss; Shapley's value
shares the same total but differs from the ledger by up to five times.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.counterfactual.coalitions import (
    exact_shapley,
    leave_one_out,
    sampled_shapley,
)
from crossmargin.model.errors import ParameterError

SIZES = np.array([50.0, 30.0, 40.0, 60.0, 20.0, 80.0])
LEVELS = np.array([97.0, 95.8, 95.0, 94.0, 92.9, 80.0])
KAPPA, FIRST, SHOCK = 0.02, 100.0, -4.0
LEDGER = np.array([255.0, 129.0, 144.0, 156.0, 36.0, 0.0])
PLAYERS = list(range(6))


def toy(on_book: frozenset[int], rho: float = 0.0) -> tuple[float, float]:
    """Loss of the longs beyond the exogenous one and the last price, when some sell in the book."""
    fallen, held, loss = 0.0, SIZES.copy(), 0.0
    left = sorted(PLAYERS, key=lambda i: -LEVELS[i])
    while due := [i for i in left if FIRST + SHOCK - fallen <= LEVELS[i] + 1e-9]:
        i = due[0]
        left.remove(i)
        held[i] = 0.0
        if i in on_book:
            fall, before = KAPPA * SIZES[i], fallen
            fallen = (1.0 - rho) * (fallen + fall)
            loss += SIZES[i] * fall / 2 + held.sum() * (fallen - before)
    return loss, FIRST + SHOCK - fallen


def value(rho: float = 0.0) -> Callable[[frozenset[Any]], float]:
    return lambda players: toy(players, rho)[0]


def test_the_toy_is_the_published_one() -> None:
    assert toy(frozenset(PLAYERS)) == pytest.approx((LEDGER.sum(), 92.0))
    assert toy(frozenset(PLAYERS), 0.25)[1] == pytest.approx(94.640625)
    assert toy(frozenset()) == (0.0, 96.0)


def test_leaving_out_one_at_a_time_counts_twice() -> None:
    found = leave_one_out(value(), PLAYERS)
    np.testing.assert_allclose(found, [720, 321, 336, 192, 36, 0], atol=1e-9)
    assert found.sum() > 2 * LEDGER.sum()


def test_shapley_shares_the_total_and_not_the_ledger() -> None:
    found = exact_shapley(value(), PLAYERS)
    np.testing.assert_allclose(found.values, [437.7, 110.7, 118.2, 46.2, 7.2, 0.0], atol=1e-9)
    assert found.values.sum() == pytest.approx(LEDGER.sum(), abs=1e-9)
    ratios = LEDGER[:5] / found.values[:5]
    assert ratios.max() == pytest.approx(5.0, abs=1e-9)
    assert not found.errors.any()


def test_sampled_shares_sum_exactly_and_lie_within_their_errors() -> None:
    found = sampled_shapley(value(), PLAYERS, 400, seed=3)
    assert found.values.sum() == pytest.approx(LEDGER.sum(), abs=1e-9)
    exact = exact_shapley(value(), PLAYERS).values
    assert (np.abs(found.values - exact) <= 4 * found.errors + 1e-9).all()
    assert (found.errors[:5] > 0).all()
    assert found.permutations == 400


@given(st.integers(1, 5), st.integers(0, 1000))
def test_efficiency_dummy_and_symmetry(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table: dict[frozenset[int], float] = {}

    def game(players: frozenset[int]) -> float:
        real = players - {n}  # the last player is a dummy
        return table.setdefault(real, float(rng.normal()))

    found = exact_shapley(game, list(range(n + 1)))
    whole = game(frozenset(range(n + 1))) - game(frozenset())
    assert found.values.sum() == pytest.approx(whole, abs=1e-9)
    assert found.values[n] == pytest.approx(0.0, abs=1e-12)
    sampled = sampled_shapley(game, list(range(n + 1)), 4, seed)
    assert sampled.values.sum() == pytest.approx(whole, abs=1e-9)
    reverse = exact_shapley(game, list(range(n + 1))[::-1])
    np.testing.assert_allclose(reverse.values[::-1], found.values, atol=1e-9)


def test_values_may_be_one_a_future() -> None:
    def both(players: frozenset[int]) -> np.ndarray:
        return np.array([toy(players)[0], toy(players, 0.25)[0]])

    found = exact_shapley(both, PLAYERS)
    np.testing.assert_allclose(found.values[:, 0], exact_shapley(value(), PLAYERS).values)
    np.testing.assert_allclose(found.values[:, 1], exact_shapley(value(0.25), PLAYERS).values)


def test_too_many_players_and_too_few_permutations_are_refused() -> None:
    with pytest.raises(ParameterError, match="1 to 10"):
        exact_shapley(len, list(range(11)))
    with pytest.raises(ParameterError, match="permutations = 2"):
        sampled_shapley(value(), PLAYERS, 2)
