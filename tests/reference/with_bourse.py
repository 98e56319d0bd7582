"""The same messages through bourse (https://github.com/zombie-einstein/bourse), a book in Rust."""

import numpy as np
from bourse.core import OrderBook, StepEnvNumpy

from crossmargin.model.state import CANCEL, LIMIT, Array

Call = tuple[int, bool, int, int, int | None, int]


def calls_of(messages: Array) -> list[Call]:
    """Arguments of bourse's calls: (action, is bid, lots, account, price or None, its order id)."""
    is_cancel = messages["action"] == CANCEL
    numbers = np.cumsum(~is_cancel) - 1  # bourse counts orders, not messages
    targets = numbers[messages["order"]]
    columns = (
        messages["action"].tolist(),
        (messages["side"] > 0).tolist(),
        messages["quantity"].tolist(),
        messages["account"].tolist(),
        messages["price"].tolist(),
        targets.tolist(),
    )
    return [
        (action, bid, lots, account, price if action == LIMIT else None, order)
        for action, bid, lots, account, price, order in zip(*columns, strict=True)
    ]


def send_all(book: OrderBook, calls: list[Call]) -> None:
    """One call a message; two orders at one time would take one place in its queue."""
    place, cancel, set_time = book.place_order, book.cancel_order, book.set_time
    for time, (action, bid, lots, account, price, order) in enumerate(calls):
        set_time(time)
        if action == CANCEL:
            cancel(order)
        else:
            place(bid, lots, account, price)


def bourse_totals(messages: Array) -> tuple[int, int, int]:
    """Fills, lots and tick-lots that bourse trades."""
    book = OrderBook(0, 1, True)
    send_all(book, calls_of(messages))
    trades = book.get_trades()
    return len(trades), sum(t[3] for t in trades), sum(t[2] * t[3] for t in trades)


def batches_of(messages: Array, size: int) -> list[tuple[Array, ...]]:
    """Instructions of bourse's NumPy interface; market orders are limits far inside the book.

    bourse shuffles a batch, so that its fills are not those of the stream in order.
    """
    is_cancel = messages["action"] == CANCEL
    numbers = np.cumsum(~is_cancel) - 1
    is_bid = messages["side"] > 0
    far = np.where(is_bid, 2**31, 1)
    price = np.where(messages["action"] == LIMIT, messages["price"], far)
    columns = (
        np.where(is_cancel, 2, 1).astype(np.uint32),
        is_bid,
        messages["quantity"].astype(np.uint32),
        messages["account"].astype(np.uint32),
        price.astype(np.uint32),
        numbers[messages["order"]].astype(np.uint64),
    )
    return [
        tuple(column[start : start + size] for column in columns)
        for start in range(0, len(messages), size)
    ]


def send_batches(batches: list[tuple[Array, ...]]) -> int:
    """Submit and execute batches; returns the number of trades."""
    market = StepEnvNumpy(1, 0, 1, 1_000_000)
    for batch in batches:
        market.submit_instructions(batch)
        market.step()
    return len(market.get_trades())
