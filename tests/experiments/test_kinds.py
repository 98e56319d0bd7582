"""Inverse markets and pools in scenarios: their story, their frames, and what is refused."""

import copy
import functools
from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.load import load_scenario, scenario_table
from crossmargin.experiments.market import Market
from crossmargin.experiments.run import Run, simulate
from crossmargin.model.contagion.price_ledger import PriceLedger
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import FORCED

SEEDS = (1, 2)
STABLE = ("population.longs.collateral.BTC", 0.0)


@functools.cache
def run(name: str, seed: int, *changes: tuple[str, Any]) -> Run:
    return simulate(name, seed=seed, overrides=dict(changes))


def first_forced(of: Run) -> dict[int, float]:
    """Mark at the first forced order of every account of the longs that had one."""
    rows = of.liquidations[of.liquidations["kind"] == "forced_order"]
    longs = of.accounts.loc[of.accounts["population"] == "longs", "account"]
    rows = rows[rows["account"].isin(longs)]
    return {int(k): float(v) for k, v in rows.groupby("account")["mark"].first().items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_coin_collateral_brings_longs_down_earlier(seed: int) -> None:
    coins, stable = run("coin-margined", seed), run("coin-margined", seed, STABLE)
    fell, later = first_forced(coins), first_forced(stable)
    assert len(fell) > 1.2 * len(later)
    both = fell.keys() & later.keys()
    assert np.mean([fell[k] >= later[k] for k in both]) > 0.95
    assert coins.summary["liquidated_notional"] > stable.summary["liquidated_notional"]


@pytest.mark.parametrize("seed", SEEDS)
def test_profit_of_longs_and_shorts_is_the_same_coins(seed: int) -> None:
    found = run("coin-margined", seed)
    assert set(found.summary["residuals"].values()) == {0}
    rows = found.accounts
    assert rows["position:XBTUSD"].sum() == pytest.approx(0.0, abs=1e-6)
    assert set(found.liquidations["market"].dropna()) <= {"XBTUSD", "BTC-USD"}
    series = found.series[found.series["market"] == "XBTUSD"]
    contracts = series["open_interest"] * series["mark"]
    assert (np.diff(contracts) < 1e6).all()  # base times mark is what the contracts are for


def test_books_balance_after_every_block() -> None:
    market = Market("coin-margined", seed=3)
    market.world.run(200, audit=True)
    assert len(market.world.rows("liquidations")) > 0


def changed(name: str, market: int, **keys: Any) -> dict[str, Any]:
    table = copy.deepcopy(scenario_table(name)[1])
    row = table["market"][market]
    for key, value in keys.items():
        row.pop(key, None)
        if value is not None:
            row[key] = value
    return table


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"settles_in": None}, "'settles_in'"),
        ({"face": None}, "'face'"),
        ({"face": -1.0}, "face"),
        ({"lot": 0.5}, "whole number of contracts"),
        ({"settles_in": "USD"}, "settles_in"),
        ({"settles_in": "BTX"}, "BTX"),
        ({"base": "BTC"}, "'base'"),
        ({"kind": "perpetual"}, "inverse market has 'face'"),
        ({"tiers": []}, "tiers"),
        ({"kind": "inverted"}, "kind"),
    ],
)
def test_an_inverse_market_that_lacks_something_is_refused(
    keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        load_scenario(changed("coin-margined", 0, **keys))


@pytest.mark.parametrize(
    ("keys", "words"), [({"face": 1e-4, "lot": 1.0}, "face"), ({"face": 1e6, "lot": 1e8}, "face")]
)
def test_a_face_that_is_no_whole_amount_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Market(load_scenario(changed("coin-margined", 0, **keys, tick=0.7)), seed=1)


def test_the_coin_needs_a_spot_market_on_the_same_underlying() -> None:
    table = changed("coin-margined", 1, underlying="ETH")
    table["underlying"].append({"name": "ETH", "price": 200.0})
    with pytest.raises(ParameterError, match="spot market on BTC"):
        load_scenario(table)


def test_a_burn_in_is_refused() -> None:
    table = changed("coin-margined", 0)
    table["initial"] = {"burn_in": {"blocks": 10}}
    with pytest.raises(ParameterError, match="burn_in"):
        load_scenario(table)


# Pools --------------------------------------------------------------------------------------------

JUMP = (("shock.0.spread", 0.0), ("shock.0.change", 1.2))
RICH = ("population.arbitrageurs.wealth", 3e6)


def pool_equity_of(of: Run) -> float:
    """Equity of the pool at the end, quote."""
    rows = of.accounts
    return float(rows.loc[rows["population"] == "pool ALT-POOL", "equity"].iloc[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_winners_are_closed_before_the_pool_is_gone(seed: int) -> None:
    found = run("pool-perps", seed)
    kinds = found.events["kind"].value_counts()
    assert kinds["adl"] > 10 and kinds["haircut"] == 0
    assert 0 < pool_equity_of(found) < 2e6
    assert set(found.summary["residuals"].values()) == {0}
    series = found.series
    assert (series["mark"] == series["index"]).all()
    assert series["volume"].sum() > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_jump_makes_the_pool_fail_and_winners_pay(seed: int) -> None:
    found = run("pool-perps", seed, *JUMP)
    cuts = found.events[found.events["kind"] == "haircut"]
    assert cuts["amount"].sum() > 1e6
    assert pool_equity_of(found) == pytest.approx(0.0, abs=1e-6)
    assert found.accounts["position:ALT-POOL"].abs().sum() == 0
    assert found.series["halted"].iloc[-1]
    assert set(found.summary["residuals"].values()) == {0}


@pytest.mark.parametrize("seed", SEEDS)
def test_skew_arbitrage_spares_the_pool(seed: int) -> None:
    plain, rich = run("pool-perps", seed), run("pool-perps", seed, RICH)
    assert pool_equity_of(rich) > pool_equity_of(plain) + 1e6


def test_books_of_a_pool_balance_after_every_block() -> None:
    market = Market("pool-perps", seed=3, overrides=dict(JUMP))
    market.world.run(300, audit=True)
    assert not any(market.audit().values())


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"pool": None}, "'pool'"),
        ({"pool": {"capital": -1.0}}, "pool.capital"),
        ({"pool": {"capital": 1e6, "impact": "cubic"}}, "pool.impact"),
        ({"pool": {"capital": 1e6, "skew_scale": 0.0}}, "skew_scale"),
        ({"pool": {"capital": 1e6, "reserves": 1.0}}, "reserve"),
        ({"kind": "perpetual"}, "pool market has 'pool'"),
    ],
)
def test_a_pool_that_lacks_something_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        load_scenario(changed("pool-perps", 0, **keys))


