"""A risk model of one's own, and that the checker says what is wrong with bad ones."""

import time

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.margin.risk_model import Book, RiskModel, check_risk_model
from crossmargin.model.state import Array


class Tenth(RiskModel):
    """A tenth of the notional, half of it to keep."""

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = rate

    def margin(self, book: Book) -> Array:
        notional = np.abs(book.positions) @ book.prices
        return book.numbers(self.rate * notional, 0.5 * self.rate * notional)


class TooShort(Tenth):
    def margin(self, book: Book) -> Array:
        return super().margin(book)[:, :4]


class Writes(Tenth):
    def margin(self, book: Book) -> Array:
        book.positions[:] = np.abs(book.positions)
        return super().margin(book)


class Remembers(Tenth):
    calls = 0

    def margin(self, book: Book) -> Array:
        self.calls += 1
        return super().margin(book) * self.calls


class Mixes(Tenth):
    def margin(self, book: Book) -> Array:
        numbers = super().margin(book)
        numbers[:, 3] += np.abs(book.positions).sum()
        return numbers


class PunishesCash(Tenth):
    def margin(self, book: Book) -> Array:
        numbers = super().margin(book)
        numbers[:, 4] += 2 * book.cash
        return numbers


class LikesSize(Tenth):
    def margin(self, book: Book) -> Array:
        notional = np.abs(book.positions) @ book.prices
        asked = np.minimum(0.1 * notional, 1e8 / (1 + notional))
        return book.numbers(asked, asked)


class Slow(Tenth):
    def margin(self, book: Book) -> Array:
        if len(book.cash) > 1000:
            began = time.thread_time()
            while time.thread_time() - began < 1.1:
                pass
        return super().margin(book)


class NotFinite(Tenth):
    def margin(self, book: Book) -> Array:
        return super().margin(book) * np.nan


def test_a_sound_model_passes() -> None:
    check_risk_model(Tenth)
    check_risk_model(Tenth, rate=0.3)
    assert xm.RiskModel is RiskModel
    assert xm.check_risk_model is check_risk_model


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (TooShort, r"\(64, 4\), not \(64, 5\)"),
        (NotFinite, "not finite"),
        (Writes, "writes into the arrays"),
        (Remembers, "the same book twice"),
        (Mixes, "alone gets other numbers"),
        (PunishesCash, "more cash lowers maintenance"),
        (LikesSize, "needs less than a smaller one"),
        (Slow, "20,000 accounts take"),
    ],
)
def test_what_is_wrong_is_said(model: type[RiskModel], words: str) -> None:
    with pytest.raises(xm.ParameterError, match=f"{model.__name__}: .*{words}"):
        check_risk_model(model)


def test_what_is_no_risk_model_is_refused() -> None:
    with pytest.raises(xm.ParameterError, match="no subclass"):
        check_risk_model(dict)  # type: ignore[arg-type]
