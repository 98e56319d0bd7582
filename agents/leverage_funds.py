r"""Funds of the leverage cycle: they buy what is cheap with borrowed money, up to a limit.

A fund with aggression :math:`\beta` and wealth :math:`W` sees the mispricing :math:`m = 1 - p/V`
and demands, as Thurner, Farmer and Geanakoplos have it,

.. math:: D\,p = W \min(\lambda, \beta m) \quad m > 0, \qquad D = 0 \quad m \le 0.

Below the limit :math:`\lambda` it buys what falls and damps the price. At the limit it is bound to
:math:`D\,p = \lambda W`: as wealth falls :math:`\lambda` times faster than the price, it **sells
into the fall**, with everyone else who is at his limit. Wealth is its equity, which is what it made
and what investors brought or took,

.. math:: F = W \max(-1, b\,(\bar r - r_b)), \qquad \bar r \leftarrow (1-a)\,\bar r + a\,r,

with the return :math:`r` of each period, its average :math:`\bar r`, the benchmark :math:`r_b` and
the sensitivity :math:`b`. The value :math:`V` is the fund's own: an average of the outside price
with a memory of its own, away from it by an opinion. It never sells short.

In the paper funds hold the asset and the bank sets the limit; here they hold a perpetual, and the
limit is theirs. What a venue's own liquidation adds comes on top.

References
----------
Thurner, Farmer, Geanakoplos (2012), "Leverage causes fat tails and clustered volatility",
Quantitative Finance 12(5), doi:10.1080/14697688.2012.674301, arXiv:0908.1555.
"""

import math

import numpy as np

from crossmargin.agents.acting import means_of
from crossmargin.agents.arbitrageurs import reference_price
from crossmargin.agents.taking import Intent, perpetual_of, price_of, send, value_of, wakes
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import CLOSED, DISCRETIONARY
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"


class Parameters(Numbers):
    """What all funds of the population share."""

    limit: float = number(
        10.0,
        "notional over wealth",
        above=0,
        high=100,
        source="TFG 2012: 1 to 20",
        doc="Maximum leverage.",
    )
    sensitivity: float = number(
        0.15,
        "share of wealth per return",
        low=0,
        high=10,
        source="form: TFG 2012; default of its own",
    )
    averaging: float = number(
        0.1, "weight", above=0, high=1, source="TFG 2012: a = 0.1", doc="Of the newest return."
    )
    benchmark: float = number(
        0.0,
        "return a period",
        low=-1,
        high=1,
        source="form: TFG 2012; default of its own",
        doc="Return from which investors bring money.",
    )
    period: float = number(
        86400.0, "s", above=0, source="default of its own", doc="Between two reports to investors."
    )
    band: float = number(
        0.02, "fraction of the wealth", low=0, high=10, doc="A smaller gap is left alone."
    )
    slippage: float = number(0.01, "fraction of the mid", low=0, high=1, doc="Worst price taken.")
    latency: float = number(0.3, "s", low=0, high=3600, doc="From decision to arrival.")


class Traits(Numbers):
    """What each fund draws for itself."""

    aggression: Distribution = trait(
        {"uniform": [5.0, 50.0]},
        "leverage per mispricing",
        source="TFG 2012: 10 funds from 5 to 50",
        doc="How much a fund demands for a given mispricing.",
    )
    opinion: Distribution = trait(
        {"normal": [0.0, 0.02]}, "log price", doc="Value over the average of the outside price."
    )
    memory: Distribution = trait(
        {"lognormal": [5 * 86400.0, 0.5]}, "s", doc="Half-life of that average."
    )
    interval: Distribution = trait({"lognormal": [120.0, 0.5]}, "s", doc="Between two looks.")


P, T = slots(Parameters), slots(Traits)

#: Places in memory: step of the next look; average log price outside; equity less what investors
#: brought, at the last report, quote units; average return a period.
NEXT, VALUE, NAV, PERFORMANCE = range(4)


#: An agent acts in one of these markets, by its place in the population.
ONE_MARKET = "perpetual"


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a fund needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages a fund sends in a step."""
    return 1


@kernel
def leverage_wanted(mispricing, aggression, limit):
    """Leverage that a fund demands at a mispricing."""
    return max(0.0, min(limit, aggression * mispricing))


@kernel
def flow_share(performance, benchmark, sensitivity):
    """Share of a fund's wealth that investors bring, or take if negative."""
    return max(-1.0, sensitivity * (performance - benchmark))


@kernel
def remember(state, row, market):
    """Let the average of the outside price forget one block."""
    memory = state.crowd.memory[row]
    log_price = math.log(reference_price(state, market))
    if memory[VALUE] == 0.0:
        memory[VALUE] = log_price
    kept = 0.5 ** (state.clock[0].block_seconds / state.crowd.traits[row, T.memory])
    memory[VALUE] = kept * memory[VALUE] + (1.0 - kept) * log_price


@kernel
def report(state, part, row, step):
    """At the end of a period, tell investors the return; they bring or take money."""
    memory, params = state.crowd.memory[row], state.params[part]
    account = state.ledger.accounts[row]
    blocks = max(1, round(params[P.period] / state.clock[0].block_seconds))
    if step % blocks != 0 or account.equity <= 0:
        return 0
    made, before = np.float64(account.equity - account.deposited), memory[NAV]
    memory[NAV] = made
    if before == 0.0:
        return 0
    change = (made - before) / max(1.0, account.equity - (made - before))
    memory[PERFORMANCE] += params[P.averaging] * (change - memory[PERFORMANCE])
    share = flow_share(memory[PERFORMANCE], params[P.benchmark], params[P.sensitivity])
    moved = to_units(abs(share) * account.equity)
    state.crowd.requests[row] += moved if share > 0.0 else -moved
    return moved


@kernel
def mispricing(state, row, market):
    """One less the price over the fund's value."""
    value = math.exp(state.crowd.memory[row, VALUE] + state.crowd.traits[row, T.opinion])
    return 1.0 - price_of(state, market) / value


@kernel
def demand(state, part, row, market):
    """Lots that a fund wants to hold now; what investors have asked for is no longer wealth."""
    wealth = means_of(state, row) + min(0, state.crowd.requests[row])
    aggression = state.crowd.traits[row, T.aggression]
    leverage = leverage_wanted(
        mispricing(state, row, market), aggression, state.params[part, P.limit]
    )
    return to_units(leverage * max(0, wealth) / value_of(state, market))


@kernel
def look(state, part, row, market):
    """Trade to what is demanded; returns the number of messages."""
    params = state.params[part]
    gap = demand(state, part, row, market) - state.ledger.lots[row, market]
    wealth = max(0, means_of(state, row))
    if abs(gap) * value_of(state, market) <= params[P.band] * wealth:
        return 0
    return send(
        state, row, Intent(market, gap, params[P.slippage], params[P.latency], DISCRETIONARY)
    )


@kernel
def act(state, part, row, step):
    """Let one fund remember, report and trade; returns the number of messages."""
    market = perpetual_of(state, part, row)
    if market < 0 or state.ledger.accounts[row].state == CLOSED:
        return 0
    remember(state, row, market)
    flow = report(state, part, row, step)
    if wakes(state, row, NEXT, state.crowd.traits[row, T.interval]) or flow > 0:
        return look(state, part, row, market)
    return 0


@kernel
def decide(state, part, step):
    """Let every fund of the population decide; returns messages sent."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        sent += act(state, part, row, step)
    return sent


KERNEL = decide
