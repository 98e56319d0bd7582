"""Static loss of a fire sale in a market: one round of forced selling at frozen positions.

The round is that of `model/networks/cont_schaanning.py`. It knows nothing of time, of who quotes
and of what waits in the book: correlated with what a market does, and nearly free, it is a control
variate.
"""

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.networks.cont_schaanning import cont_schaanning
from crossmargin.model.state import FIRST_SETTLEMENT, PERPETUAL
from crossmargin.model.world import World


class StaticLoss:
    """Static loss of a market as a function of the fall of its price, quote.

    Accounts with long perpetual positions are those who must sell. Leverage is notional over
    equity; the largest is that of the maintenance margin of the first tier.

    Parameters
    ----------
    world : World
        Its positions and equity at this moment.
    depth : float
        Of each market, quote: sales that would lower its price to nothing if impact were linear.
    of : {"deficit", "sales", "loss"}
        What is returned: equity lacking after the round, what was sold, or all losses of longs.
    """

    def __init__(self, world: World, depth: float, of: str = "deficit") -> None:
        if of not in ("deficit", "sales", "loss"):
            raise ParameterError(f"of = {of!r}: allowed are deficit, sales, loss")
        ledger = world.state.ledger
        unit = 10.0 ** -int(ledger.assets["decimals"][0])
        perpetual = ledger.markets["kind"] == PERPETUAL
        first = FIRST_SETTLEMENT + int(perpetual.sum())
        values = ledger.markets["mark"] * ledger.markets["half_unit"].astype(float) * unit
        self.positions = np.maximum(ledger.lots[first:, perpetual], 0) * values[perpetual]
        is_long = self.positions.sum(axis=1) > 0
        self.positions = self.positions[is_long]
        self.equity = ledger.accounts["maintenance_equity"][first:][is_long] * unit
        self.largest = float(1.0 / ledger.tiers["maintenance"][perpetual, 0].max())
        self.depth = np.full(int(perpetual.sum()), float(depth))
        self.of = of

    def __call__(self, fall: float) -> float:
        """Static loss after a fall of all prices by a fraction, quote."""
        left = self.positions * max(0.0, 1.0 - fall)
        equity = self.equity - self.positions.sum(axis=1) * fall
        sale = cont_schaanning(left, np.zeros(len(left)), equity, self.depth, self.largest)
        if self.of == "sales":
            return float(sale.sales.sum())
        if self.of == "loss":
            return float(fall * self.positions.sum() + sale.losses.sum())
        return float(-np.minimum(sale.equity, 0.0).sum())
