r"""Manipulators: they push the thin market that an index or a mark reads, and live on what follows.

The market that is pushed is the part's spot market on the underlying; without one it is the
perpetual itself, whose book the mark reads. From a moment :math:`t_0`, scheduled and shifted by a
delay of its own, a manipulator goes through

1. **build**, before :math:`t_0`: a position in the perpetual, in the direction of the push;
2. **push**, for its horizon: it spends a share of its money (upwards) or its coins (downwards) at
   an even pace, taking whatever the book offers within its reach;
3. **leave**: it closes the perpetual into the liquidations that it set off and gives back what it
   bought, or it **borrows**: it takes out all that the venue lets go against its inflated
   collateral and leaves position, coins and debt behind. Who means to borrow pushes with all free
   collateral, not with its own money alone.

Whether it pays is decided by depth, by what the oracle reads, and by who is near liquidation.

References
----------
Qin, Zhou, Livshits, Gervais (2021), "Attacking the DeFi ecosystem with flash loans for fun and
profit", FC '21, doi:10.1007/978-3-662-64322-8_1: bZx, February 2020.
Mango Markets, 11 October 2022 (soliduslabs.com/post/mango-hack): spot purchases of some 4M USD took
the oracle price from 0.038 to 0.91 within 20 minutes; 116M USD were borrowed against the gain.
"""

from typing import Literal

import numpy as np

from crossmargin.agents.quoting import unused_margin
from crossmargin.agents.taking import (
    Intent,
    perpetual_of,
    send,
    slice_of,
    spot_of,
    value_of,
)
from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import DISCRETIONARY
from crossmargin.model.traits import Distribution, trait

PHASE = "decisions"
#: Both legs and the collateral stand in one account.
CROSS_ONLY = True
UP, DOWN = range(2)
CLOSE, BORROW = range(2)


class Parameters(Numbers):
    """What all manipulators of the population share."""

    at: float = number(1800.0, "s", low=0, doc="When the push begins, delays left out.")
    direction: Literal["up", "down"] = number("up", "choice", doc="Of the push.")
    leave: Literal["close", "borrow"] = number("close", "choice", doc="What comes after the push.")
    build: float = number(600.0, "s", above=0, doc="Time before the push to build the position.")
    closing: float = number(60.0, "s", above=0, doc="Time constant of closing and giving back.")
    reach: float = number(
        0.05, "fraction of the mid", above=0, high=1, doc="Worst price of an order that pushes."
    )
    slippage: float = number(0.01, "fraction of the mid", low=0, high=1, doc="Of other orders.")
    latency: float = number(0.1, "s", low=0, high=3600, doc="From decision to arrival.")


class Traits(Numbers):
    """What each manipulator draws for itself."""

    delay: Distribution = trait({"exponential": 30.0}, "s", doc="After the moment scheduled.")
    horizon: Distribution = trait(
        {"lognormal": [600.0, 0.5]},
        "s",
        source="Mango Markets 2022: some 20 minutes",
        doc="Length of the push.",
    )
    position: Distribution = trait(
        {"uniform": [1.0, 3.0]}, "notional over equity", doc="Of the perpetual that is built."
    )
    push: Distribution = trait(
        {"uniform": [0.5, 1.0]}, "share", doc="Of money or coins at hand, spent on the push."
    )


P, T = slots(Parameters), slots(Traits)

#: Places in memory: one once stock was taken; money and coins at the start of the push, quote units
#: and lots of the pushed market.
BEGUN, MONEY, COINS = range(3)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a manipulator needs: none, its orders do not rest."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Most messages a manipulator sends in a step: one a leg."""
    return 2


@kernel
def elapsed(state, part, row):
    """Seconds since the push of an agent began, negative before."""
    begin = state.params[part, P.at] + state.crowd.traits[row, T.delay]
    clock = state.clock[0]  # its first block is far ahead while a market is burnt in
    return (clock.step - clock.first) * clock.block_seconds - begin


