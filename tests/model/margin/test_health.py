"""Weighted health, closing costs and netting against twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.closing_cost import CLOSING, charge_closing, pool_impact
from crossmargin.model.margin.netting import NETTING, charge_netted
from crossmargin.model.margin.scenario_grid import series_deltas
from crossmargin.model.margin.weighted_health import HEALTH, PAIR, Resting, weigh_health
from crossmargin.model.state import Array
from tests.reference.margin_rows import N_PERPS, drawn_holdings, drawn_terms

SEEDS = st.integers(0, 2**32)
IMPACT = from_python(pool_impact)
#: Base and quote coin of the spot markets.
PAIRS = ((1, 0), (2, 0), (2, 1))


def health_rules() -> Array:
    rules = np.zeros(N_PERPS, HEALTH)
    rules["asset"], rules["owed"] = (0.8, 0.9), (1.2, 1.1)
    rules["overall"] = (0.95, 1.0)
    return rules


def drawn_orders(rng: np.random.Generator, n: int) -> Resting:
    pairs, reserved = np.zeros((n, len(PAIRS)), PAIR), np.zeros((n, len(PAIRS), 2))
    pairs["base"], pairs["quote"] = np.array(PAIRS).T
    some = rng.integers(0, 2, reserved.shape)
    reserved[:] = some * rng.uniform(0, 5, reserved.shape) * [[[1.0, 2e4], [3, 3000], [3, 0.2]]]
    return Resting(pairs, reserved, np.zeros((3, 2)))


def health_twin(held: Holdings, terms: Terms, rules: Array, orders: Resting, row: int) -> Array:
    """Entry and maintenance health of one account."""
    found = []
    for kind in range(2):
        names = ("low", "high") if kind == 0 else ("price", "price")
        low, high = (terms.coins[name] for name in names)
        weights = terms.coins["initial"] if kind == 0 else terms.coins["maintenance"]
        owed = terms.coins["owed_initial"] if kind == 0 else terms.coins["owed_maintenance"]

        def value(a: int, x: float, w: Array = weights, o: Array = owed) -> float:
            return float(x * (terms.coins["price"][a] * (w[a] if x >= 0 else o[a])))

        balance = held.coins[row].copy()
        for m, perp in enumerate(terms.perps):
            filled = []
            for change in (held.bids[row, m], -held.asks[row, m]):
                base = held.perps[row, m] + change
                weight = rules["asset"][m, kind] if base >= 0 else rules["owed"][m, kind]
                filled.append((base * weight - change) * perp["price"])
            profit = min(filled) - held.cost[row, m]
            balance[0] += profit * (rules["overall"][m, kind] if profit > 0 else 1)
        total = sum(value(a, x) for a, x in enumerate(balance))
        both, most = [], np.zeros(3)
        for p, (b, q) in enumerate(PAIRS):
            base, quote = orders.reserved[row, p]
            as_base = base + quote * low[q] / high[b]
            as_quote = quote + base * low[b] / high[q]
            both.append((b, as_base, q, as_quote))
            most[b], most[q] = most[b] + as_base, most[q] + as_quote

        def gained(a: int, reserved: float, most: Array = most, start: Array = balance) -> float:
            whole = start[a] + most[a]
            return value(a, whole) - value(a, whole - reserved)

        total += sum(min(gained(b, x), gained(q, y)) for b, x, q, y in both)
        found.append(total)
    return np.array(found)


@given(SEEDS)
def test_weighted_health(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terms = drawn_terms(rng)
    terms.coins["size_discount"] = 0.0
    held, orders, out = drawn_holdings(rng, terms), drawn_orders(rng, 9), np.zeros((9, 5))
    weigh_health(held, terms, health_rules(), orders, out)
    for row in range(9):
        expected = health_twin(held, terms, health_rules(), orders, row)
        size = 1e-9 * (np.abs(out[row]).max() + 1)
        assert out[row, 1] - out[row, 3] == pytest.approx(expected[0], abs=size)
        assert out[row, 2] - out[row, 4] == pytest.approx(expected[1], abs=size)
    value = held.coins @ terms.coins["price"] + held.perps @ terms.perps["price"]
    reserved = sum(
        orders.reserved[:, p] @ terms.coins["price"][list(pair)] for p, pair in enumerate(PAIRS)
    )
    assert out[:, 0] == pytest.approx(value - held.cost.sum(axis=1) + reserved)


def rule_of(imbalance: float) -> Array:
    rules = np.zeros(N_PERPS, CLOSING)
    rules[:] = (0.001, 3e-9, 9e-9, 2.0, 0.005, imbalance)
    return rules


def test_impact_on_a_pool_in_figures() -> None:
    """GMX v2, PricingUtils.sol: same side, and crossover."""
    rule = rule_of(0.0)[0]
    assert IMPACT(rule, 1e6, 2e6) == pytest.approx(9e-9 * (1e12 - 4e12))
    assert IMPACT(rule, 2e6, 1e6) == pytest.approx(3e-9 * (4e12 - 1e12))
    assert IMPACT(rule, 1e6, -2e6) == pytest.approx(3e-9 * 1e12 - 9e-9 * 4e12)


@given(SEEDS, st.floats(-1e7, 1e7))
def test_costs_of_closing(seed: int, imbalance: float) -> None:
    rng = np.random.default_rng(seed)
    terms, rules = drawn_terms(rng), rule_of(imbalance)
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_closing(held, terms, rules, out)
    notional = held.perps * terms.perps["price"]
    expected = np.zeros(9)
    for row, m in np.ndindex(notional.shape):
        impact = min(IMPACT(rules[m], imbalance, imbalance - notional[row, m]), 0.0)
        size = abs(notional[row, m])
        expected[row] -= 0.001 * size + min(-impact, 0.005 * size)
    assert out[:, 1] == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert (out[:, 2] == out[:, 1]).all()
    assert (out[:, [0, 3, 4]] == 0).all()


@given(SEEDS, st.booleans())
def test_netting(seed: int, with_coins: bool) -> None:
    rng = np.random.default_rng(seed)
    terms, rules, deltas = drawn_terms(rng), np.zeros(2, NETTING), np.zeros(24)
    rules[:] = (0.1, 0.05, 0.2, with_coins)
    series_deltas(terms.series, deltas[: len(terms.series)])
    deltas = deltas[: len(terms.series)]
    held, out = drawn_holdings(rng, terms), np.zeros((9, 5))
    charge_netted(held, terms, rules, deltas, out)
    expected = np.zeros(9)
    for u in range(2):
        own = [t["underlying"] == u for t in (terms.perps, terms.series, terms.coins)]
        parts = np.hstack([held.perps[:, own[0]], held.options[:, own[1]] * deltas[own[1]]])
        long, short = np.maximum(parts, 0).sum(axis=1), np.maximum(-parts, 0).sum(axis=1)
        if with_coins:
            coins = np.maximum(held.coins[:, own[2]], 0).sum(axis=1)
            long = long + np.minimum(coins, np.maximum(short - long, 0))
        counted = np.abs(long - short) + 0.2 * np.minimum(long, short)
        expected += 0.1 * terms.spot[u] * counted
    assert out[:, 3] == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert out[:, 4] == pytest.approx(0.5 * expected, rel=1e-9, abs=1e-6)
