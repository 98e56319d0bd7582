"""The public order book of one market: messages in, fills out, no accounts and no money.

An order's id is the 0-based number, over the life of the book, of the message that placed it.
"""

import numpy as np

from crossmargin.model.book import (
    STOPPED,
    match,
    new_book,
    reducible,
    remove,
    rest,
)
from crossmargin.model.depth import takeable
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import kernel
from crossmargin.model.levels import level_down, level_up
from crossmargin.model.state import (
    BAD_ACCOUNT,
    BAD_MESSAGE,
    BAD_PRICE,
    BAD_QUANTITY,
    CANCEL,
    FILL,
    FILL_OR_KILL,
    GOOD_TILL_CANCELLED,
    LARGEST_ORDER,
    LIMIT,
    MARKET_ORDER,
    N_REASONS,
    NOT_FILLABLE,
    NOT_REDUCING,
    ORDER,
    POST_ONLY,
    REASONS,
    REDUCE_ONLY,
    REPLACE,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    Array,
)

_POLICIES = ("allow", "cancel_resting", "cancel_taker")
_UNTRACKED = "lots of an account are tracked only when the book is made with `accounts`"


@kernel
def _is_sound(message):
    """Tell whether action, side, life and market of a new order are such as exist."""
    return (
        LIMIT <= message.action <= REPLACE
        and (message.side == 1 or message.side == -1)
        and GOOD_TILL_CANCELLED <= message.life <= FILL_OR_KILL
        and message.market == 0
    )


@kernel
def _refusal(book, message):
    """Reason for which a new order is refused, or 0."""
    if not _is_sound(message):
        return BAD_MESSAGE
    if not 0 < message.quantity <= LARGEST_ORDER:
        return BAD_QUANTITY
    if message.action != MARKET_ORDER and not 0 <= message.price < book.ladders[0].top:
        return BAD_PRICE
    if book.lots.shape[0] > 0 and not 0 <= message.account < book.lots.shape[0]:
        return BAD_ACCOUNT
    return 0


@kernel
def _limit_of(book, message):
    if message.action != MARKET_ORDER:
        return message.price
    return (book.table.shape[2] << 6) - 1 if message.side > 0 else 0


@kernel
def _admitted(book, message, limit):
    """Lots of an order that may go to the book; 0 with the reason in the pool when none may."""
    lots = message.quantity
    if message.flags & REDUCE_ONLY != 0:
        held = book.lots[message.account, 0] if book.lots.shape[0] > 0 else 0
        lots = reducible(held, message.side, lots)
        if lots == 0:
            book.pool[0].reason = NOT_REDUCING
            return 0
    if message.flags & POST_ONLY != 0 and takeable(book, message, limit, 1) > 0:
        book.pool[0].reason = WOULD_TAKE
        return 0
    if message.life == FILL_OR_KILL and takeable(book, message, limit, lots) < lots:
        book.pool[0].reason = NOT_FILLABLE
        return 0
    return lots


@kernel
def _place(book, message, fills, n_fills, limit):
    """Match and rest one order; return its slot or -1, and the number of fills so far."""
    lots = _admitted(book, message, limit)
    while lots > 0 and n_fills < fills.shape[0]:
        traded = match(book, message, limit, lots, fills[n_fills])
        if traded == STOPPED:
            return -1, n_fills
        if traded == 0:
            break
        if book.lots.shape[0] > 0:
            book.lots[message.account, 0] += traded * message.side
            book.lots[fills[n_fills].maker, 0] -= traded * message.side
        lots -= traded
        n_fills += 1
    if lots > 0 and message.action != MARKET_ORDER and message.life == GOOD_TILL_CANCELLED:
        return rest(book, message, lots), n_fills
    return -1, n_fills


@kernel
def _cancel(book, message, slots):
    """Cancel a resting order of the sender; tell whether there was one."""
    if not 0 <= message.order < book.pool[0].next_id:
        return False
    slot = slots[message.order]
    if slot < 0:
        return False
    order = book.orders[slot]
    if order.side < 0 or order.id != message.order or order.account != message.account:
        return False
    remove(book, slot)
    slots[message.order] = -1
    return True


@kernel(python=True)
def _execute(book, messages, slots, fills, counters):
    """Execute messages until all are done or the fills might not fit; return both counts."""
    n_fills = 0
    for i in range(messages.shape[0]):
        message = messages[i]
        if n_fills + min(message.quantity, book.pool[0].resting) > fills.shape[0]:
            return i, n_fills
        number = book.pool[0].next_id
        slots[number] = -1
        book.pool[0].reason = 0 if message.action == CANCEL else _refusal(book, message)
        if book.pool[0].reason == 0 and (message.action == CANCEL or message.action == REPLACE):
            if not _cancel(book, message, slots):
                book.pool[0].reason = UNKNOWN_ORDER
        if book.pool[0].reason == 0 and message.action != CANCEL:
            limit = _limit_of(book, message)
            slots[number], n_fills = _place(book, message, fills, n_fills, limit)
        counters[book.pool[0].reason] += 1
        book.pool[0].next_id += 1
    return messages.shape[0], n_fills


@kernel(python=True)
def _worse_level(book, side, tick):
    return level_up(book, 0, 1, tick + 1) if side == 1 else level_down(book, 0, 0, tick - 1)


