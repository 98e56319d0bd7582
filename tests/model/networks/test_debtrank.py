"""DebtRank: published numbers, laws, twins that go turn by turn, bad input."""

import math
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks import debtrank, furfine
from crossmargin.model.networks import debtrank as measure
from tests.model.networks import cases
from tests.model.networks.nets import Claims, claims

KINDS: list[tuple[str, float | None]] = [
    ("linear", None),
    ("single-hit", None),
    ("nonlinear", 0.0),
    ("nonlinear", 3.0),
]
EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}


@pytest.mark.parametrize("form", [np.array, sparse.csr_array])
@pytest.mark.parametrize(
    ("kind", "distress"), [("linear", cases.LINEAR), ("single-hit", cases.SINGLE_HIT)]
)
def test_published_numbers(kind: Any, distress: list[float], form: Any) -> None:
    found = debtrank(form(cases.EXPOSURES), cases.EQUITY, cases.SHOCK, kind)
    np.testing.assert_allclose(found.distress, distress, **EXACT)
    value = np.sum(cases.EXPOSURES, axis=1) / np.sum(cases.EXPOSURES)
    assert found.value == pytest.approx(value @ (np.array(distress) - cases.SHOCK), abs=1e-9)


def by_turns(case: Claims, steepness: float, turns: int) -> Any:
    """Twin of the linear and the nonlinear kind, from the difference equation itself."""
    rates = case.exposures / case.equity[:, None]
    before, now = np.zeros(len(case.equity)), case.shock.copy()
    for _ in range(turns):
        p_now, p_before = (h * np.exp(steepness * (h - 1)) for h in (now, before))
        felt = np.where(now >= 1.0, 0.0, rates @ (p_now - p_before))
        if felt.max() < 1e-13:
            break
        before, now = now, np.minimum(1.0, now + felt)
    return now


def by_hits(case: Claims) -> Any:
    """Twin of the single-hit kind, from its three states."""
    rates = np.minimum(case.exposures / case.equity[:, None], 1.0)
    h = case.shock.copy()
    state = ["D" if x > 0 else "U" for x in h]
    while "D" in state:
        active = np.array([s == "D" for s in state])
        h = np.minimum(1.0, h + rates @ np.where(active, h, 0.0))
        state = ["I" if s in "DI" else "D" if x > 0 else "U" for s, x in zip(state, h, strict=True)]
    return h


@given(claims(), st.sampled_from([0.0, 1.5, 6.0]))
def test_the_twin_turn_by_turn(case: Claims, steepness: float) -> None:
    kind, alpha = ("nonlinear", steepness) if steepness else ("linear", None)
    found = debtrank(*case, kind, alpha)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.distress, by_turns(case, steepness, 1000), atol=1e-3)
    assert (found.distress >= by_turns(case, steepness, 1000) - 1e-9).all()


@given(claims())
def test_the_twin_hit_by_hit(case: Claims) -> None:
    np.testing.assert_allclose(debtrank(*case, "single-hit").distress, by_hits(case), **EXACT)


@given(claims(), st.sampled_from(KINDS))
def test_distress_lies_between_the_shock_and_one(
    case: Claims, kind: tuple[Any, float | None]
) -> None:
    found = debtrank(*case, *kind)
    assert (found.distress >= case.shock).all()
    assert (found.distress <= 1.0).all()
    assert 0.0 <= found.value <= 1.0 + 1e-12


@given(claims(), st.sampled_from(KINDS))
def test_no_shock_does_nothing(case: Claims, kind: tuple[Any, float | None]) -> None:
    found = debtrank(case.exposures, case.equity, np.zeros(len(case.equity)), *kind)
    assert not found.distress.any()
    assert found.value == 0


@given(claims(), st.sampled_from(KINDS), st.floats(1e-6, 1e6))
def test_the_unit_of_money_does_not_matter(
    case: Claims, kind: tuple[Any, float | None], scale: float
) -> None:
    found = debtrank(*case, *kind).distress
    other = debtrank(scale * case.exposures, scale * case.equity, case.shock, *kind).distress
    np.testing.assert_allclose(other, found, atol=1e-6)


@given(claims(), st.floats(0, 1), st.sampled_from([KINDS[0], KINDS[3]]))
def test_a_larger_shock_never_does_less(
    case: Claims, more: float, kind: tuple[Any, float | None]
) -> None:
    larger = np.minimum(1.0, case.shock + more)
    found = debtrank(*case, *kind).distress
    assert (debtrank(case.exposures, case.equity, larger, *kind).distress >= found - 1e-9).all()


@given(st.integers(2, 9), st.integers(0, 2**31), st.floats(0.01, 1))
def test_on_a_tree_one_hit_is_all_there_is(n: int, seed: int, first: float) -> None:
    rng = np.random.default_rng(seed)
    exposures = np.zeros((n, n))
    for child in range(1, n):
        exposures[child, rng.integers(0, child)] = rng.random()
    shock = np.zeros(n)
    shock[0] = first
    case = (exposures, np.ones(n), shock)
    linear, hit = debtrank(*case), debtrank(*case, "single-hit")
    np.testing.assert_allclose(linear.distress, hit.distress, **EXACT)


