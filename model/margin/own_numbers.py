"""Margins by a risk model written in Python: of one account, or as computed for all at once.

Before accounts are judged Python computes the numbers of all of them at once (in place of this
part). They hold for an account as long as it holds what it held and marks are what they were;
otherwise, as when an order comes, Python is asked for that account alone.
"""

from typing import NamedTuple

from crossmargin.model.calling import OWN, address_at, call_own
from crossmargin.model.kernel import kernel
from crossmargin.model.margin.weights import coins_of
from crossmargin.model.state import Array

PHASE = "margin"
#: Numbers of an account in `Own.call` besides its markets: cash first, the answer last.
CASH, ANSWER = 1, 5


class Own(NamedTuple):
    """What a risk model written in Python is given and gives."""

    marks: Array  # (n_markets,) int64, half ticks, at which all accounts were measured
    seen: Array  # (n_accounts, n_assets + 4 n_perps) int64, what they held then
    numbers: Array  # (n_accounts, 5) float64, quote: their numbers then, orders counted
    call: Array  # (1 + 4 n_perps + 5,) float64, question and answer for one account


@kernel
def is_as_seen(ledger, open_lots, live, row):
    """Tell whether an account and its marks are as when all were measured."""
    own, place = live.own, ledger.assets.shape[0]
    for m in range(own.marks.shape[0]):
        if own.marks[m] != ledger.markets[m].mark:
            return False
    for a in range(place):
        if own.seen[row, a] != ledger.balances[row, a]:
            return False
    for k in range(live.sources.perps.shape[0]):
        m, now = live.sources.perps[k], own.seen[row]
        if now[place] != ledger.lots[row, m] or now[place + 1] != ledger.cost[row, m]:
            return False
        if now[place + 2] != open_lots[row, m, 0] or now[place + 3] != open_lots[row, m, 1]:
            return False
        place += 4
    return True


@kernel
def ask(live):
    """Let Python measure what is in the working place; the answer stands in `Own.call`."""
    call, held, n = live.own.call, live.held, live.sources.perps.shape[0]
    call[0] = coins_of(held, live.terms, 0)[0]
    for k in range(n):
        perp = live.terms.perps[k]
        size = held.perps[0, k] * perp.lot
        call[CASH + k] = size
        call[CASH + n + k] = held.cost[0, k] / size if size != 0.0 else perp.price
        call[CASH + 2 * n + k] = perp.price
        variance = live.estimates.prices[perp.underlying].variance
        call[CASH + 3 * n + k] = variance**0.5
    if address_at(OWN) != 0:
        call_own(address_at(OWN), live.facts[0].model, call, n)


@kernel
def answer(live, k):
    """One of the five numbers that Python gave."""
    return live.own.call[live.own.call.shape[0] - ANSWER + k]


@kernel
def coins_lost(live):
    """What the weights of coins take off for entry and against liquidation, quote."""
    found = coins_of(live.held, live.terms, 0)
    return found[0] - found[1], found[0] - found[2]


@kernel
def own_numbers(state, part, step):
    """Do nothing: Python measures in place of this part."""
    return 0


KERNEL = own_numbers
