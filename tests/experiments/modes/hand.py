"""One owner with a long in one market and a short in another, made by hand.

Prices begin at 100, the initial rate is 10% and the maintenance rate 5% in both markets. The owner
is long 1 and short 1, so that each position asks for 10 at the start and 5 to stay.
"""

from typing import Any

from crossmargin.experiments.initial.dividing import divide
from crossmargin.experiments.layout import Block
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.wiring import population_numbers
from crossmargin.model.state import LIQUIDATING, State
from crossmargin.model.world import World
from tests.small import PERP, first_row, give, open_pair, set_price, small_world

#: One whole coin in lots.
COIN = 1000
#: Rows after the first account: long, short, what is kept apart, the other side of both.
LONG, SHORT, APART, OTHER = range(4)


def hedged(wealth: float = 30.0, **accounts: Any) -> World:
    """World with the owner divided as a mode says; `run(1)` tops up and judges everybody."""
    program = [("top_up", dict(accounts.get("top_up") or {}))]
    program[0][1].pop("limit", None)
    made = small_world([*program, ("states", {})], n_accounts=4, markets=(PERP, PERP))
    state = made.state
    first = first_row(state)
    give(state, first, wealth)
    give(state, first + OTHER, 1e6)
    open_pair(state, first, first + OTHER, COIN, 0)
    open_pair(state, first + OTHER, first, COIN, 1)
    divide(
        state, load_scenario("two-coins", {"venue.accounts": accounts}), [block(first, accounts)]
    )
    return made


def block(first: int, accounts: dict[str, Any]) -> Block:
    """Rows of the owner: one account a market, or one for both."""
    population = load_scenario("two-coins").population[1]
    groups = ((0, 1),) if accounts["mode"] == "cross" else ((0,), (1,))
    apart = first + APART if accounts.get("split") == "idle" else -1
    places = (first, 1, 0, 0, 0, 0)
    behaviour = population_numbers(population)
    return Block(population, behaviour, (0, 1), *places, groups=groups, first_apart=apart)


def move(made: World, first_price: float, second_price: float) -> None:
    """Let both markets go to new marks and the venue look at everybody."""
    for market, price in enumerate((first_price, second_price)):
        set_price(made.state, market, price)
    made.run(1)


def liquidated(state: State, place: int) -> bool:
    """Tell whether the venue has begun to liquidate an account."""
    return bool(state.ledger.accounts["state"][first_row(state) + place] >= LIQUIDATING)
