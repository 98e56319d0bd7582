"""What a market holds in common: positions, leverage, depth, and the feedback between them.

As `network_inputs.py`: at one moment, in quote, by account, owner or population; reading changes
nothing.
"""

from typing import Any, NamedTuple

import numpy as np

from crossmargin.experiments.network_inputs import Floats, summed, values_of
from crossmargin.model.depth import depth_within
from crossmargin.model.early_warning import P as WARNING_NUMBERS
from crossmargin.model.early_warning import Parameters as WarningNumbers
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.networks.branching import Branching as Branching
from crossmargin.model.networks.branching import branching_matrix
from crossmargin.model.state import PERPETUAL, SPOT, Array
from crossmargin.model.world import World


class Holdings(NamedTuple):
    """What is held in common, for `networks.fire_sale` and `networks.cont_schaanning`.

    Both take positions without sign: longs alone for a fall. With `gross` their sum by node, a fire
    sale is `fire_sale(gross, equity, longs / gross, liquidity, shock)`, whose own measure of
    leverage, gross over equity less one, is what keeps that of a derivative account; and the depth
    of Cont and Schaanning, sales down to a price of nothing, is `depth[0] / bandwidth`.

    Attributes
    ----------
    positions : (n, m) float64, quote at the mark, below 0 short; of spot markets the coins
    cash : (n,) float64, quote balance, below 0 a debt
    equity : (n,) float64, quote
    leverage : (n,) float64, gross positions over equity; infinite without equity
    distance : (n,) float64, quote, maintenance equity less requirement, summed over accounts
    depth : (2, m) float64, quote that rests in bids and asks within the bandwidth of the best price
    liquidity : (m,) float64, fraction of the price for one quote sold: bandwidth over bids
    bandwidth : float, fraction of the price
    nodes, markets : lists of names
    """

    positions: Floats
    cash: Floats
    equity: Floats
    leverage: Floats
    distance: Floats
    depth: Floats
    liquidity: Floats
    bandwidth: float
    nodes: list[Any]
    markets: list[str]


def holdings(world: World, level: str = "account", bandwidth: float = 0.05) -> Holdings:
    """What everybody holds, how leveraged, and what rests in the books.

    Parameters
    ----------
    level : {"account", "owner", "population"}
    bandwidth : float
        Distance from the best price over which depth counts, fraction, above 0 and below 1.
    """
    if not 0 < bandwidth < 1:
        raise ParameterError(f"bandwidth = {bandwidth!r}: must be above 0 and below 1")
    book = values_of(world)
    accounts = book.accounts
    sums, nodes = summed(world, level)
    own = np.where(accounts["population"] >= 0, 1.0, 0.0)
    equity = sums @ (own * accounts["equity"] * book.unit)
    positions = sums @ (own[:, None] * book.values)
    gross = sums @ (own * np.abs(book.values).sum(axis=1))
    distance = (accounts["maintenance_equity"] - accounts["maintenance_requirement"]) * book.unit
    depth = depth_of(world, bandwidth)
    return Holdings(
        positions=positions,
        cash=sums @ (own * book.balances),
        equity=equity,
        leverage=np.divide(gross, equity, out=np.full(len(gross), np.inf), where=equity > 0),
        distance=sums @ (own * distance),
        depth=depth,
        liquidity=bandwidth / depth[0],
        bandwidth=bandwidth,
        nodes=nodes,
        markets=list(world.names.markets),
    )


def depth_of(world: World, bandwidth: float) -> Floats:
    """Quote that rests within a bandwidth of the best bids and asks, one lot at least, (2, m)."""
    markets, book, count = world.state.ledger.markets, world.state.book, from_python(depth_within)
    unit = 10.0 ** -int(world.state.ledger.assets["decimals"][0])
    found = np.zeros((2, len(markets)))
    for m, market in enumerate(markets):
        for side, edge in enumerate((1.0 - bandwidth, 1.0 + bandwidth)):
            limit = int(int(book.ladders[m]["best"][side]) * edge)
            lots = max(1, int(count(book, m, side, limit)))
            found[side, m] = lots * int(market["mark"]) * int(market["half_unit"]) * unit
    return found


def branching(world: World, **numbers: float) -> Branching:
    """Reproduction number of forced sales now; as `run.early_warning` records it.

    Parameters
    ----------
    **numbers : float
        Those of `run.early_warning` that are to differ from the scenario's.
    """
    table = dict(world.scenario.run.early_warning) if world.scenario is not None else {}
    values = {k: v for k, v in table.items() if k in WARNING_NUMBERS._fields} | numbers
    try:
        found = WarningNumbers(**values)
    except ValueError as error:
        raise ParameterError(f"early_warning: {str(error).splitlines()[2].strip()}") from None
    book = values_of(world)
    own = np.flatnonzero(book.accounts["population"] >= 0)
    accounts = book.accounts[own]
    distance = (accounts["maintenance_equity"] - accounts["maintenance_requirement"]) * book.unit
    is_free = (accounts["maintenance_requirement"] <= 0) & (book.balances[own] >= 0)
    positions = book.values[own]
    return branching_matrix(
        positions,
        np.where(is_free, -1.0, distance),
        lambda width: depth_of(world, width),
        rates=_rates(world, positions / book.unit),
        closed=_closed(positions, book.balances[own], book.is_spot, found.closed),
        bandwidth=found.bandwidth,
        gain=found.pass_through * 2.0 ** (-found.horizon / found.refill_half_life),
    )


def _rates(world: World, notionals: Floats) -> Floats:
    """Maintenance rate of every position by its tier; of coins one less their weight."""
    ledger = world.state.ledger
    rates = np.zeros(notionals.shape)
    for m, market in enumerate(ledger.markets):
        if market["kind"] == SPOT:
            rates[:, m] = 1.0 - ledger.assets["maintenance_weight"][market["base"]]
        elif market["kind"] == PERPETUAL:
            tiers = ledger.tiers[m]
            tier = np.searchsorted(tiers["lower"], np.rint(np.abs(notionals[:, m])), side="right")
            rates[:, m] = tiers["maintenance"][np.maximum(tier - 1, 0)]
    return rates


def _closed(positions: Floats, balances: Floats, is_spot: Array, closed: float) -> Floats:
    """Share of every position that a liquidation closes: of coins what a debt takes."""
    debt = np.maximum(0.0, -balances)[:, None]
    held = np.where(positions > 0, positions, 1.0)
    return np.where(is_spot, np.minimum(1.0, debt / held), closed)
