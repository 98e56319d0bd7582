"""Metaorders: sizes, slices and times are what the investor drew, whatever the market does."""

import numpy as np
import pytest

from crossmargin.agents import metaorders
from crossmargin.agents.check import check_agent
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin
from crossmargin.experiments.validation.impact import INTERVAL, plans, with_investor
from crossmargin.model.kernel import from_python

STEPS = 2400


def test_it_is_a_sound_behaviour() -> None:
    check_agent("crossmargin.agents.metaorders")


@pytest.mark.parametrize("tail", [0.0, 1.5])
def test_sizes_follow_the_truncated_law(tail: float) -> None:
    draw = from_python(metaorders.between)
    sizes = np.array([draw(u, 10.0, 1000.0, tail) for u in np.linspace(0.0, 1.0, 501)])
    assert sizes[0] == pytest.approx(10.0)
    assert sizes[-1] == pytest.approx(1000.0)
    above = np.mean(sizes > 100.0)
    law = 0.5 if tail == 0.0 else (100.0**-tail - 1000.0**-tail) / (10.0**-tail - 1000.0**-tail)
    assert above == pytest.approx(law, abs=0.01)


def test_slices_are_equal_and_leave_nothing() -> None:
    take, left, sent = from_python(metaorders.slice_of), -1003.0, []
    for slices in range(10, 0, -1):
        lots = int(take(left, float(slices)))
        sent.append(lots)
        left -= lots
    assert left == 0.0
    assert max(sent) - min(sent) <= 1
    assert max(sent) < 0


@pytest.fixture(scope="module")
def world():
    scenario = load_scenario("calm", {"run.steps": STEPS})
    joined = with_investor(scenario, "BTC-PERP", 5e7)
    world, _ = begin(joined, 4)
    world.positions = []
    while world.step < STEPS:
        world.run(1)
        world.positions.append(int(world.state.ledger.lots[-1, 0]))
    return world


def test_the_plan_drawn_outside_is_what_the_investor_did(world) -> None:
    numbers = metaorders.Parameters(**world.scenario.population[-1].behaviour)
    key = int(world.state.ledger.accounts["key"][-1])
    drawn = plans(4, key, numbers, INTERVAL, (10.0, STEPS))
    assert drawn
    held = np.array(world.positions) * float(world.state.ledger.markets["lot"][0])
    for plan in drawn:
        gained = held[plan.last] - held[plan.first - 1]
        mid = world.rows("market_rows")["mid"][plan.first - 1, 0] / 2.0
        assert gained * plan.side == pytest.approx(plan.notional / mid, rel=0.03)
        assert (np.diff(held[plan.first - 1 : plan.last + 1]) * plan.side >= 0).all()
    for opened, closed in zip(drawn[::2], drawn[1::2], strict=False):
        assert closed.side == -opened.side
        assert held[closed.last] == 0.0
    between = np.ones(STEPS, bool)
    for plan in drawn:
        between[plan.first : plan.last + 1] = False
    last = drawn[-1].last
    assert (np.diff(held, prepend=0.0)[: last + 1][between[: last + 1]] == 0).all()


def test_nobody_elses_draws_move(world) -> None:
    plain, _ = begin(load_scenario("calm", {"run.steps": STEPS}), 4)
    n = len(plain.state.ledger.accounts)
    assert (plain.state.ledger.accounts["key"] == world.state.ledger.accounts["key"][:n]).all()
