"""Parts of risk models against their twins on accounts drawn at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.margin.credit import CREDIT, credit_profit
from crossmargin.model.margin.fractions import (
    FRACTION,
    RATES,
    charge_fractions,
    mark_plain,
    set_credits,
)
from crossmargin.model.margin.scenario import charge_scenarios, scenario_gains
from crossmargin.model.margin.size_premium import PREMIUM, charge_premium
from crossmargin.model.margin.skew_premium import SKEW, charge_skew
from crossmargin.model.margin.standard_options import SHORT_RULE, charge_options
from crossmargin.model.margin.weights import weigh_coins
from crossmargin.model.state import Array
from tests.reference import margin_parts as twins
from tests.reference.margin_rows import (
    N_PERPS,
    SCENARIOS,
    drawn_holdings,
    drawn_terms,
    expiries_of,
    grid_of,
)

SEEDS = st.integers(0, 2**32)
CHARGES = {
    "perpetual_charge": 0.02,
    "coin_charge": 0.01,
    "option_charge": 0.015,
    "offset_charge": 0.01,
}


def close(found: Array, expected: Array) -> bool:
    size = 1e-9 * (1 + np.abs(expected).max())
    return bool((np.abs(found - expected) <= size).all())


@given(SEEDS, st.booleans())
def test_weights(seed: int, owed_is_required: bool) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    terms.coins["owed_is_required"] = owed_is_required
    terms.coins["scale"], terms.coins["owed_scale"] = rng.uniform(0.2, 1), rng.uniform(1, 2)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    weigh_coins(held, terms, out)
    assert close(out, twins.weights_twin(held, terms))


@given(SEEDS)
def test_credit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms, credit = drawn_terms(rng), np.zeros(N_PERPS, CREDIT)
    credit["initial"], credit["maintenance"], credit["cap"] = 0.8, 0.95, 5000.0
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    credit_profit(held, terms, credit, out)
    assert close(out, twins.credit_twin(held, terms, credit))


def drawn_rates(rng: np.random.Generator) -> tuple[Array, Array]:
    """Brackets of three markets, one of which has a single one."""
    rates, rules = np.zeros((N_PERPS, 3), RATES), np.zeros(N_PERPS, FRACTION)
    for m in range(N_PERPS):
        n = 1 + m
        rates[m]["lower"] = np.inf
        rates[m]["lower"][:n] = np.cumsum([0, 5e4, 1e5])[:n]
        rates[m]["initial"] = np.sort(rng.uniform(0.02, 0.5, 3))
        rates[m]["maintenance"] = rates[m]["initial"] * rng.uniform(0.3, 1)
        set_credits(rates[m][:n], initial=bool(rng.integers(2)))
    rules["floor"], rules["charge"] = rng.uniform(0, 0.3, N_PERPS), rng.uniform(0, 50, N_PERPS)
    rules["fraction"], rules["least"] = [0.0, 0.6, 0.0], [0.0, 0.0, 500.0]
    return rates, rules


@given(SEEDS, st.booleans())
def test_fractions(seed: int, is_plain: bool) -> None:
    rng = np.random.default_rng(seed)
    terms, (rates, rules) = drawn_terms(rng), drawn_rates(rng)
    if is_plain:
        rules[:] = np.zeros(1, FRACTION)
        mark_plain(rules)
    assert (rules["is_plain"] == is_plain).all()
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_fractions(held, terms, rates, rules, out)
    assert close(out, twins.fractions_twin(held, terms, rates, rules))


@given(SEEDS)
def test_size_premium(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms, rules = drawn_terms(rng), np.zeros(N_PERPS, PREMIUM)
    rules["initial"], rules["maintenance"] = 0.1, 0.05
    rules["slope"], rules["keep"] = rng.uniform(0, 0.1, N_PERPS), 0.8
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_premium(held, terms, rules, out)
    assert close(out, twins.premium_twin(held, terms, rules))


@given(SEEDS)
def test_skew_premium(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms, rules = drawn_terms(rng), np.zeros(N_PERPS, SKEW)
    for name in SKEW.names or ():
        rules[name] = rng.uniform(0, 0.2, N_PERPS)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_skew(held, terms, rules, out)
    assert close(out, twins.skew_twin(held, terms, rules))


@given(SEEDS, st.booleans(), st.booleans())
def test_standard_options(seed: int, max_loss: bool, on_forward: bool) -> None:
    rng = np.random.default_rng(seed)
    terms, rules = drawn_terms(rng), np.zeros(2, SHORT_RULE)
    rules[:] = (0.15, 0.1, 0.075, 0.075, 1.05, 1.1, (1.2, 1.1), max_loss, on_forward)
    held, out, expiries = drawn_holdings(rng, terms), np.zeros((9, 5)), expiries_of(terms)
    charge_options(held, terms, expiries, rules, out)
    assert close(out, twins.short_options_twin(held, terms, expiries, rules[0]))


@given(SEEDS, st.booleans())
def test_scenarios(seed: int, basis_adds: bool) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    grid = grid_of(terms, basis_adds=basis_adds, **CHARGES)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_scenarios(held, terms, grid, out)
    value = held.options @ (terms.series["lot"] * terms.series["mark"])
    risk = twins.risk_twin(held, terms, grid).sum(axis=1)
    expected = np.column_stack([value, value, value, 1.3 * risk, risk])
    assert close(out, expected)


@given(SEEDS)
def test_gains_of_one_account(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    grid, held = grid_of(terms), drawn_holdings(rng, terms)
    gains = np.zeros((2, len(SCENARIOS)))
    scenario_gains(held, terms, grid, 3, gains)
    assert close(gains, twins.gains_twin(held, terms, grid)[0][3])


@given(SEEDS)
def test_feeds_that_are_not_trusted_raise_entry_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    held, before, after = drawn_holdings(rng, terms), np.zeros((9, 5)), np.zeros((9, 5))
    charge_scenarios(held, terms, grid_of(terms), before)
    grid = grid_of(terms, threshold=0.6, distrust=0.4)
    charge_scenarios(held, terms, grid, after)
    expected = np.zeros(9)
    for amounts, table in (
        (held.coins, terms.coins),
        (held.perps, terms.perps),
        (held.options, terms.series),
    ):
        doubt = np.where(table["confidence"] < 0.6, 1 - table["confidence"], 0)
        spot = np.where(table["underlying"] >= 0, terms.spot[table["underlying"]], 0)
        expected += 0.4 * np.abs(amounts) @ (doubt * spot)
    assert close(after[:, 3] - before[:, 3], expected)
    assert (after[:, 4] == before[:, 4]).all()


@settings(max_examples=20)
@given(SEEDS)
def test_least_requirement_rises_in_steps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    grid = grid_of(terms, option_minimum=0.02, perpetual_minimum=0.01)
    steps = np.array([[1000.0, 2.0], [5000.0, 5.0]])
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_scenarios(held, terms, grid._replace(steps=steps), out)
    shorts = np.maximum(-held.options, 0) @ terms.spot[terms.series["underlying"]]
    perps = np.abs(held.perps) @ terms.spot[terms.perps["underlying"]]
    raw = 0.02 * shorts + 0.01 * perps
    least = raw * np.where(raw > 5000, 5, np.where(raw > 1000, 2, 1))
    risk = twins.risk_twin(held, terms, grid).sum(axis=1)
    assert close(out[:, 4], np.maximum(risk, least))


def test_lots_count_by_what_one_is_worth() -> None:
    """Whole lots and natural units give the same numbers."""
    rng = np.random.default_rng(5)
    terms = drawn_terms(rng)
    held = drawn_holdings(rng, terms)
    held = held._replace(perps=np.round(held.perps, 3), options=np.round(held.options))
    natural, in_lots = np.zeros((9, 5)), np.zeros((9, 5))
    charge_scenarios(held, terms, grid_of(terms), natural)
    terms.perps["lot"], terms.series["lot"] = 0.001, 0.1
    lots = held._replace(
        perps=np.rint(held.perps * 1000).astype(np.int64),
        options=np.rint(held.options * 10).astype(np.int64),
    )
    charge_scenarios(lots, terms, grid_of(terms), in_lots)
    assert in_lots == pytest.approx(natural, rel=1e-12)
