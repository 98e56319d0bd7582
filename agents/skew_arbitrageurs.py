"""Skew arbitrageurs: they take the side of a pool that is paid for being the smaller one.

A pool that its traders have made one-sided charges that side: by funding, and by the price of a
trade that goes on in its direction. Who trades against the skew gets both. With the daily funding
rate r, a horizon h and the impact p of the next lot, longs pay :math:`g = r h + p`; where
:math:`|g|` is more than the costs, an agent trades towards a share of the skew on the other side,
as far as its leverage allows, and when g has turned against what it holds it closes. What it
holds on the venue it hedges outside at the reference price, which adds to the flow there.

References
----------
Synthetix, documentation of perps V2 and V3: funding and price impact bring skew arbitrageurs in.
"""

import numpy as np

from crossmargin.agents.taking import Intent, send, slice_of, value_of
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.pools import impact_of, skew_of
from crossmargin.model.state import ARBITRAGE, POOLED
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"


class Parameters(Numbers):
    """What all agents of the population share."""

    cost: float = number(
        0.001, "fraction of the price", low=0, high=0.5, doc="Of the hedge, in and out."
    )
    share: float = number(
        0.3, "share of the skew", above=0, high=1, doc="What one agent takes on at most."
    )
    leverage: float = number(5.0, "notional over equity", above=0, high=100, doc="Limit.")
    speed: float = number(
        60.0, "s", above=0, doc="Time constant in which a position is built or closed."
    )
    slippage: float = number(0.02, "fraction of the index", low=0, high=1, doc="Worst price.")


class Traits(Numbers):
    """What each agent draws for itself."""

    horizon: Distribution = trait(
        {"lognormal": [1.0, 0.5]}, "days", doc="Over which funding is counted."
    )
    latency: Distribution = trait({"exponential": 2.0}, "s", doc="From decision to arrival.")


P, T = slots(Parameters), slots(Traits)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles an agent needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages an agent sends in a step."""
    return n_markets


@kernel
def paid_by_longs(state, row, market):
    """What longs pay from here, as an agent sees it, fraction of the notional."""
    rate = state.ledger.markets[market].premium_sum
    return rate * state.crowd.traits[row, T.horizon] + impact_of(state.ledger, market, 1)


@kernel
def hedge(state, row, market):
    """Mirror the position outside; what changes adds to the flow there."""
    outside = state.crowd.outside_lots
    change = state.ledger.lots[row, market] + outside[row, market]
    m = state.ledger.markets[market]
    state.outside.references[m.underlying].flow -= change * m.lot
    outside[row, market] -= change


@kernel
def lots_wanted(state, part, row, market, side):
    """Lots still missing of a position on a side, not signed."""
    params, held = state.params[part], state.ledger.lots[row, market]
    equity = max(0, state.ledger.accounts[row].equity)
    most = to_units(params[P.leverage] * equity / value_of(state, market)) - abs(held)
    against = -side * skew_of(state.ledger, market)  # what is left of it with this agent in it
    return max(0, min(most, to_units(params[P.share] * max(0, against))))


@kernel
def act(state, part, row, market):
    """Trade against the skew, hold or close; returns the number of messages."""
    params, held = state.params[part], state.ledger.lots[row, market]
    gap = paid_by_longs(state, row, market)
    side = -1 if gap > 0.0 else 1
    if held * side < 0:
        lots = slice_of(state, -held, params[P.speed])
    else:
        fee = max(0.0, state.ledger.markets[market].maker_fee)
        if abs(gap) <= params[P.cost] + fee:
            return 0
        lots = slice_of(state, side * lots_wanted(state, part, row, market, side), params[P.speed])
    latency = state.crowd.traits[row, T.latency]
    return send(state, row, Intent(market, lots, params[P.slippage], latency, ARBITRAGE))


@kernel
def decide(state, part, step):
    """Let every agent look at every pool of its own; returns messages sent."""
    first, sent = state.parts[part].first, 0
    for row in range(first, first + state.parts[part].count):
        only = np.int64(state.ledger.accounts[row].only_market)
        for m in range(state.ledger.markets.shape[0]):
            is_own = (state.parts[part].markets >> m) & 1 == 1 and (only < 0 or only == m)
            if is_own and state.ledger.markets[m].kind == POOLED:
                hedge(state, row, m)
                sent += act(state, part, row, m)
    return sent


KERNEL = decide
