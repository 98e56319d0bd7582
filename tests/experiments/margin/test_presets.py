"""Presets: all load, every number has a source, the live parts are those of a scenario."""

from typing import Any

import pytest
from typer.testing import CliRunner

from crossmargin.experiments.cli import app
from crossmargin.experiments.load import part_numbers, read_toml
from crossmargin.experiments.margin.evaluate import evaluate_margin
from crossmargin.experiments.margin.presets import PRESETS, find_preset, load_preset, preset_names
from crossmargin.experiments.schema import Venue

ASKED = {
    "dydx-v4",
    "hyperliquid",
    "drift-v2",
    "mango-v4",
    "synthetix-v3",
    "gmx-v2",
    "aave-v3",
    "binance-usdm",
    "okx-portfolio",
    "deribit-standard",
    "deribit-portfolio",
    "derive-standard",
    "derive-portfolio",
    "span",
}
BOOK = {
    "collateral": {"USDC": 50000.0},
    "perp": [{"market": "BTC-PERP", "size": 1.0}, {"market": "ETH-PERP", "size": -10.0}],
    "prices": {"BTC": 60000.0, "ETH": 3000.0},
}


def unsourced(table: Any, path: str = "", *, sourced: bool = False) -> list[str]:
    """Paths of numbers that stand in no table with a source."""
    if isinstance(table, dict):
        here = sourced or bool(table.get("source"))
        found = []
        for key, value in table.items():
            found += unsourced(value, f"{path}.{key}".lstrip("."), sourced=here)
        return found
    if isinstance(table, list):
        return [line for row in table for line in unsourced(row, path, sourced=sourced)]
    is_number = isinstance(table, int | float) and not isinstance(table, bool)
    return [path] if is_number and not sourced else []


def test_all_that_are_asked_for_are_there() -> None:
    assert set(preset_names()) >= ASKED


@pytest.mark.parametrize("name", preset_names())
def test_every_number_of_a_preset_has_a_source(name: str) -> None:
    table = read_toml(PRESETS / f"{name}.toml")
    assert unsourced(table) == []
    preset = load_preset(name)
    assert preset.name == name
    assert preset.sources
    assert preset.not_modelled


def test_a_number_without_a_source_would_be_seen() -> None:
    assert unsourced({"weights": {"asset": {"USDC": {"initial": 1.0}}}}) == [
        "weights.asset.USDC.initial"
    ]


@pytest.mark.parametrize("name", preset_names())
def test_live_parts_are_those_of_a_scenario(name: str) -> None:
    live = load_preset(name).live
    venue = Venue.model_validate(live.venue)
    for row in venue.waterfall:
        part, _ = part_numbers(row, "venue.waterfall")
        assert part.phase == "liquidation"
    for key in ("mark", "funding"):
        part, _ = part_numbers(getattr(venue, key), f"venue.{key}")
        assert part.phase == "marks"


@pytest.mark.parametrize("name", sorted(ASKED - {"aave-v3"}))
def test_a_book_of_perpetuals_under_every_preset(name: str) -> None:
    report = evaluate_margin(BOOK, name)
    assert report.equity == 50000.0
    if name != "gmx-v2":  # where entry asks for as much as staying
        assert report.maintenance_balance > report.initial_balance
    if name != "mango-v4":  # whose perpetuals join the balance of cash
        assert 0 < report.maintenance_margin <= report.initial_margin
    assert report.liquidation_price["BTC-PERP"]["down"] is not None
    assert report.liquidation_price["ETH-PERP"]["up"] is not None


def test_presets_are_listed_and_shown() -> None:
    listed = CliRunner().invoke(app, ["presets"])
    assert listed.exit_code == 0
    assert all(name in listed.output for name in ASKED)
    shown = CliRunner().invoke(app, ["presets", "show", "drift-v2"])
    assert shown.exit_code == 0
    assert "not_modelled" in shown.output


@pytest.mark.parametrize("name", preset_names())
def test_no_number_rests_on_general_knowledge(name: str) -> None:
    assert "general knowledge" not in find_preset(name).read_text(encoding="utf-8")
