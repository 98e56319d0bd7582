r"""Standard margin of options, in whole quote units: longs need nothing, each short by a formula.

Cash has paid for a long option, and a short one has brought its premium in; both stand in the cost
of the position, as for perpetuals, so that equity is exact. For n lots at the mark m with the index
S, out of the money by o:

short   entry :math:`n(m + \max(a S - o, b S))`, maintenance :math:`n(m + c S)`

long    nothing, and of its value a share counts as equity for entry, another against liquidation

The mark is part of the requirement, and the value of a short is no part of the weighted equity:
what is free is the same as if the short stood in equity and not in the requirement. Resting orders
count by the worst case, all bids or all asks: a bid takes its premium, less what of it counts.

References
----------
Deribit, "Standard margin" (support.deribit.com): short option, initial max(15% - OTM, 10%) of the
index plus the mark, maintenance 7.5% plus the mark.
"""

from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel


@kernel
def entry_rate(m):
    """Entry requirement of a short option without its mark, half ticks."""
    out = max(m.right * (m.strike - m.index), 0)
    return max(m.short_initial * m.index - out, m.short_floor * m.index)


@kernel
def entry_need(m, lots):
    """What a position takes of the free collateral at the mark, quote units, rounded up."""
    if lots < 0:
        return to_units_up(-lots * m.half_unit * entry_rate(m))
    return to_units_up((1.0 - m.long_initial) * (lots * m.mark * m.half_unit))


@kernel
def short_kept(m, lots):
    """Maintenance requirement of a short position, mark included, quote units, rounded up."""
    rate = to_units_up(abs(lots) * m.half_unit * (m.short_maintenance * m.index))
    return rate + abs(lots) * m.mark * m.half_unit


@kernel
def option_requirement(ledger, row, market):
    """Maintenance requirement of an option position, quote units; a long one has none."""
    lots = ledger.lots[row, market]
    return short_kept(ledger.markets[market], lots) if lots < 0 else 0


@kernel
def freed_by_option(ledger, row, market, target):
    """What closing an option at the mark brings towards a target of health, over its value."""
    m, lots = ledger.markets[market], ledger.lots[row, market]
    if lots > 0:
        return 1.0 - m.long_maintenance
    value = max(1, -lots * m.mark * m.half_unit)
    return target * (short_kept(m, lots) / value) - 1.0


@kernel(inline=False)
def option_numbers(ledger, book, row, market):
    """Five numbers of an option position and its resting orders, quote units."""
    m, lots, cost = ledger.markets[market], ledger.lots[row, market], ledger.cost[row, market]
    value = lots * m.mark * m.half_unit
    asked, kept, initial, maintenance = 0, 0, -cost, -cost
    if lots < 0:
        asked = entry_need(m, lots) - value
        kept = short_kept(m, lots)
    else:
        initial += to_units(value * m.long_initial)
        maintenance += to_units(value * m.long_maintenance)
    bids = entry_need(m, lots + book.open_lots[row, market, 0])
    asks = entry_need(m, lots - book.open_lots[row, market, 1])
    now = entry_need(m, lots)
    asked += max(0, max(bids, asks) - now)
    return value - cost, initial, maintenance, asked, kept
