"""Orders of agents that are written in Python, and how they come into the inbox.

An order is given in natural units and rounded when it is sent: prices to the tick that is no worse
for the agent, quantities down to whole lots. Or it is given in ticks and lots and passes as it is.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from crossmargin.agents.columns import place_of
from crossmargin.model.draws import ARRIVE, generator
from crossmargin.model.errors import ParameterError
from crossmargin.model.inbox import LATEST, MOMENTS
from crossmargin.model.state import (
    CANCEL,
    FILL_OR_KILL,
    FORCED,
    GOOD_TILL_CANCELLED,
    IMMEDIATE_OR_CANCEL,
    INBOX_FULL,
    LIMIT,
    MARKET_ORDER,
    POST_ONLY,
    REDUCE_ONLY,
    REPLACE,
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
ACTIONS = (LIMIT, CANCEL, MARKET_ORDER, REPLACE)
#: Notional that no order reaches, quote units.
LARGEST = 1 << 60
#: Slack of the roundings, so that 0.3 is three ticks of 0.1.
SLACK = 1e-9


class AgentError(ParameterError):
    """An agent asked for something that the market does not offer."""


@dataclass(frozen=True)
class OpenOrder:
    """An order of one's own that rests in the book."""

    market: str
    side: int  # +1 buy, -1 sell
    price: float  # quote per base
    quantity: float  # base, what is left of it
    handle: int


@dataclass(frozen=True)
class Order:
    """An order in natural units. Without a price it takes the best prices at once."""

    market: str
    side: int  # +1 buy, -1 sell
    quantity: float  # base
    price: float | None = None  # quote per base
    life: str = "good_till_cancelled"
    post_only: bool = False
    reduce_only: bool = False
    replaces: OpenOrder | None = None


@dataclass(frozen=True)
class ExactOrder:
    """An order in ticks and lots, as the market sees it; its fields are those of a message."""

    market: int
    side: int
    price: int = 0  # ticks
    quantity: int = 0  # lots
    action: int = LIMIT
    life: int = GOOD_TILL_CANCELLED
    flags: int = 0
    order: int = 0  # handle of the order to cancel or replace
    moment: float | None = None  # uniform that decides the arrival; drawn when None


@dataclass(frozen=True)
class Cancel:
    """The wish to cancel an order of one's own."""

    order: OpenOrder


@dataclass(frozen=True)
class Transfer:
    """The wish to bring in quote from outside (positive) or to take it out (negative)."""

    amount: float  # quote


Wish = Order | ExactOrder | Cancel | Transfer


def ticks_of(price: float, tick: float, side: int) -> int:
    """Tick of a price that is no worse for the agent: buys round down, sells up."""
    ticks = price / tick
    return math.floor(ticks + SLACK) if side > 0 else math.ceil(ticks - SLACK)


def lots_of(quantity: float, lot: float) -> int:
    """Whole lots of a quantity, rounded down."""
    return math.floor(quantity / lot + SLACK)


def exact(world: World, wish: Order | ExactOrder | Cancel) -> ExactOrder:
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
        if not isinstance(wish.order, OpenOrder):
            raise AgentError(f"{wish} names no order; cancel one of self.open_orders")
        m = place_of(world.names.markets, wish.order.market, "market")
        return ExactOrder(m, wish.order.side, action=CANCEL, order=wish.order.handle)
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
    if order.order < 0 or order.order & (SLOTS - 1) >= capacity:
        raise AgentError(f"{order.order} is no handle of an order")
    market = markets[order.market]
    unit = int(market["half_unit"]) * max(int(market["mark"]), 2 * order.price, 1)
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
        if order.quantity < 1 and order.action != CANCEL:
            continue  # less than a lot
        uniform = moments.random() if order.moment is None else order.moment
        _write(world, trader, order, uniform, placed)
        placed += order.action != CANCEL
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
    message["slot"] = 0 if order.action == CANCEL else trader.slot(placed)
    message["arrival"] = arrival_of(uniform, trader.latency, float(clock["block_seconds"]))
