r"""Basis traders: long coins, short the perpetual, for the basis and the funding.

The carry of the trade, a year, is

.. math:: c = \frac{Y}{h} \ln\frac{p}{s} + \frac{Y}{\Delta}\, f

with the mid :math:`p`, the coin's price :math:`s` (the mid of the part's spot market, or the
outside price), the time :math:`h` in which the basis is expected to vanish, the last funding rate
:math:`f` of an interval :math:`\Delta` and a year :math:`Y`. With a hurdle :math:`c_h` a trader who
looks wants a short of

.. math:: q = \frac{L E}{p} \min\Big(1, \frac{c - x c_h}{(z - x) c_h}\Big) \quad c \ge c_h, \qquad
    q = 0 \quad c \le x c_h

and keeps what it has in between, never more than leverage :math:`L` times its equity :math:`E`. It
trades when it is off by more than a band, and brings in what it can spare outside when leverage is
beyond its limit. **The coins follow what its own orders did to the perpetual**, on the spot market
or, without one, outside.

Whoever else changes the perpetual, as auto-deleveraging and liquidation do, leaves the trader
naked. That exposure counts in `references.unhedged` and `crowd.unhedged` while it lasts. After a
reaction time of its own the trader sells the coins, or hedges them again, little by little.

References
----------
Schmeling, Schrimpf, Todorov (2023), "Crypto carry", BIS Working Papers 1087: it exceeds 40% a year
at times, as arbitrage capital is held back by margins.
He, Manela, Ross, von Wachter (2022), "Fundamentals of perpetual futures", arXiv:2212.06888.
"""

import math

import numpy as np

from crossmargin.agents.acting import means_of
from crossmargin.agents.arbitrageurs import lot_value, reference_price
from crossmargin.agents.taking import (
    Intent,
    coins,
    perpetual_of,
    price_of,
    send,
    slice_of,
    spot_lots,
    spot_of,
    value_of,
    wakes,
)
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import ARBITRAGE, DISCRETIONARY
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"
#: Coins and perpetual stand in one account; what they differ by is told as unhedged.
CROSS_ONLY = HEDGES = True


class Parameters(Numbers):
    """What all traders of the population share."""

    holding: float = number(
        7 * 86400.0, "s", above=0, source="default of its own", doc="In which the basis vanishes."
    )
    funding_interval: float = number(
        3600.0, "s", above=0, source="Hyperliquid docs", doc="Of the venue's funding rate."
    )
    exit: float = number(0.3, "share of the hurdle", low=0, high=1, doc="Carry that closes.")
    full: float = number(
        3.0, "multiple of the hurdle", above=1, high=100, doc="Carry at which the limit is used."
    )
    band: float = number(
        0.1, "fraction of the position", low=0, high=1, doc="Off target by less is left alone."
    )
    tolerance: float = number(
        0.02, "fraction of the coins", low=0, high=1, doc="Legs may differ by this."
    )
    patience: float = number(
        120.0, "s", above=0, doc="Time constant in which a naked leg is sold or hedged again."
    )
    discount: float = number(
        0.02, "fraction of the coin", low=0, high=1, doc="Deeper below, it is no hedge: coins go."
    )
    cost: float = number(0.0005, "fraction of the price", low=0, high=0.5, doc="Of coins outside.")
    slippage: float = number(0.005, "fraction of the mid", low=0, high=1, doc="Worst price taken.")
    latency: float = number(0.2, "s", low=0, high=3600, doc="From decision to arrival.")
    outside_capital: float = number(
        1.0, "venue equity at the start", low=0, high=1000, doc="Equity outside at the start."
    )
    outside_leverage: float = number(
        2.0, "ratio", low=1, doc="Value of coins outside over the capital that has to stay there."
    )


