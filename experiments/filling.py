"""What stands in the records of a state at step 0, money and positions left out."""

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.layout import Block, is_reporting
from crossmargin.experiments.limits import HEADROOM, LARGEST_LOT
from crossmargin.experiments.schema import MarketTable, Scenario
from crossmargin.experiments.wiring import Entry, numbers_row
from crossmargin.model.draws import population_key
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.state import FIRST_SETTLEMENT, OPTION, PERPETUAL, SPOT, State
from crossmargin.model.traits import draw

#: Kinds of market by their word in a scenario.
KINDS = {"spot": SPOT, "perpetual": PERPETUAL, "option": OPTION}
#: Parts of the venue that leave options to parts of their own.
NOT_OF_OPTIONS = ("venue.mark", "venue.funding")


def _where(table: MarketTable) -> str:
    """Key of a market in its scenario; a series stands in the table that lists it."""
    return f"market.{table.name}" if table.series is None else f"option.{table.series.option}"


def _tick_units(scenario: Scenario, market: MarketTable) -> int:
    """Quote units of one half tick times one lot."""
    exact = market.tick * market.lot * 10 ** scenario.asset[0].decimals / 2
    whole = round(exact)
    if whole < 1 or abs(exact - whole) > 1e-6 * whole:
        raise ParameterError(
            f"{_where(market)}: half a tick times a lot is {exact:g} units of "
            f"{scenario.asset[0].name}; it must be a whole number: raise tick, lot or "
            f"asset.{scenario.asset[0].name}.decimals"
        )
    return whole


def _check_lot(scenario: Scenario, market: MarketTable, half_price: int, half_unit: int) -> None:
    """Refuse a lot whose value at the highest price would leave no room for sums of money."""
    one = 10 ** scenario.asset[0].decimals
    if HEADROOM * half_price * half_unit > LARGEST_LOT:
        raise ScenarioError(
            f"{_where(market)}.lot = {market.lot}: one lot is worth "
            f"{half_price * half_unit / one:.3g} {scenario.asset[0].name}; at most "
            f"{LARGEST_LOT / HEADROOM / one:.3g} is allowed: lower lot or "
            f"asset.{scenario.asset[0].name}.decimals"
        )


def fill_markets(state: State, scenario: Scenario, prices: list[float]) -> None:
    """Static fields and first prices of assets, markets and books."""
    assets = [asset.name for asset in scenario.asset]
    underlyings = [underlying.name for underlying in scenario.underlying]
    settlement = FIRST_SETTLEMENT
    for m, table in enumerate(scenario.market):
        market = state.ledger.markets[m]
        market["kind"] = KINDS[table.kind]
        market["underlying"] = underlyings.index(table.underlying)
        ticks = round(prices[market["underlying"]] / table.tick)
        half_unit = _tick_units(scenario, table)
        _check_lot(scenario, table, 2 * ticks, half_unit)
        market["half_unit"] = half_unit
        market["tick"], market["lot"] = table.tick, table.lot
        market["maker_fee"], market["taker_fee"] = table.maker_fee, table.taker_fee
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
    if units > LARGEST_LOT:
        raise ScenarioError(
            f"market.{table.name}.lot = {table.lot}: is {units:.3g} units of {table.base}, at most "
            f"{LARGEST_LOT:.3g} are allowed: lower lot or asset.{table.base}.decimals"
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


def fill_outside(
    state: State, scenario: Scenario, prices: list[float], paths: list[NDArray[np.float64]]
) -> State:
    """References at their first prices, keys by name, recorded paths and a level trail."""
    logs = np.log(prices)
    references = state.outside.references
    references["key"] = [population_key(f"underlying {u.name}") for u in scenario.underlying]
    references["price"], references["base_log"] = prices, logs
    references["first_log"] = logs
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
        if not is_reporting(block):
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
    queue = next((k for k, e in enumerate(entries) if e.key == "venue.queue"), -1)
    for k, entry in enumerate(entries):
        row, numbers = state.parts[k], numbers_row(entry)
        state.params[k, : len(numbers)] = numbers
        row["first"], row["count"] = first, last - first
        row["market"], row["underlying"] = entry.market, entry.underlying
        row["markets"] = (1 << len(state.ledger.markets)) - 1
        if entry.key in NOT_OF_OPTIONS:
            options = np.flatnonzero(state.ledger.markets["kind"] == OPTION)
            row["markets"] -= sum(1 << int(m) for m in options)
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
            if is_reporting(block):
                row["market"] = block.markets[0]
                row["underlying"] = state.ledger.markets[block.markets[0]]["underlying"]
        if entry.keepers is not None:
            _fill_keepers(state, k, entry, by_name[entry.keepers])


def _fill_keepers(state: State, k: int, entry: Entry, block: Block) -> None:
    """Rows of the keepers who bid for what a part of the waterfall offers."""
    fields = list(type(entry.numbers).model_fields)
    state.params[k, fields.index("keepers_first")] = block.first
    state.params[k, fields.index("keepers_count")] = block.count
