"""A derivative position in Python's fractions: what it cost, what has been realised."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass
class Position:
    """Lots at an average entry price, and the gains taken out so far; nothing is rounded."""

    lots: int = 0
    cost: Fraction = Fraction(0)
    realised: Fraction = Fraction(0)

    def trade(self, lots: int, price: int) -> None:
        """Gain some lots (signed) at a price: first close at the average cost, then open."""
        closing = min(abs(lots), abs(self.lots)) if lots * self.lots < 0 else 0
        if closing:
            sign = 1 if self.lots > 0 else -1
            share = self.cost * closing / abs(self.lots)
            self.realised += sign * closing * price - share
            self.cost -= share
            self.lots -= sign * closing
            lots += sign * closing
        self.cost += lots * price
        self.lots += lots