class Traits(Numbers):
    """What each trader draws for itself."""

    hurdle: Distribution = trait(
        {"lognormal": [0.08, 0.5]},
        "per year",
        source="default of its own; funding at its base rate pays 11%",
        doc="Carry from which the trade is worth while.",
    )
    leverage: Distribution = trait(
        {"uniform": [1.0, 3.0]}, "notional over venue equity", doc="Limit of the short."
    )
    interval: Distribution = trait({"lognormal": [600.0, 0.5]}, "s", doc="Between two looks.")
    reaction: Distribution = trait(
        {"lognormal": [300.0, 0.7]},
        "s",
        source="default of its own",
        doc="From the loss of the hedge to the first answer.",
    )
    rehedge: Distribution = trait(
        {"bernoulli": 0.3}, "1 or 0", doc="1: hedges a naked leg again; 0: sells its coins."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in memory: step of the next look, or minus that of the answer while naked; lots sent in
#: the last block; perpetual lots as last seen, plus one half once known; quote units outside.
NEXT, SENT, KNOWN, CASH = range(4)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a trader needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages a trader sends in a step: one a leg."""
    return 2


@kernel
def begin(state, part, row, market, spot):
    """Take stock before the first decision: what is held counts as hedged; tell whether it began.

    Coins that the hedge lacks are held outside from the start.
    """
    memory, equity = state.crowd.memory[row], state.ledger.accounts[row].equity
    if memory[KNOWN] != 0.0:
        return True
    if equity <= 0:
        return False
    lots = state.ledger.lots[row, market]
    outside = -lots - spot_lots(state, row, market, spot)
    state.crowd.outside_lots[row, market] = outside
    worth = outside * lot_value(state, market)
    memory[CASH] = state.params[part, P.outside_capital] * equity - worth
    memory[KNOWN] = lots + 0.5
    return True


@kernel
def coin_price(state, market, spot):
    """Price of the coin of a perpetual, on the venue or outside, quote per base."""
    return price_of(state, spot) if spot >= 0 else reference_price(state, market)


@kernel
def carry(state, part, market, spot):
    """Carry of a short perpetual against coins, per year."""
    basis = math.log(price_of(state, market) / coin_price(state, market, spot))
    paid = state.ledger.markets[market].funding_rate / state.params[part, P.funding_interval]
    return YEAR * (basis / state.params[part, P.holding] + paid)


@kernel
def wanted_short(state, part, row, market, annual):
    """Lots that a trader wants to be short at a carry per year; money on its way counts."""
    params, traits = state.params[part], state.crowd.traits[row]
    equity = max(0, means_of(state, row) + state.crowd.requests[row])
    most = to_units(traits[T.leverage] * equity / value_of(state, market))
    held = max(0, -state.ledger.lots[row, market])
    low, hurdle = params[P.exit] * traits[T.hurdle], traits[T.hurdle]
    seconds = state.clock[0].step * state.clock[0].block_seconds
    if annual <= low and seconds >= params[P.funding_interval]:  # funding is known by then
        return 0
    if annual < hurdle:
        return min(held, most)
    return to_units(most * min(1.0, (annual - low) / (params[P.full] * hurdle - low)))


@kernel
def trade_outside(state, part, row, market, lots):
    """Buy signed coins outside, in lots of the perpetual; they add to the flow there."""
    m = state.ledger.markets[market]
    state.crowd.outside_lots[row, market] += lots
    state.outside.references[m.underlying].flow += lots * m.lot
    paid = lots + abs(lots) * state.params[part, P.cost]
    state.crowd.memory[row, CASH] -= paid * lot_value(state, market)


@kernel
def trade_coins(state, part, row, market, intent):
    """Trade coins, lots of the perpetual, on the spot market or outside; returns messages.

    A seller without coins on the venue sells those outside.
    """
    spot, lots = intent.market, intent.lots
    if spot < 0 or (lots < 0 and state.ledger.lots[row, spot] <= 0):
        trade_outside(state, part, row, market, lots)
        return 0
    ratio = state.ledger.markets[market].lot / state.ledger.markets[spot].lot
    size = to_units(abs(lots) * ratio + 1e-6)
    signed = size if lots > 0 else -min(size, state.ledger.lots[row, spot])
    return send(
        state, row, Intent(spot, signed, intent.slippage, intent.latency, intent.author_class)
    )


@kernel
def mirror(state, part, row, market, spot):
    """Let the coins follow what the agent's own order did; returns messages."""
    memory, lots = state.crowd.memory[row], state.ledger.lots[row, market]
    change = lots - np.int64(math.floor(memory[KNOWN]))
    asked = np.int64(memory[SENT])
    own = max(0, min(change, asked)) if asked > 0 else min(0, max(change, asked))
    memory[KNOWN], memory[SENT] = lots + 0.5, 0.0
    if own == 0:
        return 0
    params = state.params[part]
    intent = Intent(spot, -own, params[P.slippage], params[P.latency], ARBITRAGE)
    return trade_coins(state, part, row, market, intent)


@kernel
def react(state, part, row, market, naked):
    """Answer an exposure once the reaction time is over; returns messages."""
    memory, clock, params = state.crowd.memory[row], state.clock[0], state.params[part]
    if memory[NEXT] >= 0.0:
        delay = state.crowd.traits[row, T.reaction] / clock.block_seconds
        memory[NEXT] = -(clock.step + max(1.0, math.floor(delay + 0.5)))
    if clock.step < -memory[NEXT]:
        return 0
    lots, spot = -slice_of(state, naked, params[P.patience]), spot_of(state, part, market)
    is_near = price_of(state, market) >= (1.0 - params[P.discount]) * coin_price(
        state, market, spot
    )
    # what is short is bought back
    is_hedging = naked < 0 or (state.crowd.traits[row, T.rehedge] > 0.5 and is_near)
    place = market if is_hedging else spot
    intent = Intent(place, lots, params[P.slippage], params[P.latency], DISCRETIONARY)
    if is_hedging:
        return send(state, row, intent)
    return trade_coins(state, part, row, market, intent)


@kernel
def top_up(state, part, row, market):
    """Ask for the equity that the leverage limit lacks, as far as the outside can spare it."""
    memory = state.crowd.memory[row]
    notional = abs(state.ledger.lots[row, market]) * value_of(state, market)
    missing = notional / state.crowd.traits[row, T.leverage] - means_of(state, row)
    held = state.crowd.outside_lots[row, market] * lot_value(state, market)
    spare = memory[CASH] + held - abs(held) / state.params[part, P.outside_leverage]
    amount = max(0, to_units(min(missing, spare)))
    memory[CASH] -= amount
    state.crowd.requests[row] += amount


@kernel
def look(state, part, row, market, spot):
    """Trade the perpetual towards what the carry is worth; returns messages."""
    params = state.params[part]
    top_up(state, part, row, market)
    wanted = wanted_short(state, part, row, market, carry(state, part, market, spot))
    lots = -wanted - state.ledger.lots[row, market]
    if abs(lots) <= params[P.band] * abs(state.ledger.lots[row, market]):
        return 0
    sent = send(state, row, Intent(market, lots, params[P.slippage], params[P.latency], ARBITRAGE))
    state.crowd.memory[row, SENT] = lots if sent > 0 else 0
    return sent


@kernel
def act(state, part, row, market, spot):
    """Let one trader mend its legs or look at the carry; returns messages."""
    if not begin(state, part, row, market, spot):
        return 0
    sent = mirror(state, part, row, market, spot)
    memory, held = state.crowd.memory[row], coins(state, row, market, spot)
    naked = held + state.ledger.lots[row, market]
    state.crowd.unhedged[row] = 0
    if abs(naked) > max(1.0, state.params[part, P.tolerance] * abs(held)):
        m = state.ledger.markets[market]
        state.outside.references[m.underlying].unhedged += abs(naked) * m.lot
        state.crowd.unhedged[row] = to_units(naked * value_of(state, market))
        return sent + react(state, part, row, market, naked)
    memory[NEXT] = max(0.0, memory[NEXT])
    if wakes(state, row, NEXT, state.crowd.traits[row, T.interval]) and sent == 0:
        return look(state, part, row, market, spot)
    return sent


@kernel
def decide(state, part, step):
    """Let every trader of the population decide; returns messages sent."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        market = perpetual_of(state, part, row)
        if market >= 0:
            sent += act(state, part, row, market, spot_of(state, part, market))
    return sent


KERNEL = decide