@kernel
def order(state, part, market, lots, slippage):
    """Intent with the latency of the part."""
    return Intent(market, lots, slippage, state.params[part, P.latency], DISCRETIONARY)


@kernel
def build(state, part, row, market, sign):
    """Trade a slice towards the position in the perpetual; returns messages."""
    params, equity = state.params[part], max(0, state.ledger.accounts[row].equity)
    full = to_units(state.crowd.traits[row, T.position] * equity / value_of(state, market))
    missing = sign * full - state.ledger.lots[row, market]
    if missing * sign <= 0:
        return 0
    lots = slice_of(state, missing, params[P.build] / 3.0)  # 95% of it in time
    return send(state, row, order(state, part, market, lots, params[P.slippage]))


@kernel
def take_stock(state, part, row, pushed):
    """Note money and coins as the push begins; who means to borrow counts all free collateral."""
    memory, account = state.crowd.memory[row], state.ledger.accounts[row]
    if memory[BEGUN] == 0.0:
        memory[BEGUN] = 1.0
        memory[MONEY] = max(0, state.ledger.balances[row, QUOTE])
        if state.params[part, P.leave] == BORROW or pushed < 0:
            memory[MONEY] = max(memory[MONEY], unused_margin(account))
        memory[COINS] = state.ledger.lots[row, pushed] if pushed >= 0 else 0


@kernel
def push_lots(state, part, row, pushed, spot):
    """Signed lots with which an agent pushes a market in this block.

    On a spot market it sells coins that it owns and buys with its money; a perpetual it trades
    either way with its money as margin.
    """
    memory, traits = state.crowd.memory[row], state.crowd.traits[row]
    pace = min(1.0, state.clock[0].block_seconds / traits[T.horizon]) * traits[T.push]
    by_money = to_units(pace * memory[MONEY] / value_of(state, pushed))
    if state.params[part, P.direction] == UP:
        return by_money
    if spot < 0:
        return -by_money
    return -min(to_units(pace * memory[COINS]), state.ledger.lots[row, pushed])


@kernel
def push(state, part, row, market, spot):
    """Push the thin market; returns messages."""
    pushed = spot if spot >= 0 else market
    take_stock(state, part, row, spot)
    lots = push_lots(state, part, row, pushed, spot)
    return send(state, row, order(state, part, pushed, lots, state.params[part, P.reach]))


@kernel
def close(state, part, row, market, spot):
    """Close a slice of the perpetual and give back one of the coins bought; returns messages."""
    params = state.params[part]
    lots = slice_of(state, -state.ledger.lots[row, market], params[P.closing])
    sent = send(state, row, order(state, part, market, lots, params[P.slippage]))
    if spot < 0:
        return sent
    back = np.int64(state.crowd.memory[row, COINS]) - state.ledger.lots[row, spot]
    lots = slice_of(state, back, params[P.closing])
    return sent + send(state, row, order(state, part, spot, lots, params[P.slippage]))


@kernel
def borrow(state, row):
    """Ask for all that the venue may let go; returns messages, none."""
    state.crowd.requests[row] -= max(0, unused_margin(state.ledger.accounts[row]))
    return 0


@kernel
def act(state, part, row, market, spot):
    """Let one agent build, push or leave, by the time; returns messages."""
    seconds = elapsed(state, part, row)
    sign = 1 if state.params[part, P.direction] == UP else -1
    if seconds < -state.params[part, P.build]:
        return 0
    if seconds < 0.0:
        return build(state, part, row, market, sign)
    if seconds < state.crowd.traits[row, T.horizon]:
        return push(state, part, row, market, spot)
    if state.params[part, P.leave] == BORROW:
        return borrow(state, row)
    return close(state, part, row, market, spot)


@kernel
def decide(state, part, step):
    """Let every manipulator of the population decide; returns messages sent."""
    first = state.parts[part].first
    sent = 0
    for row in range(first, first + state.parts[part].count):
        market = perpetual_of(state, part, row)
        if market >= 0:
            sent += act(state, part, row, market, spot_of(state, part, market))
    return sent


KERNEL = decide
