r"""What a liquidator may repay of a lending position, and what it gets for it.

At a health factor :math:`h` below 1 it may repay a share of the debt, all of it where :math:`h` is
at most a threshold or where debt or collateral is small, and takes collateral worth what it repaid
times the bonus, as far as there is any.

References
----------
aave-dao/aave-v3-origin, LiquidationLogic.sol: close factor, bonus.
"""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from crossmargin.experiments.tables import Table, quantity
from crossmargin.model.margin.arrays import MAINTENANCE, MAINTENANCE_EQUITY

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk


class Close(Table):
    """Rules of one liquidation of a lending position."""

    threshold: float = quantity(0.95, "health factor", "At most this: all may be repaid.", ge=0)
    fraction: float = quantity(0.5, "fraction of the debt", "Above it.", gt=0, le=1)
    bonus: float = quantity(1.05, "multiple of what is repaid", "Collateral taken.", ge=1, le=2)
    whole_below: float = quantity(
        0.0, "quote", "Debt or collateral below this: all may be repaid.", ge=0
    )
    source: str = Field(default="")


def liquidation_of(desk: "Desk", numbers: Any) -> dict[str, float] | None:
    """Close factor, debt repaid and collateral seized, quote; None where a preset has no rule.

    All three are 0 while the health factor is 1 or more.
    """
    rule = desk.preset.close
    if rule is None:
        return None
    debt, counted = float(numbers[MAINTENANCE]), float(numbers[MAINTENANCE_EQUITY])
    coins = desk.holdings().coins[0]
    held = float((coins.clip(min=0.0) * desk.terms().coins["price"]).sum())
    share = _close_factor(rule, counted / debt if debt > 0 else float("inf"), min(debt, held))
    repaid = min(share * debt, held / rule.bonus)
    return {"close_factor": share, "repaid": repaid, "seized": repaid * rule.bonus}


def _close_factor(rule: Close, health: float, smaller: float) -> float:
    if health >= 1.0:
        return 0.0
    is_whole = health <= rule.threshold or smaller < rule.whole_below
    return 1.0 if is_whole else rule.fraction
