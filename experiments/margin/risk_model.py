"""A risk model of one's own: a class with one method on arrays, and what checks it.

class Tenth(RiskModel):
def margin(self, book):
notional = np.abs(book.positions) @ book.prices
return book.numbers(0.1 * notional, 0.05 * notional)

check_risk_model(Tenth)
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.arrays import INITIAL_EQUITY, MAINTENANCE_EQUITY
from crossmargin.model.state import Array


@dataclass(frozen=True)
class Book:
    """What a risk model sees: all accounts at once, natural units.

    Attributes
    ----------
    cash : (n_accounts,) float64
        Quote.
    positions : (n_accounts, n_markets) float64
        Base, signed.
    entry_prices : (n_accounts, n_markets) float64
        Quote per base.
    prices : (n_markets,) float64
        Marks, quote per base.
    volatility : (n_markets,) float64
        Realised, per root year.
    """

    cash: Array
    positions: Array
    entry_prices: Array
    prices: Array
    volatility: Array

    @property
    def profit(self) -> Array:
        """(n_accounts,) float64, unrealised, quote."""
        return ((self.prices - self.entry_prices) * self.positions).sum(axis=1)

    def numbers(self, initial: Array, maintenance: Array) -> Array:
        """(n_accounts, 5) float64: the same equity three times, and two requirements."""
        equity = self.cash + self.profit
        return np.column_stack([equity, equity, equity, initial, maintenance])

    def rows(self, rows: Any) -> "Book":
        """Some accounts."""
        return replace(
            self,
            cash=self.cash[rows],
            positions=self.positions[rows],
            entry_prices=self.entry_prices[rows],
        )


class RiskModel(ABC):
    """Turns positions, balances and prices into five numbers for all accounts at once."""

    @abstractmethod
    def margin(self, book: Book) -> Array:
        """Return the five numbers of every account.

        Returns
        -------
        (n_accounts, 5) float64
            Raw, entry and maintenance equity, entry and maintenance requirement, quote. Every row
            must depend on its own account alone, and on nothing that an earlier call has left.
        """


def drawn_book(seed: int = 0, n: int = 64, n_markets: int = 4) -> Book:
    """Accounts at random, many without a position in a market."""
    rng = np.random.default_rng(seed)
    prices = 10.0 ** rng.uniform(0, 5, n_markets)
    sizes = rng.normal(0, 1e4, (n, n_markets)) / prices
    return Book(
        cash=rng.uniform(0, 1e5, n),
        positions=sizes * rng.integers(0, 2, (n, n_markets)),
        entry_prices=prices * rng.uniform(0.8, 1.2, (n, n_markets)),
        prices=prices,
        volatility=rng.uniform(0.3, 1.2, n_markets),
    )


def check_risk_model(model: type[RiskModel], **settings: Any) -> None:
    """Check a risk model: shapes, purity, speed, and laws that a requirement keeps.

    Parameters
    ----------
    model : class
        A subclass of `RiskModel`.
    settings
        Arguments of its constructor.

    Raises
    ------
    ParameterError
        With everything that failed, one line each.
    """
    if not (isinstance(model, type) and issubclass(model, RiskModel)):
        raise ParameterError(f"{model!r}: is no subclass of RiskModel")
    name, made = model.__name__, model(**settings)
    first = shape_faults(made)
    faults = first or [fault for check in CHECKS for fault in check(made)]
    if faults:
        raise ParameterError(f"{name}: " + "; ".join(faults))


def shape_faults(model: RiskModel) -> list[str]:
    """What is wrong with the shape of what a model returns."""
    book = drawn_book()
    found = model.margin(book)
    if not isinstance(found, np.ndarray) or found.shape != (len(book.cash), 5):
        shape = getattr(found, "shape", type(found).__name__)
        return [f"margin returns {shape}, not ({len(book.cash)}, 5): five numbers an account"]
    if found.dtype != np.float64:
        return [f"margin returns {found.dtype}, not float64"]
    if not np.isfinite(found).all():
        return ["a number is not finite"]
    if (found[:, 3:] < 0).any():
        return ["a requirement is negative"]
    empty = model.margin(book.rows(slice(0, 0)))
    return [] if empty.shape == (0, 5) else ["no accounts do not give an array of shape (0, 5)"]


def purity_faults(model: RiskModel) -> Iterator[str]:
    """What shows that a model keeps or changes something, or mixes accounts."""
    book = drawn_book(1)
    kept = [array.copy() for array in vars(book).values()]
    first = model.margin(book)
    if not all(np.array_equal(a, b) for a, b in zip(kept, vars(book).values(), strict=True)):
        yield "it writes into the arrays that it is given"
        return
    if not np.array_equal(first, model.margin(book)):
        yield "the same book twice gives two answers"
    order = np.random.default_rng(1).permutation(len(book.cash))
    if not np.allclose(model.margin(book.rows(order)), first[order], rtol=1e-12, atol=1e-9):
        yield "accounts in another order get other numbers"
    alone = np.vstack([model.margin(book.rows(slice(k, k + 1))) for k in range(8)])
    if not np.allclose(alone, first[:8], rtol=1e-12, atol=1e-9):
        yield "an account alone gets other numbers than among others"


def cash_faults(model: RiskModel) -> Iterator[str]:
    """Whether more cash hurts."""
    book = drawn_book(2)
    before, after = model.margin(book), model.margin(replace(book, cash=book.cash + 1000.0))
    for kind, equity, required in (
        ("entry", INITIAL_EQUITY, 3),
        ("maintenance", MAINTENANCE_EQUITY, 4),
    ):
        change = (after[:, equity] - after[:, required]) - (before[:, equity] - before[:, required])
        if (change < -1e-6).any():
            row = int(change.argmin())
            yield f"1,000 more cash lowers {kind} free collateral of an account by {-change[row]:g}"


def scale_faults(model: RiskModel) -> Iterator[str]:
    """Whether a larger book or a larger single position needs less."""
    book = drawn_book(3)
    before = model.margin(book)[:, 3:]
    for times in (1.5, 4.0, 100.0):
        after = model.margin(replace(book, positions=times * book.positions))[:, 3:]
        if (after < before * (1 - 1e-9) - 1e-9).any():
            yield f"a whole book {times:g} times as large needs less"
            break
    yield from _single_faults(model, book)


def _single_faults(model: RiskModel, book: Book) -> Iterator[str]:
    """Whether a larger single position needs less, in some market and direction."""
    sizes = np.geomspace(1.0, 1e7, 50)
    n_markets = len(book.prices)
    for m in range(n_markets):
        for side in (1.0, -1.0):
            positions = np.zeros((len(sizes), n_markets))
            positions[:, m] = side * sizes / book.prices[m]
            entries = np.tile(book.prices, (len(sizes), 1))
            single = Book(
                np.full(len(sizes), 1e6), positions, entries, book.prices, book.volatility
            )
            asked = model.margin(single)[:, 3:]
            lower = np.diff(asked, axis=0) < -1e-9 * asked[1:]
            if lower.any():
                notional = sizes[int(lower.any(axis=1).argmax()) + 1]
                way = "long" if side > 0 else "short"
                yield f"a {way} of {notional:,.0f} in market {m} needs less than a smaller one"
                return


def speed_faults(model: RiskModel) -> Iterator[str]:
    """Whether 20,000 accounts take more than a second."""
    book = drawn_book(4, 20_000)
    model.margin(book)
    began = time.thread_time()
    model.margin(book)
    taken = time.thread_time() - began
    if taken > 1.0:
        yield f"20,000 accounts take {taken:.1f} s; work on arrays, not account by account"


CHECKS: tuple[Callable[[RiskModel], Iterator[str]], ...] = (
    purity_faults,
    cash_faults,
    scale_faults,
    speed_faults,
)
