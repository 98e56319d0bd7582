"""Kinds of market: what each needs in a scenario, and what stands in its record."""

from typing import Any

from crossmargin.experiments.limits import HEADROOM, LARGEST_LOT
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import (
    FIRST_SETTLEMENT,
    INVERSE,
    OPTION,
    PERPETUAL,
    POOLED,
    SPOT,
    State,
)

KINDS = {
    "spot": SPOT,
    "perpetual": PERPETUAL,
    "option": OPTION,
    "inverse": INVERSE,
    "pool": POOLED,
}
#: Key of a market to the one kind that has it.
OWN_KEYS = {"base": "spot", "face": "inverse", "settles_in": "inverse", "pool": "pool"}


def check_keys(table: Any) -> None:
    """Refuse keys of another kind of market, and kinds without their keys.

    Raises
    ------
    ValueError
        With the key.
    """
    for key, kind in OWN_KEYS.items():
        if (table.kind == kind) != (getattr(table, key) is not None):
            article = "an" if kind == "inverse" else "a"
            raise ValueError(f"{article} {kind} market has {key!r} and no other market does")
    if (table.kind in ("spot", "option")) == bool(table.tiers):
        raise ValueError(f"a {table.kind} market has {'no' if table.tiers else 'to have'} tiers")
    if table.kind == "inverse" and table.lot != round(table.lot):
        raise ValueError("the lot of an inverse market is a whole number of contracts")


def check_coin(market: Any, markets: Any) -> None:
    """Refuse an inverse market whose coin has no spot market on the same underlying.

    Raises
    ------
    ValueError
        With both names.
    """
    spot = next((m for m in markets if m.base == market.settles_in), None)
    if spot is None or spot.underlying != market.underlying:
        raise ValueError(
            f"market {market.name}: settles_in = {market.settles_in!r}: must be the coin of a spot "
            f"market on {market.underlying}, which prices it"
        )


def check_beginning(scenario: Any) -> None:
    """Refuse beginnings that know linear markets alone, and pools that nobody could wind up.

    Raises
    ------
    ValueError
        With the market or the key.
    """
    parts = [table.get("kind") for table in scenario.venue.waterfall]
    if n_pools(scenario) and not any(str(part).endswith("pool_adl") for part in parts):
        raise ValueError("venue.waterfall: a pool needs 'pool_adl', which winds up one that fails")
    other = [m for m in scenario.market if m.kind in ("inverse", "pool")]
    is_burnt = scenario.initial is not None and scenario.initial.burn_in is not None
    if other and (is_burnt or scenario.snapshot is not None):
        word = "initial.burn_in" if is_burnt else "snapshot"
        raise ValueError(f"{word}: not for {other[0].kind} markets; {other[0].name} is one")


def refuse_kinds(scenario: Any) -> None:
    """Refuse to write a snapshot of markets that a snapshot cannot hold.

    Raises
    ------
    ParameterError
        With the market.
    """
    for market in scenario.market:
        if market.kind not in ("spot", "perpetual"):
            raise ParameterError(
                f"export_snapshot: market.{market.name}.kind = {market.kind!r}: a snapshot holds "
                "spot and perpetual markets"
            )


def system_rows(scenario: Any) -> int:
    """Rows before the first population: the fixed ones, one a derivative market, one a pool."""
    return FIRST_SETTLEMENT + n_settled(scenario) + n_pools(scenario)


def n_settled(scenario: Any) -> int:
    """Markets with a settlement row."""
    return sum(market.kind != "spot" for market in scenario.market)


def n_pools(scenario: Any) -> int:
    """Markets against a pool."""
    return sum(market.kind == "pool" for market in scenario.market)


def fill_pool(state: State, scenario: Any, m: int, place: int, row: int) -> None:
    """Terms and capital of the pool of a market; `row` is its row of the ledger."""
    table, market = scenario.market[m].pool, state.ledger.markets[m]
    one = 10 ** scenario.asset[0].decimals
    pool = state.ledger.pools[place]
    market["pool"], pool["row"], pool["market"] = place, row, m
    pool["impact"] = ("skew", "power").index(table.impact)
    pool["skew_scale"] = table.skew_scale / scenario.market[m].lot
    for name in ("exponent", "improving", "worsening", "most_impact", "reserve"):
        pool[name] = getattr(table, name)
    pool["most_open"] = round(table.most_open_interest * one)
    capital = round(table.capital * one)
    state.ledger.balances[row, 0] += capital
    state.ledger.assets[0]["minted"] += capital


def fill_inverse(state: State, scenario: Any, m: int) -> None:
    """Face and coin of an inverse market, whose lots have no fixed worth in quote units."""
    table, row = scenario.market[m], state.ledger.markets[m]
    coin = [asset.name for asset in scenario.asset].index(table.settles_in)
    worth = table.lot * table.face
    face = worth * 10 ** scenario.asset[0].decimals
    units = worth * 10 ** scenario.asset[coin].decimals / (0.5 * table.tick)
    for exact, what in ((face, scenario.asset[0].name), (units, f"{table.settles_in} half ticks")):
        if round(exact) < 1 or abs(exact - round(exact)) > 1e-6 * exact:
            raise ParameterError(
                f"market.{table.name}.face = {table.face:g}: a lot of {table.lot:g} is {exact:g} "
                f"units of {what}, not a whole number: change face, lot or tick"
            )
        if HEADROOM * exact > LARGEST_LOT:
            raise ParameterError(
                f"market.{table.name}.face = {table.face:g}: a lot is {exact:.3g} units of {what}, "
                f"at most {LARGEST_LOT / HEADROOM:.3g} are allowed: lower face, lot or decimals"
            )
    row["face"], row["coin_face"] = round(face), round(units)
    row["half_unit"], row["settles"] = 0, coin
    row["lot"] = worth / (0.5 * row["mark"] * table.tick)
    state.ledger.assets[coin]["settles"] = 1
