"""Arbitrageurs of stale prices: entry against a twin, exit, patience, and gains while it lasts."""

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crossmargin.agents.stale_arbitrageurs import SINCE, Parameters, T
from crossmargin.experiments.run import Run, simulate
from crossmargin.model.state import ARBITRAGE, REDUCE_ONLY
from crossmargin.model.world import World
from tests.agents.crowded import VAULT, crowded, fall, population
from tests.small import HALF_UNIT, ONE, PERP, TICK, first_row, give, open_pair, send, small_world

PARTS = ("states", "stale_arbitrageurs", "inbox")


def stale_world(parts: tuple[str, ...] = PARTS, lots: int = 0, **numbers: Any) -> World:
    """One agent with 10,000 and a stranger who quotes 0.5% around 100."""
    program = [(name, numbers if name == "stale_arbitrageurs" else {}) for name in parts]
    world = small_world(program, 2, markets=(PERP,))
    state, row = world.state, first_row(world.state)
    state.parts["count"][1], state.parts["slots"][1] = 1, 0
    traits = state.crowd.traits[row]
    traits[[T.threshold, T.patience, T.latency, T.size]] = 0.005, 1800.0, 0.0, 1.0
    give(state, row, 10_000.0)
    give(state, row + 1, 1e9)
    if lots:
        open_pair(state, row, row + 1, lots)
    send(state, row + 1, 1, 9_950, 10_000_000)
    send(state, row + 1, -1, 10_050, 10_000_000)
    return world


@given(
    reference=st.floats(97.0, 103.0),
    index=st.integers(19_500, 20_500),
    mark=st.integers(19_500, 20_500),
    reads=st.sampled_from(["index", "mark", "either"]),
)
@settings(max_examples=80, deadline=None)
def test_the_order_is_that_of_the_twin(reference: float, index: int, mark: int, reads: str) -> None:
    """The staler price decides the side, the outside price how far it goes."""
    p = Parameters(reads=reads, speed=2.0)
    world = stale_world(("states", "stale_arbitrageurs"), **p.model_dump())
    state = world.state
    state.outside.references["price"] = reference
    state.ledger.markets["index"], state.ledger.markets["mark"] = index, mark
    gaps = {"index": math.log(reference / (0.5 * TICK * index))}
    gaps["mark"] = math.log(reference / (0.5 * TICK * mark))
    gap = gaps[max(gaps, key=lambda k: abs(gaps[k]))] if reads == "either" else gaps[reads]
    side = 1 if gap > 0 else -1
    worst = reference * (1.0 - side * p.cost) / TICK
    room = side * (worst - 10_000)
    assume(abs(abs(gap) - 0.005) > 1e-9 and abs(room) > 1e-6)
    world.run(1)
    sent = state.crowd.inbox[: int(state.clock["n_inbox"][0])]
    if abs(gap) <= 0.005 or room <= 0:
        assert not len(sent)
        return
    full = p.leverage * 10_000 * ONE / (20_000 * HALF_UNIT)
    assert (sent[0]["side"], sent[0]["author_class"]) == (side, ARBITRAGE)
    assert sent[0]["quantity"] == pytest.approx(full * (1 - math.exp(-0.5)), abs=1.5)
    assert abs(sent[0]["price"] - worst) <= 1.01
    assert side * sent[0]["price"] <= side * worst + 1e-6


def test_it_enters_holds_and_leaves_when_the_venue_has_caught_up() -> None:
    world = stale_world(slippage=0.02)
    state, row = world.state, first_row(world.state)
    state.outside.references["price"] = 102.0
    for _ in range(40):
        world.run(1, audit=True)
    held = int(state.ledger.lots[row, 0])
    assert held > 400_000
    state.ledger.markets["index"] = state.ledger.markets["mark"] = 20_400
    world.run(1)
    assert 0 < state.ledger.lots[row, 0] < held
    for _ in range(90):
        world.run(1, audit=True)
    assert state.ledger.lots[row, 0] == 0
    assert state.crowd.memory[row, SINCE] == 0.0


def test_patience_ends_and_it_does_not_come_back_to_the_same_gap() -> None:
    world = stale_world(slippage=0.02, speed=1.0)
    state, row = world.state, first_row(world.state)
    state.crowd.traits[row, T.patience] = 20.0
    state.outside.references["price"] = 102.0
    held = []
    for _ in range(60):
        world.run(1, audit=True)
        held.append(int(state.ledger.lots[row, 0]))
    assert held[15] > 0
    assert held[40:] == [0] * 20
    state.outside.references["price"] = 100.0
    world.run(1)
    state.outside.references["price"] = 102.0
    world.run(2)
    assert state.ledger.lots[row, 0] > 0


def test_it_closes_without_needing_margin() -> None:
    world = stale_world(("states", "stale_arbitrageurs"), lots=50_000)
    world.run(1)
    message = world.state.crowd.inbox[0]
    assert (message["side"], message["flags"]) == (-1, REDUCE_ONLY)


# The story ------------------------------------------------------------------------------------


def frozen(seed: int, duration: float) -> Run:
    """The outside price falls 4% while the oracle stands still, or not."""
    snipers = population("snipers", "stale_arbitrageurs", 10, wealth=5e4)
    shock: list[dict[str, Any]] = [fall(-0.04, at=300.0, spread=200.0)]
    if duration:
        shock.append({"kind": "oracle_freeze", "at": 290.0, "duration": duration})
    scenario = crowded(snipers, steps=300, venue={"waterfall": list(VAULT)}, shock=shock)
    return simulate(scenario, seed=seed)


def gain(run: Run) -> float:
    """What they earned over what they began with."""
    own = run.accounts[run.accounts["population"] == "snipers"]
    return float(own["equity"].sum() / own["equity_start"].sum() - 1.0)


def test_a_frozen_oracle_pays_them() -> None:
    gains = [(gain(frozen(seed, 600.0)), gain(frozen(seed, 0.0))) for seed in range(1, 7)]
    assert sum(stale > live for stale, live in gains) >= 5
    assert sum(stale for stale, _ in gains) > 0.0
