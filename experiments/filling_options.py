"""Option series in a state at step 0: terms, smiles, first marks."""

from typing import NamedTuple

import numpy as np

from crossmargin.experiments.layout import Block, home_of
from crossmargin.experiments.option_tables import RIGHTS, OptionTable, plain
from crossmargin.experiments.schema import MarketTable, Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.options.series import mark_series, read_surface
from crossmargin.model.state import State

#: Fields of a table's margin rule that a market has too.
RULES = (
    "short_initial",
    "short_floor",
    "short_maintenance",
    "long_initial",
    "long_maintenance",
)


class Row(NamedTuple):
    """A series with the tables that it comes from, and where it stands."""

    market: int
    table: MarketTable
    option: OptionTable
    expiry: int  # row of `options.expiries`


def rows_of(scenario: Scenario) -> list[Row]:
    """All series of a scenario, in the order of their markets."""
    tables = {table.name: table for table in scenario.option}
    found: list[Row] = []
    places: dict[tuple[str, int], int] = {}
    for m, market in enumerate(scenario.market):
        if market.series is not None:
            key = (market.series.option, market.series.expiry)
            place = places.setdefault(key, len(places))
            found.append(Row(m, market, tables[market.series.option], place))
    return found


def fill_options(state: State, scenario: Scenario) -> None:
    """Terms of all series, expiries and surfaces, and the first marks of their markets.

    Raises
    ------
    ParameterError
        When a strike is no multiple of half a tick, or an expiry lies within the first block.
    """
    rows = rows_of(scenario)
    for i, row in enumerate(rows):
        _fill_expiry(state, scenario, row)
        _fill_series(state, i, row)
        _fill_market(state, row)
    if not rows:
        return
    _fill_surfaces(state)
    read_surface(state.options.series, state.options.smiles)
    mark_series(state.options.series)
    for i, row in enumerate(rows):
        _fill_price(state, i, row)


def _fill_expiry(state: State, scenario: Scenario, row: Row) -> None:
    series, block = row.table.series, scenario.run.block_seconds
    assert series is not None
    table = row.option.expiries[series.expiry]
    expiry = state.options.expiries[row.expiry]
    step = int(np.ceil(table.seconds / block - 1e-9))
    if step < 2:
        raise ParameterError(
            f"option.{row.option.name}.expiries.{series.expiry}.seconds = {table.seconds:g}: "
            f"expires within the first block, which takes {block:g} s; allowed is more"
        )
    expiry["underlying"] = state.ledger.markets["underlying"][row.market]
    expiry["step"] = step
    window = int(np.ceil(row.option.settlement_seconds / block - 1e-9))
    expiry["window"] = min(max(1, window), step)
    expiry["level"] = table.level
    expiry["remaining"] = expiry["spread"] = 1.0
    smile = (table.level, table.skew, table.curvature, table.floor, table.cap)
    state.options.smiles[row.expiry] = smile


def _fill_series(state: State, i: int, row: Row) -> None:
    series = row.table.series
    assert series is not None
    s, expiry = state.options.series[i], state.options.expiries[row.expiry]
    u = int(expiry["underlying"])
    s["forward"] = state.outside.references["price"][u]
    s["strike"], s["kind"] = series.strike, RIGHTS[series.kind]
    s["seconds"] = int(expiry["step"]) * float(state.clock["block_seconds"][0])
    s["lot"], s["confidence"] = row.option.lot, 1.0
    s["underlying"], s["expiry"] = u, row.expiry
    state.options.markets[i] = row.market
    state.options.places[row.market] = i


def _fill_market(state: State, row: Row) -> None:
    series, market = row.table.series, state.ledger.markets[row.market]
    assert series is not None
    halves = 2.0 * series.strike / row.option.tick
    if abs(halves - round(halves)) > 1e-6:
        raise ParameterError(
            f"option.{row.option.name}: strike {plain(series.strike)} is no multiple of half a "
            f"tick, {plain(row.option.tick / 2)}; change strikes or tick"
        )
    market["right"], market["strike"] = RIGHTS[series.kind], round(halves)
    market["fee_cap"] = row.option.fee_cap
    for name in RULES:
        market[name] = getattr(row.option.margin, name)


def _fill_surfaces(state: State) -> None:
    """Realised variance starts where the first expiry of an underlying says that it is."""
    surfaces = state.options.surfaces
    surfaces["ratio"] = 1.0
    surfaces["last_log"] = state.outside.references["base_log"]
    for expiry in state.options.expiries[::-1]:
        surfaces["variance"][expiry["underlying"]] = float(expiry["level"]) ** 2
    surfaces["first_variance"] = surfaces["variance"]


def _fill_price(state: State, i: int, row: Row) -> None:
    market, ladder = state.ledger.markets[row.market], state.book.ladders[row.market]
    mark = float(state.options.series["mark"][i])
    market["mark"] = max(1, round(2 * mark / row.option.tick))
    ladder["mid"], ladder["last"] = market["mark"], max(1, int(market["mark"]) // 2)
    n = len(state.outside.references)
    price = 0.5 * float(market["mark"]) * row.option.tick
    state.outside.trail[n + row.market] = np.log(price)


def check_traders(blocks: list[Block], scenario: Scenario) -> None:
    """Refuse populations on option markets that do not know what an option is.

    Raises
    ------
    ParameterError
        With the population; agents of a part say `TRADES_OPTIONS`, classes in Python are free.
    """
    options = {m for m, market in enumerate(scenario.market) if market.series is not None}
    for block in blocks:
        is_able = block.behaviour.solo is not None or home_of(block.behaviour, "TRADES_OPTIONS")
        if not is_able and options & set(block.markets):
            name = scenario.market[min(options & set(block.markets))].name
            raise ParameterError(
                f"population.{block.population.name}.markets: {block.population.kind} trade no "
                f"options such as {name}; option_makers and option_traders do"
            )
