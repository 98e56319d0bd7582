"""A null takes away what it says and nothing else."""

import numpy as np

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin
from crossmargin.experiments.validation.nulls import shuffle_holdings, taken_over, unlevered


def test_without_leverage_nobody_holds_more_than_its_wealth() -> None:
    world, _ = begin(unlevered(load_scenario("calm")), 1)
    ledger = world.state.ledger
    held = np.abs(ledger.lots[:, 0]) * ledger.markets["mark"][0] * ledger.markets["half_unit"][0]
    people = ledger.accounts["population"] >= 0
    assert held[people].any()
    assert (held[people] <= 1.001 * ledger.accounts["equity"][people]).all()


def test_shuffled_holdings_are_the_same_holdings() -> None:
    world, _ = begin(load_scenario("calm"), 1)
    plain, _ = begin(load_scenario("calm"), 1)
    shuffle_holdings(world, 9)
    now, before = world.state.ledger, plain.state.ledger
    assert set(world.audit().values()) == {0}
    moved = (now.lots[:, 0] != before.lots[:, 0]).sum()
    assert moved > 0.9 * (before.lots[:, 0] != 0).sum() - 20
    assert (np.sort(now.lots[:, 0]) == np.sort(before.lots[:, 0])).all()
    margins = [
        np.sort(ledger.accounts["maintenance_equity"] - ledger.accounts["maintenance_requirement"])
        for ledger in (now, before)
    ]
    assert (margins[0] == margins[1]).all()
    world.run(20, audit=True)


def test_taken_over_changes_one_key() -> None:
    scenario = load_scenario("calm")
    null = taken_over(scenario)
    assert null.venue.take_over
    assert null.model_copy(update={"venue": scenario.venue}) == scenario
