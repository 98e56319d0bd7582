"""Clearing vectors: published numbers, laws, a twin in NumPy, bad input."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks import clearing, clearing_vector
from tests.model.networks import cases
from tests.model.networks.nets import Debts, debts

SENIORITY = st.sampled_from(["pari passu", "senior"])
EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}


def inputs(case: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in case.items() if k not in ("payments", "waves", "equity")}


@pytest.mark.parametrize("form", [np.array, sparse.csr_array, sparse.coo_matrix])
@pytest.mark.parametrize(
    "case", [cases.EISENBERG_NOE, cases.RING_PARI_PASSU, cases.ROGERS_VERAART], ids=str
)
def test_published_vectors(case: dict[str, Any], form: Any) -> None:
    given_case = inputs(case)
    given_case["liabilities"] = form(given_case["liabilities"])
    found = clearing_vector(**given_case)
    np.testing.assert_allclose(found.payments, case["payments"], **EXACT)
    if "waves" in case:
        assert found.waves.tolist() == case["waves"]


def test_external_debts_that_rank_first() -> None:
    case = cases.RING_SENIOR
    found = clearing_vector(**inputs(case), seniority="senior")
    np.testing.assert_allclose(found.payments, case["payments"], **EXACT)
    np.testing.assert_allclose(found.equity, case["equity"], **EXACT)
    np.testing.assert_allclose(found.external, [17, 18, 8])


def greatest(case: Debts, seniority: str, alpha: float, beta: float) -> Any:
    """Twin: payments fall from above until they stay, one firm's rule at a time."""
    external = case.external if seniority == "pari passu" else np.zeros(len(case.external))
    held = case.endowment - (case.external if seniority == "senior" else 0.0)
    start = alpha * case.endowment - (case.external if seniority == "senior" else 0.0)
    owed = case.liabilities.sum(axis=1) + external
    shares = case.liabilities / np.where(owed > 0, owed, 1.0)[:, None]
    paid = owed.copy()
    for _ in range(200_000):
        income = shares.T @ paid
        solvent = held + income >= owed - 1e-12 * np.maximum(owed, np.abs(held))
        new = np.where(solvent, owed, np.maximum(0.0, start + beta * income))
        if np.abs(new - paid).max() < 1e-15 * max(1.0, owed.max()):
            break
        paid = np.minimum(new, paid)
    return paid


@given(debts(), SENIORITY, st.sampled_from([(1.0, 1.0), (0.5, 0.7), (0.0, 0.3), (1.0, 0.9)]))
def test_the_twin_from_above(case: Debts, seniority: Any, costs: tuple[float, float]) -> None:
    found = clearing_vector(*case, seniority, *costs)
    np.testing.assert_allclose(
        found.payments, greatest(case, seniority, *costs), rtol=1e-8, atol=1e-8
    )


@given(debts(), SENIORITY, st.sampled_from([(1.0, 1.0), (0.5, 0.7)]))
def test_solving_in_turns_gives_the_same(
    case: Debts, seniority: Any, costs: tuple[float, float]
) -> None:
    directly = clearing_vector(*case, seniority, *costs)
    usual, clearing.DIRECT = clearing.DIRECT, -1
    try:
        in_turns = clearing_vector(*case, seniority, *costs)
    finally:
        clearing.DIRECT = usual
    np.testing.assert_allclose(in_turns.payments, directly.payments, rtol=1e-9, atol=1e-9)
    assert in_turns.waves.tolist() == directly.waves.tolist()


@given(debts(), SENIORITY)
def test_limited_liability_priority_and_proportion(case: Debts, seniority: Any) -> None:
    found = clearing_vector(*case, seniority)
    owed = case.liabilities.sum(axis=1) + (case.external if seniority == "pari passu" else 0.0)
    shares = case.liabilities / np.where(owed > 0, owed, 1.0)[:, None]
    resources = case.endowment + shares.T @ found.payments
    paid = found.payments + (found.external if seniority == "senior" else 0.0)
    assert (found.payments >= 0).all()
    assert (found.payments <= owed).all()
    assert (paid <= resources + 1e-9).all(), "nobody pays more than it has"
    full = np.abs(found.payments - owed) < 1e-9
    spent = np.abs(paid - resources) < 1e-9
    if seniority == "senior":
        full &= np.abs(found.external - case.external) < 1e-9
    assert (full | spent).all(), "a debt is paid in full or everything is spent on debts"
    clear = np.abs(found.equity) > 1e-9
    assert (found.defaults == (found.equity < 0))[clear].all()