@given(claims())
def test_without_caps_the_linear_end_is_the_inverse(case: Claims) -> None:
    rates = case.exposures / case.equity[:, None]
    if np.abs(np.linalg.eigvals(rates)).max() > 0.95:
        return
    end = np.linalg.solve(np.eye(len(rates)) - rates, case.shock)
    if end.max() < 1:
        np.testing.assert_allclose(debtrank(*case).distress, end, **EXACT)


@given(claims())
def test_turns_give_what_is_solved_directly(case: Claims) -> None:
    module = __import__(measure.__module__, fromlist=["DIRECT"])
    directly = debtrank(*case).distress
    usual, module.DIRECT = module.DIRECT, 0
    try:
        in_turns = debtrank(*case).distress
    finally:
        module.DIRECT = usual
    np.testing.assert_allclose(in_turns, directly, atol=2e-6)


def slow_ring(n: int, rate: float) -> tuple[Any, Any]:
    return sparse.csr_array(rate * np.roll(np.eye(n), 1, axis=1)), np.ones(n)


def test_convergence_is_judged_by_what_is_left_to_come() -> None:
    """A step of 1e-9 at the rate 0.999 leaves 1e-6: who stops there is wrong in the sixth digit."""
    module = __import__(measure.__module__, fromlist=["DIRECT"])
    exposures, equity = slow_ring(3, 0.999)
    shock = np.array([1e-6, 0.0, 0.0])
    exact = np.linalg.solve(np.eye(3) - exposures.toarray(), shock)
    usual, module.DIRECT = module.DIRECT, 0
    try:
        found = debtrank(exposures, equity, shock).distress
    finally:
        module.DIRECT = usual
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_a_radius_of_one_or_more_ends_in_a_default() -> None:
    exposures, equity = slow_ring(4, 1.01)
    assert debtrank(exposures, equity, [1e-3, 0, 0, 0]).distress.max() == 1.0


def test_a_steep_passing_on_is_the_threshold_cascade() -> None:
    exposures = np.array([[0, 0, 0, 0], [4, 0, 0, 0], [0, 3, 0, 0], [1, 1, 1, 0]], float)
    equity = np.array([1.0, 3.0, 5.0, 2.5])
    steep = debtrank(exposures, equity, [1, 0, 0, 0], "nonlinear", 1e4).distress
    assert ((steep == 1.0) == furfine(exposures, equity, [0]).failed).all()


@given(claims(), st.sampled_from(KINDS), st.integers(0, 2**31))
def test_a_batch_is_its_shocks_one_by_one(
    case: Claims, kind: tuple[Any, float | None], seed: int
) -> None:
    shocks = np.random.default_rng(seed).random((4, len(case.equity)))
    batch = debtrank(case.exposures, case.equity, shocks, *kind)
    assert batch.distress.shape == shocks.shape
    for row, shock in enumerate(shocks):
        one = debtrank(case.exposures, case.equity, shock, *kind)
        np.testing.assert_allclose(batch.distress[row], one.distress, **EXACT)
        assert batch.value[row] == pytest.approx(one.value, abs=1e-9)


def test_who_everybody_lends_to_ranks_first() -> None:
    graph = nx.star_graph(5)
    exposures = np.zeros((6, 6))
    exposures[1:, 0] = 0.5
    assert nx.degree_centrality(graph)[0] == 1.0
    ranks = debtrank(exposures, np.ones(6), np.eye(6)).value
    assert int(np.argmax(ranks)) == 0
    assert math.isclose(ranks[1], 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exposures": [[0, -1], [0, 0]]}, r"exposures\[0, 1\] = -1"),
        ({"equity": [1, 0]}, r"equity\[1\] = 0: must be above 0"),
        ({"equity": [1, 2, 3]}, "equity: has the shape"),
        ({"shock": [0.5, 1.5]}, r"shock\[1\] = 1.5: must be at least 0 and at most 1"),
        ({"shock": [0.5]}, r"shock: has the shape \(1,\); it must be \(2,\) or \(any, 2\)"),
        ({"kind": "cubic"}, "kind = 'cubic': allowed are linear, single-hit, nonlinear"),
        ({"kind": "nonlinear"}, "alpha = None: needs it"),
        ({"alpha": 1.0}, "alpha = 1.0: linear has none"),
        ({"kind": "nonlinear", "alpha": -1.0}, "alpha = -1: must be at least 0"),
        ({"weights": [1, -1]}, r"weights\[1\] = -1"),
    ],
)
def test_bad_input_names_the_argument(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"exposures": [[0, 1], [1, 0]], "equity": [2, 2], "shock": [0.1, 0]}
    with pytest.raises(ParameterError, match=message):
        debtrank(**(good | changes))
