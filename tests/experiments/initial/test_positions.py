"""Stated open interest, whales, collateral by draw, and who is liquidatable at the start."""

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import simulate
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.traits import BY_NOTIONAL
from crossmargin.model.world import World
from tests.experiments.initial.markets import FEW, PERP, built, notional_of, small

TARGET = 2e7


def stated(**keys: Any) -> dict[str, Any]:
    """`[initial]` with one open interest."""
    return {"open_interest": [{"market": PERP, "notional": TARGET, **keys}]}


def longs_and_shorts(world: World) -> tuple[float, float]:
    """Notional of both sides, quote."""
    lots, row = world.state.ledger.lots[:, 0], world.state.ledger.markets[0]
    price = 0.5 * float(row["mark"] * row["tick"]) * float(row["lot"])
    return float(lots[lots > 0].sum() * price), float(-lots[lots < 0].sum() * price)


def check_books(world: World) -> None:
    assert set(world.audit().values()) == {0}
    assert (world.state.ledger.lots[:, 0].sum()) == 0


def test_the_larger_side_comes_to_the_open_interest_and_balancers_take_the_rest() -> None:
    world = built(initial=stated())
    check_books(world)
    long, short = longs_and_shorts(world)
    assert long == short == pytest.approx(TARGET, rel=1e-3)
    before = built()
    ratio = notional_of(world, "longs") / notional_of(before, "longs")
    assert notional_of(world, "targeters") / notional_of(before, "targeters") == pytest.approx(
        ratio, rel=1e-3
    )


def test_scaling_wealth_keeps_every_leverage_and_scaling_leverage_every_wealth() -> None:
    def leverages(world: World) -> Any:
        measure_all(world.state.ledger, world.state.book)
        lots, rows = world.state.ledger.lots[:, 0], world.state.ledger.accounts
        held = (lots > 100) & (rows["population"] == world.names.populations.index("longs"))
        value = float(world.state.ledger.markets["mark"][0]) * 50
        return lots[held] * value / rows["equity"][held], rows["equity"][held], held

    plain, by_wealth = built(), built(initial=stated())
    small_target = {"open_interest": [{"market": PERP, "notional": 3e6}], "scale": "leverage"}
    by_leverage = built(initial=small_target)
    both = leverages(plain)[2] & leverages(by_wealth)[2] & leverages(by_leverage)[2]

    def of(world: World, which: int) -> Any:
        values = np.full(len(both), np.nan)
        found = leverages(world)
        values[found[2]] = found[which]
        return values[both]

    np.testing.assert_allclose(of(by_wealth, 0), of(plain, 0), rtol=0.02)
    assert not np.allclose(of(by_wealth, 1), of(plain, 1), rtol=0.02)
    np.testing.assert_allclose(of(by_leverage, 1), of(plain, 1), rtol=1e-12)


def test_shares_of_a_side_are_held_by_whom_they_are_stated_for() -> None:
    shares = {"longs": {"longs": 0.75, "targeters": 0.25}, "shorts": {"shorts": 0.4}}
    world = built(initial=stated(**shares))
    check_books(world)
    for name, share in (("longs", 0.75), ("targeters", 0.25), ("shorts", 0.4), ("hedgers", 0.6)):
        assert notional_of(world, name) == pytest.approx(share * TARGET, rel=2e-3)


def test_a_balancing_population_can_have_a_share_of_its_own() -> None:
    shares = {
        "longs": {"longs": 1.0, "targeters": 0.0},
        "shorts": {"shorts": 0.5, "hedgers": 0.5},
    }
    world = built(initial=stated(**shares))
    check_books(world)
    assert notional_of(world, "targeters") == 0
    assert notional_of(world, "hedgers") == pytest.approx(0.5 * TARGET, rel=2e-3)


