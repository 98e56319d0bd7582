"""Fire sales (Greenwood, Landier and Thesmar; Cont and Schaanning) and threshold cascades."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import sparse

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks import cont_schaanning, fire_sale, furfine
from crossmargin.model.networks.cont_schaanning import contagion_index, overlap
from tests.model.networks import cases
from tests.model.networks.nets import Claims, claims, quarters

EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}


@pytest.mark.parametrize("form", [np.array, sparse.csr_array])
def test_greenwood_landier_and_thesmar(form: Any) -> None:
    case = cases.FIRE_SALE | {"weights": form(cases.FIRE_SALE["weights"])}
    found = fire_sale(**case)
    for name, expected in cases.FIRE_SALE_FOUND.items():
        np.testing.assert_allclose(getattr(found, name), expected, **EXACT, err_msg=name)
    assert found.systemicness.sum() == pytest.approx(found.aggregate_vulnerability, rel=1e-12)


@st.composite
def banks(draw: Any) -> dict[str, Any]:
    n, k = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    weights = draw(nps.arrays(np.float64, (n, k), elements=quarters(8)))
    return {
        "assets": draw(nps.arrays(np.float64, n, elements=quarters(400))),
        "equity": draw(nps.arrays(np.float64, n, elements=st.floats(1, 50))),
        "weights": weights / np.maximum(1.0, weights.sum(axis=1))[:, None],
        "liquidity": draw(nps.arrays(np.float64, k, elements=st.floats(0, 1e-3))),
        "shock": draw(nps.arrays(np.float64, k, elements=st.floats(-0.5, 0.5))),
    }


@given(banks())
def test_the_formula_as_one_product(case: dict[str, Any]) -> None:
    """Twin: the matrices of the source, multiplied out."""
    assets, equity, weights = case["assets"], case["equity"], case["weights"]
    big_a, big_b = np.diag(assets), np.diag(assets / equity - 1)
    chain = big_a @ weights @ np.diag(case["liquidity"]) @ weights.T @ big_b @ big_a @ weights
    found = fire_sale(**case)
    lost = chain @ case["shock"]
    np.testing.assert_allclose(found.indirect_vulnerability, lost / equity, rtol=1e-9, atol=1e-9)
    assert found.aggregate_vulnerability == pytest.approx(lost.sum() / equity.sum(), abs=1e-9)
    assert found.systemicness.sum() == pytest.approx(found.aggregate_vulnerability, abs=1e-9)


@given(banks(), st.floats(-3, 3))
def test_the_round_is_linear_in_the_shock(case: dict[str, Any], times: float) -> None:
    once = fire_sale(**case)
    other = fire_sale(**(case | {"shock": times * case["shock"]}))
    np.testing.assert_allclose(other.price_moves, times * once.price_moves, atol=1e-9)


@given(banks(), st.floats(1e-3, 1e3))
def test_the_unit_of_money_does_not_matter_to_vulnerability(
    case: dict[str, Any], scale: float
) -> None:
    once = fire_sale(**case)
    changes = {name: scale * case[name] for name in ("assets", "equity")}
    other = fire_sale(**(case | changes | {"liquidity": case["liquidity"] / scale}))
    np.testing.assert_allclose(
        other.indirect_vulnerability, once.indirect_vulnerability, rtol=1e-9, atol=1e-12
    )


def test_who_has_no_debt_sells_nothing() -> None:
    found = fire_sale([10.0], [10.0], [[1.0]], [0.1], [-0.5])
    assert found.sales.tolist() == [0.0]
    assert found.direct_vulnerability.tolist() == [-0.5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"assets": [-1, 1, 1]}, r"assets\[0\] = -1"),
        ({"equity": [1, 0, 1]}, r"equity\[1\] = 0: must be above 0"),
        ({"weights": [[1.0]]}, r"weights: has the shape \(1, 1\); it must be \(3, any\)"),
        ({"weights": [[0.9, 0.9, 0], [0, 0, 0], [0, 0, 0]]}, r"weights\[0\]: shares sum to 1.8"),
        ({"liquidity": [1e-4, -1, 0]}, r"liquidity\[1\] = -1"),
        ({"shock": [0.1]}, "shock: has the shape"),
        ({"leverage": [1.0]}, "leverage: has the shape"),
    ],
)
def test_bad_balance_sheets_name_the_argument(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        fire_sale(**(cases.FIRE_SALE | changes))


def test_cont_and_schaanning() -> None:
    found = cont_schaanning(**cases.DELEVERAGING)
    for name, expected in cases.DELEVERAGING_FOUND.items():
        np.testing.assert_allclose(getattr(found, name), expected, **EXACT, err_msg=name)
    assert found.rounds == 1


def test_overlap_and_index() -> None:
    held, depth = cases.DELEVERAGING["positions"], cases.DELEVERAGING["depth"]
    matrix = overlap(held, depth)
    np.testing.assert_allclose(matrix, cases.OVERLAP, **EXACT)
    values = np.linalg.eigvalsh(matrix)[::-1]
    np.testing.assert_allclose(values, cases.OVERLAP_EIGENVALUES, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(contagion_index(held, depth), cases.PRINCIPAL, rtol=1e-9)
    assert not contagion_index(np.zeros((2, 1)), [1.0]).any()


def test_overlap_is_the_loss_of_a_small_sale() -> None:
    case = cases.DELEVERAGING | {"impact": "linear", "slippage": 1.0, "floor": 0.0}
    found = cont_schaanning(**case)
    np.testing.assert_allclose(
        found.losses, overlap(case["positions"], case["depth"]) @ found.shares
    )


@st.composite
def sellers(draw: Any) -> dict[str, Any]:
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    return {
        "positions": draw(nps.arrays(np.float64, (n, m), elements=quarters(400))),
        "others": draw(nps.arrays(np.float64, n, elements=quarters())),
        "equity": draw(nps.arrays(np.float64, n, elements=st.floats(-5, 50))),
        "depth": draw(nps.arrays(np.float64, m, elements=st.floats(1, 1e5))),
        "largest": draw(st.floats(1, 40)),
        "floor": draw(st.floats(0, 0.9)),
        "impact": draw(st.sampled_from(["exponential", "linear"])),
        "rounds": draw(st.integers(1, 6)),
    }


@given(sellers())
def test_no_price_falls_below_the_floor_and_nobody_sells_what_he_has_not(
    case: dict[str, Any],
) -> None:
    found = cont_schaanning(**case)
    assert ((found.falls >= 0) & (found.falls <= 1 - case["floor"] + 1e-12)).all()
    assert ((found.shares >= 0) & (found.shares <= 1)).all()
    assert (found.losses >= 0).all()
    assert (found.sales <= case["positions"].sum(axis=0) * (1 + 1e-12)).all()
    np.testing.assert_allclose(found.equity, case["equity"] - found.losses, atol=1e-9)
    assert found.rounds <= case["rounds"]


@given(sellers())
def test_equity_is_what_is_held_less_what_is_owed(case: dict[str, Any]) -> None:
    """Twin of the accounts: debts fall by what sales bring in, and by nothing else."""
    case = case | {"rounds": 1, "slippage": 0.5}
    found = cont_schaanning(**case)
    held = case["positions"].sum(axis=1)
    debt = case["others"] + held - case["equity"]
    sold = case["positions"] * found.shares[:, None]
    proceeds = (sold * (1 - 0.5 * found.falls)).sum(axis=1)
    after = case["others"] + found.positions.sum(axis=1) - (debt - proceeds)
    np.testing.assert_allclose(found.equity, after, rtol=1e-9, atol=1e-7)


def test_nobody_sells_below_the_largest_leverage() -> None:
    found = cont_schaanning(**(cases.DELEVERAGING | {"largest": 30.0, "buffer": None}))
    assert not found.sales.any()
    assert found.rounds == 0
    np.testing.assert_array_equal(found.equity, cases.DELEVERAGING["equity"])


def test_who_has_no_equity_sells_everything() -> None:
    found = cont_schaanning(**(cases.DELEVERAGING | {"equity": [-1.0, 4.2, 4.4]}))
    assert found.shares[0] == 1.0
    assert found.leverage[0] == np.inf


def test_more_rounds_never_lose_less() -> None:
    losses = [
        cont_schaanning(**(cases.DELEVERAGING | {"rounds": n})).losses.sum() for n in range(1, 9)
    ]
    assert (np.diff(losses) >= 0).all()
    assert losses[-1] > losses[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": [[-1.0, 0.0]] * 3}, r"positions\[0, 0\] = -1"),
        ({"others": [0.0]}, "others: has the shape"),
        ({"equity": [1.0]}, "equity: has the shape"),
        ({"depth": [300.0, 0.0]}, r"depth\[1\] = 0: must be above 0"),
        ({"largest": 0.0}, "largest = 0: must be above 0"),
        ({"buffer": 26.0}, "buffer = 26: must be at least 0 and at most 25"),
        ({"floor": 1.0}, "floor = 1: must be below 1"),
        ({"slippage": 2.0}, "slippage = 2"),
        ({"impact": "cubic"}, "impact = 'cubic'"),
        ({"rounds": 0}, "rounds = 0"),
    ],
)
def test_bad_sellers_name_the_argument(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cont_schaanning(**(cases.DELEVERAGING | changes))


def test_a_threshold_cascade_along_a_chain() -> None:
    chain = [[0, 0, 0], [4, 0, 0], [0, 3, 0]]
    found = furfine(chain, [1, 3, 5], [0])
    assert found.waves.tolist() == [0, 1, -1]
    assert found.losses.tolist() == [0.0, 4.0, 3.0]
    assert furfine(chain, [1, 3, 5], [0], recovery=0.5).waves.tolist() == [0, -1, -1]
    assert furfine(chain, [1, 3, 3], [True, False, False]).failed.all()
    assert furfine(chain, [1, 3, 5], [], losses=[0, 3, 0]).waves.tolist() == [-1, 0, -1]


@given(claims(), st.integers(0, 5), st.floats(0, 1))
def test_threshold_cascades_by_sets(case: Claims, first: int, recovery: float) -> None:
    """Twin: failures by name, one after the other."""
    n = len(case.equity)
    down = {first % n}
    while True:
        lost = [(1 - recovery) * sum(row[j] for j in sorted(down)) for row in case.exposures]
        more = {i for i in range(n) if lost[i] >= case.equity[i]} | down
        if more == down:
            break
        down = more
    found = furfine(case.exposures, case.equity, [first % n], recovery)
    assert set(np.flatnonzero(found.failed)) == down
    assert found.waves.max() <= n - 1


@given(claims(), st.integers(0, 5), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_recovery_never_fails_more(
    case: Claims, first: int, one: float, other: float
) -> None:
    who = [first % len(case.equity)]
    low, high = sorted((one, other))
    few = furfine(case.exposures, case.equity, who, high).failed
    assert furfine(case.exposures, case.equity, who, low).failed[few].all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exposures": [[0, -1], [0, 0]]}, r"exposures\[0, 1\] = -1"),
        ({"equity": [1, -1]}, r"equity\[1\] = -1"),
        ({"failed": [5]}, "failed: must be a mask of 2 or numbers from 0 to 1"),
        ({"failed": [0.5]}, "failed: must be a mask"),
        ({"recovery": 2}, "recovery = 2"),
        ({"losses": [1]}, "losses: has the shape"),
    ],
)
def test_bad_thresholds_name_the_argument(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"exposures": [[0, 1], [1, 0]], "equity": [2, 2], "failed": [0]}
    with pytest.raises(ParameterError, match=message):
        furfine(**(good | changes))


def test_a_price_of_nothing_falls_no_further() -> None:
    found = cont_schaanning(
        [[10.0]], [10.0], [0.1], [1.0], 5.0, floor=0.0, impact="linear", rounds=5
    )
    assert found.falls.tolist() == [1.0]
    assert np.isfinite(found.losses).all()
