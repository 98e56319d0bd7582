"""A trader: the view of one account, and the base of behaviours that are written in Python.

    class Contrarian(Trader):
        def decide(self, market):
            gap = self.mid("BTC-PERP") / self.index_price("BTC-PERP") - 1.0
            if abs(gap) < 0.001:
                return []
            trade = self.sell if gap > 0 else self.buy
            return [trade("BTC-PERP", 0.1, self.mid("BTC-PERP"))]

Numbers are natural units: quote, base, quote per base. What a behaviour remembers it keeps in
attributes of its own; what it draws it draws from `self.rng`.
"""

from typing import Any, ClassVar

import mesa
import numpy as np

from crossmargin.agents import sight
from crossmargin.agents.columns import column, money
from crossmargin.agents.wishes import Cancel, OpenOrder, OpenStop, Order, Stop, Transfer, Wish
from crossmargin.model.draws import DECIDE, generator
from crossmargin.model.errors import StateError
from crossmargin.model.parts import NoNumbers, Numbers, slots
from crossmargin.model.state import DISCRETIONARY
from crossmargin.model.world import World


class Trader(mesa.Agent):  # type: ignore[misc]
    """View of one row of a market; subclass it and write `decide` for a behaviour of your own.

    Parameters
    ----------
    model : Market
        A `mesa.Model` with a `world`.
    row : int
        Row of the account in every array of the state; also its `unique_id`.

    Attributes
    ----------
    Parameters, Traits : class
        Numbers that a scenario may set for the population and distributions for each agent; read
        them in `numbers` and `traits`.
    latency : float
        Seconds from decision to the earliest arrival of an order.
    author_class : int
        How its orders are booked when they move a price.
    """

    Parameters: ClassVar[type[Numbers]] = NoNumbers
    Traits: ClassVar[type[Numbers]] = NoNumbers
    latency: float = 0.1
    author_class: int = DISCRETIONARY

    def __init__(self, model: Any, row: int) -> None:
        self.model = model  # not registered with the model: the row is there already
        self.row = self.unique_id = int(row)
        self.pos = None
        self.place = -1  # of its part in the program; a mere view has none
        self._stream: tuple[int, np.random.Generator | None] = (-1, None)

    @staticmethod
    def view(model: Any, row: int) -> "Trader":
        """Agent of a row: the one that decides for it, or a plain view."""
        for part in model.world.python_parts.values():
            found = getattr(part, "by_row", {}).get(row)
            if found is not None:
                return found
        return Trader(model, row)

    def __hash__(self) -> int:
        """Of the market and the row."""
        return hash((id(self.model), self.row))

    def __eq__(self, other: object) -> bool:
        """Same row of the same market."""
        return isinstance(other, Trader) and other.model is self.model and other.row == self.row

    def __repr__(self) -> str:
        """Row, population and place in it."""
        return f"<{type(self).__name__} {self.row}: {self.population} {self.index}>"

    def remove(self) -> None:
        """Refuse: the rows of a market are fixed.

        Raises
        ------
        StateError
            Always.
        """
        raise StateError("rows of a market are never removed; let the agent close its positions")

    # What it decides --------------------------------------------------------------------------

    def begin(self) -> None:
        """Called once before the first decision: set attributes of your own here."""

    def decide(self, market: Any) -> list[Wish]:
        """Orders of this block, made with `buy`, `sell`, `close`, `cancel` and `transfer`."""
        raise NotImplementedError(f"{type(self).__name__} has no decide(self, market)")

    @classmethod
    def slots_needed(cls, numbers: Numbers, n_markets: int) -> int:
        """Handles an agent needs; open orders are found without any."""
        return 0

    @classmethod
    def messages_needed(cls, numbers: Numbers, n_markets: int) -> int:
        """Most messages an agent sends in a step."""
        return 16 * max(1, n_markets)

    @classmethod
    def stops_needed(cls, numbers: Numbers, n_markets: int) -> int:
        """Most stop orders of an agent that wait at a time; more of them are refused."""
        return 4 * max(1, n_markets)

    def buy(self, market: str, quantity: float, price: float | None = None, **how: Any) -> Order:
        """Order to buy some base, at a limit or at once; `how` has further fields of `Order`."""
        return Order(market, 1, quantity, price, **how)

    def sell(self, market: str, quantity: float, price: float | None = None, **how: Any) -> Order:
        """Order to sell some base, at a limit or at once; `how` has further fields of `Order`."""
        return Order(market, -1, quantity, price, **how)

    def close(self, market: str, fraction: float = 1.0, price: float | None = None) -> list[Order]:
        """Reduce-only order for a share of the position; none without a position."""
        held = self.position(market)
        side = -1 if held > 0 else 1
        quantity = fraction * abs(held)
        return [Order(market, side, quantity, price, reduce_only=True)] if quantity > 0 else []

    def stop_loss(self, market: str, trigger: float, **how: Any) -> list[Stop]:
        """Order that closes the position once the price is as bad as this; `how` as in `Stop`."""
        held = self.position(market)
        side = -1 if held > 0 else 1
        return [Stop(market, side, trigger, side > 0, **how)] if held else []

    def take_profit(self, market: str, trigger: float, **how: Any) -> list[Stop]:
        """Order that closes the position once the price is as good as this; `how` as in `Stop`."""
        held = self.position(market)
        side = -1 if held > 0 else 1
        return [Stop(market, side, trigger, side < 0, **how)] if held else []

    def cancel(self, order: OpenOrder | OpenStop) -> Cancel:
        """Wish to cancel an order of one's own, one of `open_orders` or of `open_stops`."""
        return Cancel(order)

    def transfer(self, amount: float) -> Transfer:
        """Wish to bring in some quote from outside, or to take out what is free when negative."""
        return Transfer(amount)

    # What it has ------------------------------------------------------------------------------

    @property
    def world(self) -> World:
        """World of the market."""
        return self.model.world

    @property
    def block(self) -> int:
        """Number of the current block."""
        return int(self.world.state.clock["step"][0] - self.world.state.clock["first"][0])

    @property
    def rng(self) -> np.random.Generator:
        """Generator of this agent and block: the stream that a kernel's `uniforms` read."""
        step, stream = self._stream
        now = int(self.world.state.clock["step"][0])  # also counts the blocks of a burn-in
        if stream is None or step != now:
            key = int(self.world.state.ledger.accounts["key"][self.row])
            stream = generator(int(self.world.state.clock["seed"][0]), key, DECIDE, now)
            self._stream = (now, stream)
        return stream

    @property
    def numbers(self) -> Any:
        """Parameters of its population, by name."""
        places = slots(type(self).Parameters)
        return type(places)(*self.world.state.params[self.place, : len(places)].tolist())

    @property
    def traits(self) -> Any:
        """What this agent drew, by name."""
        places = slots(type(self).Traits)
        return type(places)(*self.world.state.crowd.traits[self.row, : len(places)].tolist())

    def slot(self, number: int) -> int:
        """One plus the handle place of its order number `number` of a block; 0 past the last."""
        if self.place < 0:
            return 0
        part = self.world.state.parts[self.place]
        if number >= part["slots"]:
            return 0
        return int(part["first_slot"] + (self.row - part["first"]) * part["slots"]) + number + 1

    def _value(self, name: str) -> Any:
        return column(self.world, name, np.array([self.row]))[0].item()

    equity = property(lambda self: self._value("equity"), doc="Raw equity, quote.")
    health = property(lambda self: self._value("health"), doc="Over maintenance requirement.")
    leverage = property(lambda self: self._value("leverage"), doc="Notional over equity.")
    notional = property(lambda self: self._value("notional"), doc="Gross, quote at the mark.")
    free_collateral = property(lambda self: self._value("free_collateral"), doc="Quote.")
    initial_requirement = property(lambda self: self._value("initial_requirement"), doc="Quote.")
    maintenance_requirement = property(
        lambda self: self._value("maintenance_requirement"), doc="Quote."
    )
    state = property(lambda self: self._value("state"), doc="healthy, margin call, ...")
    mode = property(lambda self: self._value("mode"), doc="cross or isolated.")
    owner = property(lambda self: self._value("owner"), doc="Number of the owner.")
    population = property(lambda self: self._value("population"), doc="Name of the population.")
    index = property(lambda self: self._value("index"), doc="Place within the population.")
    deposited = property(lambda self: self._value("deposited"), doc="Quote, after the start.")
    liquidations = property(lambda self: self._value("liquidations"), doc="Forced orders so far.")

    @property
    def balances(self) -> dict[str, float]:
        """Balance of every asset, whole units."""
        return {name: self._value(f"balance:{name}") for name in self.world.names.assets}

    def position(self, market: str) -> float:
        """Position in a market, base, signed."""
        return float(self._value(f"position:{market}"))

    @property
    def cash(self) -> float:
        """Balance of the quote asset."""
        return float(money(self.world, self.world.state.ledger.balances[self.row, 0]))

    @property
    def open_orders(self) -> list[OpenOrder]:
        """Its orders that rest in the books."""
        return sight.open_orders(self.world, self.row)

    @property
    def open_stops(self) -> list[OpenStop]:
        """Its stop orders that wait for their price."""
        return sight.open_stops(self.world, self.row)

    # What it sees -----------------------------------------------------------------------------

    def mid(self, market: str) -> float:
        """Mid price, quote per base."""
        return sight.mid(self.world, market)

    def mark(self, market: str) -> float:
        """Mark price, quote per base."""
        return sight.mark(self.world, market)

    def index_price(self, market: str) -> float:
        """Index price, quote per base."""
        return sight.index_price(self.world, market)

    def bid(self, market: str) -> float:
        """Best bid, quote per base; NaN when there is none."""
        return sight.best(self.world, market, 0)

    def ask(self, market: str) -> float:
        """Best ask, quote per base; NaN when there is none."""
        return sight.best(self.world, market, 1)

    def mids(self, market: str, blocks: int) -> Any:
        """Mids of the last blocks, oldest first, quote per base."""
        return sight.mids(self.world, market, blocks)
