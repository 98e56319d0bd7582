"""A scenario on the rules of a venue: what is merged, what goes first, what is refused."""

import pytest

import crossmargin as xm
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.margin.presets import load_preset, preset_names
from crossmargin.experiments.market import Market


def test_hyperliquid_in_a_scenario() -> None:
    found = load_scenario("august-2024", {"venue.preset": "hyperliquid"})
    perp, spot = found.market
    rows = [(t.notional, t.initial, t.maintenance) for t in perp.tiers]
    assert rows == [(0.0, 0.025, 0.0125), (150e6, 0.05, 0.025)]
    assert spot.tiers == ()
    assert [row["kind"] for row in found.venue.waterfall] == [
        "cancel_orders",
        "book_orders",
        "backstop",
        "adl",
    ]
    assert found.venue.funding["cap"] == 0.04
    assert found.asset[1].initial_weight == 0.0  # only the quote asset is collateral there
    assert found.venue.preset == "hyperliquid"


def test_dydx_scales_with_open_interest_where_its_tier_does() -> None:
    plain = load_scenario("august-2024", {"venue.preset": "dydx-v4"})
    assert plain.market[0].open_interest_scale is None
    assert plain.market[0].tiers[0].maintenance == pytest.approx(0.012)
    other = {"underlying.BTC.name": "SOL", "market.BTC-PERP.underlying": "SOL"}
    other |= {"market.BTC-USDC.underlying": "SOL"}
    table = load_scenario("august-2024", other).model_dump(mode="json", exclude_none=True)
    scaled = load_scenario(table, {"venue.preset": "dydx-v4"}).market[0].open_interest_scale
    assert scaled is not None
    assert (scaled.lower, scaled.upper) == (40e6, 100e6)


def test_other_changes_go_before_the_preset_in_any_order() -> None:
    changes = {"venue.penalty_rate": 0.02, "venue.preset": "dydx-v4"}
    for order in (changes, dict(reversed(changes.items()))):
        assert load_scenario("calm", order).venue.penalty_rate == 0.02
    assert load_scenario("calm", {"venue.preset": "dydx-v4"}).venue.penalty_rate == 0.015


def test_what_a_scenario_says_beside_its_preset_stands() -> None:
    table = load_scenario("calm").model_dump(mode="json", exclude_none=True)
    table["venue"] |= {"preset": "binance-usdm", "penalty_rate": 0.03}
    found = load_scenario(table)
    assert found.venue.penalty_rate == 0.03
    assert found.market[0].tiers == load_scenario("calm").market[0].tiers


def test_a_merged_scenario_reads_itself_again() -> None:
    found = load_scenario("calm", {"venue.preset": "binance-usdm"})
    assert load_scenario(found) == found


def test_a_market_runs_on_a_preset() -> None:
    for name in ("hyperliquid", "binance-usdm"):
        market = Market("calm", seed=1, overrides={"venue.preset": name, "run.steps": 5})
        for _ in range(5):
            market.step()
        assert set(market.audit().values()) == {0}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("aave-v3", "has no perpetuals to margin"),
        ("hyperliqid", "did you mean 'hyperliquid'"),
    ],
)
def test_what_cannot_run_is_refused_by_name(name: str, words: str) -> None:
    with pytest.raises(xm.ScenarioError, match=words):
        load_scenario("calm", {"venue.preset": name})


def test_brackets_and_weights_need_no_risk_model() -> None:
    plain = ("dydx-v4", "hyperliquid", "binance-usdm", "derive-standard")
    for name in preset_names():
        if name != "aave-v3":
            found = load_scenario("calm", {"venue.preset": name})
            assert (found.venue.margin is None) == (name in plain), name
            assert load_scenario(found) == found


def test_a_portfolio_model_gives_markets_the_brackets_of_one_position() -> None:
    tier = load_scenario("calm", {"venue.preset": "deribit-portfolio"}).market[0].tiers[0]
    assert (tier.initial, tier.maintenance) == pytest.approx((1.3 * 0.16, 0.16))
    own = {"venue.preset": "span", "market.BTC-PERP.tiers": [{"initial": 0.2, "maintenance": 0.1}]}
    assert load_scenario("calm", own).market[0].tiers[0].initial == 0.2


def test_parts_of_ones_own_go_before_those_of_a_preset() -> None:
    found = load_scenario(
        "calm",
        {"venue.preset": "hyperliquid", "venue.margin.adaptive.cap": 2.0},
    )
    assert found.venue.margin is not None
    assert set(found.venue.margin) == {"weights", "fractions", "adaptive"}
    table = load_scenario("calm").model_dump(mode="json", exclude_none=True)
    table["venue"] |= {"preset": "drift-v2", "margin": {"credit": {"cap": 7.0}}}
    margin = load_scenario(table).venue.margin
    assert margin is not None
    assert margin["credit"]["cap"] == 7.0
    assert margin["credit"]["initial"] == load_preset("drift-v2").credit.initial
    assert margin["size_premium"]["source"].startswith("margin.rs")
    other = load_scenario(table, {"venue.preset": "hyperliquid"})
    assert other.venue.margin is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"venue.margin.adaptve.cap": 2.0}, r"venue\.margin\.adaptve: unknown key; did you mean"),
        ({"venue.margin.adaptive.cap": -2.0}, r"venue\.margin: adaptive\.cap = -2\.0"),
        ({"venue.margin.adaptive.signal": "implied"}, "there is no option market"),
        (
            {"venue.margin.value_at_risk.assets": ["ETH"]},
            "assets, volatility and correlation must have 1 rows",
        ),
    ],
)
def test_wrong_parts_are_refused_with_their_key(changes: dict[str, object], words: str) -> None:
    with pytest.raises(xm.ParameterError, match=words):
        load_scenario("calm", changes)
