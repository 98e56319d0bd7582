"""A small market made by hand, for tests of single kernels: every number is in plain sight.

System rows 0 to 5, a settlement row for each perpetual, then the accounts of one population.
Markets stand in the order given, collateral assets after the quote asset, one for each spot
market. One quote unit is 1e-6; one tick (0.01) times one lot (0.001) is 10 units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crossmargin.model.blank import Sizes, blank_state
from crossmargin.model.draws import population_key
from crossmargin.model.kernel import from_python
from crossmargin.model.ledger import Parcel, mint, move_position, residuals
from crossmargin.model.parts import find_part, row_of
from crossmargin.model.state import (
    DISCRETIONARY,
    FIRST_SETTLEMENT,
    INVERSE,
    ORDER,
    PERPETUAL,
    SPOT,
    Array,
    State,
)
from crossmargin.model.trading import execute
from crossmargin.model.world import Names, World

DECIMALS, BASE_DECIMALS = 6, 8
ONE = 10**DECIMALS  # units of one whole quote
TICK, LOT = 0.01, 0.001
HALF_UNIT = 5  # quote units of half a tick times one lot
LOT_UNITS = 10 ** (BASE_DECIMALS - 3)

#: One bracket: (notional in whole quote from which it holds, initial rate, maintenance rate).
FLAT = ((0, 0.1, 0.05),)


@dataclass(frozen=True)
class Listing:
    """A market to be listed; the price is the mark and the index at the start, quote per base."""

    kind: str = "perpetual"
    price: float = 100.0
    underlying: int = 0
    maker_fee: float = 0.0002
    taker_fee: float = 0.0005
    tiers: Sequence[tuple[float, float, float]] = FLAT
    weights: tuple[float, float] = (0.8, 0.9)  # of the collateral of a spot market
    face: float = 0.0  # quote of a contract of an inverse market, which settles in asset 1


PERP, COIN = Listing(), Listing(kind="spot")


def small_state(
    n_accounts: int = 8,
    markets: Sequence[Listing] = (PERP, COIN),
    *,
    parts: int = 1,
    seed: int = 1,
    block_seconds: float = 1.0,
    **sizes: int,
) -> State:
    """State with markets and accounts, no money and no orders; `sizes` goes to `Sizes`."""
    perps = sum(m.kind != "spot" for m in markets)
    first = FIRST_SETTLEMENT + perps
    room: dict[str, int] = {
        "accounts": first + n_accounts,
        "assets": 1 + len(markets) - perps,
        "markets": len(markets),
        "underlyings": 1 + max(m.underlying for m in markets),
        "tiers": max(len(m.tiers) for m in markets),
        "parts": parts,
        "price_levels": 1 << 18,
        "slots": 4 * (first + n_accounts),
        "steps_a_chunk": 256,
    }
    state = blank_state(Sizes(**(room | sizes)), seed, block_seconds)
    _name_accounts(state, first)
    state.ledger.assets["decimals"] = BASE_DECIMALS
    state.ledger.assets["decimals"][0] = DECIMALS
    state.ledger.assets[["initial_weight", "maintenance_weight"]][0] = (1.0, 1.0)
    settlement, asset = FIRST_SETTLEMENT, 1
    for m, listing in enumerate(markets):
        _list(state, m, listing)
        row = state.ledger.markets[m]
        if listing.kind == "spot":
            row["kind"], row["base"], row["lot_units"] = SPOT, asset, LOT_UNITS
            coin = state.ledger.assets[asset]
            coin["market"] = m
            coin["initial_weight"], coin["maintenance_weight"] = listing.weights
            asset += 1
        else:
            row["kind"], row["settlement"] = PERPETUAL, settlement
            if listing.kind == "inverse":
                _settle_in_coin(state, m, listing)
            settlement += 1
    _open_venue(state)
    return state


def _settle_in_coin(state: State, m: int, listing: Listing) -> None:
    row = state.ledger.markets[m]
    row["kind"], row["half_unit"], row["settles"] = INVERSE, 0, 1
    row["face"] = round(listing.face * ONE)
    row["coin_face"] = round(listing.face * 10**BASE_DECIMALS / (0.5 * TICK))
    row["lot"] = listing.face / listing.price
    state.ledger.assets["settles"][1] = 1


def _name_accounts(state: State, first: int) -> None:
    accounts = state.ledger.accounts
    n = len(accounts) - first
    accounts["population"][first:] = 0
    accounts["index"][first:] = np.arange(n)
    accounts["owner"] = np.arange(len(accounts))
    accounts["key"][:first] = np.uint64(population_key("system")) + np.arange(first, dtype="u8")
    accounts["key"][first:] = np.uint64(population_key("small")) + np.arange(n, dtype="u8")
    state.parts["first"], state.parts["count"] = first, n
    state.parts["market"] = -1
    state.parts["markets"] = (1 << len(state.ledger.markets)) - 1
    state.parts["first_slot"], state.parts["slots"] = 0, 4


def _list(state: State, m: int, listing: Listing) -> None:
    row = state.ledger.markets[m]
    row["tick"], row["lot"], row["half_unit"] = TICK, LOT, HALF_UNIT
    row["underlying"] = listing.underlying
    row["maker_fee"], row["taker_fee"] = listing.maker_fee, listing.taker_fee
    row["index_step"] = 0
    set_price(state, m, listing.price)
    state.outside.references["price"][listing.underlying] = listing.price
    state.outside.references["base_log"][listing.underlying] = np.log(listing.price)
    state.outside.references["first_log"][listing.underlying] = np.log(listing.price)
    state.outside.references["volatility"][listing.underlying] = 1e-4
    state.outside.trail[listing.underlying] = np.log(listing.price)
    state.outside.trail[len(state.outside.references) + m] = np.log(listing.price)
    set_tiers(state, m, listing.tiers)


def set_tiers(state: State, market: int, tiers: Sequence[tuple[float, float, float]]) -> None:
    """Brackets of a market, with the credits that make the requirement continuous."""
    credit, maintenance_credit = 0.0, 0.0
    before = tiers[0]
    for t, (lower, initial, maintenance) in enumerate(tiers):
        credit += lower * ONE * (initial - before[1])
        maintenance_credit += lower * ONE * (maintenance - before[2])
        state.ledger.tiers[market, t] = (
            round(lower * ONE),
            initial,
            maintenance,
            credit,
            maintenance_credit,
        )
        before = (lower, initial, maintenance)


def _open_venue(state: State) -> None:
    venue = state.ledger.venue[0]
    venue["call_ratio"], venue["reduce_only_ratio"] = 1.5, 1.1
    venue["rounds"], venue["check_every"] = 8, 1
    venue["penalty_rate"], venue["liquidator_share"] = 0.01, 0.5


def set_price(state: State, market: int, price: float) -> None:
    """Set mark and index of a market, quote per base."""
    state.ledger.markets["mark"][market] = round(2 * price / TICK)
    state.ledger.markets["index"][market] = round(2 * price / TICK)


def first_row(state: State) -> int:
    """Row of the first account that is no row of the system."""
    return int(state.parts["first"][0])


def give(state: State, row: int, amount: float, asset: int = 0) -> None:
    """Mint quote for a row, or base of a collateral asset (whole lots of its spot market)."""
    if asset == 0:
        from_python(mint)(state.ledger, 0, row, round(amount * ONE))
        return
    lots = round(amount / LOT)
    from_python(mint)(state.ledger, asset, row, lots * LOT_UNITS)
    state.ledger.lots[row, state.ledger.assets["market"][asset]] += lots


def open_pair(state: State, long: int, short: int, lots: int, market: int = 0) -> None:
    """Let one row hold a perpetual position against another, at the mark."""
    half = int(state.ledger.markets["mark"][market])
    from_python(move_position)(state.ledger, state.log, short, long, Parcel(market, lots, half))


def message(account: int, side: int, price: int, quantity: int, **fields: Any) -> Array:
    """One order, price in ticks; further fields by name, discretionary unless they say more."""
    record = np.zeros(1, ORDER)
    record["author_class"] = DISCRETIONARY
    values = {"account": account, "side": side, "price": price, "quantity": quantity, **fields}
    for name, value in values.items():
        record[name] = value
    return record


def send(state: State, account: int, side: int, price: int, quantity: int, **fields: Any) -> int:
    """Execute one order at once; returns the handle of what rests, or 0."""
    record = message(account, side, price, quantity, **fields)
    return int(from_python(execute)(state.book, state.ledger, state.log, record[0]))


def clock_step(state: State, step: int) -> None:
    """Set the step in both places that know it."""
    state.clock["step"] = step
    state.log.cursor["step"] = step


def names_of(state: State) -> Names:
    """Plain names for the rows of a state."""
    n_assets, n_markets = len(state.ledger.assets), len(state.ledger.markets)
    return Names(
        assets=["USD", *(f"COIN{a}" for a in range(1, n_assets))],
        markets=[f"M{m}" for m in range(n_markets)],
        underlyings=[f"U{u}" for u in range(len(state.outside.references))],
        populations=["small"],
    )


def residuals_of(state: State) -> dict[str, int]:
    """What was created or lost; every value is 0."""
    names = names_of(state)
    return residuals(state.ledger, names.assets, names.markets)


def small_world(
    program: Sequence[tuple[str, dict[str, Any]]], n_accounts: int = 8, **options: Any
) -> World:
    """World that runs some parts, given as (name, numbers), on a small state."""
    parts = [find_part(name) for name, _ in program]
    state = small_state(n_accounts, parts=len(parts), **options)
    for p, (part, (_, numbers)) in enumerate(zip(parts, program, strict=True)):
        row = row_of(part.parameters(**numbers))
        state.params[p, : len(row)] = row
    return World(state=state, parts=parts, names=names_of(state))
