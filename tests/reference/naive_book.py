"""A plain-Python order book: dicts of deques, the slowest way that is surely right."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from crossmargin.model.state import (
    ALLOW_SELF_TRADE,
    CANCEL,
    FILL_OR_KILL,
    GOOD_TILL_CANCELLED,
    LARGEST_ORDER,
    LIMIT,
    MARKET_ORDER,
    POST_ONLY,
    REDUCE_ONLY,
    REPLACE,
)


@dataclass(eq=False)
class Order:
    """An order that rests."""

    number: int
    account: int
    side: int
    price: int
    quantity: int
    flags: int


@dataclass
class Message:
    """An order message with plain numbers; field by field that of `crossmargin.ORDER`."""

    action: int = LIMIT
    side: int = 1
    price: int = 0
    quantity: int = 0
    account: int = 0
    order: int = 0
    life: int = GOOD_TILL_CANCELLED
    flags: int = 0


FIELDS = tuple(Message.__dataclass_fields__)


@dataclass
class NaiveBook:
    """Price-time priority over dicts of deques; positions from 0 for every account it sees."""

    price_levels: int = 1 << 24
    self_trade: str = "allow"
    capacity: int = 1 << 18
    accounts: int = 0
    fills: list[tuple[int, ...]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.levels: dict[int, dict[int, deque[Order]]] = {1: {}, -1: {}}
        self.live: dict[int, Order] = {}
        self.held: dict[int, int] = {}
        self.count = 0

    def execute(self, message: Message) -> None:
        """Execute one message; its number is the count of those before it."""
        reason = self._reason(message)
        if reason:
            self.refused[reason] = self.refused.get(reason, 0) + 1
        self.count += 1

    def best(self, side: int) -> int | None:
        """Best price of a side."""
        prices = self.levels[side]
        if not prices:
            return None
        return max(prices) if side > 0 else min(prices)

    def depth(self, side: int) -> list[tuple[int, int]]:
        """All levels of a side, best first."""
        prices = sorted(self.levels[side], reverse=side > 0)
        return [(p, sum(o.quantity for o in self.levels[side][p])) for p in prices]

    def _reason(self, m: Message) -> str | None:
        if m.action != CANCEL:
            malformed = self._malformed(m)
            if malformed:
                return malformed
        if m.action in (CANCEL, REPLACE):
            old = self.live.get(m.order)
            if old is None or old.account != m.account:
                return "unknown_order"
            self._drop(old)
        return None if m.action == CANCEL else self._place(m)

    def _malformed(self, m: Message) -> str | None:
        if m.action not in range(4) or m.side not in (1, -1) or m.life not in range(3):
            return "bad_message"
        if not 0 < m.quantity <= LARGEST_ORDER:
            return "bad_quantity"
        if m.action != MARKET_ORDER and not 0 <= m.price < self.price_levels:
            return "bad_price"
        if self.accounts and not 0 <= m.account < self.accounts:
            return "bad_account"
        return None

    def _place(self, m: Message) -> str | None:
        left = m.quantity
        if m.flags & REDUCE_ONLY:
            left = self._reducible(m.account, m.side, left)
            if left == 0:
                return "not_reducing"
        if m.flags & POST_ONLY and self._takeable(m) > 0:
            return "would_take"
        if m.life == FILL_OR_KILL and self._takeable(m) < left:
            return "not_fillable"
        left = self._match(m, left)
        if left == 0 or m.action == MARKET_ORDER or m.life != GOOD_TILL_CANCELLED:
            return None
        if len(self.live) == self.capacity:
            return "pool_full"
        order = Order(self.count, m.account, m.side, m.price, left, m.flags)
        self.levels[m.side].setdefault(m.price, deque()).append(order)
        self.live[order.number] = order
        return None

    def _match(self, m: Message, left: int) -> int:
        while left > 0:
            price = self.best(-m.side)
            if price is None or self._is_beyond(m, price):
                break
            order = self.levels[-m.side][price][0]
            if order.account == m.account and not self._may_self_trade(m):
                if self.self_trade == "cancel_taker":
                    return 0
                self._drop(order)
                continue
            lots = min(left, self._allowed(order))
            if lots == 0:
                self._drop(order)
                continue
            self._trade(order, m, lots)
            left -= lots
        return left

    def _trade(self, order: Order, m: Message, lots: int) -> None:
        self.fills.append(
            (order.number, self.count, order.account, m.account, m.side, order.price, lots)
        )
        if self.accounts:
            self.held[m.account] = self.held.get(m.account, 0) + lots * m.side
            self.held[order.account] = self.held.get(order.account, 0) - lots * m.side
        order.quantity -= lots
        if order.quantity == 0:
            self._drop(order)

    def _drop(self, order: Order) -> None:
        queue = self.levels[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self.levels[order.side][order.price]
        del self.live[order.number]

    def _is_beyond(self, m: Message, price: int) -> bool:
        return m.action != MARKET_ORDER and (price - m.price) * m.side > 0

    def _may_self_trade(self, m: Message) -> bool:
        return self.self_trade == "allow" or bool(m.flags & ALLOW_SELF_TRADE)

    def _reducible(self, account: int, side: int, lots: int) -> int:
        return max(0, min(lots, -side * self.held.get(account, 0)))

    def _allowed(self, order: Order) -> int:
        if order.flags & REDUCE_ONLY:
            return self._reducible(order.account, order.side, order.quantity)
        return order.quantity

    def _takeable(self, m: Message) -> int:
        """Lots that a message could take at once, by walking the book with positions of its own.

        Its own reduce-only orders count as nothing.
        """
        before, total = dict(self.held), 0
        for price, _ in self.depth(-m.side):
            if self._is_beyond(m, price):
                break
            for order in self.levels[-m.side][price]:
                is_own = order.account == m.account
                if is_own and not self._may_self_trade(m):
                    if self.self_trade == "cancel_taker":
                        self.held = before
                        return total
                    continue
                if is_own and order.flags & REDUCE_ONLY:
                    continue
                lots = self._allowed(order)
                self.held[order.account] = self.held.get(order.account, 0) + lots * order.side
                total += lots
        self.held = before
        return total


def messages_of(array: Any) -> list[Message]:
    """Plain messages of an array of ORDER records."""
    columns = [array[name].tolist() for name in FIELDS]
    return [Message(*row) for row in zip(*columns, strict=True)]
