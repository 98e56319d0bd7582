"""Markets that run under risk models: conserved, reproducible, and different as they should be."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.market import Market
from crossmargin.model.margin.layout import unpacked
from crossmargin.model.saving import load_state, named_arrays, save_state
from crossmargin.model.world import World
from tests.experiments.margin.live_market import calculated, with_model

ADAPTIVE = {"signal": "realised", "reference": 0.2, "floor": 0.5, "cap": 5.0, "decay": 0.5}


def differences(one: World, other: World) -> list[str]:
    pairs = zip(named_arrays(one.state), named_arrays(other.state), strict=True)
    return [name for (name, a), (_, b) in pairs if not is_same(a, b)]


def is_same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes() or np.array_equal(a, b)  # records have gaps between fields


@pytest.mark.parametrize(
    "name",
    [
        "deribit-portfolio",
        "deribit-standard",
        "derive-portfolio",
        "derive-standard",
        "drift-v2",
        "dydx-v4",
        "gmx-v2",
        "mango-v4",
        "okx-portfolio",
        "span",
        "synthetix-v3",
    ],
)
def test_a_run_under_a_preset_conserves(name: str) -> None:
    run = xm.simulate("calm", seed=1, steps=30, overrides={"venue.preset": name}, audit=True)
    assert set(run.summary["residuals"].values()) == {0}
    assert run.summary["fills"] > 100
    held = run.accounts[run.accounts["population"] != ""]
    assert (held["initial_requirement"] >= held["maintenance_requirement"] - 1e-6).all()


def test_branches_and_saved_states_go_on_bit_for_bit(tmp_path: Path) -> None:
    changes = {"venue.preset": "span", "venue.margin.adaptive": ADAPTIVE | {"rise": 1.5}}
    market = Market("calm", seed=2, overrides=changes)
    market.run_for(10)
    child = market.branch()
    market.world.seal()
    save_state(market.world.state, tmp_path / "state.npz")
    state, _ = load_state(tmp_path / "state.npz", market.world.state)
    loaded = child.branch()
    loaded.world.state = state
    for each in (market, child, loaded):
        each.run_for(10)
    assert market.world.state.ledger.risk.size > 0
    assert differences(market.world, child.world) == []
    assert differences(market.world, loaded.world) == []
    assert unpacked(state.ledger.risk).facts["step"][0] == 19


def test_accounts_of_a_run_are_measured_as_the_calculator_does() -> None:
    run = xm.simulate("calm", seed=3, steps=20, overrides={"venue.preset": "drift-v2"})
    ledger, book = run.world.state.ledger, run.world.state.book
    rows = [
        row
        for row in np.flatnonzero(ledger.accounts["population"] >= 0)
        if ledger.lots[row, 0] != 0 and not book.open_lots[row].any()
    ]
    assert len(rows) > 5
    from tests.experiments.margin.live_market import portfolio_of

    for row in rows[:20]:
        report = xm.evaluate_margin(portfolio_of(run.world, row), "drift-v2")
        account = ledger.accounts[row]
        assert int(account["maintenance_requirement"]) == pytest.approx(
            report.maintenance_margin * 1e6, abs=3
        )
        assert int(account["initial_equity"]) == pytest.approx(report.initial_equity * 1e6, abs=3)


def liquidations(times: float) -> tuple[int, int]:
    """How many positions are liquidated in `two-coins`, and the first block of them."""
    fixed = {"adaptive": {"level": times, "reference": 1.0, "floor": times, "cap": times}}
    found = xm.simulate("two-coins", seed=4, steps=300, overrides={"venue.margin": fixed})
    rows = found.liquidations
    return len(rows), int(rows["step"].min()) if len(rows) else 10**9


def test_a_higher_requirement_liquidates_more_and_earlier() -> None:
    low, high = liquidations(1.0), liquidations(1.4)
    assert high[0] > low[0]
    assert high[1] <= low[1]


def path_of(**limits: float) -> tuple[np.ndarray, float]:
    """Multiplier block by block in a market whose price falls, and days of a block."""
    world = with_model({"adaptive": ADAPTIVE | limits}, **{"shock.0.at": 60.0})
    found = []
    for _ in range(60):
        world.run(1)
        found.append(float(unpacked(world.state.ledger.risk).risk.multiplier[0]))
    return np.array(found), world.scenario.run.block_seconds / 86400.0


def test_a_multiplier_keeps_its_speed_limits_and_is_less_procyclical_with_them() -> None:
    free, days = path_of()
    slow, _ = path_of(rise=1e4, fall=1e2)
    steps = slow[1:] / slow[:-1]
    assert (steps <= 1e4**days * (1 + 1e-12)).all()
    assert (steps >= 1e-2**days * (1 - 1e-12)).all()
    assert (free[1:] / free[:-1]).max() > steps.max()
    assert slow.max() / slow.min() < free.max() / free.min()
    assert (free <= 5.0).all()


def test_a_scheduled_change_of_brackets_reaches_a_risk_model() -> None:
    changes = {"venue.preset": "deribit-portfolio", "run.steps": 6}
    table = xm.load_scenario("calm", changes).model_dump(mode="json", exclude_none=True)
    table["shock"] = [{"kind": "margin_change", "at": 0.0, "initial": 1.5, "maintenance": 2.0}]
    before = Market("calm", seed=5, overrides=changes)
    after = Market(table, seed=5)
    for market in (before, after):
        market.run_for(1)
    rows = before.world.state.ledger.lots[:, 0] != 0
    kept = [m.world.state.ledger.accounts["maintenance_requirement"][rows] for m in (before, after)]
    assert np.allclose(kept[1], 2.0 * kept[0], atol=2)
    times = unpacked(after.world.state.ledger.risk).risk.multiplier
    assert times.tolist() == [1.0, 1.5, 2.0]


def test_estimates_equal_their_twin() -> None:
    rule = {
        "assets": ["BTC", "ETH"],
        "volatility": [0.6, 0.8],
        "correlation": [[1.0, 0.8], [0.8, 1.0]],
        "decay": 0.5,
    }
    world = with_model({"value_at_risk": rule, "adaptive": ADAPTIVE})
    markets, spots = world.state.ledger.markets, []
    for _ in range(25):
        world.run(1)
        spots.append(0.5 * markets["index"][:2] * markets["tick"][:2])
    days = world.scenario.run.block_seconds / 86400.0
    deviations = np.array([0.6, 0.8]) / np.sqrt(365.0)
    covariance = np.outer(deviations, deviations) * np.array(rule["correlation"])
    variance = np.full(2, 0.2**2)
    for before, now in itertools.pairwise(spots):
        change, kept = np.log(now / before), 0.5**days
        covariance = kept * covariance + (1 - kept) * np.outer(change, change) / days
        variance = kept * variance + (1 - kept) * change**2 * 365 / days
    live = unpacked(world.state.ledger.risk)
    assert live.estimates.covariance == pytest.approx(covariance)
    assert live.estimates.prices["variance"] == pytest.approx(variance)
    factor = live.risk.measure.factors[0]
    assert factor @ factor.T == pytest.approx(covariance)
    asked = np.clip(np.sqrt(variance.max()) / 0.2, 0.5, 5.0)
    assert live.risk.multiplier[0] == pytest.approx(asked)
    assert calculated(world).shape == (5,)


class Tenth(xm.RiskModel):
    def margin(self, book: Any) -> np.ndarray:
        notional = np.abs(book.positions) @ book.prices
        return book.numbers(0.1 * notional, 0.06 * notional)


class Broken(xm.RiskModel):
    calls = 0

    def margin(self, book: Any) -> np.ndarray:
        type(self).calls += 1
        if type(self).calls > 4:
            raise ValueError("no more")
        return book.numbers(0 * book.cash, 0 * book.cash)


def test_a_model_of_ones_own_runs_and_equals_the_same_rule_in_tables() -> None:
    rates = {"fractions": {"default": {"initial": 0.1, "maintenance": 0.06}}}
    found = []
    for more in ({"overrides": {"venue.margin": rates}}, {"risk_model": Tenth}):
        changes = {"market.BTC-PERP.tiers": [{"initial": 0.1, "maintenance": 0.06}]}
        more["overrides"] = more.get("overrides", {}) | changes
        run = xm.simulate("calm", seed=6, steps=15, audit=True, **more)  # type: ignore[arg-type]
        accounts = run.world.state.ledger.accounts
        found.append(accounts["maintenance_requirement"][accounts["population"] >= 0].copy())
        assert run.summary["fills"] > 50
    assert np.abs(found[0] - found[1]).max() <= 2
    market = Market("calm", seed=6, risk_model=Tenth)
    market.run_for(3)
    child = market.branch()
    for each in (market, child):
        each.run_for(3)
    assert differences(market.world, child.world) == []


def test_what_fails_in_a_model_of_ones_own_is_told() -> None:
    with pytest.raises(xm.StateError, match=r"Broken\.margin, block \d+: ValueError: no more"):
        xm.simulate("calm", seed=6, steps=15, risk_model=Broken)
    with pytest.raises(xm.ParameterError, match="is no RiskModel"):
        xm.simulate("calm", risk_model=dict)  # type: ignore[arg-type]
    with pytest.raises(xm.ParameterError, match=r"venue\.risk_model = 'nowhere:Model'"):
        xm.load_scenario("calm", {"venue.risk_model": "nowhere:Model"})
