"""Block bootstraps: where rows come from, and whether their spread is the right one."""

import numpy as np
import pytest

from crossmargin.experiments.calibration.bootstrap import (
    block_length,
    given_targets,
    moving_indices,
    stationary_indices,
    targets_of,
    together,
)
from crossmargin.experiments.calibration.toys import autoregressive_returns, garch_returns
from crossmargin.model.errors import ParameterError


def test_blocks_of_the_stationary_bootstrap_have_the_mean_length() -> None:
    n, block = 100_000, 25.0
    rows = stationary_indices(n, block, np.random.default_rng(1))
    joins = int((rows[1:] != (rows[:-1] + 1) % n).sum())
    assert len(rows) == n
    assert rows.min() >= 0
    assert rows.max() < n
    assert n / joins == pytest.approx(block, rel=0.06)


def test_every_row_is_as_likely_as_any_other() -> None:
    rng = np.random.default_rng(2)
    counts = sum(np.bincount(stationary_indices(50, 8, rng), minlength=50) for _ in range(4000))
    assert counts.min() > 0.9 * counts.mean()
    assert counts.max() < 1.1 * counts.mean()


def test_moving_blocks_have_one_length_and_lie_within() -> None:
    rows = moving_indices(1003, 10, np.random.default_rng(3))
    assert len(rows) == 1003
    blocks = rows[:1000].reshape(-1, 10)
    assert (np.diff(blocks, axis=1) == 1).all()
    assert rows.max() < 1003


@pytest.mark.parametrize("kind", ["stationary", "moving"])
def test_errors_of_a_mean_that_depends_on_its_past(kind: str) -> None:
    # the mean of AR(1) has a standard error of sigma / (1 - share) / sqrt(n), here twice that of
    # independent values with the same variance
    n, share = 4000, 0.6
    returns = autoregressive_returns({"volatility": 1.0, "share": share, "n": n}, 5)
    wanted = 1 / (1 - share) / np.sqrt(n)
    found = targets_of(returns, ["numpy:mean"], kind=kind, block=40, draws=600)
    alone = targets_of(returns, ["numpy:mean"], kind=kind, block=1, draws=600)
    assert found.errors[0] == pytest.approx(wanted, rel=0.2)
    assert alone.errors[0] < 0.7 * wanted


def test_bootstrapped_errors_are_those_of_repeated_samples() -> None:
    values = {"volatility": 0.01, "shock": 0.15, "memory": 0.7, "n": 3000}
    names = ["volatility", "abs_acf_1"]
    many = np.array(
        [targets_of(garch_returns(values, s), names, block=50, draws=50).values for s in range(60)]
    )
    found = targets_of(garch_returns(values, 99), names, block=50, draws=400)
    assert found.errors == pytest.approx(many.std(axis=0), rel=0.5)


def test_blocks_are_longer_the_longer_the_memory() -> None:
    lengths = [
        block_length(autoregressive_returns({"volatility": 1.0, "share": share, "n": 8000}, 7))
        for share in (0.0, 0.5, 0.9)
    ]
    assert lengths[0] < 5 < lengths[1] < lengths[2]


def test_block_of_an_autoregression_is_that_of_its_formula() -> None:
    # Politis and White: b = (2 g^2 n / d)^(1/3), d = 2 f^2; for AR(1) g / f = 2 share / (1-share^2)
    n, share = 200_000, 0.5
    returns = autoregressive_returns({"volatility": 1.0, "share": share, "n": n}, 8)
    wanted = ((2 * share / (1 - share**2)) ** 2 * n) ** (1 / 3)
    assert block_length(returns) == pytest.approx(wanted, rel=0.15)


def test_constant_series_need_no_blocks() -> None:
    assert block_length(np.ones(500)) == 1.0


def test_draws_follow_the_seed_alone() -> None:
    returns = np.random.default_rng(0).standard_normal(500)
    first, again, other = (
        targets_of(returns, ["volatility", "acf_1"], block=5, draws=60, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first.draws.tobytes() == again.draws.tobytes()
    assert first.draws.tobytes() != other.draws.tobytes()


def test_a_fact_without_spread_is_refused() -> None:
    with pytest.raises(ParameterError, match="'hill_1'"):
        targets_of(np.linspace(1, 2, 100), ["volatility", "hill_1"], block=5, draws=60)


def test_given_targets_are_independent_of_the_others() -> None:
    returns = np.random.default_rng(0).standard_normal(500)
    own = targets_of(returns, ["volatility", "acf_1"], block=5, draws=60)
    both = together(own, given_targets(["bad_debt"], np.array([5.0]), np.array([2.0])))
    assert both.names == ("volatility", "acf_1", "bad_debt")
    assert both.errors[2] == 2.0
    assert not both.covariance[2, :2].any()
    assert both.observations == 500
