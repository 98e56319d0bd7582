"""Marks of options: a twin with SciPy, parity of puts and calls, the surface as it moves."""

import math
from typing import Any

import numpy as np
import pytest

from crossmargin.model.options.surface import Parameters as Smile
from crossmargin.model.world import World
from tests.options import (
    BLOCK,
    EXPIRY,
    N_SERIES,
    PERP,
    TICK,
    WINDOW,
    YEAR,
    black_twin,
    indices,
    option_tables,
    option_world,
    put,
    trade,
)

#: The surface stays as it is.
STILL = {"option_mark": {"kind": "option_marks", "response": 0.0}}


def levels_twin(world: World, numbers: dict[str, float], levels: tuple[float, ...]) -> Any:
    """(steps, n_expiries) float64, levels of the smiles, from the reference at each block."""
    prices = np.concatenate([[1000.0], world.rows("market_rows")["reference"][:, 0]])
    variance, ratio, first, found = levels[0] ** 2, 1.0, levels[0] ** 2, []
    for step, change in enumerate(np.diff(np.log(prices))):
        kept = 0.5 ** (BLOCK / numbers["half_life"])
        variance = kept * variance + (1 - kept) * change**2 * YEAR / BLOCK
        ratio += (variance / first - ratio) * (1 - math.exp(-BLOCK / numbers["reversion"]))
        row = []
        for e, level in enumerate(levels):
            days = ((e + 1) * EXPIRY - step) * BLOCK / 86400.0
            share = numbers["response"]
            if days > 0:
                share *= min(1.0, (numbers["term_days"] / days) ** numbers["term"])
            moved = level * math.sqrt(1 + share * (ratio - 1))
            row.append(max(level / 4, min(moved, 4 * level)))
        found.append(row)
    return np.array(found)


def forward_twin(index: Any, step: int, expiry: int) -> tuple[float, float]:
    """Forward at a block, and the standard deviation that is left over that of all the time."""
    price = index * TICK / 2
    left = expiry - step
    if left >= WINDOW:
        return float(price[step]), math.sqrt(1 - 2 * WINDOW / (3 * left))
    known = price[expiry - WINDOW : step]
    share = left / WINDOW
    return float((1 - share) * known.mean() + share * price[step]), share / math.sqrt(3)


def mark_twin(world: World, i: int, step: int, level: float) -> float:
    """Mark of a series at a block, quote per unit, not rounded."""
    s, smile = (
        world.state.options.series[i],
        world.state.options.smiles[world.state.options.series["expiry"][i]],
    )
    forward, spread = forward_twin(indices(world), step, (int(s["expiry"]) + 1) * EXPIRY)
    seconds = ((int(s["expiry"]) + 1) * EXPIRY - step) * BLOCK
    x = math.log(s["strike"] / forward) / math.sqrt(max(seconds, 3600.0) / YEAR)
    raw = level + smile[1] * x + smile[2] * x * x
    volatility = min(max(raw, smile[3]), smile[4]) * spread
    return black_twin(int(s["kind"]), forward, float(s["strike"]), seconds / YEAR, volatility)


@pytest.mark.parametrize("response", [0.0, 0.6])
def test_marks_equal_a_twin_up_to_the_last_block(response: float) -> None:
    numbers = {"half_life": 100.0, "reversion": 60.0, "term": 0.3, "term_days": 0.001}
    numbers["response"] = response
    shock = [{"kind": "price_shock", "at": 50.0, "change": -0.02}]
    venue = {"option_mark": {"kind": "option_marks", **numbers}}
    world = option_world(3, shock=shock, venue=venue)
    world.run(EXPIRY)
    levels = levels_twin(world, numbers, (0.8, 0.7))
    marks = world.rows("market_rows")["mark"]
    assert (np.abs(levels - (0.8, 0.7)).max() > 0.05) == (response > 0)
    for i in range(N_SERIES):
        expiry = int(world.state.options.series["expiry"][i])
        for step in range(EXPIRY - 1):
            twin = mark_twin(world, i, step, levels[step, expiry])
            assert abs(marks[step, 1 + i] - max(1.0, 2 * twin / TICK)) <= 0.5 + 1e-6, (i, step)


