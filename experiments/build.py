"""From a scenario to a world: rows, money, positions, program.

Nothing here runs a block. Money comes in as mints to the outside row and moves by transfers;
initial positions are matched, so that every long has its short.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.holdings import LARGEST_SUM, endow, open_positions
from crossmargin.experiments.paths import Window, load_path
from crossmargin.experiments.schema import MarketTable, Population, Recording, Scenario
from crossmargin.experiments.wiring import (
    Behaviour,
    Entry,
    numbers_row,
    population_numbers,
    program_of,
)
from crossmargin.model.blank import Sizes, blank_state
from crossmargin.model.draws import population_key
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.state import FIRST_SETTLEMENT, PERPETUAL, SPOT, State
from crossmargin.model.traits import draw
from crossmargin.model.world import Names, World

#: Recorded prices that come with the package.
DATA = Path(__file__).parent / "data"
#: Ticks above the first price that a book must reach: a pump of this factor is no reason to stop.
HEADROOM = 24
#: Longest look-back of an agent, blocks; a power of two.
WINDOW = 1 << 12


@dataclass(frozen=True)
class Block:
    """Rows and places of one population."""

    population: Population
    behaviour: Behaviour
    markets: tuple[int, ...]
    first: int
    count: int
    first_slot: int
    slots: int
    messages: int
    first_report: int

    @property
    def rows(self) -> slice:
        """Rows of the accounts."""
        return slice(self.first, self.first + self.count)

    @property
    def mask(self) -> int:
        """Bit mask of the markets."""
        return sum(1 << m for m in self.markets)


def _places(behaviour: Behaviour, name: str, n_markets: int) -> int:
    home = behaviour.solo
    if behaviour.part is not None:
        home = importlib.import_module(behaviour.part.kernel.__module__)
    count = getattr(home, name, None)
    return int(count(behaviour.numbers, n_markets)) if count else 0


def lay_out(scenario: Scenario, first: int) -> list[Block]:
    """Rows, handles and reports of every population, in order."""
    names = [market.name for market in scenario.market]
    blocks, slot, report = [], 0, 0
    for population in scenario.population:
        behaviour = population_numbers(population)
        markets = tuple(names.index(name) for name in population.markets)
        isolated = population.margin == "isolated"
        count = population.count * (max(1, len(markets)) if isolated else 1)
        slots = _places(behaviour, "slots_needed", len(markets))
        messages = _places(behaviour, "messages_needed", len(markets))
        blocks.append(
            Block(population, behaviour, markets, first, count, slot, slots, messages, report)
        )
        first += count
        slot += slots * count
        if behaviour.part is not None and behaviour.part.phase == "oracles":
            report += count
    return blocks


def first_prices(scenario: Scenario, seed: int) -> tuple[list[float], list[NDArray[np.float64]]]:
    """First price of every underlying and its recorded log path, empty when simulated."""
    prices, paths = [], []
    for underlying in scenario.underlying:
        path = np.zeros(0)
        if underlying.recording is not None:
            path = _recorded(underlying.recording, scenario, seed)
        paths.append(path)
        prices.append(float(np.exp(path[0])) if len(path) else float(underlying.price or 0))
    return prices, paths


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
    slots = sum(block.slots * block.count for block in blocks)
    messages = sum(block.messages * block.count for block in blocks)
    orders = max(4096, 2 * slots + 1024)
    last = blocks[-1]
    return Sizes(
        accounts=last.first + last.count,
        assets=len(scenario.asset),
        markets=len(scenario.market),
        underlyings=len(scenario.underlying),
        tiers=max(len(market.tiers) for market in scenario.market) or 1,
        parts=n_parts,
        price_levels=max(_ticks(scenario, market, prices) for market in scenario.market),
        orders=orders,
        pages=min(orders + 64, 4096 * len(scenario.market)),
        slots=max(1, slots),
        messages=messages + 1024,
        reports=max(1, sum(block.count for block in blocks if _reports(block))),
        window=WINDOW,
    )


def _reports(block: Block) -> bool:
    return block.behaviour.part is not None and block.behaviour.part.phase == "oracles"


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


def _tick_units(scenario: Scenario, market: MarketTable) -> int:
    """Quote units of one half tick times one lot."""
    exact = market.tick * market.lot * 10 ** scenario.asset[0].decimals / 2
    whole = round(exact)
    if whole < 1 or abs(exact - whole) > 1e-6 * whole:
        raise ParameterError(
            f"market.{market.name}: half a tick times a lot is {exact:g} units of "
            f"{scenario.asset[0].name}; it must be a whole number: raise tick, lot or "
            f"asset.{scenario.asset[0].name}.decimals"
        )
    return whole


def fill_markets(state: State, scenario: Scenario, prices: list[float]) -> None:
    """Static fields and first prices of assets, markets and books."""
    assets = [asset.name for asset in scenario.asset]
    underlyings = [underlying.name for underlying in scenario.underlying]
    settlement = FIRST_SETTLEMENT
    for m, table in enumerate(scenario.market):
        market = state.ledger.markets[m]
        market["kind"] = SPOT if table.kind == "spot" else PERPETUAL
        market["underlying"] = underlyings.index(table.underlying)
        market["half_unit"] = _tick_units(scenario, table)
        market["tick"], market["lot"] = table.tick, table.lot
        market["maker_fee"], market["taker_fee"] = table.maker_fee, table.taker_fee
        ticks = round(prices[market["underlying"]] / table.tick)
        market["index"] = market["mark"] = 2 * ticks
        ladder = state.book.ladders[m]
        ladder["mid"], ladder["last"] = 2 * ticks, ticks
        ladder["self_trade"] = ("allow", "cancel_resting", "cancel_taker").index(table.self_trade)
        if table.kind == "spot":
            _fill_spot(state, scenario, m, assets.index(str(table.base)))
        else:
            market["settlement"] = settlement
            settlement += 1
            fill_tiers(state, scenario, m, table)
    for a, asset in enumerate(scenario.asset):
        row = state.ledger.assets[a]
        row["decimals"] = asset.decimals
        row["initial_weight"] = asset.initial_weight
        row["maintenance_weight"] = asset.maintenance_weight


def _fill_spot(state: State, scenario: Scenario, m: int, base: int) -> None:
    table = scenario.market[m]
    units = table.lot * 10 ** scenario.asset[base].decimals
    if round(units) < 1 or abs(units - round(units)) > 1e-6 * units:
        raise ParameterError(
            f"market.{table.name}.lot = {table.lot}: is {units:g} units of {table.base}, "
            f"not a whole number: raise lot or asset.{table.base}.decimals"
        )
    state.ledger.markets[m]["base"] = base
    state.ledger.markets[m]["lot_units"] = round(units)
    state.ledger.assets[base]["market"] = m


def fill_tiers(state: State, scenario: Scenario, m: int, table: MarketTable) -> None:
    """Brackets of a market, with the credits that make its requirement continuous."""
    one = 10 ** scenario.asset[0].decimals
    rows = state.ledger.tiers[m]
    for t, tier in enumerate(table.tiers):
        rows[t]["lower"] = round(tier.notional * one)
        for name, rate in (("initial", tier.initial), ("maintenance", tier.maintenance)):
            credit = f"{name}_credit"
            rows[t][name] = rate
            if t:
                step = rows[t]["lower"] * (rate - rows[t - 1][name])
                rows[t][credit] = rows[t - 1][credit] + step


def fill_venue(state: State, scenario: Scenario) -> None:
    """Numbers of the venue, seconds turned into blocks."""
    table, venue, block = scenario.venue, state.ledger.venue[0], scenario.run.block_seconds
    for name in ("interest_rate", "call_ratio", "reduce_only_ratio", "rounds", "penalty_rate"):
        venue[name] = getattr(table, name)
    venue["liquidator_share"] = table.liquidator_share
    venue["check_every"] = max(1, round(table.check_seconds / block))
    venue["grace"] = int(np.ceil(table.grace_seconds / block))
    venue["is_takeover"] = table.take_over


def fill_outside(state: State, prices: list[float], paths: list[NDArray[np.float64]]) -> State:
    """References at their first prices, recorded paths and a level trail."""
    logs = np.log(prices)
    references = state.outside.references
    references["price"], references["base_log"] = prices, logs
    n = len(prices)
    state.outside.trail[:n] = logs[:, None]
    state.outside.trail[n:] = np.tile(logs[state.ledger.markets["underlying"]], 2)[:, None]
    longest = max(len(path) for path in paths)
    table = np.zeros((n, longest))
    for u, path in enumerate(paths):
        table[u, : len(path)] = path
    return state._replace(outside=state.outside._replace(paths=table))


def fill_accounts(state: State, blocks: list[Block], seed: int) -> None:
    """Owners, keys, modes and traits of all rows."""
    accounts = state.ledger.accounts
    accounts["owner"] = np.arange(len(accounts))
    for p, block in enumerate(blocks):
        rows = accounts[block.rows]
        index = np.arange(block.count)
        isolated = block.population.margin == "isolated" and len(block.markets) > 0
        if isolated:
            rows["only_market"] = np.tile(block.markets, block.population.count)
            rows["owner"] = block.first + index // len(block.markets) * len(block.markets)
        rows["population"] = p
        rows["index"] = index
        rows["key"] = np.uint64(population_key(block.population.name)) + index.astype(np.uint64)
        for t, name in enumerate(type(block.behaviour.traits).model_fields):
            value = getattr(block.behaviour.traits, name)
            state.crowd.traits[block.rows, t] = draw(value, seed, rows["key"], t)


def fill_reports(
    state: State, scenario: Scenario, blocks: list[Block], prices: list[float]
) -> None:
    """Every reporter starts with a report of the first price."""
    for block in blocks:
        if not _reports(block):
            continue
        underlyings = {int(state.ledger.markets[m]["underlying"]) for m in block.markets}
        if len(underlyings) != 1:
            name = block.population.name
            raise ParameterError(f"population.{name}.markets: reporters need one underlying")
        rows = state.crowd.reports[block.first_report : block.first_report + block.count]
        rows["underlying"] = min(underlyings)
        rows["price"] = prices[min(underlyings)]
        rows["weight"] = 1.0


def fill_program(state: State, entries: list[Entry], blocks: list[Block]) -> None:
    """Rows of `parts` and `params`, places of populations included."""
    by_name = {block.population.name: block for block in blocks}
    first, last = blocks[0].first, blocks[-1].first + blocks[-1].count
    queue = next((k for k, e in enumerate(entries) if e.part.name == "queue"), -1)
    for k, entry in enumerate(entries):
        row, numbers = state.parts[k], numbers_row(entry)
        state.params[k, : len(numbers)] = numbers
        row["first"], row["count"] = first, last - first
        row["market"], row["underlying"] = entry.market, entry.underlying
        row["markets"] = (1 << len(state.ledger.markets)) - 1
        row["after_forced"] = entry.after_forced
        row["population"] = -1
        if entry.part.name == "round":
            row["back"] = queue
        if entry.population is not None:
            block = by_name[entry.population]
            row["population"] = list(by_name).index(entry.population)
            row["first"], row["count"] = block.first, block.count
            row["first_slot"], row["slots"] = block.first_slot, block.slots
            row["first_report"], row["markets"] = block.first_report, block.mask
            if _reports(block):
                row["market"] = block.markets[0]
                row["underlying"] = state.ledger.markets[block.markets[0]]["underlying"]
        _fill_keepers(state, k, entry, blocks)


def _fill_keepers(state: State, k: int, entry: Entry, blocks: list[Block]) -> None:
    fields = list(type(entry.numbers).model_fields)
    if "keepers_first" not in fields:
        return
    for block in blocks:
        part = block.behaviour.part
        if part is not None and part.name == "keepers":
            state.params[k, fields.index("keepers_first")] = block.first
            state.params[k, fields.index("keepers_count")] = block.count


def check_sums(state: State, scenario: Scenario) -> None:
    """Refuse a scenario whose money could leave 64 bits.

    Raises
    ------
    ScenarioError
        With the parameter to change.
    """
    one = 10 ** scenario.asset[0].decimals
    held = float(np.abs(state.ledger.balances[:, QUOTE]).astype(float).sum())
    rates = [tier.initial for market in scenario.market for tier in market.tiers]
    largest = HEADROOM * held / min(rates, default=1.0)
    if not largest < LARGEST_SUM:
        raise ScenarioError(
            f"asset.{scenario.asset[0].name}.decimals = {scenario.asset[0].decimals}: wealth of "
            f"{held / one:.3g} at the largest leverage and a {HEADROOM}-fold price would need "
            f"{largest:.2g} units, more than {LARGEST_SUM:.2g}; lower decimals or wealth"
        )


def build(scenario: Scenario, seed: int) -> World:
    """World of a scenario at step 0.

    Raises
    ------
    ScenarioError, ParameterError
        When the scenario contradicts itself or would overflow.
    """
    if not 0 <= seed < 1 << 63:
        raise ParameterError(f"seed = {seed}: allowed are 0 to 2**63 - 1")
    prices, paths = first_prices(scenario, seed)
    entries = program_of(scenario)
    perpetuals = sum(market.kind == "perpetual" for market in scenario.market)
    blocks = lay_out(scenario, FIRST_SETTLEMENT + perpetuals)
    sizes = _sizes(scenario, blocks, len(entries), prices)
    state = blank_state(sizes, seed, scenario.run.block_seconds)
    fill_markets(state, scenario, prices)
    fill_venue(state, scenario)
    state = fill_outside(state, prices, paths)
    fill_accounts(state, blocks, seed)
    fill_reports(state, scenario, blocks, prices)
    fill_program(state, entries, blocks)
    endow(state, scenario, blocks, seed)
    check_sums(state, scenario)
    open_positions(state, scenario, blocks, seed)
    return _world(state, scenario, entries, blocks)


def _world(state: State, scenario: Scenario, entries: list[Entry], blocks: list[Block]) -> World:
    names = Names(
        assets=[asset.name for asset in scenario.asset],
        markets=[market.name for market in scenario.market],
        underlyings=[underlying.name for underlying in scenario.underlying],
        populations=[block.population.name for block in blocks],
    )
    world = World(state, [entry.part for entry in entries], names, scenario)
    world.solo = {k: entry.solo for k, entry in enumerate(entries) if entry.solo is not None}
    return world
