r"""Fractions of notional: fixed, by tier, raised by open interest.

.. math::
    \text{entry} = \max(r_t N - c_t,\; f N) + b, \qquad \text{maintenance} = r'_t N - c'_t + b

with tier t of the notional N, credits that make a requirement continuous where tiers meet (or zero
where a venue charges the whole notional at the rate of its tier), a floor f that rises with open
interest, and a charge b of each position. With `fraction` the maintenance requirement is that share
of the unraised entry requirement, each rounded up. Resting orders count by the worst case: all bids
or all asks fill.

References
----------
dYdX v4, x/perpetuals/lib/lib.go; Hyperliquid docs, margin tiers; Binance, leverage and margin of
USDT-margined futures.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add, up
from crossmargin.model.state import Array

#: A bracket of notional.
RATES = np.dtype(
    [
        ("lower", "f8"),  # quote; the bracket holds above it
        ("initial", "f8"),  # fraction
        ("initial_credit", "f8"),  # quote
        ("maintenance", "f8"),  # fraction
        ("maintenance_credit", "f8"),  # quote
    ],
    align=True,
)

#: What all brackets of a market share.
FRACTION = np.dtype(
    [
        ("floor", "f8"),  # fraction, least entry rate: open interest
        ("fraction", "f8"),  # maintenance over the unraised entry requirement, 0 by its own rate
        ("charge", "f8"),  # quote, of each position
        ("least", "f8"),  # quote, least requirement of a position
        ("quantum", "f8"),  # quote, requirements are rounded up to it; 0 not at all
        ("is_plain", "i4"),  # 1 where brackets are all there is, which is faster
    ],
    align=True,
)


def open_interest_rate(base: float, lower: float, upper: float, interest: float) -> float:
    """Entry rate at an open interest (quote), floored to one part in a million (dYdX v4)."""
    if upper <= 0:
        return base
    share = max(0.0, (interest - lower) / (upper - lower))
    return math.floor(min(1.0, base + share * (1.0 - base)) * 1e6 + 1e-6) / 1e6


def set_credits(rates: Array, *, initial: bool) -> None:
    """Renew the credits of one market's brackets, (n,) RATES, so that requirements are continuous.

    Parameters
    ----------
    initial : bool
        Of the entry requirement too; otherwise the whole notional is charged at its tier's rate.
    """
    for t in range(1, len(rates)):
        for kind in ("initial", "maintenance"):
            step = rates[t]["lower"] * (rates[t][kind] - rates[t - 1][kind])
            credit = rates[t - 1][f"{kind}_credit"] + step
            rates[t][f"{kind}_credit"] = credit if initial or kind == "maintenance" else 0.0


def mark_plain(rules: Array) -> None:
    """Mark the markets, (n,) FRACTION, whose brackets are all there is."""
    others = [name for name in FRACTION.names or () if name != "is_plain"]
    rules["is_plain"] = [all(rule[name] == 0 for name in others) for rule in rules]


@kernel
def bracket_of(rates, notional):
    """Place of the bracket of a notional; one begins above its lower end."""
    found = 0
    for t in range(1, rates.shape[0]):
        found += 1 if notional > rates[t].lower else 0  # the lower ends rise
    return found


@kernel
def entry_margin(r, rule, notional):
    """Entry requirement of a notional in its bracket, quote."""
    asked = max(notional * r.initial - r.initial_credit, notional * rule.floor)
    if rule.quantum > 0.0:
        asked = up(asked, rule.quantum)
    return max(asked, rule.least) + rule.charge


@kernel
def maintenance_margin(r, rule, notional):
    """Maintenance requirement of a notional in its bracket, quote."""
    if rule.fraction > 0.0:
        base = up(notional * r.initial - r.initial_credit, rule.quantum)
        kept = up(base * rule.fraction, rule.quantum)
    else:
        kept = up(notional * r.maintenance - r.maintenance_credit, rule.quantum)
    return max(kept, rule.least) + rule.charge


@kernel
def worst_size(holdings, row, m):
    """Position, and the largest if all bids or all asks fill, both without sign."""
    held = holdings.perps[row, m]
    worst = max(abs(held + holdings.bids[row, m]), abs(held - holdings.asks[row, m]))
    return abs(held), worst


@kernel
def _market_fractions(rates, rule, held, worst):
    """Entry and maintenance requirement of a position and its worst case, by notional."""
    place = bracket_of(rates, worst)
    later = place if held == worst else bracket_of(rates, held)
    if rule.is_plain == 1:  # the credit of nothing is nothing
        r, s = rates[place], rates[later]
        asked = worst * r.initial - r.initial_credit
        return asked, held * s.maintenance - s.maintenance_credit
    asked = entry_margin(rates[place], rule, worst) if worst > 0.0 else 0.0
    return asked, maintenance_margin(rates[later], rule, held) if held > 0.0 else 0.0


@kernel
def fractions_of(holdings, terms, rates, rules, row):
    """Five numbers of the fractions of an account."""
    initial, kept = 0.0, 0.0
    for m in range(rules.shape[0]):
        held, worst = worst_size(holdings, row, m)
        unit = terms.perps[m].lot * terms.perps[m].price
        found = _market_fractions(rates[m], rules[m], held * unit, worst * unit)
        initial += found[0]
        kept += found[1]
    return 0.0, 0.0, 0.0, initial, kept


@kernel(python=True)
def charge_fractions(holdings, terms, rates, rules, numbers):
    """Add the requirements of every account.

    Parameters
    ----------
    rates : (n_perps, n_tiers) RATES
        Unused brackets of a market have an infinite lower end.
    rules : (n_perps,) FRACTION
    """
    for row in range(numbers.shape[0]):
        add(numbers, row, fractions_of(holdings, terms, rates, rules, row))
    return 0
