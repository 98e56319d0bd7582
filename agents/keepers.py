r"""Liquidators with capital: they bid for positions and sell what they took over.

At the end of a block, on what they see then, they write a standing bid for the liquidations of the
next one: the notional they would take (a multiple of their free collateral, up to their limit) and
the least discount they want,

.. math:: d = \mathrm{cost} + \mathrm{profit} + \mathrm{risk} \cdot \sigma \sqrt{\mathrm{horizon}}

with the volatility :math:`\sigma` of the worst of their markets. They offer nothing when `d` is
more than the venue ever gives, when their inventory is at its limit, or when they are in trouble
themselves. What they hold goes to the book in reduce-only slices that take at once; coins from a
spot market too, so that a keeper's own collateral should be quote.
"""

import math

from crossmargin.agents.acting import mid_of, take_at_once
from crossmargin.agents.quoting import unused_margin, whole_units
from crossmargin.model.contracts import lot_notional
from crossmargin.model.draws import ARRIVE, uniforms
from crossmargin.model.inbox import arrival
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import DISCRETIONARY, MARGIN_CALL, REDUCE_ONLY
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"
AUTHOR_CLASS = DISCRETIONARY
#: They act in all their markets from one account.
CROSS_ONLY = True


class Parameters(Numbers):
    """What keepers of a population offer and how they sell."""

    leverage: float = number(
        2.0,
        "free collateral",
        low=0,
        high=100,
        doc="Notional offered, if margin allows to hold it.",
    )
    inventory_limit: float = number(
        1_000_000.0, "quote", above=0, doc="Notional held, beyond which nothing is offered."
    )
    cost: float = number(
        0.001, "fraction of the notional", low=0, high=1, doc="Fees, gas and the spread paid."
    )
    risk: float = number(1.0, "standard deviations", low=0, high=100, doc="Of the price, asked.")
    horizon: float = number(60.0, "s", low=0, doc="Over which inventory is sold.")
    best_discount: float = number(
        0.05,
        "fraction of the mark",
        low=0,
        high=1,
        source="Aave 5%, Drift up to 5%, dYdX at most 1.5%: the protocols' documentation",
        doc="The largest discount the venue gives.",
    )
    speed: float = number(20_000.0, "quote/s", above=0, doc="Sold in each market.")
    slippage: float = number(
        0.005, "fraction of the mid", low=0, high=1, doc="Worst price of a slice."
    )


class Traits(Numbers):
    """How keepers of a population differ."""

    profit: Distribution = trait(
        {"lognormal": [0.002, 0.5]}, "fraction of the notional", doc="Wanted beyond cost and risk."
    )
    latency: Distribution = trait({"exponential": 1.0}, "s")


P = slots(Parameters)
T = slots(Traits)

#: Places in memory, the bid: notional in quote units, fraction of the mark, seconds.
OFFERED, DISCOUNT, LATENCY = range(3)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a keeper needs: none, its orders never rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages that a keeper sends in a step: one a market."""
    return n_markets


@kernel
def inventory(state, part, row):
    """Notional that a keeper holds in its markets at the mark, quote units."""
    total = 0
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            market = state.ledger.markets[m]
            total += abs(state.ledger.lots[row, m]) * lot_notional(market, market.mark)
    return total


@kernel
def worst_volatility(state, part):
    """Largest volatility of the part's markets, per root second."""
    worst = 0.0
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            underlying = state.ledger.markets[m].underlying
            worst = max(worst, state.outside.references[underlying].volatility)
    return worst


@kernel
def least_discount(params, profit, sigma):
    """Discount that pays for cost, profit and the risk of holding."""
    return params[P.cost] + profit + params[P.risk] * sigma * math.sqrt(params[P.horizon])


@kernel
def offer(state, part, row, sigma):
    """Renew the standing bid of a keeper."""
    params, memory = state.params[part], state.crowd.memory[row]
    account = state.ledger.accounts[row]
    memory[DISCOUNT] = least_discount(params, state.crowd.traits[row, T.profit], sigma)
    memory[LATENCY] = state.crowd.traits[row, T.latency]
    limit = params[P.inventory_limit] * whole_units(state.ledger)
    room = limit - inventory(state, part, row)
    if memory[DISCOUNT] > params[P.best_discount] or account.state > MARGIN_CALL:
        room = 0.0
    memory[OFFERED] = math.floor(max(0.0, min(room, params[P.leverage] * unused_margin(account))))


@kernel
def slice_lots(state, part, row, market):
    """Lots of the next slice, signed as an order: what closes the position, at most its speed."""
    m = state.ledger.markets[market]
    value = lot_notional(m, mid_of(state, market)) / whole_units(state.ledger)
    held = state.ledger.lots[row, market]
    if held == 0 or value <= 0.0:
        return 0
    allowed = to_units(state.params[part, P.speed] * state.clock[0].block_seconds / value)
    lots = min(abs(held), max(1, allowed))
    return -lots if held > 0 else lots


@kernel
def unwind(state, part, row, step):
    """Send a slice of every position; returns messages sent."""
    clock, key = state.clock[0], state.ledger.accounts[row].key
    sent = 0
    for m in range(state.ledger.markets.shape[0]):
        if not acts_on(state, part, m) or state.ledger.markets[m].halted_until > step:
            continue
        lots = slice_lots(state, part, row, m)
        if lots == 0:
            continue
        slippage = state.params[part, P.slippage]
        worst = mid_of(state, m) * (1.0 + slippage if lots > 0 else 1.0 - slippage)
        message = take_at_once(state, row, m, lots, worst)
        message.flags = REDUCE_ONLY
        uniform = uniforms(clock.seed, key, ARRIVE, step, m)[0]
        latency = state.crowd.traits[row, T.latency]
        message.arrival = arrival(uniform, latency, clock.block_seconds)
        sent += 1
    return sent


@kernel
def decide(state, part, step):
    """Let every keeper bid and unwind; returns messages sent."""
    first, sigma = state.parts[part].first, worst_volatility(state, part)
    sent = 0
    for row in range(first, first + state.parts[part].count):
        offer(state, part, row, sigma)
        sent += unwind(state, part, row, step)
    return sent


KERNEL = decide
