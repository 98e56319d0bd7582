"""What an agent written in Python may wish for: orders, stop orders, cancels, transfers."""

from dataclasses import dataclass

from crossmargin.model.state import GOOD_TILL_CANCELLED, LIMIT


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
class Stop:
    """An order that the market keeps until the mark, or the last price, has reached a trigger."""

    market: str
    side: int  # +1 buy, -1 sell
    trigger: float  # quote per base
    is_rising: bool  # sent at or above the trigger, otherwise at or below
    quantity: float | None = None  # base; None the whole position
    price: float | None = None  # limit, quote per base; None takes what it can at once
    on_last: bool = False  # watches the last price instead of the mark
    reduce_only: bool = True


@dataclass(frozen=True)
class OpenStop:
    """A stop order of one's own that waits."""

    market: str
    side: int
    trigger: float  # quote per base
    is_rising: bool
    handle: int


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
    order: int = 0  # handle of the order to cancel or replace; trigger of a stop, half ticks
    moment: float | None = None  # uniform that decides the arrival; drawn when None


@dataclass(frozen=True)
class Cancel:
    """The wish to cancel an order or a stop order of one's own."""

    order: OpenOrder | OpenStop


@dataclass(frozen=True)
class Transfer:
    """The wish to bring in quote from outside (positive) or to take it out (negative)."""

    amount: float  # quote


Wish = Order | Stop | ExactOrder | Cancel | Transfer
