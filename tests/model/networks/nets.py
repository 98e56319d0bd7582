"""Networks for the properties: whole numbers over four, so that sums are exact."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

Floats = np.ndarray


def quarters(most: int = 40) -> st.SearchStrategy[float]:
    """Money: whole numbers over four."""
    return st.integers(0, most).map(lambda k: k / 4)


def squares(n: int, most: int = 40) -> st.SearchStrategy[Floats]:
    """Networks of n without loops."""
    filled = nps.arrays(np.float64, (n, n), elements=quarters(most), fill=st.just(0.0))
    return filled.map(lambda a: a * (1 - np.eye(n)))


class Debts(NamedTuple):
    liabilities: Floats
    endowment: Floats
    external: Floats


@st.composite
def debts(draw: Any, most: int = 6) -> Debts:
    """Firms with debts, endowments and external debts."""
    n = draw(st.integers(1, most))
    money = nps.arrays(np.float64, n, elements=quarters())
    return Debts(draw(squares(n)), draw(money), draw(money))


class Claims(NamedTuple):
    exposures: Floats
    equity: Floats
    shock: Floats


@st.composite
def claims(draw: Any, most: int = 6) -> Claims:
    """Firms with claims, positive equity and a shock, which is nothing or not minute."""
    n = draw(st.integers(1, most))
    equity = nps.arrays(np.float64, n, elements=st.integers(1, 80).map(lambda k: k / 4))
    shock = nps.arrays(np.float64, n, elements=st.integers(0, 64).map(lambda k: k / 64))
    return Claims(draw(squares(n)), draw(equity), draw(shock))