def test_a_pool_that_nobody_could_wind_up_is_refused() -> None:
    table = changed("pool-perps", 0)
    table["venue"]["waterfall"] = [{"kind": "cancel_orders"}, {"kind": "book_orders"}]
    with pytest.raises(ParameterError, match="pool_adl"):
        load_scenario(table)


def test_numbers_of_pool_fees_are_checked() -> None:
    table = changed("pool-perps", 0)
    table["venue"]["pool_fees"] = {"kind": "pool_fees", "max_velocity": -1.0}
    with pytest.raises(ParameterError, match="max_velocity"):
        load_scenario(table)
    table["venue"]["pool_fees"] = {"kind": "funding"}
    with pytest.raises(ParameterError, match="no part for venue"):
        load_scenario(table)


def test_funding_and_borrowing_of_gmx_in_a_run() -> None:
    table = changed("pool-perps", 0)
    table["venue"]["pool_fees"] = {"kind": "pool_fees", "funding": "balance", "borrowing": 2.0}
    table["market"][0]["pool"] |= {"impact": "power", "worsening": 1e-9, "improving": 5e-10}
    found = simulate(table, seed=1, steps=150)
    assert set(found.summary["residuals"].values()) == {0}
    assert (found.series["funding_rate"].iloc[-1]) > 0


def test_class_ledgers_hold_in_coins_that_settle_contracts() -> None:
    """What forced orders did to every holder, source by source and by class, in both markets."""
    world = run("coin-margined", 1).world
    log, ledger = world.state.log, world.state.ledger
    found = PriceLedger.of(world)
    for m in range(2):
        rows = found.matrix(m).sum(axis=0)
        gained = log.by_class[:, m, FORCED] + ledger.lots[:, m] * log.shift[m, FORCED]
        assert np.array_equal(rows, gained * found.units[m])
    assert abs(found.matrix(0)).sum() > 0
    assert found.units[0] == round(ledger.markets["face"][0] / ledger.markets["mark"][0])
