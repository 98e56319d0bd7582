"""A scenario on the rules of a venue: what is merged, what goes first, what is refused."""

import pytest

import crossmargin as xm
from crossmargin.experiments.load import load_scenario
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
        ("derive-portfolio", "cannot represent its scenario"),
        ("drift-v2", "cannot represent its size_premium, credit"),
        ("aave-v3", r"fractions \(there are none\)"),
        ("hyperliqid", "did you mean 'hyperliquid'"),
    ],
)
def test_what_cannot_run_is_refused_by_name(name: str, words: str) -> None:
    with pytest.raises(xm.ScenarioError, match=words):
        load_scenario("calm", {"venue.preset": name})
