"""Initial margin raised by open interest, so that a crowded market takes more collateral to enter.

    rate = min(1, base + max(0, (OI - lower) / (upper - lower)) * (1 - base))

The base is the lowest tier. Maintenance margin stays as it is: rising open interest liquidates
nobody.

References
----------
dYdX v4, x/perpetuals/types/liquidity_tier.go; floored to one part in a million as there.
"""

import math

from crossmargin.model.kernel import kernel
from crossmargin.model.parts import Numbers, number, slots

PHASE = "margin"


class Parameters(Numbers):
    """Where the scale begins and ends, for one market."""

    lower: float = number(..., "quote", low=0, doc="Open interest from which the rate rises.")
    upper: float = number(..., "quote", above=0, doc="Open interest at which it is 1.")
    unit: float = number(1e-6, "quote", above=0, doc="One unit of the quote asset.")


P = slots(Parameters)


@kernel
def open_interest(state, part, step):
    """Renew the smallest initial rate of one market; returns 1 when it is above the base."""
    m = state.parts[part].market
    market = state.ledger.markets[m]
    lower, upper = state.params[part, P.lower], state.params[part, P.upper]
    notional = (market.open_interest // 2) * market.mark * market.half_unit
    base = state.ledger.tiers[m, 0].initial
    share = max(0.0, (notional * state.params[part, P.unit] - lower) / (upper - lower))
    market.initial_floor = math.floor(min(1.0, base + share * (1.0 - base)) * 1e6) / 1e6
    return 1 if market.initial_floor > base else 0


KERNEL = open_interest
