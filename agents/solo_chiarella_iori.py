"""The behaviour of `chiarella_iori`, written in plain Python: the same orders, bit for bit.

Use it where a few agents of that kind should carry something more, and as an example that reads
more easily than the kernel. It sends one order at most, in ticks and lots.
"""

import math
from statistics import NormalDist
from typing import Any

from crossmargin.agents import chiarella_iori
from crossmargin.agents.trader import Trader
from crossmargin.agents.wishes import ExactOrder, Wish
from crossmargin.model.parts import Numbers
from crossmargin.model.state import CANCEL, LIMIT, MARGIN_CALL, REPLACE, SPOT

#: Half the step between two uniforms: a uniform of 0 has a normal quantile of its own.
HALF_STEP = 2.0**-54


class SoloChiarellaIori(Trader):
    """Fundamentalist, chartist and noise trader in one; see `agents/chiarella_iori.py`."""

    Parameters = chiarella_iori.Parameters
    Traits = chiarella_iori.Traits

    def begin(self) -> None:
        """Take the latency of the population; no order lives yet."""
        self.latency = self.numbers.latency
        self.expiry = 0.0
        self.next_action = 0.0

    @classmethod
    def slots_needed(cls, numbers: Numbers, n_markets: int) -> int:
        """Handles an agent needs: one order lives at a time."""
        return 1

    @classmethod
    def messages_needed(cls, numbers: Numbers, n_markets: int) -> int:
        """Most messages an agent sends in a step."""
        return 1

    def decide(self, market: Any) -> list[Wish]:
        """One order when active, a cancel when its order has become too old."""
        choice, noise, margin, moment, first = self.rng.random(5).tolist()
        if self.next_action == 0.0:
            self.next_action = self.block - 1 + self._wait(first)
        order = None
        if self.next_action <= self.block:
            place = choice * len(self._mine)
            self.next_action = self.block + self._wait(place - int(place))
            m = self._market(int(place))
            epsilon = NormalDist().inv_cdf(noise + HALF_STEP)
            order = self._order(m, epsilon, margin, moment) if m >= 0 else None
        if order is None and 0.0 < self.expiry <= self.block:
            order = self._cancel_old(moment)
        return [order] if order else []

    def _wait(self, uniform: float) -> float:
        """Blocks until the next action: exponential time, whole blocks of it, and one."""
        mean = self.traits.rate * float(self.world.state.clock["block_seconds"][0])
        if uniform < mean * (1.0 - uniform):
            return 1.0
        return 1.0 + float(-math.log1p(-uniform) / mean // 1.0) if mean > 0.0 else math.inf

    @property
    def _mine(self) -> list[int]:
        state = self.world.state
        mask = int(state.parts["markets"][self.place])
        return [m for m in range(len(state.ledger.markets)) if mask >> m & 1]

    def _market(self, place: int) -> int:
        state, mine = self.world.state, self._mine
        account = state.ledger.accounts[self.row]
        m = int(account["only_market"])
        if m < 0 and mine:
            m = mine[place]
        if m < 0 or account["state"] > MARGIN_CALL:
            return -1
        row = state.ledger.markets[m]
        return m if row["index"] > 0 and row["halted_until"] <= self.block else -1

    def _half_mid(self, m: int) -> int:
        mid = int(self.world.state.book.ladders["mid"][m])
        return mid if mid > 0 else int(self.world.state.ledger.markets["index"][m])

    def _order(self, m: int, epsilon: float, margin: float, moment: float) -> ExactOrder | None:
        expected = self._expected_return(m, epsilon)
        side = 1 if expected > 0.0 else -1
        lots = self._lots(m, side)
        if lots == 0:
            return None
        half = self._half_mid(m) * math.exp(expected) * (1.0 - side * self.traits.margin * margin)
        tick = math.floor(0.5 * half) if side > 0 else math.ceil(0.5 * half)
        last = (self.world.state.book.table.shape[2] << 6) - 1
        seconds = float(self.world.state.clock["block_seconds"][0])
        self.expiry = self.block + self.traits.horizon / seconds
        mine = self.open_orders
        return ExactOrder(
            market=m,
            side=side,
            price=max(1, min(tick, last)),
            quantity=lots,
            action=REPLACE if mine else LIMIT,
            order=mine[0].handle if mine else 0,
            moment=moment,
        )

    def _expected_return(self, m: int, epsilon: float) -> float:
        traits, state = self.traits, self.world.state
        steps = traits.horizon / float(state.clock["block_seconds"][0])
        gap = math.log(int(state.ledger.markets["index"][m]) / self._half_mid(m))
        chart = self._trend(m, int(steps)) * steps
        noise = self.numbers.volatility * math.sqrt(traits.horizon) * epsilon
        pull = gap * traits.horizon / traits.reversion
        total = traits.fundamental + traits.chart + traits.noise
        expected = traits.fundamental * pull + traits.chart * chart + traits.noise * noise
        most = self.numbers.largest_move * total
        return float(max(-most, min(most, expected)) / total) if total > 0.0 else 0.0

    def _trend(self, m: int, lag: int) -> float:
        trail = self.world.state.outside.trail[len(self.world.state.outside.references) + m]
        lag = min(lag, self.block - 1, len(trail) - 2)
        if lag < 1:
            return 0.0
        now = float(trail[(self.block - 1) % len(trail)])
        then = float(trail[(self.block - 1 - lag) % len(trail)])
        return (now - then) / lag

    def _lots(self, m: int, side: int) -> int:
        state = self.world.state
        equity = int(state.ledger.accounts["initial_equity"][self.row])
        wanted = math.floor(self.traits.size * equity)
        market = state.ledger.markets[m]
        unit = self._half_mid(m) * int(market["half_unit"]) + int(market["face"])
        return max(0, min(wanted, self._room(m, side, unit))) // unit

    def _room(self, m: int, side: int, unit: int) -> int:
        ledger = self.world.state.ledger
        lots = int(ledger.lots[self.row, m])
        if ledger.markets["kind"][m] == SPOT:
            return max(0, int(ledger.balances[self.row, 0])) if side > 0 else lots * unit
        used = lots * side * self._mark_unit(m)
        for other in range(len(ledger.markets)):
            if other != m and ledger.markets["kind"][other] != SPOT:
                used += self._worst_lots(other) * self._mark_unit(other)
        equity = int(ledger.accounts["initial_equity"][self.row])
        return max(0, math.floor(self.numbers.leverage * equity) - used)

    def _mark_unit(self, m: int) -> int:
        market = self.world.state.ledger.markets[m]
        return int(market["mark"]) * int(market["half_unit"]) + int(market["face"])

    def _worst_lots(self, m: int) -> int:
        lots = int(self.world.state.ledger.lots[self.row, m])
        bids, asks = self.world.state.book.open_lots[self.row, m].tolist()
        return max(abs(lots + bids), abs(lots - asks))

    def _cancel_old(self, moment: float) -> ExactOrder | None:
        self.expiry = 0.0
        for old in self.open_orders:
            m = self.world.names.markets.index(old.market)
            return ExactOrder(m, old.side, action=CANCEL, order=old.handle, moment=moment)
        return None
