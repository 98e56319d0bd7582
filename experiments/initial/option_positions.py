"""Options that are held at the start: matched, at the first mark, shared equally over accounts."""

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.layout import Block
from crossmargin.experiments.option_tables import OptionInterest, OptionTable
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import State


def open_options(state: State, scenario: Scenario, blocks: list[Block]) -> None:
    """Let populations hold what `[[option]]` says of its open interest.

    Nobody gains: positions are entered at the first mark, and longs equal shorts.

    Raises
    ------
    ParameterError
        When a population cannot hold a series, or an account would be liquidated at once.
    """
    by_name = {block.population.name: block for block in blocks}
    for table in scenario.option:
        for k, row in enumerate(table.open_interest):
            where = f"option.{table.name}.open_interest.{k}"
            for m in _markets(scenario, table, row):
                for name, sign in ((row.longs, 1), (row.shorts, -1)):
                    _hold(state, where, by_name[name], m, sign * round(row.units / table.lot))
                _check_room(state, where, [by_name[row.longs], by_name[row.shorts]])


def _markets(scenario: Scenario, table: OptionTable, row: OptionInterest) -> list[int]:
    """Markets of the series that a row is about: those it names, or all of its table."""
    found = []
    for m, market in enumerate(scenario.market):
        is_own = market.series is not None and market.series.option == table.name
        if is_own and (not row.series or market.name in row.series):
            found.append(m)
    return found


def _hold(state: State, where: str, block: Block, m: int, lots: int) -> None:
    if m not in block.markets:
        raise ParameterError(
            f"{where}: {block.population.name} has not all of its series among its markets"
        )
    ledger, market = state.ledger, state.ledger.markets[m]
    shares = _shares(lots, block.count)
    ledger.lots[block.rows, m] += shares
    ledger.cost[block.rows, m] += shares * int(market["mark"]) * int(market["half_unit"])
    market["open_interest"] = int(np.abs(ledger.lots[:, m]).sum())


def _shares(lots: int, count: int) -> NDArray[np.int64]:
    """Equal parts of some lots, the first ones a lot more where it does not come out even."""
    part, more = divmod(abs(lots), count)
    shares = np.full(count, part, np.int64)
    shares[:more] += 1
    return shares if lots > 0 else -shares


def _check_room(state: State, where: str, holders: list[Block]) -> None:
    measure_all(state.ledger, state.book)
    for block in holders:
        rows = state.ledger.accounts[block.rows]
        if (rows["maintenance_equity"] < rows["maintenance_requirement"]).any():
            raise ParameterError(
                f"{where}.units: {block.population.name} would be below maintenance margin at the "
                "start; fewer units, or more wealth"
            )
