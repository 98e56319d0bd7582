"""A plain-Python market: naive books, a ledger in Python's integers, gains entered as they happen.

It knows no margin: whether an order has margin is asked of the market under test. All else is its
own, and gains by class come from positions times displacements, at the moment of each.
"""

import math
from dataclasses import dataclass
from typing import Any

from crossmargin.model.state import (
    CANCEL,
    CLASSES,
    FEES,
    FORCED,
    REDUCE_ONLY,
    REFILL,
    REPLACE,
    SPOT,
    WITHDRAWAL,
    State,
)
from tests.reference.naive_book import Message, NaiveBook, Order

POLICIES = ("allow", "cancel_resting", "cancel_taker")


def towards_zero(amount: int, part: int, whole: int) -> int:
    """Return amount * part / whole without its fraction."""
    quotient = abs(amount) * part // whole
    return quotient if amount >= 0 else -quotient


@dataclass
class Command:
    """A message to the market; `target` is the (market, number) of the order to cancel."""

    message: Message
    market: int
    author_class: int
    target: tuple[int, int] | None = None


class ReportingBook(NaiveBook):
    """A naive book that reports each trade at once, so that mids are seen between trades."""

    report: Any = None

    def _trade(self, order: Order, m: Message, lots: int) -> None:
        super()._trade(order, m, lots)
        self.report(self.fills[-1])


class NaiveMarket:
    """Books, balances, positions, costs and gains by class of a small state at its start."""

    def __init__(self, state: State) -> None:
        ledger = state.ledger
        self.balances = ledger.balances.tolist()
        self.lots = ledger.lots.tolist()
        self.cost = ledger.cost.tolist()
        self.terms = [
            dict(zip(ledger.markets.dtype.names, row, strict=True))
            for row in ledger.markets.tolist()
        ]
        n = len(self.lots)
        self.books = [
            ReportingBook(
                price_levels=state.book.table.shape[2] * 64,
                self_trade=POLICIES[int(state.book.ladders["self_trade"][m])],
                accounts=n,
            )
            for m in range(len(self.terms))
        ]
        for m, book in enumerate(self.books):
            book.held = {a: self.lots[a][m] for a in range(n)}
        self.mid: list[int | None] = [None] * len(self.terms)
        self.first_mid: list[int | None] = [None] * len(self.terms)
        self.gains = [[[0] * len(CLASSES) for _ in self.terms] for _ in range(n)]
        self.paid_at_mid = [[0] * len(self.terms) for _ in range(n)]

    def execute(self, command: Command, has_margin: bool) -> str | None:
        """Execute a message; returns why it is refused."""
        m, message = command.market, command.message
        if message.action in (CANCEL, REPLACE) and not self._cancel(command):
            return "unknown_order"
        if message.action == CANCEL:
            return None
        if not has_margin:
            return "no_margin"
        book = self.books[m]
        is_spot_sale = message.side < 0 and self.terms[m]["kind"] == SPOT
        if is_spot_sale and command.author_class == FORCED:
            message.flags |= REDUCE_ONLY
        book.report = lambda fill: self._settle(command, fill)
        reason = book._malformed(message) or book._place(message)
        if is_spot_sale and book.count in book.live:
            book.live[book.count].flags |= REDUCE_ONLY  # what rests sells no more than is held
        self._look(m, command.author_class)
        book.count += 1
        return reason

    def _cancel(self, command: Command) -> bool:
        if command.target is None:
            return False
        m, number = command.target
        order = self.books[m].live.get(number)
        if order is None or order.account != command.message.account:
            return False
        self.books[m]._drop(order)
        author = WITHDRAWAL if command.author_class == REFILL else command.author_class
        self._look(m, author)
        return True

    def _look(self, m: int, author: int) -> None:
        """Enter the movement of the mid since the last look as gains of all who hold."""
        before = self.mid[m]
        now = self._seen(self.books[m].best(1), self.books[m].best(-1), before)
        self.mid[m] = now
        if before is None or now is None:
            self.first_mid[m] = now
            return
        for row, lots in zip(self.gains, self.lots, strict=True):
            row[m][author] += lots[m] * (now - before)

    @staticmethod
    def _seen(bid: int | None, ask: int | None, before: int | None) -> int | None:
        """Mid of two quotes; with one of them the mid before, but not beyond that quote."""
        if bid is not None and ask is not None:
            return bid + ask
        if before is None or (bid is None and ask is None):
            return before
        return min(before, 2 * ask) if ask is not None else max(before, 2 * bid)  # type: ignore[operator]

    def _settle(self, command: Command, fill: tuple[int, ...]) -> None:
        """Book one fill: positions, money, fees."""
        m = command.market
        _, _, maker, taker, side, price, quantity = fill
        value = 2 * price * self.terms[m]["half_unit"] * quantity
        for row, lots in ((taker, side * quantity), (maker, -side * quantity)):
            self.paid_at_mid[row][m] += lots * self.relative_mid(m)
            if self.terms[m]["kind"] == SPOT:
                self._deliver(row, m, lots, value * (1 if lots > 0 else -1))
            else:
                self._realise(row, m, lots, value * (1 if lots > 0 else -1))
        self._charge(maker, value, self.terms[m]["maker_fee"])
        if command.author_class != FORCED:
            self._charge(taker, value, self.terms[m]["taker_fee"])
        self._look(m, command.author_class)

    def relative_mid(self, m: int) -> int:
        """Mid less the first one there was, half ticks."""
        mid, first = self.mid[m], self.first_mid[m]
        return 0 if mid is None or first is None else mid - first

    def _deliver(self, row: int, m: int, lots: int, value: int) -> None:
        self.balances[row][0] -= value
        self.balances[row][self.terms[m]["base"]] += lots * self.terms[m]["lot_units"]
        self.lots[row][m] += lots

    def _realise(self, row: int, m: int, lots: int, value: int) -> None:
        held, cost = self.lots[row][m], self.cost[row][m]
        closed = min(abs(lots), abs(held)) if held * lots < 0 else 0
        gain = 0
        if closed:
            gain = -towards_zero(value, closed, abs(lots)) - towards_zero(cost, closed, abs(held))
        self.balances[row][0] += gain
        self.balances[self.terms[m]["settlement"]][0] -= gain
        self.cost[row][m] += value + gain
        self.lots[row][m] += lots

    def _charge(self, row: int, value: int, rate: float) -> None:
        fee = math.ceil(value * rate)
        self.balances[row][0] -= fee
        self.balances[FEES][0] += fee
