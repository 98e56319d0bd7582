"""Orders of agents that are written in Python, and how they come into the inbox.

An order is given in natural units and rounded when it is sent: prices to the tick that is no worse
for the agent, quantities down to whole lots. Or it is given in ticks and lots and passes as it is.
"""

import math
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any

from crossmargin.agents.columns import place_of
from crossmargin.agents.wishes import (
    Cancel,
    ExactOrder,
    OpenOrder,
    OpenStop,
    Order,
    Stop,
    Transfer,
    Wish,
)
from crossmargin.model.draws import ARRIVE, generator
from crossmargin.model.errors import ParameterError
from crossmargin.model.inbox import LATEST, MOMENTS
from crossmargin.model.state import (
    CANCEL,
    CANCEL_STOP,
    FILL_OR_KILL,
    FORCED,
    GOOD_TILL_CANCELLED,
    IMMEDIATE_OR_CANCEL,
    INBOX_FULL,
    LIMIT,
    MARKET_ORDER,
    ON_LAST,
    POST_ONLY,
    REDUCE_ONLY,
    REPLACE,
    RISING,
    STOP_ORDER,
)
from crossmargin.model.trading import SLOTS
from crossmargin.model.world import World

if TYPE_CHECKING:
    from crossmargin.agents.trader import Trader

#: How long a limit order lives, by name.
LIVES = {
    "good_till_cancelled": GOOD_TILL_CANCELLED,
    "immediate_or_cancel": IMMEDIATE_OR_CANCEL,
    "fill_or_kill": FILL_OR_KILL,
}
ACTIONS = (LIMIT, CANCEL, MARKET_ORDER, REPLACE, STOP_ORDER, CANCEL_STOP)
#: Notional that no order reaches, quote units.
LARGEST = 1 << 60
#: Slack of the roundings, so that 0.3 is three ticks of 0.1.
SLACK = 1e-9


class AgentError(ParameterError):
    """An agent asked for something that the market does not offer."""


def ticks_of(price: float, tick: float, side: int) -> int:
    """Tick of a price that is no worse for the agent: buys round down, sells up."""
    ticks = price / tick
    return math.floor(ticks + SLACK) if side > 0 else math.ceil(ticks - SLACK)


def lots_of(quantity: float, lot: float) -> int:
    """Whole lots of a quantity, rounded down."""
    return math.floor(quantity / lot + SLACK)


def exact(world: World, wish: Order | Stop | ExactOrder | Cancel) -> ExactOrder:
    """Order in ticks and lots.

    Raises
    ------
    AgentError
        When it names no market, or a side, price, quantity or life that no order has.
    """
    if isinstance(wish, ExactOrder):
        _check_exact(world, wish)
        return wish
    if isinstance(wish, Cancel):
        if not isinstance(wish.order, OpenOrder | OpenStop):
            raise AgentError(f"{wish} names no order; cancel one of self.open_orders")
        m = place_of(world.names.markets, wish.order.market, "market")
        action = CANCEL if isinstance(wish.order, OpenOrder) else CANCEL_STOP
        return ExactOrder(m, wish.order.side, action=action, order=wish.order.handle)
    if isinstance(wish, Stop):
        return _exact_stop(world, wish)
    _check(world, wish)
    m = world.names.markets.index(wish.market)
    market = world.state.ledger.markets[m]
    action = MARKET_ORDER if wish.price is None else LIMIT
    price = 0 if wish.price is None else ticks_of(wish.price, float(market["tick"]), wish.side)
    order = ExactOrder(
        market=m,
        side=wish.side,
        price=price,
        quantity=lots_of(wish.quantity, float(market["lot"])),
        action=REPLACE if wish.replaces else action,
        life=LIVES[wish.life],
        flags=POST_ONLY * wish.post_only | REDUCE_ONLY * wish.reduce_only,
        order=wish.replaces.handle if wish.replaces else 0,
    )
    _check_exact(world, order)
    return order


def _exact_stop(world: World, stop: Stop) -> ExactOrder:
    """Message of a stop order; its trigger is rounded to the half tick, away from the price."""
    whole = stop.quantity is None
    _check(world, Order(stop.market, stop.side, 1.0 if whole else stop.quantity or 0.0, stop.price))
    if not (_is_number(stop.trigger) and stop.trigger > 0):
        raise AgentError(f"stop at {stop.trigger!r}: a trigger is a number above 0")
    if whole and not stop.reduce_only:
        raise AgentError("a stop for the whole position is reduce-only; give it a quantity")
    m = world.names.markets.index(stop.market)
    tick, lot = (float(world.state.ledger.markets[m][name]) for name in ("tick", "lot"))
    lots = 0 if stop.quantity is None else lots_of(stop.quantity, lot)
    order = ExactOrder(
        market=m,
        side=stop.side,
        price=0 if stop.price is None else ticks_of(stop.price, tick, stop.side),
        quantity=lots,
        action=STOP_ORDER,
        flags=REDUCE_ONLY * stop.reduce_only | ON_LAST * stop.on_last | RISING * stop.is_rising,
        order=ticks_of(stop.trigger, tick / 2, -1 if stop.is_rising else 1),
    )
    _check_exact(world, order)
    return order


