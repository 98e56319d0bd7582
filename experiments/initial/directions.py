"""Positions that accounts take of their own: side, leverage, entry, before anything is matched."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.initial.drawing import (
    AGAIN,
    ENTRY,
    LEVERAGE,
    SIDE,
    Floats,
    check_range,
    drawn,
    whales_of,
)
from crossmargin.experiments.initial.histories import Profile
from crossmargin.experiments.layout import Block
from crossmargin.experiments.population_tables import FROM_HISTORY, Whale
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import OPTION, SPOT, State
from crossmargin.model.traits import BY_NOTIONAL, by_agents, draw


@dataclass(frozen=True, eq=False)
class Terms:
    """On which terms the rows of one population hold what they hold.

    Attributes
    ----------
    sign : (n,) float64, +1 long, -1 short, 0 for who takes no side of its own
    leverage : (n,) float64, notional over wealth
    share : (n, n_markets) float64, of the notional in each market
    entry : (n, n_markets) float64, entry over first price
    is_whale : (n,) bool
    """

    sign: Floats
    leverage: Floats
    share: Floats
    entry: Floats
    is_whale: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Entries:
    """Where entry prices come from.

    Attributes
    ----------
    profiles : dict of Profile, by row of the market
    attempt : (n_accounts,) int64, how often an account has drawn its entry again
    """

    profiles: dict[int, Profile]
    attempt: NDArray[np.int64]


def perpetuals_of(state: State, block: Block) -> list[int]:
    """Markets in which a population can hold a position."""
    kinds = state.ledger.markets["kind"]
    return [m for m in block.markets if kinds[m] not in (SPOT, OPTION)]


def most_leverage(state: State, market: int) -> float:
    """What the first tier of a market allows: the venue let nobody in with more."""
    return float(1.0 / state.ledger.tiers["initial"][market, 0])


def first_price(state: State, market: int) -> float:
    """First price of a market, quote per base."""
    row = state.ledger.markets[market]
    return float(0.5 * row["mark"] * row["tick"])


def terms_of(state: State, block: Block, seed: int, entries: Entries) -> Terms:
    """Draw the terms of a population; its whales have their own.

    Raises
    ------
    ParameterError
        When a draw is out of range, with key and account.
    """
    terms = Terms(
        sign=_signs(state, block, seed),
        leverage=_leverages(state, block, seed),
        share=_shares(state, block),
        entry=_entries(state, block, seed, entries),
        is_whale=np.zeros(block.count, bool),
    )
    for whale, rows in whales_of(block):
        _set_whale(state, block, terms, whale, rows)
    return terms


def _signs(state: State, block: Block, seed: int) -> Floats:
    position = block.population.position
    side = "balance" if position is None else position.side
    if side == "both":
        chance = drawn(state, block, seed, {"uniform": [0, 1]}, SIDE)
        return np.where(chance < 0.5, 1.0, -1.0)
    return np.full(block.count, {"long": 1.0, "short": -1.0}.get(side, 0.0))


def _leverages(state: State, block: Block, seed: int) -> Floats:
    position = block.population.position
    if position is None or position.side == "balance":
        return np.zeros(block.count)
    key = f"population.{block.population.name}.position.leverage"
    wanted = position.leverage
    if BY_NOTIONAL in wanted:
        most = min((most_leverage(state, m) for m in perpetuals_of(state, block)), default=1.0)
        try:
            wanted = by_agents(wanted, most)
        except ValueError as error:
            raise ParameterError(f"{key}.{error}") from None
    leverage = drawn(state, block, seed, wanted, LEVERAGE)
    check_range(key, leverage, 0.0, 1e6)
    return leverage


def _shares(state: State, block: Block) -> Floats:
    """Notional is shared equally over the perpetuals of an account, or is all in its only one."""
    share = np.zeros((block.count, len(state.ledger.markets)))
    own = state.ledger.accounts["only_market"][block.rows]
    held = perpetuals_of(state, block)
    for m in held:
        share[:, m] = np.where(own < 0, 1.0 / len(held), (own == m).astype(float))
    return share


def _entries(state: State, block: Block, seed: int, entries: Entries) -> Floats:
    """Entry over first price, of each row in each market."""
    found = np.ones((block.count, len(state.ledger.markets)))
    position = block.population.position
    if position is None:
        return found
    is_profile = position.entry == FROM_HISTORY
    distribution = {"uniform": [0.0, 1.0]} if is_profile else position.entry
    draws = drawn(state, block, seed, distribution, ENTRY)
    attempts = entries.attempt[block.rows]
    keys = state.ledger.accounts["key"][block.rows]
    for again in np.unique(attempts[attempts > 0]):
        rows = attempts == again
        draws[rows] = draw(distribution, seed, keys[rows], AGAIN + int(again))
    for m in perpetuals_of(state, block):
        found[:, m] = draws
        if is_profile:
            found[:, m] = entries.profiles[m].quantile(draws) / first_price(state, m)
        key = f"population.{block.population.name}.position.entry"
        check_range(key, found[:, m], 1e-3, 1e3)
    return found


def _set_whale(state: State, block: Block, terms: Terms, whale: Whale, rows: slice) -> None:
    """Put down what a scenario says of one account."""
    where = f"population.{block.population.name}.whale.{whale.name}"
    names = dict(zip(block.population.markets, block.markets, strict=True))
    held = [names[n] for n in whale.markets] or perpetuals_of(state, block)
    held = [m for m in held if m in perpetuals_of(state, block)]
    terms.is_whale[rows] = True
    if whale.side is not None:
        terms.sign[rows] = 1.0 if whale.side == "long" else -1.0
        terms.leverage[rows] = 1.0
    if whale.side is not None and not held:
        raise ParameterError(f"{where}.side: none of its markets is a perpetual")
    if whale.leverage is not None:
        for m in held:
            if whale.leverage > most_leverage(state, m) * (1 + 1e-9):
                raise ParameterError(
                    f"{where}.leverage = {whale.leverage:g}: the first margin tier allows "
                    f"{most_leverage(state, m):g}"
                )
        terms.leverage[rows] = whale.leverage
    if whale.markets:
        own = state.ledger.accounts["only_market"][block.rows][rows]
        terms.share[rows] = 0.0
        for m in held:
            terms.share[rows, m] = np.where(own < 0, 1.0 / len(held), own == m)
    if whale.entry is not None:
        check_range(f"{where}.entry", np.array([whale.entry]), 1e-3, 1e3)
        terms.entry[rows] = whale.entry


def lots_of(state: State, block: Block, terms: Terms, wealth: Floats, at_entry: bool) -> Floats:
    """Lots of each row and market: wealth times leverage, shared over its perpetuals.

    Leverage beyond what the first margin tier allows is cut to that; a position that reaches a
    higher tier may begin below its initial margin.

    Parameters
    ----------
    wealth : (n,) float64
        Quote units: equity at the start, or what was paid in at the entry.
    """
    markets = state.ledger.markets
    lots = np.zeros((block.count, len(markets)))
    for m in perpetuals_of(state, block):
        face = float(markets[m]["face"])
        value = float(markets[m]["mark"]) * float(markets[m]["half_unit"])
        price = value * terms.entry[:, m] + face if at_entry else value + face
        taken = np.minimum(terms.leverage, most_leverage(state, m)) * wealth * terms.share[:, m]
        lots[:, m] = np.trunc(terms.sign * taken / price)
    return lots
