"""Whatever a portfolio holds, the calculator gives finite numbers or a clear error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.experiments.margin.evaluate import evaluate_margin
from crossmargin.experiments.margin.parts import OF_OPTIONS
from crossmargin.experiments.margin.presets import load_preset, preset_names

PRESETS = {name: load_preset(name) for name in preset_names()}
SIZES = st.one_of(st.just(0.0), st.floats(-1e4, 1e4), st.sampled_from([1e-9, -1e-9, 1e9]))
PRICES = st.sampled_from([1e-6, 0.37, 100.0, 60000.0, 1e7])
PERPS = st.lists(
    st.fixed_dictionaries(
        {"market": st.sampled_from(["BTC-PERP", "ETH-USD", "DOGEUSDT"]), "size": SIZES},
        optional={"unrealised_pnl": st.floats(-1e6, 1e6)},
    ),
    max_size=3,
)
OPTIONS = st.lists(
    st.fixed_dictionaries(
        {
            "underlying": st.sampled_from(["BTC", "ETH"]),
            "kind": st.sampled_from(["call", "put"]),
            "strike": st.sampled_from([1e-3, 50.0, 60000.0, 1e8]),
            "expiry_seconds": st.sampled_from([1e-3, 3600.0, 1e6, 1e9]),
            "size": SIZES,
            "vol": st.sampled_from([1e-4, 0.5, 50.0]),
        },
        optional={"forward": st.sampled_from([1e-3, 59000.0])},
    ),
    max_size=4,
)
ORDERS = st.lists(
    st.fixed_dictionaries(
        {
            "market": st.sampled_from(["ETH/USDC", "BTC/ETH"]),
            "size": st.sampled_from([-2.0, 0.5]),
        },
        optional={"price": st.sampled_from([0.1, 3000.0])},
    ),
    max_size=2,
)


@pytest.mark.parametrize("name", sorted(PRESETS))
@settings(max_examples=25)
@given(
    collateral=st.dictionaries(st.sampled_from(["USDC", "ETH", "BTC", "DAI", "XYZ"]), SIZES),
    perp=PERPS,
    option=OPTIONS,
    orders=ORDERS,
    prices=st.tuples(PRICES, PRICES, PRICES, PRICES),
)
def test_any_portfolio_under_any_preset(
    name: str,
    collateral: dict[str, float],
    perp: list[Any],
    option: list[Any],
    orders: list[Any],
    prices: tuple[float, ...],
) -> None:
    preset = PRESETS[name]
    has_options = any(getattr(preset, part) is not None for part in OF_OPTIONS)
    has_perps = name != "aave-v3"
    portfolio = {
        "collateral": collateral,
        "perp": perp if has_perps else [],
        "option": option if has_options else [],
        "spot_order": orders,
        "prices": dict(zip(("BTC", "ETH", "DOGE", "XYZ"), prices, strict=True)),
    }
    report = evaluate_margin(portfolio, preset)
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["initial_margin"] >= 0
    assert found["maintenance_margin"] >= 0
    for row in found["liquidation_price"].values():
        assert all(price is None or price > 0 for price in row.values())
    if report.is_liquidatable:
        assert all(None not in row.values() for row in found["liquidation_price"].values())
