"""A market as input of the measures: sums that must agree, and measures that run on it."""

from typing import Any

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments import network_inputs
from crossmargin.experiments.run import simulate
from crossmargin.model.networks import (
    clearing_vector,
    cont_schaanning,
    debtrank,
    fire_sale,
    furfine,
)
from crossmargin.model.state import CLOSED, FIRST_SETTLEMENT, INSURANCE, LENDERS
from tests.small import ONE, first_row, give, open_pair, small_world

LEVELS = ["account", "owner", "population"]


@pytest.fixture(scope="module")
def market() -> xm.Market:
    found = xm.Market("flash-crash", seed=11)
    found.run_for(165)
    return found


def two_traders() -> Any:
    """Row 0 long 1 base from 100 against row 1, marked at 110; row 2 owes 30; row 3 is closed."""
    world = small_world([("record", {})], 5)
    state, row = world.state, first_row(world.state)
    give(state, row, 20.0)
    give(state, row + 1, 4.0)
    give(state, row + 2, 0.5, asset=1)
    open_pair(state, row, row + 1, 1000)
    state.ledger.markets["mark"][0] = 22_000
    state.ledger.balances[row + 2, 0] = -30 * ONE
    state.ledger.balances[row + 3, 0] = -7 * ONE
    state.ledger.accounts["owed"][row + 3] = 5 * ONE
    state.ledger.accounts["state"][row + 3] = CLOSED
    return world, row


def test_debts_and_claims_in_plain_numbers() -> None:
    world, row = two_traders()
    found = network_inputs.liabilities(world)
    table, centre = found.matrix.toarray(), FIRST_SETTLEMENT
    assert table[row + 1, centre] == table[centre, row] == pytest.approx(10.0)
    assert table[row + 2, LENDERS] == 30.0
    assert (table[row + 3, LENDERS], table[row + 3, INSURANCE]) == (2.0, 5.0)
    assert table.sum() == pytest.approx(57.0)
    assert found.endowment[row + 1] == 4.0
    assert found.endowment[row + 2] == pytest.approx(50.0)  # half a coin at 100
    claims = network_inputs.exposures(world)
    assert claims.matrix[row, row + 1] == pytest.approx(10.0)
    assert claims.matrix[LENDERS, row + 2] == 30.0
    assert claims.equity[row] == pytest.approx(30.0)
    assert claims.equity[row + 1] == pytest.approx(-6.0)
    assert (claims.solvent().equity > 0).all()


def test_who_cannot_pay_its_loss_lets_down_who_won() -> None:
    world, row = two_traders()
    found = network_inputs.liabilities(world)
    cleared = clearing_vector(found.matrix, found.endowment, found.external)
    assert cleared.payments[row + 1] == pytest.approx(4.0)
    assert cleared.payments[FIRST_SETTLEMENT] == pytest.approx(4.0)
    assert cleared.waves[row + 1] == 0
    assert cleared.waves[FIRST_SETTLEMENT] == 1


@pytest.mark.parametrize("level", LEVELS)
def test_a_running_market_at_every_level(market: xm.Market, level: str) -> None:
    debts, claims, held = market.liabilities(level), market.exposures(level), market.holdings(level)
    n = len(debts.nodes)
    assert debts.matrix.shape == claims.matrix.shape == (n, n)
    assert held.positions.shape == (n, len(market.world.names.markets))
    assert debts.nodes == claims.nodes == held.nodes
    assert not debts.matrix.diagonal().any()
    cleared = clearing_vector(debts.matrix, debts.endowment, debts.external)
    kept = np.maximum(cleared.equity, 0).sum() + cleared.external.sum()
    assert kept == pytest.approx(debts.endowment.sum(), rel=1e-9)


def test_settlement_owes_what_it_is_owed(market: xm.Market) -> None:
    """A settlement row holds what positions cost, so that gains less losses are its balance."""
    debts = market.liabilities()
    ledger = market.world.state.ledger
    for m in np.flatnonzero(ledger.markets["settlement"] >= 0):
        row = int(ledger.markets["settlement"][m])
        owed = debts.matrix[[row]].sum() + debts.external[row]
        due = debts.matrix[:, [row]].sum() + debts.endowment[row]
        assert owed == pytest.approx(due, rel=1e-9)


def test_claims_through_settlement_are_those_of_the_star(market: xm.Market) -> None:
    claims, debts = market.exposures(), market.liabilities()
    first = FIRST_SETTLEMENT + 1
    losses = debts.matrix[:, [FIRST_SETTLEMENT]].sum()
    gains = debts.matrix[[FIRST_SETTLEMENT]].sum()
    between = claims.matrix[first:][:, first:].sum()
    assert between == pytest.approx(min(losses, gains), rel=1e-9)


