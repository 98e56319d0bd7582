"""A recorded path: followed exactly, with shocks and the venue's push on top."""

from typing import Any

import numpy as np
import pytest

from crossmargin.model.world import World
from tests.small import small_world

LOGS = np.log(np.array([100.0, 101.0, 97.5, 98.0, 103.25]))


def recorded_world(**numbers: Any) -> World:
    feedback = {"elasticity": 1.0, "daily_volume": 1e6, **numbers}
    world = small_world([("recorded", feedback)], n_accounts=1)
    outside = world.state.outside._replace(paths=LOGS[None, :].copy())
    world.state = world.state._replace(outside=outside)
    return world


def test_every_point_is_published_and_the_last_one_stays() -> None:
    world = recorded_world()
    world.run(8)
    assert np.array_equal(world.state.outside.trail[0, :8], [*LOGS, *LOGS[-1:].repeat(3)])
    assert float(world.state.outside.references["price"][0]) == np.exp(LOGS[-1])


def test_the_push_of_the_venue_comes_on_top() -> None:
    world = recorded_world()
    world.run(1)
    world.state.outside.references["flow"] = 500.0  # 50,000 quote, 5% of a day
    world.run(1)
    assert float(world.state.outside.references["price"][0]) == pytest.approx(101 * np.exp(0.05))


def test_a_record_of_everything_is_shown_whatever_the_venue_pushes() -> None:
    for push in (500.0, -321.7, 1e-9):
        world = recorded_world(holds="everything")
        for step in range(len(LOGS)):
            world.run(1)
            row = world.state.outside.references[0]
            shown = row["base_log"] + row["lasting"] + row["passing"]
            assert shown == world.state.outside.trail[0, step] == LOGS[step]  # to the last bit
            world.state.outside.references["flow"] = push
        assert (row["base_log"] < LOGS[-1]) == (push > 0)


def test_a_shock_comes_on_top_of_a_record_of_everything() -> None:
    world = recorded_world(holds="everything")
    world.state.outside.references["shock"] = -0.1
    world.run(2)
    assert world.state.outside.trail[0, 1] == pytest.approx(LOGS[1] - 0.1)