@given(debts(), SENIORITY)
def test_nothing_is_made_or_lost(case: Debts, seniority: Any) -> None:
    found = clearing_vector(*case, seniority)
    kept = np.maximum(found.equity, 0.0).sum()
    assert kept + found.external.sum() == pytest.approx(case.endowment.sum(), abs=1e-9)


@given(debts(), SENIORITY, st.integers(0, 5), st.floats(0, 10))
def test_more_endowment_never_lowers_a_payment(
    case: Debts, seniority: Any, who: int, more: float
) -> None:
    richer = case.endowment.copy()
    richer[who % len(richer)] += more
    before = clearing_vector(*case, seniority).payments
    after = clearing_vector(case.liabilities, richer, case.external, seniority).payments
    assert (after >= before - 1e-9).all()


@given(debts(), st.floats(1e-6, 1e6))
def test_the_unit_of_money_does_not_matter(case: Debts, scale: float) -> None:
    found = clearing_vector(*case)
    other = clearing_vector(*(scale * part for part in case))
    np.testing.assert_allclose(other.payments, scale * found.payments, rtol=1e-9, atol=1e-9 * scale)


@given(debts())
def test_the_vector_pays_most_in_all(case: Debts) -> None:
    owed = case.liabilities.sum(axis=1) + case.external
    shares = case.liabilities / np.where(owed > 0, owed, 1.0)[:, None]
    best = linprog(
        -np.ones(len(owed)),
        A_ub=np.eye(len(owed)) - shares.T,
        b_ub=case.endowment,
        bounds=np.column_stack([np.zeros(len(owed)), owed]),
    )
    assert clearing_vector(*case).payments.sum() == pytest.approx(-best.fun, abs=1e-7)


def test_waves_are_counted_along_a_chain() -> None:
    chain = np.diag([4.0, 4.0, 4.0], 1)
    assert clearing_vector(chain, [1.0, 3.5, 0.5, 9.0]).waves.tolist() == [0, -1, -1, -1]
    found = clearing_vector(chain, [1.0, 2.0, 0.5, 9.0])
    assert found.waves.tolist() == [0, 1, 2, -1]
    np.testing.assert_allclose(found.payments, [1.0, 3.0, 3.5, 0.0])


def test_debts_that_only_go_round_clear() -> None:
    round_trip = [[0.0, 1.0], [1.0, 0.0]]
    assert clearing_vector(round_trip, [0.0, 0.0]).payments.tolist() == [1.0, 1.0]
    found = clearing_vector(round_trip, [0.0, 0.0], [0.5, 0.5], "senior")
    assert found.payments.tolist() == [0.0, 0.0]
    assert found.defaults.all()


def test_default_costs_bring_down_others() -> None:
    case = inputs(cases.EISENBERG_NOE)
    mild = clearing_vector(**case)
    dear = clearing_vector(**case, alpha=0.5, beta=0.7)
    assert dear.defaults.sum() > mild.defaults.sum()
    assert (dear.payments < mild.payments).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"liabilities": [[0, -1], [0, 0]]}, r"liabilities\[0, 1\] = -1: must be finite"),
        ({"liabilities": [[0, np.inf], [0, 0]]}, r"liabilities\[0, 1\]"),
        ({"liabilities": [[0, 1, 2]]}, "liabilities: has the shape"),
        ({"liabilities": [[2, 1], [0, 0]]}, r"liabilities\[0, 0\]: nobody has a claim on itself"),
        ({"liabilities": "none"}, "liabilities: is no array of numbers"),
        ({"endowment": [1, 2, 3]}, r"endowment: has the shape \(3,\); it must be \(2,\)"),
        ({"endowment": [1, -2]}, r"endowment\[1\] = -2: must be at least 0"),
        ({"endowment": [1, np.nan]}, r"endowment\[1\]: is not finite"),
        ({"external": [-1, 0]}, r"external\[0\] = -1"),
        ({"seniority": "junior"}, "seniority = 'junior': allowed are pari passu, senior"),
        ({"alpha": 1.5}, "alpha = 1.5: must be at least 0 and at most 1"),
        ({"beta": -0.1}, "beta = -0.1"),
    ],
)
def test_bad_input_names_the_argument(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"liabilities": [[0, 1], [1, 0]], "endowment": [1, 1]}
    with pytest.raises(ParameterError, match=message):
        clearing_vector(**(good | changes))


def test_what_is_given_is_not_changed() -> None:
    network = sparse.csr_array(np.array(cases.RING, float))
    before = network.toarray()
    clearing_vector(network, [18, 18, 9])
    np.testing.assert_array_equal(network.toarray(), before)