def _check(world: World, order: Order) -> None:
    if order.market not in world.names.markets:
        known = ", ".join(world.names.markets)
        raise AgentError(f"order for market {order.market!r}: there are {known}")
    if order.side not in (1, -1):
        raise AgentError(f"order with side {order.side!r}: allowed are +1 (buy) and -1 (sell)")
    if not (_is_number(order.quantity) and order.quantity > 0):
        raise AgentError(f"order for {order.quantity!r} base: a quantity is a number above 0")
    if order.price is not None and not (_is_number(order.price) and order.price > 0):
        raise AgentError(f"order at price {order.price!r}: a price is a number above 0, or None")
    if order.life not in LIVES:
        raise AgentError(f"order with life {order.life!r}: there are {', '.join(LIVES)}")
    if order.replaces is not None and order.price is None:
        raise AgentError("an order that replaces another needs a price")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(float(value))


def _check_exact(world: World, order: ExactOrder) -> None:
    """Refuse what would lead a kernel out of its arrays or its integers."""
    markets, capacity = world.state.ledger.markets, len(world.state.book.orders)
    if not 0 <= order.market < len(markets):
        raise AgentError(f"order for market {order.market}: there are 0 to {len(markets) - 1}")
    if order.side not in (1, -1) or order.action not in ACTIONS or order.life not in LIVES.values():
        raise AgentError(f"{order} has a side, action or life that no message has")
    if order.action == CANCEL_STOP:
        capacity = len(world.state.stops.orders)
    is_handle = order.action != STOP_ORDER
    if order.order < 0 or (is_handle and order.order & (SLOTS - 1) >= capacity):
        raise AgentError(f"{order.order} is no handle of an order")
    market = markets[order.market]
    unit = int(market["half_unit"]) * max(int(market["mark"]), 2 * order.price, 1)
    unit += int(market["face"])
    if not (0 <= order.quantity * unit < LARGEST and 0 <= order.price < 1 << 62):
        raise AgentError(f"{order} is worth more than 64 bits hold, or less than nothing")


def _moments(trader: "Trader") -> Any:
    state = trader.world.state
    key = int(state.ledger.accounts["key"][trader.row])
    seed, step = int(state.clock["seed"][0]), int(state.clock["step"][0])
    return generator(seed, key, ARRIVE, step)


def arrival_of(uniform: float, latency: float, block_seconds: float) -> int:
    """Moment of arrival within a block, as kernels compute it: latency first, then chance."""
    late = min(LATEST, latency / block_seconds)
    return int(min(MOMENTS - 1.0, MOMENTS * (late + (1.0 - late) * uniform)))


def write_orders(world: World, trader: "Trader", wishes: Iterable[Wish] | None) -> int:
    """Write what an agent decided into the inbox, as a kernel would; returns the messages.

    Raises
    ------
    AgentError
        When `wishes` holds anything but orders, cancels and transfers.
    """
    moments, sent, placed = _moments(trader), 0, 0
    for wish in _listed(trader, wishes):
        if isinstance(wish, Transfer):
            world.state.crowd.requests[trader.row] += _units(world, wish)
            continue
        order = exact(world, wish)
        is_whole = order.action == STOP_ORDER and getattr(wish, "quantity", 0) in (None, 0)
        if order.quantity < 1 and order.action not in (CANCEL, CANCEL_STOP) and not is_whole:
            continue  # less than a lot
        uniform = moments.random() if order.moment is None else order.moment
        _write(world, trader, order, uniform, placed)
        placed += order.action not in (CANCEL, CANCEL_STOP)
        sent += 1
    return sent


def _units(world: World, wish: Transfer) -> int:
    """Quote units of a transfer."""
    one = 10 ** int(world.state.ledger.assets["decimals"][0])
    if not isinstance(wish.amount, int | float) or not abs(wish.amount) * one < LARGEST:
        raise AgentError(f"{wish} is no amount of money that 64 bits hold")
    return math.floor(wish.amount * one)


def _listed(trader: "Trader", wishes: Any) -> list[Wish]:
    name = type(trader).__name__
    listed = [] if wishes is None else [wishes] if isinstance(wishes, Wish) else wishes
    if not isinstance(listed, list | tuple):
        raise AgentError(f"{name}.decide returned {type(wishes).__name__}; it returns a list")
    for wish in listed:
        if not isinstance(wish, Wish):
            raise AgentError(f"{name}.decide returned {wish!r}, which is no order; see self.buy")
    return list(listed)


def _write(world: World, trader: "Trader", order: ExactOrder, uniform: float, placed: int) -> None:
    if trader.author_class == FORCED:
        raise AgentError(f"{type(trader).__name__} signs orders as forced; only a venue does")
    state = world.state
    clock, inbox = state.clock[0], state.crowd.inbox
    n = int(clock["n_inbox"])
    if n >= len(inbox):
        clock["fault"] = INBOX_FULL
        return
    clock["n_inbox"] = n + 1
    message = inbox[n]
    for field in ("action", "side", "life", "flags", "market", "price", "quantity", "order"):
        message[field] = getattr(order, field)
    message["account"] = trader.row
    message["author_class"] = trader.author_class
    is_cancel = order.action in (CANCEL, CANCEL_STOP)
    message["slot"] = 0 if is_cancel else trader.slot(placed)
    message["arrival"] = arrival_of(uniform, trader.latency, float(clock["block_seconds"]))
