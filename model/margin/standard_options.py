r"""Rule-based option margin: each short by a formula, a long worth nothing, spreads by their loss.

For n short contracts at mark m, underlying at S, out of the money by o:

call   entry :math:`n(m + \max(a - o/S, b) S)`, maintenance :math:`n(m + c S)`

put    maintenance :math:`n(m + \max(cS, cm))`, entry the larger of :math:`n(m + \max(a-o/S, b)S)`
       and a multiple of maintenance

The mark is part of the requirement, and no option is part of the weighted equity. Where a venue
knows spreads, the options of one expiry need no more than their largest loss at expiry, at prices 0
and every strike, plus a multiple of the forward for each call that no long covers.

References
----------
Derive v2-core, StandardManager; Deribit, standard margin; OKX, single-currency margin of options.
"""

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.margin.arrays import add, options_value
from crossmargin.model.options.black76 import CALL, intrinsic
from crossmargin.model.parts import Numbers, number


class Parameters(Numbers):
    """Rule of short options of one underlying."""

    entry: float = number(0.15, "fraction", low=0, high=1, doc="Entry rate at the money.")
    entry_floor: float = number(0.1, "fraction", low=0, high=1, doc="Least entry rate.")
    maintenance: float = number(0.075, "fraction", low=0, high=1, doc="Maintenance rate.")
    maintenance_of_mark: float = number(
        0.0, "fraction", low=0, high=1, doc="Of a put's mark, where that is more."
    )
    put_multiple: float = number(
        1.0, "multiple", low=0, high=10, doc="A put's least entry requirement over maintenance."
    )
    factor: float = number(1.0, "multiple", low=0, high=100, doc="Of all rates: position tier.")
    max_loss: bool = number(False, "", doc="An expiry needs no more than its loss at expiry.")
    uncovered_initial: float = number(
        1.0, "multiple of the forward", low=0, doc="For each call no long covers, entry."
    )
    uncovered_maintenance: float = number(
        1.0, "multiple of the forward", low=0, doc="The same, liquidation."
    )
    on_forward: bool = number(False, "", doc="Rates are of the forward, not of the index.")
    source: str = ""


#: Rule of one underlying.
SHORT_RULE = np.dtype(
    [
        ("entry", "f8"),  # fraction at the money
        ("floor", "f8"),  # fraction, least
        ("maintenance", "f8"),  # fraction
        ("of_mark", "f8"),  # fraction of a put's mark
        ("put_multiple", "f8"),  # of maintenance
        ("factor", "f8"),  # multiple of all rates
        ("uncovered", "f8", (2,)),  # multiple of the forward, entry and maintenance
        ("max_loss", "i4"),  # 1 where spreads are known
        ("on_forward", "i4"),  # 1 where rates are of the forward
    ],
    align=True,
)

#: Series of one underlying that expire together: neighbours in the order of series.
EXPIRY = np.dtype(
    [
        ("underlying", "i4"),  # row of the underlying
        ("first", "i4"),  # its first series
        ("count", "i4"),  # how many
        ("seconds", "f8"),  # to expiry
        ("when_positive", "f8"),  # multiple of a positive shocked value
        ("when_negative", "f8"),  # multiple of a negative shocked value
        ("basis_weight", "f8"),  # multiple of the loss by basis
    ],
    align=True,
)


@kernel
def short_margin(s, rule, spot):
    """Entry and maintenance requirement of one base unit short, mark included, quote."""
    price = s.forward if rule.on_forward == 1 else spot
    out = max(s.kind * (s.strike - price), 0.0)
    rate = max(rule.entry - out / price, rule.floor) * rule.factor
    kept = rule.maintenance * rule.factor * price
    if s.kind == CALL:
        return s.mark + rate * price, s.mark + kept
    kept = s.mark + max(kept, rule.of_mark * s.mark)
    return max(s.mark + rate * price, rule.put_multiple * kept), kept


@kernel
def payoff(options, series, expiry, row, price):
    """What the options of an expiry pay an account at a price, quote."""
    value = 0.0
    for i in range(expiry.first, expiry.first + expiry.count):
        held = options[row, i]
        if held != 0:
            value += held * series[i].lot * intrinsic(series[i].kind, price, series[i].strike)
    return value


@kernel
def largest_loss(options, series, expiry, row):
    """Largest loss at expiry at the prices 0 and every strike, quote, and calls uncovered."""
    worst = min(payoff(options, series, expiry, row, 0.0), 0.0)
    calls = 0.0
    for i in range(expiry.first, expiry.first + expiry.count):
        if options[row, i] != 0:
            worst = min(worst, payoff(options, series, expiry, row, series[i].strike))
            if series[i].kind == CALL:
                calls += options[row, i] * series[i].lot
    return -worst, max(-calls, 0.0)


@kernel
def expiry_margin(options, terms, expiry, rule, row):
    """Entry and maintenance requirement of the options of one expiry, quote."""
    initial, kept, has_short = 0.0, 0.0, False
    series, spot = terms.series, terms.spot[expiry.underlying]
    for i in range(expiry.first, expiry.first + expiry.count):
        held = options[row, i]
        if held < 0:
            found = short_margin(series[i], rule, spot)
            initial -= held * series[i].lot * found[0]
            kept -= held * series[i].lot * found[1]
            has_short = True
    if has_short and rule.max_loss == 1:
        loss, calls = largest_loss(options, series, expiry, row)
        naked = calls * series[expiry.first].forward
        initial = min(initial, loss + naked * rule.uncovered[0])
        kept = min(kept, loss + naked * rule.uncovered[1])
    return initial, kept


@kernel
def options_of(holdings, terms, expiries, rules, row):
    """Five numbers of the options of an account: marks in raw equity, requirements."""
    initial, kept = 0.0, 0.0
    for e in range(expiries.shape[0]):
        rule = rules[expiries[e].underlying]
        found = expiry_margin(holdings.options, terms, expiries[e], rule, row)
        initial += found[0]
        kept += found[1]
    return options_value(holdings.options, terms.series, row), 0.0, 0.0, initial, kept


@kernel(python=True)
def charge_options(holdings, terms, expiries, rules, numbers):
    """Add the options of every account.

    Parameters
    ----------
    expiries : (n_expiries,) EXPIRY
    rules : (n_underlyings,) SHORT_RULE
    """
    for row in range(numbers.shape[0]):
        add(numbers, row, options_of(holdings, terms, expiries, rules, row))
    return 0
