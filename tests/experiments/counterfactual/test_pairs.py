"""Paired runs: nothing undone is nothing changed, and what is undone is undone for these alone."""

from typing import Any

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.counterfactual.arms import Trial, run_future, run_trial
from crossmargin.experiments.counterfactual.interventions import (
    NoFeedback,
    Set,
    Spare,
    Without,
)
from crossmargin.experiments.counterfactual.members import Branch, Member, before_of
from crossmargin.experiments.counterfactual.placebos import OneLot
from crossmargin.experiments.counterfactual.tape import Player, record
from crossmargin.model.saving import named_arrays
from crossmargin.model.state import FORCED, TAKEOVER
from crossmargin.model.world import World
from tests.experiments.rare.spiral import spiral

#: Block before the first forced order, and the end.
AT, END = 12, 60


@pytest.fixture(scope="module")
def world() -> World:
    market = xm.Market(spiral(), seed=1)
    market.run_for(AT)
    return market.world


def branch(world: World, closure: Any = "behavioural") -> Branch:
    return Branch(world, AT, END, closure)


def same(one: Member, other: Member) -> bool:
    arrays = ("change", "marks", "closed", "notional")
    return one.totals == other.totals and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays
    )


@pytest.mark.parametrize("closure", ["behavioural", "mechanical"])
def test_nothing_undone_is_the_same_run_bit_for_bit(world: World, closure: str) -> None:
    penalty = world.scenario.venue.penalty_rate
    arms = [(), (), (Set((("venue.penalty_rate", penalty),)),)]
    trial = run_trial(branch(world, closure), arms, [5])
    assert trial.factual[0].totals["liquidated_accounts"] > 5
    for members in (trial.factual, *trial.futures):
        assert same(members[0], members[1])
        assert same(members[0], members[2])


def test_the_run_itself_is_the_run(world: World) -> None:
    run = xm.simulate(spiral(), seed=1, steps=END)
    [member] = run_future(branch(world), before_of(branch(world)), [()], None)
    marks = run.world.rows("market_rows")["mark"][AT:] * run.world.state.ledger.markets["tick"] / 2
    assert np.array_equal(member.marks, marks)
    assert member.totals["liquidated_accounts"] == run.summary["liquidated_accounts"]


def test_a_replayed_arm_has_every_array_of_the_baseline(world: World) -> None:
    baseline, arm = world.fork(), world.fork()
    tape = record(baseline)
    player = Player(arm, tape)
    for _ in range(END - AT):
        tape.clear()
        baseline.run(1)
        player.begin_block()
        arm.run(1)
        player.finish_block(arm)
    assert len(baseline.rows("liquidations")) > 5
    theirs = dict(named_arrays(baseline.state))
    for name, array in named_arrays(arm.state):
        if name not in ("crowd.inbox", "crowd.order", "crowd.starts", "parts", "crowd.memory"):
            assert array.tobytes() == theirs[name].tobytes(), name
    for chunk in ("events", "traces", "liquidations", "market_rows"):
        assert baseline.rows(chunk).tobytes() == arm.rows(chunk).tobytes()


def ran(world: World, *interventions: Any) -> World:
    child = world.fork()
    for intervention in interventions:
        intervention.apply(child)
    child.run(END - AT, audit=True)
    return child


def test_a_spared_account_is_taken_over_and_moves_nothing(world: World) -> None:
    base = ran(world)
    rows = base.rows("liquidations")
    largest = int(rows["account"][np.argmax(rows["notional"])])
    spared = ran(world, Spare(largest))
    events = spared.rows("events")
    own = events[events["account"] == largest]
    kinds = set(
        spared.rows("liquidations")["kind"][spared.rows("liquidations")["account"] == largest]
    )
    assert kinds == {TAKEOVER}
    assert not own["shift"].any()
    assert (spared.rows("liquidations")["kind"] != TAKEOVER).any()
    assert spared.state.ledger.lots[largest].tolist() == base.state.ledger.lots[largest].tolist()


def test_without_feedback_no_forced_order_moves_a_price(world: World) -> None:
    free = ran(world, NoFeedback())
    rows = free.rows("liquidations")
    assert len(rows)
    assert set(rows["kind"].tolist()) == {TAKEOVER}
    assert not free.state.log.shift[:, FORCED].any()
    base = ran(world)
    assert base.state.log.shift[:, FORCED].any()


def test_a_population_that_leaves_holds_nothing_and_sends_nothing(world: World) -> None:
    gone = ran(world, Without("longs"))
    index = world.names.populations.index("longs")
    rows = np.flatnonzero(world.state.ledger.accounts["population"] == index)
    assert world.state.ledger.lots[rows].any()
    assert not gone.state.ledger.lots[rows].any()
    assert not gone.state.book.open_lots[rows].any()
    before = len(world.rows("liquidations"))
    assert not np.isin(gone.rows("liquidations")["account"][before:], rows).any()


def test_the_placebo_closes_one_lot_in_the_book(world: World) -> None:
    base, child = world.fork(), world.fork()
    OneLot().apply(child)
    base.run(1)
    child.run(1, audit=True)
    sent = child.state.log.cursor["messages"][0] - base.state.log.cursor["messages"][0]
    assert sent == 1
    traded = [w.state.book.ladders["volume"].sum() for w in (base, child)]
    assert traded[1] != traded[0]


def test_a_rule_holds_from_the_branch_on(world: World) -> None:
    child = world.fork()
    Set((("venue.penalty_rate", 0.05), ("market.BTC-PERP.taker_fee", 0.001))).apply(child)
    assert child.state.ledger.venue["penalty_rate"][0] == 0.05
    assert child.state.ledger.markets["taker_fee"][0] == 0.001
    assert world.state.ledger.markets["taker_fee"][0] != 0.001
    assert child.scenario.venue.penalty_rate == 0.05
    assert np.array_equal(child.state.params, world.state.params)
    tier = Set((("market.BTC-PERP.tiers.0.maintenance", 0.004),))
    tier.apply(child)
    child.run(END - AT)
    assert child.rows("liquidations")["step"].min() > ran(world).rows("liquidations")["step"].min()


def test_results_do_not_depend_on_threads(world: World) -> None:
    arms = [(), (NoFeedback(),), (OneLot(),)]
    one: Trial = run_trial(branch(world), arms, [1, 2, 3])
    two: Trial = run_trial(branch(world), arms, [1, 2, 3], jobs=2)
    for left, right in zip(one.futures, two.futures, strict=True):
        assert all(same(a, b) for a, b in zip(left, right, strict=True))
    assert one.futures[0][0].totals != one.futures[1][0].totals
