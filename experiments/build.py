"""From a scenario to a world: rows, money, positions, program.

Nothing here runs a block. Money comes in as mints to the outside row and moves by transfers;
initial positions are matched, so that every long has its short.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.filling import (
    fill_accounts,
    fill_markets,
    fill_outside,
    fill_program,
    fill_reports,
    fill_venue,
)
from crossmargin.experiments.filling_options import check_traders, fill_options
from crossmargin.experiments.initial.dividing import divide
from crossmargin.experiments.initial.first_stops import place_first_stops
from crossmargin.experiments.initial.option_positions import open_options
from crossmargin.experiments.initial.positions import hold
from crossmargin.experiments.kinds import n_pools, system_rows
from crossmargin.experiments.layout import Block, is_reporting, last_row, lay_out
from crossmargin.experiments.limits import HEADROOM, LARGEST_SUM
from crossmargin.experiments.paths import Window, load_path
from crossmargin.experiments.recordings import DATA
from crossmargin.experiments.schema import MarketTable, Recording, Scenario
from crossmargin.experiments.snapshots.placing import bring_in, price_markets
from crossmargin.experiments.wiring import OWN_MODEL, Entry, program_of
from crossmargin.model.blank import Sizes, blank_state
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import State
from crossmargin.model.trading import SLOTS
from crossmargin.model.world import Names, World

#: Longest look-back of an agent, blocks; a power of two.
WINDOW = 1 << 12


def first_prices(scenario: Scenario, seed: int) -> tuple[list[float], list[NDArray[np.float64]]]:
    """First price of every underlying and its recorded log path, empty when simulated."""
    prices, paths = [], []
    for underlying in scenario.underlying:
        path = np.zeros(0)
        if underlying.recording is not None:
            try:
                path = _recorded(underlying.recording, scenario, seed)
            except ScenarioError as error:
                key = f"underlying.{underlying.name}.recording.file"
                raise ScenarioError(f"{key}: {error}") from None
        paths.append(path)
        prices.append(float(np.exp(path[0])) if len(path) else float(underlying.price or 0))
    return prices, paths


def highest_prices(prices: list[float], paths: list[NDArray[np.float64]]) -> list[float]:
    """Highest price known beforehand: that of a recording, else the first."""
    return [
        max(price, float(np.exp(path.max()))) if len(path) else price
        for price, path in zip(prices, paths, strict=True)
    ]


def _recorded(recording: Recording, scenario: Scenario, seed: int) -> NDArray[np.float64]:
    """Log prices of a recording, one a block; a bare name is a file of this package."""
    file = DATA / recording.file
    window = Window(
        start=recording.start,
        steps=scenario.run.steps,
        block_seconds=scenario.run.block_seconds,
        end=recording.end,
    )
    return load_path(file, window, seed)


def _sizes(scenario: Scenario, blocks: list[Block], n_parts: int, prices: list[float]) -> Sizes:
    slots = sum(block.slots * block.size for block in blocks)
    messages = sum(block.messages * block.size for block in blocks)
    stops = sum((block.stops + block.first_stops) * block.size for block in blocks)
    orders = max(4096, slots + slots // 2 + 1024)
    if orders > SLOTS:
        raise ParameterError(
            f"population: {slots} resting orders are more than the {SLOTS // 2} that fit; lower "
            "counts, markets or the levels of makers"
        )
    return Sizes(
        accounts=last_row(blocks),
        assets=len(scenario.asset),
        markets=len(scenario.market),
        underlyings=len(scenario.underlying),
        tiers=max(len(market.tiers) for market in scenario.market) or 1,
        parts=n_parts,
        price_levels=max(_ticks(scenario, market, prices) for market in scenario.market),
        orders=orders,
        pages=min(orders + 64, 4096 * len(scenario.market)),
        slots=max(1, slots),
        messages=messages + stops + 1024,
        stops=max(1, stops),
        reports=max(1, sum(block.count for block in blocks if is_reporting(block))),
        window=WINDOW,
        populations=len(scenario.population),
        series=sum(market.series is not None for market in scenario.market),
        expiries=sum(len(table.expiries) for table in scenario.option),
        pools=n_pools(scenario),
    )


def _ticks(scenario: Scenario, market: MarketTable, prices: list[float]) -> int:
    """Power of two that leaves the price room to rise."""
    price = prices[[u.name for u in scenario.underlying].index(market.underlying)]
    levels = HEADROOM * price / market.tick
    if not 100 * HEADROOM <= levels <= 1 << 30:
        raise ParameterError(
            f"market.{market.name}.tick = {market.tick}: the first price {price:g} is "
            f"{price / market.tick:.3g} ticks; 100 to {(1 << 30) // HEADROOM} are allowed"
        )
    return 1 << int(np.ceil(np.log2(levels)))


def check_sums(state: State, scenario: Scenario) -> None:
    """Refuse a scenario whose money could leave 64 bits.

    Raises
    ------
    ScenarioError
        With the parameter to change.
    """
    one = 10 ** scenario.asset[0].decimals
    held = float(np.abs(state.ledger.balances[:, QUOTE]).astype(float).sum())
    markets = state.ledger.markets
    units = markets["mark"] * markets["half_unit"] + markets["face"]
    held += float((state.ledger.lots * 1.0 * units).sum())
    rates = [tier.initial for market in scenario.market for tier in market.tiers]
    largest = HEADROOM * held / min(rates, default=1.0)
    if not largest < LARGEST_SUM:
        raise ScenarioError(
            f"asset.{scenario.asset[0].name}.decimals = {scenario.asset[0].decimals}: wealth of "
            f"{held / one:.3g} at the largest leverage and a {HEADROOM}-fold price would need "
            f"{largest:.2g} units, more than {LARGEST_SUM:.2g}; lower decimals or wealth"
        )


def build(scenario: Scenario, seed: int, highest: Sequence[float] = ()) -> World:
    """World of a scenario at step 0, before any burn-in.

    Parameters
    ----------
    highest : sequence of float, optional
        Prices of the underlyings that books must hold; those of recordings by default.

    Raises
    ------
    ScenarioError, ParameterError
        When the scenario contradicts itself or would overflow, with its file.
    """
    try:
        return _built(scenario, seed, highest)
    except ScenarioError as error:
        raise type(error)(f"{scenario.origin}: {error}") from None


class Frame(NamedTuple):
    """A state before anyone holds anything, with the program and the rows it was made from."""

    state: State
    entries: list[Entry]
    blocks: list[Block]


def frame_of(scenario: Scenario, seed: int, highest: Sequence[float] = ()) -> Frame:
    """Rules of a scenario as a state: markets, venue, program, traits; no money, no positions.

    Raises
    ------
    ParameterError
        When the seed is out of range or the scenario contradicts itself.
    """
    if not 0 <= seed < 1 << 63:
        raise ParameterError(f"seed = {seed}: allowed are 0 to 2**63 - 1")
    prices, paths = first_prices(scenario, seed)
    entries = program_of(scenario)
    blocks = lay_out(scenario, system_rows(scenario))
    check_traders(blocks, scenario)
    most = list(highest) or highest_prices(prices, paths)
    state = blank_state(
        _sizes(scenario, blocks, len(entries), most), seed, scenario.run.block_seconds
    )
    fill_markets(state, scenario, prices)
    fill_venue(state, scenario)
    state = fill_outside(state, scenario, prices, paths)
    fill_options(state, scenario)
    price_markets(state, scenario)
    if scenario.venue.has_model:
        state = with_model(state, scenario, prices)
    fill_accounts(state, blocks, seed)
    fill_reports(state, scenario, blocks, prices)
    fill_program(state, entries, blocks)
    return Frame(state, entries, blocks)


def _built(scenario: Scenario, seed: int, highest: Sequence[float]) -> World:
    state, entries, blocks = frame_of(scenario, seed, highest)
    notes = hold(state, scenario, blocks, seed, check_sums)
    open_options(state, scenario, blocks)
    if scenario.snapshot is not None:
        bring_in(state, scenario, blocks)
        check_sums(state, scenario)
    divided = divide(state, scenario, blocks)
    placed = place_first_stops(state, [b for block in blocks for b in block.by_group()], seed)
    world = _world(state, scenario, entries, blocks)
    if placed is not None:
        notes["stops"] = placed
    if divided is not None:
        notes["accounts"] = divided
    if notes:
        world.notes["initial"] = notes
    return world


def with_model(state: State, scenario: Scenario, prices: list[float]) -> State:
    """State with the risk model of its venue."""
    from crossmargin.experiments.margin.live import with_risk

    return with_risk(state, scenario, prices)


def _world(state: State, scenario: Scenario, entries: list[Entry], blocks: list[Block]) -> World:
    names = Names(
        assets=[asset.name for asset in scenario.asset],
        markets=[market.name for market in scenario.market],
        underlyings=[underlying.name for underlying in scenario.underlying],
        populations=[block.population.name for block in blocks],
    )
    world = World(state, [entry.part for entry in entries], names, scenario)
    world.solo = {k: entry.solo for k, entry in enumerate(entries) if entry.solo is not None}
    _measure_in_python(world, [k for k, entry in enumerate(entries) if entry.key == OWN_MODEL])
    return world


def _measure_in_python(world: World, places: list[int]) -> None:
    """Let a risk model written in Python act in its places of the program."""
    for place in places:
        from crossmargin.experiments.margin.own_model import OwnModel

        world.state.parts["is_python"][place] = 1
        world.python_parts[place] = OwnModel(world.scenario)
