"""The static fire sale against published numbers and its own laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crossmargin as xm
from crossmargin.experiments.rare.static_loss import Book, StaticLoss, fire_sale
from tests.experiments.rare.spiral import spiral

#: A case of three banks and two assets after Cont and Schaanning (2017), exponential impact.
PUBLISHED = Book(
    positions=np.array([[40.0, 20.0], [30.0, 50.0], [10.0, 60.0]]),
    others=np.array([29.1, 10.0, 19.4]),
    equity=np.array([3.3, 4.2, 4.4]),
    depth=np.array([300.0, 700.0]),
)


def test_the_case_of_cont_and_schaanning() -> None:
    found = fire_sale(PUBLISHED, 25.0)
    np.testing.assert_allclose(found.shares, [0.17875, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found.sales, [7.15, 3.575])
    np.testing.assert_allclose(found.falls, [0.023274224351187478, 0.005081148528761459])
    np.testing.assert_allclose(
        found.losses, [0.940304039572072, 0.9522841569736973, 0.5376111552375623]
    )
    np.testing.assert_allclose(
        found.equity, [2.359695960427928, 3.247715843026303, 3.862388844762438]
    )


def test_nobody_sells_below_the_largest_leverage() -> None:
    found = fire_sale(PUBLISHED, 30.0)
    assert not found.sales.any()
    np.testing.assert_array_equal(found.equity, PUBLISHED.equity)


def test_who_has_no_equity_sells_everything() -> None:
    broke = PUBLISHED._replace(equity=np.array([-1.0, 4.2, 4.4]))
    assert fire_sale(broke, 25.0).shares[0] == 1.0


@given(
    held=st.lists(st.floats(0, 1e6), min_size=6, max_size=6),
    equity=st.lists(st.floats(-10, 1e5), min_size=3, max_size=3),
    depth=st.floats(1.0, 1e7),
    floor=st.floats(0, 0.9),
)
def test_no_price_falls_below_the_floor_and_nobody_sells_what_he_has_not(
    held: list[float], equity: list[float], depth: float, floor: float
) -> None:
    book = Book(
        np.reshape(held, (3, 2)), np.zeros(3), np.array(equity), np.array([depth, 2 * depth])
    )
    found = fire_sale(book, 20.0, floor=floor)
    assert ((found.falls >= 0) & (found.falls <= 1 - floor)).all()
    assert ((found.shares >= 0) & (found.shares <= 1)).all()
    assert (found.losses >= 0).all()
    assert (found.sales <= book.positions.sum(axis=0) * (1 + 1e-12)).all()


@pytest.mark.parametrize("of", ["deficit", "sales", "loss"])
def test_a_larger_fall_of_a_market_never_does_less(of: str) -> None:
    world = xm.Market(spiral()).world
    static = StaticLoss(world, 1e8, of)
    found = [static(fall) for fall in np.linspace(0, 0.2, 21)]
    assert found[0] == 0
    assert found[-1] > 0
    if of == "deficit":
        assert (np.diff(found) >= 0).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(xm.ParameterError, match="floor"):
        fire_sale(PUBLISHED, 25.0, floor=1.0)
    with pytest.raises(xm.ParameterError, match="of = 'gain'"):
        StaticLoss(xm.Market(spiral()).world, 1e8, "gain")
