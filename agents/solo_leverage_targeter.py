"""The behaviour of `leverage_targeters`, written in plain Python: the same orders, bit for bit."""

import math
from typing import Any

import numpy as np

from crossmargin.agents import leverage_targeters
from crossmargin.agents.trader import Trader
from crossmargin.agents.wishes import ExactOrder, Wish
from crossmargin.model.parts import Numbers
from crossmargin.model.state import (
    IMMEDIATE_OR_CANCEL,
    REDUCE_ONLY,
    SPOT,
    STATES,
)

OPEN_STATES = STATES[:2]  # in which new positions are allowed


class SoloLeverageTargeter(Trader):
    """Buys what rises and sells what falls; see `agents/leverage_targeters.py`."""

    Parameters = leverage_targeters.Parameters
    Traits = leverage_targeters.Traits

    def begin(self) -> None:
        """Take the latency of the population; the first look is still to be drawn."""
        self.latency = self.numbers.latency
        self.side, self.next_look = 0, 0.0
        self._drawn_at, self._drawn = -1, [0.0] * 4

    @classmethod
    def messages_needed(cls, numbers: Numbers, n_markets: int) -> int:
        """Most messages an agent sends in a step."""
        return 1

    def decide(self, market: Any) -> list[Wish]:
        """One order at a look that finds the leverage outside its band."""
        if self.state == "closed" or not self._is_looking():
            return []
        m = self._market()
        if m < 0:
            return []
        row = self.world.state.ledger.markets[m]
        if row["kind"] == SPOT or row["index"] == 0 or row["halted_until"] > self.block:
            return []
        lots = self._lots_missing(m)
        is_reducing = lots * int(self.world.state.ledger.lots[self.row, m]) < 0
        if lots == 0 or (self.state not in OPEN_STATES and not is_reducing):
            return []
        return [self._order(m, lots, is_reducing)]

    def _is_looking(self) -> bool:
        seconds = float(self.world.state.clock["block_seconds"][0])
        interval = max(1.0, self.traits.interval / seconds)
        if self.next_look == 0.0:
            self.next_look = self.block + float(math.floor(self._uniforms()[0] * interval))
        if self.block < self.next_look:
            return False
        self.next_look += max(1.0, math.floor(interval + 0.5))
        return True

    def _uniforms(self) -> list[float]:
        if self.block != self._drawn_at:
            self._drawn_at, self._drawn = self.block, self.rng.random(4).tolist()
        return self._drawn

    def _market(self) -> int:
        state = self.world.state
        mask, only = int(state.parts["markets"][self.place]), state.ledger.accounts["only_market"]
        mine = [m for m in range(len(state.ledger.markets)) if mask >> m & 1]
        sizes = {m: self._size(m) for m in mine if state.ledger.markets["kind"][m] != SPOT}
        largest = max(sizes, key=lambda m: sizes[m], default=-1)
        if largest >= 0 and sizes[largest] > 0:
            return largest
        if only[self.row] >= 0:
            return int(only[self.row])
        return mine[self.index % len(mine)] if mine else -1

    def _size(self, m: int) -> int:
        market = self.world.state.ledger.markets[m]
        unit = int(market["mark"]) * int(market["half_unit"]) + int(market["face"])
        return abs(int(self.world.state.ledger.lots[self.row, m])) * unit

    def _half_mid(self, m: int) -> int:
        mid = int(self.world.state.book.ladders["mid"][m])
        return mid if mid > 0 else int(self.world.state.ledger.markets["index"][m])

    def _lots_missing(self, m: int) -> int:
        ledger, traits = self.world.state.ledger, self.traits
        lots = int(ledger.lots[self.row, m])
        self.side = int(np.sign(lots)) or self.side or (1 if traits.target > 0.0 else -1)
        market = ledger.markets[m]
        unit = self._half_mid(m) * int(market["half_unit"]) + int(market["face"])
        held = self.side * lots * unit
        equity = max(0, int(ledger.accounts["initial_equity"][self.row]))
        target = abs(traits.target) * equity
        if abs(held - target) <= traits.band * target:
            return 0
        wanted = math.floor(self.numbers.adjustment * abs(target - held) / unit)
        return wanted if (target > held) == (self.side > 0) else -wanted

    def _order(self, m: int, lots: int, is_reducing: bool) -> ExactOrder:
        side = 1 if lots > 0 else -1
        worst = 0.5 * (self._half_mid(m) * (1.0 + side * self.numbers.slippage))
        tick = math.floor(worst) if side > 0 else math.ceil(worst)
        return ExactOrder(
            market=m,
            side=side,
            price=max(1, min(tick, (self.world.state.book.table.shape[2] << 6) - 1)),
            quantity=abs(lots),
            life=IMMEDIATE_OR_CANCEL,
            flags=REDUCE_ONLY if is_reducing else 0,
            moment=self._uniforms()[3],
        )
