"""A market against a pool made by hand, for tests of single kernels."""

from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import mint
from crossmargin.model.state import FIRST_SETTLEMENT, POOLED, State
from crossmargin.model.world import World
from tests.small import ONE, Listing, first_row, small_state, small_world

POOL_ROW = FIRST_SETTLEMENT + 1  # the first row after the settlement row of the only market


def make_pool(state: State, capital: float, skew_scale: float = 1e6) -> None:
    """Turn the only market into one against a pool, which takes the first account's row.

    `skew_scale` is in lots; the program's accounts begin one row later.
    """
    pool, market = state.ledger.pools[0], state.ledger.markets[0]
    market["kind"], market["pool"] = POOLED, 0
    pool["row"], pool["market"], pool["skew_scale"] = POOL_ROW, 0, skew_scale
    pool["exponent"], pool["most_impact"] = 2.0, 1.0
    state.ledger.accounts["population"][POOL_ROW] = -1
    state.parts["first"] += 1
    state.parts["count"] -= 1
    from_python(mint)(state.ledger, 0, POOL_ROW, round(capital * ONE))


def pool_state(n: int, capital: float, price: float = 100.0, skew_scale: float = 1e6) -> State:
    """State with a pool and n accounts."""
    state = small_state(n + 1, (Listing(price=price, maker_fee=0.0002, taker_fee=0.0006),))
    make_pool(state, capital, skew_scale)
    return state


def pool_world(names: tuple[str, ...], n: int, capital: float) -> World:
    """World with a pool and n accounts that runs some parts."""
    listing = Listing(price=100.0, maker_fee=0.0002, taker_fee=0.0006)
    world = small_world([(name, {}) for name in names], n + 1, markets=(listing,))
    make_pool(world.state, capital)
    return world


def rows_of(state: State) -> range:
    """Rows of the accounts."""
    first = first_row(state)
    return range(first, first + int(state.parts["count"][0]))