@given(
    st.integers(0, 2**31),
    st.floats(1e6, 5e7),
    st.floats(0.0, 1.0),
    st.floats(0.05, 1.0),
    st.sampled_from(["start", "entry"]),
)
@settings(max_examples=15, deadline=None)
def test_every_long_has_its_short_and_nothing_is_made(
    seed: int, notional: float, share: float, short: float, at: str
) -> None:
    row = {
        "market": PERP,
        "notional": notional,
        "longs": {"longs": share, "targeters": 1 - share},
        "shorts": {"shorts": short},
    }
    world = built(seed, initial={"open_interest": [row], "wealth_at": at})
    check_books(world)
    assert longs_and_shorts(world)[0] == pytest.approx(notional, rel=0.02)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"longs": {"longs": 1.0}}, "longs: does not name population targeters, which draws longs"),
        ({"longs": {"longs": 0.5, "targeters": 0.6}}, "longs: the shares sum to 1.1"),
        ({"longs": {"nobody": 1.0}}, "there is no 'nobody'"),
        (
            {"longs": {"longs": 0.5, "targeters": 0.1, "shorts": 0.4}},
            "longs.shorts = 0.4: it draws no longs there",
        ),
        ({"shorts": {"shorts": -0.1}}, "shorts.shorts = -0.1"),
        (
            {"longs": {"longs": 0.4, "targeters": 0.1}, "shorts": {"shorts": 0.3}},
            "longs to 0.5 and shorts to 0.3 of the stated 2e",
        ),
    ],
)
def test_a_contradiction_is_named(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        built(initial=stated(**keys))


def test_unmatched_open_interest_is_named_with_what_is_left_and_where() -> None:
    keys = {"longs": {"longs": 0.9, "targeters": 0.1}, "shorts": {"shorts": 0.7}}
    alone = {"population__hedgers__position__side": "short"}
    with pytest.raises(ParameterError, match=r"shorts: does not name population hedgers"):
        built(initial=stated(**keys), **alone)
    keys["shorts"]["hedgers"] = 0.0
    words = r"open_interest.BTC-PERP.shorts: .* leave 99.9\d* \(6e\+06 USDC\) without another side"
    with pytest.raises(ParameterError, match=words):
        built(initial=stated(**keys), **alone)
    keys["shorts"]["hedgers"] = 0.3
    world = built(initial=stated(**keys), **alone)
    check_books(world)  # the rounding to lots is trimmed


def test_leverage_that_would_have_to_rise_beyond_the_venue_s_is_refused() -> None:
    initial = {"open_interest": [{"market": PERP, "notional": 9e7}], "scale": "leverage"}
    with pytest.raises(ParameterError, match=r"BTC-PERP.notional: would take a leverage of .*20"):
        built(initial=initial)


WHALE = {"name": "big", "wealth": 3e6, "side": "short", "leverage": 4.0, "entry": 1.05}


def test_a_whale_has_its_own_terms_and_is_found_in_the_results() -> None:
    run = simulate("calm", seed=1, overrides=FEW | {"population.longs.whale": [WHALE]})
    row = run.summary["initial"]["whales"]["big"]
    accounts = run.accounts.set_index("account")
    assert accounts.loc[row, "name"] == "big"
    assert accounts.loc[row, "population"] == "longs"
    assert accounts.loc[row, "equity_start"] == pytest.approx(3e6)
    world = built(population__longs__whale=[WHALE])
    lots, cost = world.state.ledger.lots[row, 0], world.state.ledger.cost[row, 0]
    assert lots * 0.0001 * 60000 == pytest.approx(-1.2e7, rel=1e-4)
    assert cost / lots * 1e-6 / 0.0001 == pytest.approx(63000, rel=1e-4)
    assert "name" not in simulate("calm", overrides=FEW | {"run.steps": 1}).accounts


def test_a_whale_moves_no_other_account_s_draws() -> None:
    plain, with_whale = built(), built(population__longs__whale=[WHALE])
    a, b = (w.state.ledger.lots[:, 0] for w in (plain, with_whale))
    rows = plain.state.ledger.accounts["population"]
    others = (rows == 1) & (np.arange(len(rows)) != with_whale.notes["initial"]["whales"]["big"])
    np.testing.assert_array_equal(a[others], b[others])


def test_whales_are_not_scaled() -> None:
    initial = stated(longs={"longs": 0.8, "targeters": 0.2}, shorts={"shorts": 0.5})
    whale = WHALE | {"side": "long", "leverage": 2.0}
    world = built(initial=initial, population__longs__whale=[whale])
    row = world.notes["initial"]["whales"]["big"]
    assert world.state.ledger.lots[row, 0] * 6 == pytest.approx(6e6, rel=1e-4)
    assert notional_of(world, "longs") == pytest.approx(0.8 * TARGET, rel=2e-3)
    with pytest.raises(ParameterError, match=r"longs.longs = 0.1: its whales alone hold 0.3"):
        initial = stated(longs={"longs": 0.1, "targeters": 0.9}, shorts={"shorts": 0.5})
        built(initial=initial, population__longs__whale=[whale])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"leverage": 30.0}, "whale.big.leverage = 30: the first margin tier allows 20"),
        ({"wealth": -1.0}, "whale.big.wealth = -1.0"),
        ({"entry": 5000.0}, "whale.big.entry: draws 5000"),
        ({"markets": ["X"]}, "none of its population's"),
        ({"collateral": {"BTC": 2.0}}, "neither below 0 nor more than 1"),
        ({"welth": 2.0}, "did you mean 'wealth'"),
    ],
)
def test_a_bad_whale_is_named(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        built(population__longs__whale=[WHALE | keys])


def test_more_whales_than_accounts_or_one_without_a_side_are_refused() -> None:
    with pytest.raises(ParameterError, match="more than the count of 1"):
        small(population__longs__whale=[WHALE, WHALE | {"name": "b"}], population__longs__count=1)
    whale = {"name": "big", "wealth": 1.0, "leverage": 2.0}
    with pytest.raises(ParameterError, match="leverage: says nothing without a side"):
        small(population__hedgers__whale=[whale])
    with pytest.raises(ParameterError, match="two whales have the name 'big'"):
        small(population__longs__whale=[WHALE], population__shorts__whale=[WHALE])


def test_some_hold_only_coins_and_some_only_stables() -> None:
    world = built(
        population__shorts__collateral={"BTC": {"bernoulli": 0.4}}, population__shorts__count=500
    )
    ledger = world.state.ledger
    rows = ledger.accounts["population"] == world.names.populations.index("shorts")
    measure_all(ledger, world.state.book)
    coins = ledger.lots[rows, 1] * float(ledger.markets["mark"][1]) * 50
    share = coins / ledger.accounts["equity"][rows]
    only = share > 0.5
    assert ((share > 0.98) | (share == 0)).all()
    assert abs(only.mean() - 0.4) < 4 * np.sqrt(0.24 / 500)
    check_books(world)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"population__longs__collateral": {"BTC": {"uniform": [0, 2]}}}, "collateral.BTC: draws"),
        ({"population__longs__wealth": {"normal": [0, 1e3]}}, "below zero, for account"),
        ({"population__longs__position__entry": {"normal": [0, 1]}}, "position.entry: draws"),
    ],
)
def test_bad_draws_are_named_with_their_account(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        built(**changes)


def test_notional_by_leverage_is_what_a_mixture_by_notional_says() -> None:
    shares = [(0.5, 2.0), (0.3, 8.0), (0.2, 18.0)]
    mixture = {BY_NOTIONAL: [{"share": s, "of": of} for s, of in shares]}
    world = built(
        population__longs__position__leverage=mixture,
        population__longs__count=6000,
        population__longs__wealth={"pareto": [2e4, 2.5, 2e6]},
        population__longs__collateral={},
        population__hedgers__wealth=5e7,
    )
    measure_all(world.state.ledger, world.state.book)
    ledger = world.state.ledger
    rows = ledger.accounts["population"] == world.names.populations.index("longs")
    notional = ledger.lots[rows, 0] * float(ledger.markets["mark"][0]) * 50
    leverage = notional / ledger.accounts["equity"][rows]
    for share, of in shares:
        near = np.abs(leverage / of - 1) < 0.1
        assert notional[near].sum() / notional.sum() == pytest.approx(share, abs=0.04)


CROWDED = {"market": PERP, "prices": (54000.0, 60000.0, 66000.0), "volumes": (1.0, 1.0, 1.0)}
OLD = {
    "population__longs__position__entry": "volume_at_price",
    "population__longs__position__leverage": 15.0,
    "population__longs__count": 400,
    "population__hedgers__wealth": 5e7,
}


def entered(how: str, **more: Any) -> World:
    initial = {"volume_at_price": [CROWDED], "wealth_at": "entry", "liquidatable": how, **more}
    return built(initial=initial, **OLD)


def unhealthy(world: World) -> int:
    measure_all(world.state.ledger, world.state.book)
    rows = world.state.ledger.accounts
    return int((rows["maintenance_equity"] < rows["maintenance_requirement"]).sum())


def test_nobody_is_liquidatable_at_the_start_unless_kept() -> None:
    kept, again, shut = (entered(how) for how in ("keep", "redraw", "close"))
    assert unhealthy(kept) > 100
    assert unhealthy(again) == unhealthy(shut) == 0
    assert again.notes["initial"]["entries_drawn_again"] > 100
    assert again.notes["initial"]["positions_closed"] == 0
    assert shut.notes["initial"]["positions_closed"] > 100
    for world in (kept, again, shut):
        check_books(world)
    with pytest.raises(ParameterError, match=r"population.longs.position: account \d+ is below"):
        entered("refuse")


def test_entries_drawn_again_are_those_that_survive() -> None:
    world = entered("redraw")
    ledger, longs = world.state.ledger, world.names.populations.index("longs")
    rows = (ledger.accounts["population"] == longs) & (ledger.lots[:, 0] != 0)
    entry = ledger.cost[rows, 0] / ledger.lots[rows, 0] / 100  # quote
    assert entry.min() < 54000
    assert 60000 < entry.max() < 64500  # at a leverage of 15 a fall of 4 in 100 is survived


def test_wealth_at_the_entry_has_gains_and_losses_beside_it() -> None:
    whale = WHALE | {"side": "long", "entry": 0.9, "leverage": 2.0}
    for at, equity in (("start", 3e6), ("entry", 3e6 + 6e6 * (1 / 0.9 - 1))):
        world = built(initial={"wealth_at": at}, population__longs__whale=[whale])
        measure_all(world.state.ledger, world.state.book)
        row = world.notes["initial"]["whales"]["big"]
        assert world.state.ledger.accounts["equity"][row] / 1e6 == pytest.approx(equity, rel=1e-3)


def two_perpetuals(margin: str, **tables: Any) -> World:
    """Calm with a second perpetual, its longs, shorts and hedgers in both."""
    table = small().model_dump(mode="json", exclude_none=True)
    second = {**table["market"][0], "name": "BTC-NEXT", "tick": 2.0}
    table["market"] = [table["market"][0], second, table["market"][1]]
    for row in table["population"]:
        if row["name"] in ("longs", "shorts", "hedgers"):
            row |= {"markets": [PERP, "BTC-NEXT"], "margin": margin}
        row.update(tables.get(row["name"], {}))
    table["initial"] = {"open_interest": tables["open_interest"]}
    return build(load_scenario(table), 1)


@pytest.mark.parametrize("margin", ["cross", "isolated"])
def test_markets_come_to_open_interests_of_their_own(margin: str) -> None:
    targets = [
        {"market": PERP, "notional": 2e7, "longs": {"longs": 0.9, "targeters": 0.1}},
        {"market": "BTC-NEXT", "notional": 5e6, "shorts": {"shorts": 0.5}},
    ]
    whale = {"name": "big", "wealth": 5e5, "leverage": 4.0, "markets": ["BTC-NEXT"]}
    world = two_perpetuals(margin, open_interest=targets, longs={"whale": [whale]})
    assert set(world.audit().values()) == {0}
    for m, notional in ((0, 2e7), (1, 5e6)):
        lots, row = world.state.ledger.lots[:, m], world.state.ledger.markets[m]
        price = 0.5 * float(row["mark"] * row["tick"]) * float(row["lot"])
        assert lots.sum() == 0
        assert lots[lots > 0].sum() * price == pytest.approx(notional, rel=2e-3)
    first = world.notes["initial"]["whales"]["big"]
    rows = world.state.ledger.lots[first : first + (2 if margin == "isolated" else 1)]
    assert not rows[:, 0].any()
    held = rows[:, 1].sum() * 6.0
    assert held == pytest.approx(1e6 if margin == "isolated" else 2e6, rel=1e-3)


def test_the_initial_condition_of_the_readme_can_be_built() -> None:
    text = (Path(__file__).parents[3] / "experiments" / "README.md").read_text()
    block = next(b for b in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[initial]" in b)
    shown = tomllib.loads(block)
    table = small().model_dump(mode="json", exclude_none=True)
    (longs,) = shown["population"]
    table["population"] = [longs if p["name"] == "longs" else p for p in table["population"]]
    table["initial"] = shown["initial"]
    world = build(load_scenario(table), 1)
    check_books(world)
    assert longs_and_shorts(world)[0] == pytest.approx(6e7, rel=1e-3)
    assert world.notes["initial"].keys() >= {"whales", "stops", "entries_drawn_again"}