def test_reading_changes_nothing(market: xm.Market) -> None:
    before = [array.tobytes() for array in market.world.state.ledger]
    market.exposures(), market.liabilities(), market.holdings(), market.branching()
    assert [array.tobytes() for array in market.world.state.ledger] == before


def test_the_measures_run_on_a_market(market: xm.Market) -> None:
    claims = market.exposures().solvent()
    n = len(claims.equity)
    shock = np.zeros(n)
    shock[int(np.argmax(claims.matrix.sum(axis=0)))] = 1.0
    ranked = debtrank(claims.matrix, claims.equity, shock)
    assert 0 <= ranked.value <= 1
    assert furfine(claims.matrix, claims.equity, [int(np.argmax(shock))]).failed.any()
    held = market.holdings()
    longs = np.maximum(held.positions, 0)
    rows = (held.equity > 0) & (longs.sum(axis=1) > held.equity)
    longs, equity = longs[rows], held.equity[rows]
    gross = longs.sum(axis=1)
    fall = np.full(len(held.markets), -0.05)
    sold = fire_sale(gross, equity, longs / gross[:, None], held.liquidity, fall)
    assert sold.aggregate_vulnerability < 0
    assert (sold.direct_vulnerability <= -0.05).all()
    depth = held.depth[0] / held.bandwidth
    forced = cont_schaanning(longs, np.zeros(len(longs)), equity, depth, 20.0)
    assert forced.losses.sum() >= 0


def test_a_level_or_number_that_does_not_exist(market: xm.Market) -> None:
    with pytest.raises(xm.ParameterError, match="level 'planet': choose one of"):
        market.exposures("planet")
    with pytest.raises(xm.ParameterError, match="bandwidth = 2"):
        market.holdings(bandwidth=2)
    with pytest.raises(xm.ParameterError, match="early_warning"):
        market.branching(bandwith=0.1)


def test_too_many_pairs_are_refused_by_name(
    market: xm.Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_inputs, "MOST_PAIRS", 3)
    with pytest.raises(xm.ParameterError, match=r"level = 'account': .* use 'population'"):
        market.exposures()


def test_a_run_has_the_series_and_the_first_breach() -> None:
    run = simulate("flash-crash", seed=11, steps=220)
    warning = run.early_warning
    assert len(warning) == len(range(0, 220, 12))
    assert (warning["low"] <= warning["reproduction"]).all()
    assert (warning["reproduction"] <= warning["high"]).all()
    late = run.liquidations["step"] > warning["step"].iloc[0]
    begun = run.contagion.cascade()
    counted = begun["step"] <= warning["step"].iloc[-1]
    assert warning["episodes"].iloc[:-1].sum() == counted.sum()
    assert late.any()
    assert warning["reproduction"].iloc[:12].max() > 1, "it warns before the fall"
    system, summary = run.system, run.summary
    calm = warning["step"] < run.liquidations["step"].min()
    assert summary["reproduction_first"] == warning["reproduction"].iloc[0]
    assert summary["reproduction_before"] == warning["reproduction"][calm].iloc[-1]
    breached = system.loc[system["insolvency"] > 0]
    assert summary["insolvency_first_step"] == breached["step"].iloc[0]
    assert summary["insolvency_most"] == system["insolvency"].max() > 0
    assert (system["insolvency"] >= system["insolvency_consolidated"]).all()
    assert (system["bankrupt"] > 0).sum() >= (system["negative_equity"] > 0).sum()


def test_the_series_can_be_set_and_switched_off() -> None:
    changes = {"run.early_warning.every": 30.0, "run.early_warning.bandwidth": 0.02}
    run = simulate("flash-crash", seed=11, steps=30, overrides=changes)
    assert run.early_warning["step"].tolist() == [0, 6, 12, 18, 24]
    off = simulate("flash-crash", seed=11, steps=30, overrides={"run.early_warning.every": 0.0})
    assert off.early_warning.empty
    assert off.series.equals(run.series), "taking it changes nothing else"
    with pytest.raises(xm.ParameterError, match=r"run.early_warning.bandwidth = 0.9"):
        simulate("flash-crash", overrides={"run.early_warning.bandwidth": 0.9})
    with pytest.raises(xm.ParameterError, match=r"run.early_warning.kind"):
        simulate("flash-crash", overrides={"run.early_warning.kind": "interest"})