def test_puts_and_calls_of_a_strike_are_at_parity() -> None:
    world = option_world(1)
    for step in range(EXPIRY - 1):
        world.run(1)
        options, markets = world.state.options, world.state.ledger.markets
        for call in range(0, N_SERIES, 2):
            s = options.series[call]
            assert s["kind"] == 1 and options.series["kind"][call + 1] == -1
            pair = markets["mark"][options.markets[call : call + 2]]
            gap = float(pair[0] - pair[1]) * TICK / 2
            assert abs(gap - float(s["forward"] - s["strike"])) <= TICK, step


def test_marks_are_never_below_half_a_tick_while_a_series_lives() -> None:
    tables = option_tables()["option"][0]
    world = option_world(option=[{**tables, "strikes": (10.0, 1000.0, 5000.0)}])
    world.run(EXPIRY - 1, audit=True)
    marks = world.rows("market_rows")["mark"][:, 1:]
    assert marks.min() == 1 and (marks[:, 4] == 1).all()


def test_without_a_response_smiles_stay_as_the_scenario_has_them() -> None:
    world = option_world(venue=STILL)
    world.run(EXPIRY - 1)
    smiles = world.state.options.smiles
    assert smiles[0].tolist() == list(Smile(level=0.8, skew=-0.02).model_dump().values())
    assert smiles[1].tolist() == list(Smile(level=0.7, curvature=0.1).model_dump().values())


def test_a_shock_to_the_reference_raises_the_level_of_near_expiries_more() -> None:
    shock = [{"kind": "price_shock", "at": 50.0, "change": -0.05}]
    venue = {"option_mark": {"kind": "option_marks", "reversion": 10.0, "term_days": 0.001}}
    world = option_world(shock=shock, venue=venue)
    world.run(4)
    calm = world.state.options.smiles[:, 0].copy()
    world.run(3)
    risen = world.state.options.smiles[:, 0] / calm
    assert risen[0] > risen[1] > 1.05
    assert risen[0] <= 4.0 * 0.8 / calm[0]


def test_the_perpetual_may_be_the_forward() -> None:
    venue = {
        "option_mark": {"kind": "option_marks", "forward": "perpetual"},
        "mark": {"kind": "book_mark"},
    }
    world = option_world(venue=venue)
    put(world, 0, PERP, 1, 1019.0, 10)
    put(world, 1, PERP, -1, 1021.0, 10)
    world.run(2)
    assert world.state.options.series["forward"].tolist() == pytest.approx([1020.0] * N_SERIES)


def test_what_makers_are_short_of_raises_the_level() -> None:
    venue = {"option_mark": {"kind": "option_marks", "response": 0.0, "pressure": 0.5}}
    world = option_world(venue=venue)
    world.state.options.expiries["vega"] = (-2e5, 1e5)  # as makers tell it
    world.run(1)
    levels = world.state.options.smiles[:, 0]
    assert levels[0] == pytest.approx(0.8 * math.exp(0.1))
    assert levels[1] == pytest.approx(0.7 * math.exp(-0.05))
    world.run(1)
    assert world.state.options.smiles[:, 0].tolist() == pytest.approx([0.8, 0.7])


def test_options_are_left_out_of_funding() -> None:
    world = option_world(venue={"funding": {"kind": "funding", "interval": 50.0}})
    for market in range(1 + N_SERIES):
        trade(world, 0, 1, market, 1000.0 if market == 0 else 20.0, 10)
    world.run(EXPIRY // 2)
    paid = world.state.ledger.markets["funding_paid"]
    assert paid[0] != 0 and not paid[1:].any()
    assert not world.state.ledger.markets["funding_due"][1:].any()
