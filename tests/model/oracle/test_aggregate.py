"""The index is the median of fresh reports; without any it stays."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crossmargin.model.world import World
from tests.small import Listing, small_world

N, STEP, MAX_AGE = 9, 50, 20
MARKETS = (Listing(underlying=0), Listing(underlying=0, kind="spot"), Listing(underlying=1))


def oracle_world(**numbers: Any) -> World:
    world = small_world(
        [("aggregate", {"max_age": float(MAX_AGE), **numbers})],
        n_accounts=1,
        markets=MARKETS,
        reports=N,
    )
    world.state.parts["underlying"] = -1
    world.step = STEP
    return world


def index_after(world: World, reports: NDArray[Any]) -> list[int]:
    """Index prices of the three markets after these reports, from an index of 100."""
    world.state.crowd.reports[:] = reports
    world.state.ledger.markets["index"] = 20000
    world.step = STEP
    world.run(1)
    return [int(index) for index in world.state.ledger.markets["index"]]


EQUAL, WEIGHTED, SEVERAL = oracle_world(), oracle_world(weighting="weight"), oracle_world(fewest=3)

report = st.tuples(
    st.integers(0, 1),
    st.one_of(st.integers(1, 40000).map(lambda p: p / 100), st.sampled_from([0.0, np.nan])),
    st.integers(STEP - 2 * MAX_AGE, STEP),
    st.integers(0, 4).map(float),
)
reports_of = st.lists(report, min_size=N, max_size=N).map(
    lambda rows: np.array(rows, dtype=EQUAL.state.crowd.reports.dtype)
)


def twin(reports: NDArray[Any], underlying: int, weights: NDArray[np.float64]) -> int:
    """Ordinary median of the fresh reports, each as often as its weight says."""
    fresh = (reports["underlying"] == underlying) & (reports["step"] >= STEP - MAX_AGE)
    fresh &= reports["price"] > 0
    prices = np.repeat(reports["price"][fresh], weights[fresh].astype(int))
    if not prices.size:
        return 20000
    return max(1, int(np.floor(2 * np.median(prices) / 0.01 + 0.5)))


@given(reports_of)
def test_index_is_the_median_of_fresh_reports(reports: NDArray[Any]) -> None:
    expected = [twin(reports, u, np.ones(N)) for u in (0, 0, 1)]
    assert index_after(EQUAL, reports) == expected


@given(reports_of)
def test_weights_count_as_repetitions(reports: NDArray[Any]) -> None:
    expected = [twin(reports, u, reports["weight"]) for u in (0, 0, 1)]
    assert index_after(WEIGHTED, reports) == expected


@given(reports_of, st.permutations(range(N)))
def test_the_order_of_reports_does_not_matter(reports: NDArray[Any], order: list[int]) -> None:
    assert index_after(WEIGHTED, reports) == index_after(WEIGHTED, reports[np.array(order)])


def some_reports(n: int, price: float, step: int) -> NDArray[Any]:
    reports = np.zeros(N, EQUAL.state.crowd.reports.dtype)
    reports["weight"] = 1.0
    reports["price"][:n], reports["step"] = price, step
    return reports


def test_too_few_or_stale_reports_leave_the_index_and_are_counted() -> None:
    references = SEVERAL.state.outside.references
    references["stale"] = 0
    assert index_after(SEVERAL, some_reports(3, 90.0, STEP)) == [18000, 18000, 20000]
    assert references["stale"].tolist() == [0, 1]
    assert index_after(SEVERAL, some_reports(2, 90.0, STEP)) == [20000] * 3
    assert index_after(SEVERAL, some_reports(3, 90.0, STEP - MAX_AGE - 1)) == [20000] * 3
    assert references["stale"].tolist() == [2, 3]


def test_the_step_and_the_trail_of_the_index_are_kept() -> None:
    world = oracle_world()
    index_after(world, some_reports(1, 80.0, STEP))
    assert world.state.ledger.markets["index_step"].tolist() == [STEP, STEP, 0]
    row = len(world.state.outside.references) + len(MARKETS)
    window = world.state.outside.trail.shape[1]
    assert world.state.outside.trail[row, STEP % window] == np.log(80.0)


def test_a_frozen_oracle_takes_no_report() -> None:
    world = oracle_world()
    world.state.outside.references["frozen_until"] = (STEP + 1, 0)
    world.state.crowd.reports[:] = some_reports(1, 90.0, STEP)
    world.run(1)
    assert world.state.ledger.markets["index"][0] == 20000
    world.run(1)
    assert world.state.ledger.markets["index"][0] == 18000
