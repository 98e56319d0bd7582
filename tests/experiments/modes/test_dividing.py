"""Owners divided among accounts: the same positions and money in every mode."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario, scenario_names
from crossmargin.experiments.run import simulate
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import SPOT
from crossmargin.model.world import World

MODES: dict[str, dict[str, Any]] = {
    "cross": {"mode": "cross"},
    "isolated": {"mode": "isolated"},
    "idle": {"mode": "isolated", "split": "idle", "posted": 1.2},
    "top-up": {"mode": "isolated", "split": "idle", "top_up": {"limit": 0.5}},
    "groups": {"mode": "sub_portfolios", "groups": {"all": ["BTC-PERP", "ETH-PERP"]}},
    "one group": {"mode": "sub_portfolios", "groups": {"ether": ["ETH-PERP"]}},
}


def made(accounts: dict[str, Any], name: str = "two-coins", **more: Any) -> World:
    return build(load_scenario(name, {"venue.accounts": accounts, **more}), 3)


def by_owner(world: World, table: Any) -> dict[int, list[int]]:
    """Rows of a matrix summed over the accounts of an owner, by population and index."""
    accounts = world.state.ledger.accounts
    found: dict[Any, Any] = {}
    for row in np.flatnonzero(accounts["population"] >= 0):
        who = (int(accounts["population"][row]), int(accounts["index"][row]))
        found[who] = found.get(who, 0) + table[row].astype(object)
    return {who: total.tolist() for who, total in found.items()}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_begins_with_the_same_positions_and_money(mode: str) -> None:
    cross, other = made(MODES["cross"]), made(MODES[mode])
    for name in ("balances", "lots", "cost"):
        first, second = (by_owner(w, getattr(w.state.ledger, name)) for w in (cross, other))
        assert first == second
    assert set(other.residuals().values()) == {0}
    wanted = cross.state.ledger.markets["open_interest"]
    assert np.array_equal(other.state.ledger.markets["open_interest"], wanted)


def test_cross_is_what_the_scenario_says() -> None:
    stated = build(load_scenario("two-coins"), 3).state.ledger
    cross = made(MODES["cross"]).state.ledger
    assert np.array_equal(stated.lots, cross.lots)
    assert np.array_equal(stated.balances, cross.balances)


def test_accounts_of_an_owner_draw_the_same_numbers() -> None:
    world = made(MODES["isolated"])
    accounts = world.state.ledger.accounts
    row = int(np.flatnonzero(accounts["owner"] != np.arange(len(accounts)))[0])
    owner = int(accounts["owner"][row])
    assert accounts["key"][row] == accounts["key"][owner]
    assert np.array_equal(world.state.crowd.traits[row], world.state.crowd.traits[owner])


def test_isolated_accounts_hold_one_position_and_have_their_share() -> None:
    world = made(MODES["isolated"])
    ledger = world.state.ledger
    measure_all(ledger, world.state.book)
    held = ledger.lots[:, ledger.markets["kind"] != SPOT] != 0
    p = world.names.populations.index("crossers")
    rows = np.flatnonzero(ledger.accounts["population"] == p)
    assert held[rows].sum(axis=1).max() == 1
    for owner in np.unique(ledger.accounts["owner"][rows]):
        own = rows[ledger.accounts["owner"][rows] == owner]
        asked = ledger.accounts["initial_requirement"][own].astype(float)
        given = ledger.balances[own, 0].astype(float)
        assert given / given.sum() == pytest.approx(asked / asked.sum(), abs=1e-6)


@pytest.mark.parametrize("mode", ["cross", "isolated"])
def test_an_idle_rest_leaves_a_multiple_of_initial_margin(mode: str) -> None:
    """In cross too: that is what equal initial margin means."""
    world = made({"mode": mode, "split": "idle", "posted": 1.02})
    ledger = world.state.ledger
    measure_all(ledger, world.state.book)
    accounts = ledger.accounts
    served = np.flatnonzero(accounts["purse"] >= 0)
    rich = served[ledger.balances[accounts["purse"][served], 0] > 0]
    assert len(rich) > 100
    ratio = accounts["initial_equity"][rich] / accounts["initial_requirement"][rich]
    assert np.median(ratio) == pytest.approx(1.02, rel=1e-3)
    assert (ratio < 1.03).all()


def test_nobody_trades_from_what_is_kept_apart() -> None:
    found = simulate("two-coins", seed=1, steps=40, overrides={"venue.accounts": MODES["idle"]})
    rows = found.accounts[found.accounts["mode"] == "apart"]
    assert len(rows) > 0
    assert not rows[["position:BTC-PERP", "position:ETH-PERP"]].to_numpy().any()
    assert set(found.summary["residuals"].values()) == {0}


def test_accounts_of_an_owner_do_not_multiply_its_trading() -> None:
    quiet = {"venue.waterfall": [], "shock": []}
    cross, isolated = (
        simulate("two-coins", seed=1, steps=120, overrides=quiet | {"venue.accounts": MODES[m]})
        for m in ("cross", "isolated")
    )
    assert isolated.summary["messages"] == pytest.approx(cross.summary["messages"], rel=0.02)
    assert isolated.series["volume"].sum() == pytest.approx(cross.series["volume"].sum(), rel=0.25)


def test_a_topped_up_owner_of_one_position_lives_as_long_as_in_cross() -> None:
    """All may move, at the last moment: the same accounts are liquidated in the same blocks."""
    waiting = {
        "population.bitcoin longs.behaviour": {"add_share": 0.0, "reduce_share": 0.0},
        "population.bitcoin longs.position.leverage": 9.0,
        "shock": [{"kind": "price_shock", "underlying": "BTC", "at": 60.0, "change": -0.05}],
    }
    limit = {"mode": "isolated", "split": "idle", "posted": 1.01, "top_up": {}}
    found = []
    for accounts in (MODES["cross"], limit):
        run = simulate(
            "two-coins", seed=2, steps=60, overrides=waiting | {"venue.accounts": accounts}
        )
        rows = run.liquidations.merge(run.accounts[["account", "population", "index"]])
        rows = rows[rows["population"] == "bitcoin longs"]
        found.append(rows.groupby("index")["step"].min())
    assert len(found[0]) > 10
    same = found[0].index.intersection(found[1].index)
    assert len(same) >= 0.9 * max(len(found[0]), len(found[1]))


@pytest.mark.parametrize("name", scenario_names())
def test_every_built_in_scenario_takes_every_mode(name: str) -> None:
    for mode in ("cross", "isolated", "top-up"):
        world = made(MODES[mode], name)
        assert set(world.residuals().values()) == {0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": "isolate"}, ["isolated"]),
        ({"mode": "sub_portfolios"}, ["groups"]),
        ({"mode": "isolated", "groups": {"a": ["BTC-PERP"]}}, ["sub_portfolios"]),
        ({"mode": "sub_portfolios", "groups": {"a": ["BTC-PREP"]}}, ["BTC-PREP", "BTC-PERP"]),
        ({"mode": "sub_portfolios", "groups": {"a": ["BTC-USDC"]}}, ["BTC-USDC"]),
        ({"mode": "sub_portfolios", "groups": {"a": []}}, ["names no market"]),
        (
            {"mode": "sub_portfolios", "groups": {"a": ["BTC-PERP"], "b": ["BTC-PERP"]}},
            ["two of them"],
        ),
        ({"mode": "isolated", "top_up": {}}, ["idle"]),
        ({"mode": "isolated", "split": "idle", "top_up": {"below": 2.0}}, ["to is smaller"]),
        ({"mode": "isolated", "split": "idle", "top_up": {"limit": 1.5}}, ["limit"]),
        ({"mode": "isolated", "split": "idle", "posted": 0.5}, ["posted"]),
        ({"mode": "isolated", "capital": 0.0}, ["capital"]),
        ({"split": "idle"}, ["as_stated"]),
    ],
)
def test_bad_input_says_what_is_allowed(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises((ParameterError, ScenarioError)) as error:
        load_scenario("two-coins", {"venue.accounts": changes})
    for word in words:
        assert word in str(error.value)
