"""An oracle without reporters: the outside price of some seconds ago."""

import numpy as np
import pytest

from tests.small import small_world


@pytest.mark.parametrize(("delay", "blocks"), [(0.0, 0), (30.0, 3), (1000.0, 15)])
def test_index_is_the_price_of_some_blocks_ago(delay: float, blocks: int) -> None:
    world = small_world(
        [("geometric_brownian", {"volatility": 5.0}), ("direct", {"delay": delay})],
        n_accounts=1,
        block_seconds=10.0,
        window=16,
    )
    prices, found = [], []
    for _ in range(20):
        world.run(1)
        prices.append(float(world.state.outside.references["price"][0]))
        found.append(int(world.state.ledger.markets["index"][0]))
    expected = [prices[max(0, step - blocks)] for step in range(20)]
    assert len(set(found)) > 3
    assert found == np.floor(np.array(expected) * 200 + 0.5).astype(int).tolist()
