"""Laws of margin: netting, isolation, scenarios, scales, batches, cash."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.experiments.margin.evaluate import make_desk
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.fractions import FRACTION, RATES, charge_fractions
from crossmargin.model.margin.netting import NETTING, charge_netted
from crossmargin.model.margin.scenario import charge_scenarios
from crossmargin.model.margin.scenario_grid import series_deltas
from crossmargin.model.state import Array
from tests.reference.margin_parts import gains_twin
from tests.reference.margin_rows import N_PERPS, drawn_holdings, drawn_terms, grid_of

SEEDS = st.integers(0, 2**32)
Charge = Callable[[Holdings, Terms, Array], Any]


def netted(residual: float = 0.1) -> Charge:
    """Netting at 10% and 5%, coins left out."""
    rules = np.zeros(2, NETTING)
    rules[:] = (0.1, 0.05, residual, 0)

    def charge(held: Holdings, terms: Terms, numbers: Array) -> Any:
        deltas = np.zeros(len(terms.series))
        series_deltas(terms.series, deltas)
        return charge_netted(held, terms, rules, deltas, numbers)

    return charge


def by_scenario(held: Holdings, terms: Terms, numbers: Array) -> Any:
    return charge_scenarios(held, terms, grid_of(terms), numbers)


def flat_fractions(held: Holdings, terms: Terms, numbers: Array) -> Any:
    rates, rules = np.zeros((N_PERPS, 1), RATES), np.zeros(N_PERPS, FRACTION)
    rates["initial"], rates["maintenance"] = 0.1, 0.05
    return charge_fractions(held, terms, rates, rules, numbers)


def numbers_of(charge: Charge, held: Holdings, terms: Terms) -> Array:
    numbers = np.zeros((len(held.coins), 5))
    charge(held, terms, numbers)
    return numbers


def rows_of(held: Holdings, rows: Any) -> Holdings:
    return Holdings(*(np.ascontiguousarray(array[rows]) for array in held))


def legs_of(held: Holdings, row: int) -> Holdings:
    """Every position of an account as an account of its own."""
    legs: list[tuple[str, int]] = []
    for name in ("perps", "options"):
        legs += [(name, i) for i in np.flatnonzero(getattr(held, name)[row])]
    apart = Holdings(*(np.zeros((max(len(legs), 1), array.shape[1])) for array in held))
    for k, (name, i) in enumerate(legs):
        getattr(apart, name)[k, i] = getattr(held, name)[row, i]
    return apart


@pytest.mark.parametrize("charge", [netted(), by_scenario], ids=["netting", "scenarios"])
@given(seed=SEEDS)
def test_netting_never_raises_what_the_legs_need(charge: Charge, seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held = drawn_holdings(rng, terms, 3)
    held.coins[:] = 0
    whole = numbers_of(charge, held, terms)
    for row in range(3):
        apart = numbers_of(charge, legs_of(held, row), terms).sum(axis=0)
        assert (whole[row, 3:] <= apart[3:] * (1 + 1e-12) + 1e-9).all()


@given(SEEDS, st.floats(0.0, 1.0))
def test_a_book_fully_offset_needs_no_more_than_its_gross_legs(seed: int, residual: float) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    terms.perps["price"] = terms.spot[terms.perps["underlying"]]
    held = drawn_holdings(rng, terms, 2)
    held.options[:], held.coins[:], held.perps[:, 2] = 0, 0, 0
    held.perps[:, 1] = -held.perps[:, 0]
    whole = numbers_of(netted(residual), held, terms)
    for row in range(2):
        apart = numbers_of(netted(residual), legs_of(held, row), terms).sum(axis=0)
        assert whole[row, 3] == pytest.approx(0.5 * residual * apart[3])
        assert whole[row, 4] <= apart[4] + 1e-9


@given(SEEDS)
def test_isolated_requirement_is_at_least_that_of_cross(seed: int) -> None:
    """Under flat fractions, and with netting between perpetuals of one underlying as well."""
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held = drawn_holdings(rng, terms, 3)
    held.options[:], held.coins[:], held.bids[:], held.asks[:] = 0, 0, 0, 0
    for charge in (flat_fractions, netted()):
        cross = numbers_of(charge, held, terms)
        for row in range(3):
            apart = numbers_of(charge, legs_of(held, row), terms).sum(axis=0)
            assert (apart[3:] >= cross[row, 3:] * (1 - 1e-12) - 1e-9).all()


@given(SEEDS)
def test_scenario_requirement_covers_the_loss_of_every_scenario(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    grid, held = grid_of(terms), drawn_holdings(rng, terms)
    grid.damping[:] = 1.0
    grid.expiries["when_positive"] = grid.expiries["when_negative"] = 1.0
    numbers = np.zeros((9, 5))
    charge_scenarios(held, terms, grid, numbers)
    losses = -gains_twin(held, terms, grid)[0].sum(axis=1)
    assert (numbers[:, 4:] >= losses - 1e-9 * np.abs(losses).max()).all()


@pytest.mark.parametrize(
    "charge", [netted(), by_scenario, flat_fractions], ids=["netting", "scenarios", "fractions"]
)
@given(seed=SEEDS, cut=st.integers(1, 8))
def test_rows_permuted_or_batched_keep_every_bit(charge: Charge, seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held = drawn_holdings(rng, terms)
    whole = numbers_of(charge, held, terms)
    order = rng.permutation(9)
    assert (numbers_of(charge, rows_of(held, order), terms) == whole[order]).all()
    parts = [rows_of(held, slice(0, cut)), rows_of(held, slice(cut, 9))]
    assert (np.vstack([numbers_of(charge, part, terms) for part in parts]) == whole).all()


# Presets --------------------------------------------------------------------------------------

BOOK: dict[str, Any] = {
    "collateral": {"USDC": 40000.0, "ETH": 3.0},
    "perp": [
        {"market": "BTC-PERP", "size": -0.5, "entry_price": 61000.0},
        {"market": "ETH-PERP", "size": 8.0, "entry_price": 2900.0},
    ],
    "option": [
        {
            "underlying": "BTC",
            "kind": "call",
            "strike": 65000.0,
            "expiry_seconds": 1.2e6,
            "size": 1.5,
            "vol": 0.6,
        },
        {
            "underlying": "BTC",
            "kind": "put",
            "strike": 50000.0,
            "expiry_seconds": 5e6,
            "size": -1.0,
            "vol": 0.7,
            "forward": 60500.0,
        },
    ],
    "prices": {"BTC": 60000.0, "ETH": 3000.0},
}
OF_OPTIONS = ("deribit-portfolio", "deribit-standard", "derive-portfolio", "derive-standard")
#: Parameters in money, which scale with prices.
MONEY: dict[str, tuple[str, ...]] = {
    "dydx-v4": ("fractions.quantum",),
    "hyperliquid": tuple(f"fractions.market.{name}.tiers.1.notional" for name in ("BTC", "ETH")),
    "drift-v2": ("credit.cap",),
}
VALUES = {
    "fractions.quantum": 1e-6,
    "fractions.market.BTC.tiers.1.notional": 150e6,
    "fractions.market.ETH.tiers.1.notional": 100e6,
    "credit.cap": 100.0,
}


def scaled(book: dict[str, Any], k: float) -> dict[str, Any]:
    """The same contracts where the quote asset is worth k times less."""
    in_money = {"entry_price", "strike", "forward"}
    return {
        "collateral": {n: v * (k if n == "USDC" else 1) for n, v in book["collateral"].items()},
        "prices": {n: v * k for n, v in book["prices"].items()},
        **{
            table: [{n: v * k if n in in_money else v for n, v in row.items()} for row in rows]
            for table, rows in book.items()
            if table in ("perp", "option")
        },
    }


@pytest.mark.parametrize("preset", [*OF_OPTIONS, *MONEY])
@given(power=st.integers(-6, 6))
def test_scaling_prices_and_money_changes_nothing(preset: str, power: int) -> None:
    """By a power of two, so that not one bit of the digits may change."""
    k = 2.0**power
    book = BOOK if preset in OF_OPTIONS else {n: v for n, v in BOOK.items() if n != "option"}
    changes = {path: VALUES[path] * k for path in MONEY.get(preset, ())}
    before = make_desk(book, preset).numbers()[0]
    after = make_desk(scaled(book, k), preset, changes).numbers()[0]
    assert after == pytest.approx(before * k, rel=1e-13)


@pytest.mark.parametrize("preset", [*OF_OPTIONS, "okx-portfolio", "span"])
@given(cash=st.floats(0.0, 1e9))
def test_more_cash_never_hurts(preset: str, cash: float) -> None:
    richer = BOOK | {"collateral": BOOK["collateral"] | {"USDC": 40000.0 + cash}}
    before, after = (make_desk(book, preset).numbers()[0] for book in (BOOK, richer))
    assert (after[:3] >= before[:3]).all()
    assert (after[3:] == before[3:]).all()
