"""Oracle reporters: what they see, when they push, and that nobody else's draws matter."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from crossmargin.agents.reporters import T
from crossmargin.model.draws import REPORT, generator
from tests.small import PERP, Listing, first_row, small_world


def report_world(n=1, *, markets=(PERP,), block_seconds=1.0, **numbers):
    """World of some reporters, whose reports begin at 100."""
    world = small_world(
        [("reporters", numbers)], n, markets=markets, block_seconds=block_seconds, reports=n
    )
    world.state.crowd.reports["price"] = 100.0
    world.state.crowd.traits[:, T.weight] = 1.0
    return world


def let_pass(world, logs):
    """Run a block for each log price of underlying 0; returns prices and steps of report 0."""
    trail, found = world.state.outside.trail, []
    for value in logs:
        trail[0, world.step % trail.shape[1]] = value
        world.run(1)
        report = world.state.crowd.reports[0]
        found.append((float(report["price"]), int(report["step"])))
    return found


def twin(state, logs, numbers, age, seconds):
    """Prices and steps of the reports of the first reporter, in plain Python."""
    key, found = int(state.ledger.accounts["key"][first_row(state)]), []
    price, pushed = 100.0, 0
    for step in range(len(logs)):
        z = ndtri(generator(int(state.clock["seed"][0]), key, REPORT, step).random() + 2.0**-54)
        seen = math.exp(logs[max(0, step - age)] + numbers["noise"] * z)
        is_old = (step - pushed) * seconds >= numbers["heartbeat"]
        if is_old or abs(seen - price) > numbers["deviation"] * price:
            price, pushed = seen, step
        found.append((price, pushed))
    return found


@given(
    changes=st.lists(st.floats(-0.01, 0.01), min_size=1, max_size=30),
    noise=st.sampled_from([0.0, 0.001]),
    heartbeat=st.floats(1.0, 40.0),
    deviation=st.floats(0.0, 0.02),
    age=st.integers(0, 5),
    seconds=st.sampled_from([1.0, 6.0]),
)
@settings(max_examples=50, deadline=None)
def test_reports_equal_those_of_the_twin(changes, noise, heartbeat, deviation, age, seconds):
    """Price and step of the latest report after every block."""
    numbers = {"noise": noise, "heartbeat": heartbeat, "deviation": deviation}
    world = report_world(block_seconds=seconds, **numbers)
    world.state.crowd.traits[:, T.latency] = age * seconds
    logs = math.log(100.0) + np.cumsum(changes)
    wanted = twin(world.state, logs, numbers, age, seconds)
    np.testing.assert_allclose(let_pass(world, logs), wanted, rtol=1e-12)


def test_deviation_and_heartbeat_trigger():
    """A small move waits for the heartbeat, a large one does not."""
    world = report_world(noise=0.0, heartbeat=5.0, deviation=0.01)
    small, large = math.log(100.5), math.log(102.0)
    found = let_pass(world, [small] * 6 + [large])
    assert [step for _, step in found] == [0, 0, 0, 0, 0, 5, 6]
    assert [price for price, _ in found] == pytest.approx([100.0] * 5 + [100.5, 102.0])


def test_bias_and_weight_are_reported():
    """A bribed reporter shifts its price; its weight is its trait."""
    world = report_world(noise=0.0, deviation=0.001)
    world.state.crowd.traits[:, T.bias] = math.log(1.1)
    world.state.crowd.traits[:, T.weight] = 3.0
    let_pass(world, [math.log(100.0)])
    assert world.state.crowd.reports["price"][0] == pytest.approx(110.0)
    assert world.state.crowd.reports["weight"][0] == 3.0


def test_the_book_as_a_source():
    """The mid of the last block of the first market of the mask; nothing before there is one."""
    markets = (PERP, Listing(price=50.0, underlying=1))
    world = report_world(markets=markets, source="book", noise=0.0, deviation=0.0001)
    state = world.state
    state.parts["markets"] = 0b10
    state.crowd.reports["underlying"], state.crowd.reports["price"] = 1, 50.0
    state.outside.trail[3, 0] = math.log(55.0)
    world.run(1)
    assert state.crowd.reports["price"][0] == 50.0
    world.run(1)
    assert state.crowd.reports["price"][0] == pytest.approx(55.0)
    assert state.crowd.reports["underlying"][0] == 1


def test_a_latency_beyond_the_window_sees_its_oldest_price():
    """The trail is as long as it is; no reporter reads the present for the distant past."""
    world = report_world(noise=0.0, deviation=0.0)
    world.state.crowd.traits[:, T.latency] = 1e6
    window = world.state.outside.trail.shape[1]
    logs = math.log(100.0) + 1e-4 * np.arange(window + 10)
    found = let_pass(world, logs)
    assert found[-1][0] == pytest.approx(math.exp(logs[10]))


def test_a_further_reporter_changes_no_other():
    """Reports of the first two are the same with three more, and differ from each other."""
    few, many = (report_world(n, noise=0.01, deviation=0.0) for n in (2, 5))
    for world in (few, many):
        world.run(3)
    a, b = few.state.crowd.reports, many.state.crowd.reports
    np.testing.assert_array_equal(a, b[:2])
    assert len(set(b["price"])) == 5
