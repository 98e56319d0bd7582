"""The metaorder experiment: what it measures is the order's own doing."""

import numpy as np
import pytest

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin
from crossmargin.experiments.validation import impact
from crossmargin.experiments.validation.observed import run_observed

STEPS = 2880


def table(n: int, exponent: float, left: float, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    size = np.exp(random.uniform(np.log(1e-3), np.log(1e-1), n))
    end = 0.9 * size**exponent + random.normal(0, 0.005, n)
    later = left * end[:, None] + random.normal(0, 0.005, (n, len(impact.LATER)))
    return np.column_stack([size, np.full(n, 900.0), end, later])


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_law_and_the_decay_are_found(exponent: float) -> None:
    rows = table(900, exponent, 0.4)
    found = impact.fit(rows, np.repeat(np.arange(20), 45), draws=100)
    low, high = np.quantile(found.laws[:, 0], [0.025, 0.975])
    assert low - 0.05 <= exponent <= high + 0.05
    assert high - low < 0.4
    assert found.left == pytest.approx(0.4, abs=0.05)


def test_few_runs_give_no_interval() -> None:
    found = impact.fit(table(40, 0.5, 0.4), np.repeat([0, 1], 20))
    assert len(found.laws) == 0
    assert np.isfinite(found.law.exponent)


def test_what_comes_after_the_end_is_left_out() -> None:
    rows = table(60, 0.5, 0.5)
    rows[::2, -1] = np.nan
    assert impact.shares_left(rows)[-1] == pytest.approx(0.5, abs=0.15)


def test_orders_move_the_price_their_way() -> None:
    scenario = load_scenario("calm", {"run.steps": STEPS})
    rows = []
    for seed in range(3):
        world, _ = begin(scenario, seed)
        base = run_observed(world, STEPS, 0)
        rows += impact.metaorders_of(scenario, seed, STEPS, 0, base)
    found = np.array(rows)
    assert (found[:, 0] >= impact.SIZES[0] * 0.999).all()
    assert (found[:, 0] <= impact.SIZES[1] * 1.001).all()
    assert found[:, 2].mean() > 0
    assert (found[:, 2] > 0).mean() > 0.5
