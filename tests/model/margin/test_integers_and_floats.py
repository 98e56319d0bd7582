"""The integer engine of a running market and the parts on arrays say the same of one account."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.margin.arrays import COIN, PERPETUAL, SERIES, Holdings, Terms
from crossmargin.model.margin.credit import CREDIT, credit_profit
from crossmargin.model.margin.fractions import FRACTION, RATES, charge_fractions, set_credits
from crossmargin.model.margin.numbers import margin_numbers
from crossmargin.model.margin.weights import weigh_coins
from crossmargin.model.state import State
from tests.small import DECIMALS, LOT, TICK, Listing, first_row, small_state

NUMBERS = from_python(margin_numbers)
TIERS = ((0, 0.02, 0.01), (5000, 0.05, 0.025), (90000, 0.2, 0.1))
MARKETS = (
    Listing(price=100.0, tiers=TIERS),
    Listing(kind="spot", price=50.0, weights=(0.7, 0.85)),
    Listing(price=3000.0, tiers=TIERS),
)


def drawn_state(seed: int) -> State:
    """One account with money, coins, positions and resting orders."""
    rng = np.random.default_rng(seed)
    state = small_state(1, MARKETS)
    row, ledger = first_row(state), state.ledger
    ledger.balances[row, 0] = rng.integers(-(10**9), 10**10)
    ledger.lots[row] = rng.integers(-50_000, 50_000, 3)
    ledger.lots[row, 1] = abs(ledger.lots[row, 1])
    ledger.cost[row, [0, 2]] = ledger.lots[row, [0, 2]] * rng.integers(10_000, 30_000, 2)
    state.book.open_lots[row, [0, 2]] = rng.integers(0, 20_000, (2, 2))
    return state


def on_arrays(state: State) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Numbers of that account by the parts, quote; amounts are whole lots and units."""
    row, ledger, unit = first_row(state), state.ledger, 10.0**-DECIMALS
    marks = 0.5 * ledger.markets["mark"] * TICK
    coins, perps, rates = np.zeros(2, COIN), np.zeros(2, PERPETUAL), np.zeros((2, 3), RATES)
    coins["lot"] = unit, LOT
    coins["price"] = coins["low"] = coins["high"] = 1.0, marks[1]
    coins["initial"], coins["maintenance"] = (1.0, 0.7), (1.0, 0.85)
    coins["scale"] = coins["owed_scale"] = 1.0
    coins["owed_initial"] = coins["owed_maintenance"] = 1.0
    coins["underlying"] = -1, 1
    perps["lot"], perps["price"], perps["underlying"] = LOT, marks[[0, 2]], (0, 2)
    for brackets in rates:
        for t, (lower, initial, maintenance) in enumerate(TIERS):
            brackets[t] = lower, initial, 0.0, maintenance, 0.0
        set_credits(brackets, initial=True)
    held = Holdings(
        coins=np.array([[ledger.balances[row, 0], ledger.lots[row, 1]]]),
        perps=ledger.lots[row : row + 1, ::2].copy(),
        cost=ledger.cost[row : row + 1, ::2] * unit,
        bids=state.book.open_lots[row : row + 1, ::2, 0].copy(),
        asks=state.book.open_lots[row : row + 1, ::2, 1].copy(),
        options=np.zeros((1, 0)),
    )
    credit = np.array([(1.0, 1.0, np.inf)] * 2, CREDIT)
    terms, numbers = Terms(coins, perps, np.zeros(0, SERIES), marks), np.zeros((1, 5))
    weigh_coins(held, terms, numbers)
    credit_profit(held, terms, credit, numbers)
    charge_fractions(held, terms, rates, np.zeros(2, FRACTION), numbers)
    return numbers[0]


@given(st.integers(0, 2**32))
def test_both_engines_agree_to_some_units(seed: int) -> None:
    state = drawn_state(seed)
    integers = np.array(NUMBERS(state.ledger, state.book, first_row(state)))
    assert np.abs(integers * 10.0**-DECIMALS - on_arrays(state)).max() < 1e-5
