"""An empty state of a given size, to be filled by whoever builds a market."""

from dataclasses import dataclass

import numpy as np

from crossmargin.model.book import new_book
from crossmargin.model.inbox import MOMENTS
from crossmargin.model.ledger import new_ledger
from crossmargin.model.log import new_log
from crossmargin.model.options.black76 import GREEKS
from crossmargin.model.options.series import SERIES
from crossmargin.model.state import (
    ACCOUNT,
    ASSET,
    CLOCK,
    FACTOR,
    GREEK_ROW,
    LIQUIDITY_POOL,
    MARKET,
    N_MEMORY,
    N_PARAMETERS,
    N_TRAITS,
    OPTION_EXPIRY,
    OPTION_SURFACE,
    ORDER,
    PART,
    REFERENCE,
    REPORT,
    SERIES_ROW,
    STOP_DESK,
    STOP_RECORD,
    TIER,
    VENUE,
    Crowd,
    Ledger,
    Log,
    Options,
    Outside,
    State,
    Stops,
)


@dataclass(frozen=True)
class Sizes:
    """How many of each thing a state has room for."""

    accounts: int
    assets: int
    markets: int
    underlyings: int = 1
    tiers: int = 1
    parts: int = 1
    price_levels: int = 1 << 24
    orders: int = 1 << 15
    pages: int = 1 << 12
    slots: int = 1
    messages: int = 1 << 10
    reports: int = 1
    window: int = 1 << 10
    steps_a_chunk: int = 1 << 12
    stops: int = 1
    populations: int = 1
    pools: int = 0
    series: int = 0
    expiries: int = 0


def blank_crowd(sizes: Sizes) -> Crowd:
    """Agents without traits, an empty inbox, no reports."""
    return Crowd(
        traits=np.zeros((sizes.accounts, N_TRAITS)),
        memory=np.zeros((sizes.accounts, N_MEMORY)),
        handles=np.zeros(sizes.slots, np.int64),
        inbox=np.zeros(sizes.messages, ORDER),
        order=np.zeros(sizes.messages, np.int32),
        starts=np.zeros(MOMENTS + 1, np.int64),
        reports=np.zeros(sizes.reports, REPORT),
        requests=np.zeros(sizes.accounts, np.int64),
        outside_lots=np.zeros((sizes.accounts, sizes.markets), np.int64),
        unhedged=np.zeros(sizes.accounts, np.int64),
    )


def blank_stops(capacity: int) -> Stops:
    """Room for stop orders, all free."""
    stops = Stops(desk=np.zeros(1, STOP_DESK), orders=np.zeros(capacity, STOP_RECORD))
    stops.desk["free"] = -1
    return stops


def blank_options(sizes: Sizes) -> Options:
    """Room for option series, none of which is a market yet."""
    return Options(
        series=np.zeros(sizes.series, SERIES),
        markets=np.zeros(sizes.series, np.int64),
        places=np.full(sizes.markets, -1, np.int64),
        expiries=np.zeros(sizes.expiries, OPTION_EXPIRY),
        smiles=np.zeros((sizes.expiries, 5)),
        surfaces=np.zeros(sizes.underlyings, OPTION_SURFACE),
        greeks=np.zeros((sizes.series, len(GREEKS))),
    )


def blank_log(sizes: Sizes) -> Log:
    """Empty log; rows of sensitivities have room only where there are options."""
    log = new_log(sizes.accounts, sizes.markets, sizes.steps_a_chunk, sizes.populations)
    per_step = sizes.populations * sizes.underlyings if sizes.series else 0
    return log._replace(
        greek_rows=np.zeros(sizes.steps_a_chunk * per_step, GREEK_ROW),
        series_rows=np.zeros(sizes.steps_a_chunk * sizes.series, SERIES_ROW),
    )


def blank_ledger(sizes: Sizes) -> Ledger:
    """Rows of accounts that hold nothing."""
    records = {
        "accounts": np.zeros(sizes.accounts, ACCOUNT),
        "assets": np.zeros(sizes.assets, ASSET),
        "markets": np.zeros(sizes.markets, MARKET),
        "tiers": np.zeros((sizes.markets, sizes.tiers), TIER),
        "venue": np.zeros(1, VENUE),
        "pools": np.zeros(max(1, sizes.pools), LIQUIDITY_POOL),
    }
    records["pools"]["failed_step"] = -1
    records["accounts"]["population"] = -1
    records["accounts"]["only_market"] = -1
    records["accounts"]["markets"] = -1
    records["accounts"]["purse"] = -1
    records["accounts"]["breach_step"] = -1
    records["assets"]["market"] = -1
    records["markets"]["base"] = -1
    records["markets"]["settlement"] = -1
    records["tiers"]["lower"][:, 1:] = np.iinfo(np.int64).max
    records["venue"]["check_every"] = 1
    return new_ledger(sizes.accounts, records)


def blank_state(sizes: Sizes, seed: int, block_seconds: float) -> State:
    """State with no money, no orders and no program."""
    ledger = blank_ledger(sizes)
    book = new_book(sizes.markets, sizes.price_levels, sizes.orders, sizes.pages, sizes.accounts)
    parts = np.zeros(sizes.parts, PART)
    parts["every"] = 1
    parts["back"] = -1
    clock = np.zeros(1, CLOCK)
    clock["seed"] = seed
    clock["block_seconds"] = block_seconds
    return State(
        clock=clock,
        book=book._replace(lots=ledger.lots),  # one array: the book reads, the ledger writes
        ledger=ledger,
        log=blank_log(sizes),
        crowd=blank_crowd(sizes),
        outside=Outside(
            references=np.zeros(sizes.underlyings, REFERENCE),
            paths=np.zeros((sizes.underlyings, 0)),
            trail=np.zeros((sizes.underlyings + 2 * sizes.markets, sizes.window)),
            factor=np.zeros(1, FACTOR),
        ),
        queue=np.zeros(sizes.accounts, np.int32),
        work=np.zeros((4, sizes.accounts), np.int64),
        parts=parts,
        params=np.zeros((sizes.parts, N_PARAMETERS)),
        stops=blank_stops(sizes.stops),
        options=blank_options(sizes),
    )