class OrderBook:
    """One market's book, price-time priority, integer ticks and lots.

    Parameters
    ----------
    price_levels : int
        Prices run from 0 to this, ticks; a price outside is refused and counted.
    capacity : int
        Resting orders that it can hold; an order that finds it full is refused and counted.
    self_trade : {"allow", "cancel_resting", "cancel_taker"}
        What happens when an account would trade with itself.
    accounts : int
        Accounts 0 to this whose positions are tracked, which reduce-only orders need. With 0
        none is tracked and a reduce-only order is refused.

    Examples
    --------
    >>> import numpy as np, crossmargin as xm
    >>> orders = np.zeros(2, xm.ORDER)
    >>> orders["side"], orders["price"], orders["quantity"] = (1, -1), 100, (5, 3)
    >>> book = xm.OrderBook()
    >>> book.execute(orders)[["maker_order", "taker_order", "price", "quantity"]].tolist()
    [(0, 1, 100, 3)]
    >>> book.best_bid, book.best_ask, book.depth(1)
    (100, None, ([(100, 2)], []))
    """

    def __init__(
        self,
        price_levels: int = 1 << 24,
        capacity: int = 1 << 18,
        *,
        self_trade: str = "allow",
        accounts: int = 0,
    ) -> None:
        if self_trade not in _POLICIES:
            raise ParameterError(f"self_trade: {self_trade!r} is none of {', '.join(_POLICIES)}")
        numbers = (price_levels, capacity, accounts)
        whole = all(isinstance(n, int | np.integer) and n is not True for n in numbers)
        if not whole or not (
            0 < price_levels <= 1 << 30 and 0 < capacity <= 1 << 24 and accounts >= 0
        ):
            raise ParameterError(
                f"price_levels={price_levels}, capacity={capacity}, accounts={accounts}: "
                "allowed are 1 to 2**30, 1 to 2**24 and 0 or more"
            )
        pages = min(capacity, -(-price_levels // 64)) + 2
        self._book = new_book(1, price_levels, capacity, pages, accounts)
        self._book.ladders["self_trade"] = _POLICIES.index(self_trade)
        self._slots = np.full(1024, -1, np.int32)
        self._fills = np.zeros(1 << 16, FILL)
        self._counters = np.zeros(N_REASONS, np.int64)

    def execute(self, messages: Array) -> Array:
        """Execute messages in order and return the fills they made.

        Parameters
        ----------
        messages : (n,) ORDER

        Returns
        -------
        (n_fills,) FILL
            Prices in ticks, quantities in lots, `side` that of the taker.

        Raises
        ------
        ParameterError
            When it is no one-dimensional array of dtype `crossmargin.ORDER`. What a message says
            raises nothing: a message that makes no sense is refused and counted.
        """
        if getattr(messages, "dtype", None) != ORDER or np.ndim(messages) != 1:
            found = getattr(messages, "dtype", type(messages).__name__), np.shape(messages)
            raise ParameterError(
                f"messages: {found[0]} of shape {found[1]}, not a 1-d array of crossmargin.ORDER"
            )
        messages = np.require(messages, ORDER, ["C", "A", "W"])
        self._make_room(len(messages))
        done, chunks = 0, []
        while done < len(messages):
            step, n_fills = _execute(
                self._book, messages[done:], self._slots, self._fills, self._counters
            )
            chunks.append(self._fills[:n_fills].copy())
            done += step
            if step == 0:  # one message could make more fills than there is room for
                self._fills = np.zeros(2 * self.resting, FILL)
        return chunks[0] if len(chunks) == 1 else np.concatenate([self._fills[:0], *chunks])

    def _make_room(self, n: int) -> None:
        needed = int(self._book.pool["next_id"][0]) + n
        if needed > len(self._slots):
            more = np.full(max(needed, 2 * len(self._slots)) - len(self._slots), -1, np.int32)
            self._slots = np.concatenate([self._slots, more])

    @property
    def best_bid(self) -> int | None:
        """Highest price that somebody would pay, ticks; None when there are no bids."""
        tick = int(self._book.ladders["best"][0, 0])
        return tick if tick >= 0 else None

    @property
    def best_ask(self) -> int | None:
        """Lowest price that somebody asks, ticks; None when there are no asks."""
        tick = int(self._book.ladders["best"][0, 1])
        return tick if tick < self._n_ticks else None

    @property
    def _n_ticks(self) -> int:
        return int(self._book.table.shape[2]) * 64

    @property
    def resting(self) -> int:
        """Number of orders in the book."""
        return int(self._book.pool["resting"][0])

    @property
    def volume(self) -> int:
        """Lots traded over the life of the book."""
        return int(self._book.ladders["volume"][0])

    @property
    def rejected(self) -> dict[str, int]:
        """Orders refused so far, by reason."""
        counts = zip(REASONS, self._counters.tolist(), strict=True)
        return {reason: n for reason, n in counts if n and reason != "accepted"}

    @property
    def positions(self) -> Array:
        """(accounts,) int64, lots of each tracked account."""
        if not len(self._book.lots):
            raise ParameterError(_UNTRACKED)
        return self._book.lots[:, 0].copy()

    def depth(self, n: int = 10) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the n best bids and asks as (price, lots), ticks, best first."""
        return self._side(0, n), self._side(1, n)

    def _side(self, side: int, n: int) -> list[tuple[int, int]]:
        book = self._book
        rows: list[tuple[int, int]] = []
        tick = int(book.ladders["best"][0, side])
        while len(rows) < n and 0 <= tick < self._n_ticks:
            page = book.table[0, side, tick >> 6]
            rows.append((tick, int(book.levels["quantity"][page, tick & 63])))
            tick = _worse_level(book, side, tick)
        return rows
