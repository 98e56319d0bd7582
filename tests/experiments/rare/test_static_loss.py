"""The static fire sale of a market; its round is tested with the measures of networks."""

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.rare.static_loss import StaticLoss
from tests.experiments.rare.spiral import spiral


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
    with pytest.raises(xm.ParameterError, match="of = 'gain'"):
        StaticLoss(xm.Market(spiral()).world, 1e8, "gain")
