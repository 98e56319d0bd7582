r"""How much of a position is closed at once, lots.

A fraction of the position, all of it below a notional; of that no more than brings health back to a
target h, where a notional closed frees its maintenance rate r and costs the penalty p:

.. math:: N = \frac{h R - E^m}{h r - p}

never less than a minimum, never more than the position or than a cap a block leaves.

References
----------
Hyperliquid docs, "Liquidations": 20% of positions above 100k first, then all. dYdX v4: portion and
notional a block, minimum. Drift v2, math/liquidation.rs: shortage / (ratio - fee).
"""

import math
from typing import NamedTuple

from crossmargin.model.integers import to_units
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import notional_of
from crossmargin.model.liquidation.episode import lot_value
from crossmargin.model.margin.numbers import tier_of
from crossmargin.model.margin.option_rule import freed_by_option
from crossmargin.model.state import OPTION


class Sizing(NamedTuple):
    """Rules of one closing: fractions, notionals in quote units, the target health (0: none)."""

    fraction: float
    whole_below: int
    minimum: int
    target: float


@kernel
def maintenance_rate(ledger, row, market):
    """Maintenance rate of a position's last unit of notional."""
    notional = notional_of(ledger, market, ledger.lots[row, market], ledger.markets[market].mark)
    return ledger.tiers[market, tier_of(ledger.tiers[market], notional)].maintenance


@kernel
def lots_to_target(ledger, row, market, target):
    """Lots that bring the account's health back to a target; the whole position if none can."""
    account, held = ledger.accounts[row], abs(ledger.lots[row, market])
    short = target * account.maintenance_requirement - account.maintenance_equity
    freed = target * maintenance_rate(ledger, row, market) - ledger.venue[0].penalty_rate
    if ledger.markets[market].kind == OPTION:
        freed = freed_by_option(ledger, row, market, target) - ledger.venue[0].penalty_rate
    if freed <= 0.0:
        return held
    return max(0, min(held, to_units(math.ceil(short / (freed * lot_value(ledger, market))))))


@kernel
def closing_lots(ledger, row, market, sizing):
    """Lots to close of a position at the mark; the account is measured."""
    held, value = abs(ledger.lots[row, market]), lot_value(ledger, market)
    if value <= 0:
        return 0
    lots = held
    if held * value > sizing.whole_below:
        lots = to_units(math.ceil(held * sizing.fraction))
    if sizing.target > 0.0:
        lots = min(lots, lots_to_target(ledger, row, market, sizing.target))
    return min(held, max(lots, -(-sizing.minimum // value)))


@kernel
def within_cap(ledger, row, market, step, cap):
    """Lots of a market that the account's cap of notional a block still allows; `cap` 0: any."""
    account, value = ledger.accounts[row], lot_value(ledger, market)
    if cap <= 0 or value <= 0:
        return abs(ledger.lots[row, market])
    used = account.block_notional if account.block_step == step else 0
    return max(0, cap - used) // value
