r"""What SPAN adds to the worst of sixteen scenarios: calendar charges, credits between markets.

Sixteen scenarios: price unchanged, a third, two thirds and the whole of the scan range up and down,
each with volatility up and down, and two extreme moves of which a third counts. Deltas of different
expiries that offset one another have no scan risk but a calendar charge; deltas of related
underlyings that offset one another earn a credit, a fraction of the scan risk of each leg. A short
option takes a least charge whatever the scenarios say.

References
----------
CME, Standard Portfolio Analysis of Risk (SPAN), risk parameters and method.
"""

import numpy as np

from crossmargin.model.kernel import kernel

#: Spot move in scan ranges, volatility move in scans, fraction of the loss that counts.
SIXTEEN = (
    (0.0, 1.0, 1.0),
    (0.0, -1.0, 1.0),
    (1 / 3, 1.0, 1.0),
    (1 / 3, -1.0, 1.0),
    (-1 / 3, 1.0, 1.0),
    (-1 / 3, -1.0, 1.0),
    (2 / 3, 1.0, 1.0),
    (2 / 3, -1.0, 1.0),
    (-2 / 3, 1.0, 1.0),
    (-2 / 3, -1.0, 1.0),
    (1.0, 1.0, 1.0),
    (1.0, -1.0, 1.0),
    (-1.0, 1.0, 1.0),
    (-1.0, -1.0, 1.0),
    (2.0, 0.0, 0.35),
    (-2.0, 0.0, 0.35),
)

#: Credit for offsetting deltas of two underlyings.
CREDIT = np.dtype(
    [
        ("one", "i4"),  # row of an underlying
        ("other", "i4"),  # row of another
        ("of_one", "f8"),  # deltas of the one in a spread
        ("of_other", "f8"),  # deltas of the other
        ("rate", "f8"),  # fraction of the risk of both legs
    ],
    align=True,
)


@kernel
def scan_risk(gains):
    """Largest loss of an array of profits and losses, not negative."""
    loss = 0.0
    for s in range(gains.shape[0]):
        loss = max(loss, -gains[s])
    return loss


@kernel
def expiry_delta(holdings, terms, grid, expiry, row):
    """Delta of the options of an expiry, base."""
    delta = 0.0
    for i in range(expiry.first, expiry.first + expiry.count):
        if holdings.options[row, i] != 0:
            delta += holdings.options[row, i] * terms.series[i].lot * grid.deltas[i]
    return delta


@kernel
def linear_delta(holdings, terms, u, row):
    """Coins and perpetuals of an underlying, base."""
    delta = 0.0
    for a in range(terms.coins.shape[0]):
        if terms.coins[a].underlying == u:
            delta += holdings.coins[row, a] * terms.coins[a].lot
    for m in range(terms.perps.shape[0]):
        if terms.perps[m].underlying == u:
            delta += holdings.perps[row, m] * terms.perps[m].lot
    return delta


@kernel
def spread_charge(holdings, terms, grid, u, row):
    """Charge for deltas that offset one another between expiries, over the index."""
    delta = linear_delta(holdings, terms, u, row)
    long, short = max(delta, 0.0), max(-delta, 0.0)
    for e in range(grid.expiries.shape[0]):
        if grid.expiries[e].underlying == u:
            delta = expiry_delta(holdings, terms, grid, grid.expiries[e], row)
            long += max(delta, 0.0)
            short += max(-delta, 0.0)
    return min(long, short) * grid.units[u].calendar_charge


@kernel
def _unit_delta(holdings, terms, grid, u, row):
    """Delta of everything in an underlying, base."""
    delta = linear_delta(holdings, terms, u, row)
    for e in range(grid.expiries.shape[0]):
        if grid.expiries[e].underlying == u:
            delta += expiry_delta(holdings, terms, grid, grid.expiries[e], row)
    return delta


@kernel
def give_credits(holdings, terms, grid, row):
    """Lower the risk of underlyings whose deltas offset one another, in the order of credits."""
    for u in range(grid.risk.shape[0]):
        grid.risk[u, 1] = _unit_delta(holdings, terms, grid, u, row)
    for k in range(grid.credits.shape[0]):
        c = grid.credits[k]
        one, other = grid.risk[c.one], grid.risk[c.other]
        if one[1] * other[1] >= 0.0:
            continue
        spreads = min(abs(one[1]) / c.of_one, abs(other[1]) / c.of_other)
        for leg, deltas in ((one, c.of_one), (other, c.of_other)):
            used = min(spreads * deltas / abs(leg[1]), 1.0)
            leg[0] *= 1.0 - c.rate * used
            leg[1] *= 1.0 - used
    return 0
