"""A small market on which a behaviour is tried before it enters a scenario.

One perpetual and one spot market on the same underlying, two makers who never move, and some agents
of the behaviour, each with money, coins and a position. The index swings by a few percent, so that
there is something to react to.
"""

import math
from collections.abc import Iterator
from typing import Any

import mesa
import numpy as np
from numpy.typing import NDArray

from crossmargin.agents.agentset import Rows
from crossmargin.agents.orders import AgentError
from crossmargin.agents.solo import enlist
from crossmargin.agents.trader import Trader
from crossmargin.model.blank import Sizes, blank_state
from crossmargin.model.draws import population_key
from crossmargin.model.loop import begin_step, run_part
from crossmargin.model.parts import NoNumbers, Part, find_part, row_of
from crossmargin.model.state import (
    FIRST_SETTLEMENT,
    ORDER,
    PERPETUAL,
    REFILL,
    SPOT,
    State,
)
from crossmargin.model.traits import draw
from crossmargin.model.world import Names, World

PERP, COIN = range(2)
STATES_PART, BEHAVIOUR, INBOX, RECORD = range(4)
ONE, TICK, LOT, HALF_UNIT, LOT_UNITS = 10**6, 0.01, 0.001, 5, 10**5
PRICE = 100.0
#: Rows: the makers stand between the settlement row of the perpetual and the agents.
MAKERS, FIRST = FIRST_SETTLEMENT + 1, FIRST_SETTLEMENT + 3
WEALTH, POSITION, COINS = 10_000 * ONE, 300_000, 20_000  # quote units, lots, lots


class Stage(mesa.Model):  # type: ignore[misc]
    """Market of some agents of one behaviour.

    Parameters
    ----------
    behaviour : Part or subclass of Trader
    n_agents : int
    seed : int
    """

    def __init__(self, behaviour: Any, n_agents: int = 4, seed: int = 1) -> None:
        super().__init__(rng=seed)
        is_solo = isinstance(behaviour, type)
        part = find_part("solo") if is_solo else behaviour
        parts = [find_part("states"), part, find_part("inbox"), find_part("record")]
        state = _state(n_agents, seed, behaviour)
        self.world = World(
            state=state,
            parts=parts,
            names=Names(["USDC", "BTC"], ["BTC-PERP", "BTC-USDC"], ["BTC"], ["makers", "agents"]),
        )
        _fill_numbers(state, behaviour)
        self._quote()
        if is_solo:
            enlist(self, BEHAVIOUR, behaviour)

    def trader(self, row: int) -> Trader:
        """View of a row."""
        return Trader.view(self, row)

    @property
    def agents(self) -> Rows:
        """Rows of makers and agents."""
        return Rows(self)

    def open_block(self, step: int) -> None:
        """Begin a block: the index moves, margins are judged."""
        state = self.world.state
        begin_step(state, step)
        half = round(2 * PRICE / TICK * (1.0 + 0.03 * math.sin(step / 3.0)))
        state.ledger.markets["index"] = state.ledger.markets["mark"] = half
        self._run(STATES_PART, step)

    def close_block(self, step: int) -> None:
        """End a block: the inbox is executed, the step recorded."""
        self._run(INBOX, step)
        self._run(RECORD, step)
        self.world.step = step + 1

    def behave(self, step: int) -> int:
        """Let a compiled behaviour decide."""
        return self._run(BEHAVIOUR, step)

    def messages(self) -> NDArray[Any]:
        """Copy of what stands in the inbox."""
        crowd, clock = self.world.state.crowd, self.world.state.clock
        return crowd.inbox[: int(clock["n_inbox"][0])].copy()

    def _run(self, part: int, step: int) -> int:
        return int(run_part(self.world.program, self.world.state, part, step))

    def _quote(self) -> None:
        """Let the makers fill the books around the first price."""
        state, quotes = self.world.state, np.zeros(160, ORDER)
        begin_step(state, 0)
        depth = np.arange(160) // 4
        quotes["side"] = np.where(np.arange(160) % 2, 1, -1)
        quotes["market"] = np.arange(160) // 2 % 2
        quotes["account"] = np.where(quotes["side"] > 0, MAKERS, MAKERS + 1)
        quotes["price"] = round(PRICE / TICK) - quotes["side"] * (5 + 20 * depth)
        quotes["quantity"] = 20_000
        quotes["author_class"] = REFILL
        state.crowd.inbox[:160] = quotes
        state.clock["n_inbox"] = 160
        self._run(STATES_PART, 0)
        self._run(INBOX, 0)


def _state(n_agents: int, seed: int, behaviour: Any) -> State:
    n_slots = max(1, n_agents * needed(behaviour, "slots_needed"))
    n_messages = max(256, n_agents * needed(behaviour, "messages_needed") + 1)
    sizes = Sizes(
        accounts=FIRST + n_agents,
        assets=2,
        markets=2,
        parts=4,
        price_levels=1 << 16,
        orders=1 << 11,
        pages=1 << 8,
        slots=n_slots,
        messages=n_messages,
        window=256,
        steps_a_chunk=256,
        stops=8 * n_agents + 1,
    )
    state = blank_state(sizes, seed, 1.0)
    _list_markets(state)
    _endow(state, n_agents)
    state.parts["population"], state.parts["market"] = -1, -1
    state.parts["first"], state.parts["count"] = MAKERS, 2 + n_agents
    state.parts["markets"] = 3
    row = state.parts[BEHAVIOUR]
    row["first"], row["count"], row["population"] = FIRST, n_agents, 1
    row["slots"] = needed(behaviour, "slots_needed")
    return state


def needed(behaviour: Any, what: str) -> int:
    """Handles or messages that one agent of a behaviour needs, at its default numbers."""
    home = behaviour_home(behaviour)
    count = getattr(home, what, None)
    return int(count(defaults(home, "Parameters"), 2)) if count else 0


def behaviour_home(behaviour: Any) -> Any:
    """Class or module that holds the numbers and traits of a behaviour."""
    if isinstance(behaviour, Part):
        return __import__(behaviour.kernel.__module__, fromlist=["KERNEL"])
    return behaviour


def defaults(home: Any, record: str) -> Any:
    """Numbers or traits of a behaviour as they stand without a scenario.

    Raises
    ------
    AgentError
        When a field has no default.
    """
    try:
        return getattr(home, record, NoNumbers)()
    except ValueError as error:
        name = getattr(home, "__name__", home)
        raise AgentError(f"{name}.{record}: every field needs a valid default: {error}") from None


def _list_markets(state: State) -> None:
    ledger, ladders = state.ledger, state.book.ladders
    ledger.assets["decimals"] = (6, 8)
    ledger.assets["market"] = (-1, COIN)
    ledger.assets["initial_weight"], ledger.assets["maintenance_weight"] = (1.0, 0.8), (1.0, 0.9)
    markets = ledger.markets
    markets["kind"], markets["base"] = (PERPETUAL, SPOT), (-1, 1)
    markets["settlement"], markets["lot_units"] = (FIRST_SETTLEMENT, -1), (0, LOT_UNITS)
    markets["half_unit"], markets["tick"], markets["lot"] = HALF_UNIT, TICK, LOT
    markets["index"] = markets["mark"] = ladders["mid"] = round(2 * PRICE / TICK)
    markets["taker_fee"] = 0.0005
    ledger.tiers["initial"][PERP], ledger.tiers["maintenance"][PERP] = 0.05, 0.03
    venue = ledger.venue[0]
    venue["call_ratio"], venue["reduce_only_ratio"], venue["rounds"] = 1.5, 1.1, 1
    state.outside.references["price"] = PRICE
    state.outside.references["base_log"] = math.log(PRICE)
    state.outside.references["volatility"] = 1e-4
    state.outside.trail[:] = math.log(PRICE)


def _endow(state: State, n_agents: int) -> None:
    """Give everyone quote and coins, and agents positions by turns long and short."""
    ledger, accounts = state.ledger, state.ledger.accounts
    for name, rows in _populations(n_agents):
        accounts["population"][rows] = ("makers", "agents").index(name)
        accounts["index"][rows] = rows - rows[0]
        accounts["key"][rows] = np.uint64(population_key(name)) + (rows - rows[0]).astype("u8")
        ledger.balances[rows, 0] = WEALTH if name == "agents" else 10_000 * WEALTH
        ledger.lots[rows, COIN] = COINS if name == "agents" else 100 * COINS
        ledger.balances[rows, 1] = ledger.lots[rows, COIN] * LOT_UNITS
    accounts["owner"] = np.arange(len(accounts))
    side = 1 - 2 * (np.arange(n_agents) % 2)
    ledger.lots[FIRST:, PERP] = side * POSITION
    ledger.lots[MAKERS, PERP] = -int(side.sum()) * POSITION
    unit = int(ledger.markets["mark"][PERP]) * HALF_UNIT
    ledger.cost[:, PERP] = ledger.lots[:, PERP] * unit
    ledger.markets["open_interest"][PERP] = int(np.abs(ledger.lots[:, PERP]).sum())
    ledger.assets["minted"] = ledger.balances.sum(axis=0)


def _populations(n_agents: int) -> Iterator[tuple[str, NDArray[np.int64]]]:
    yield "makers", np.arange(MAKERS, FIRST)
    if n_agents:
        yield "agents", np.arange(FIRST, FIRST + n_agents)


def _fill_numbers(state: State, behaviour: Any) -> None:
    home = behaviour_home(behaviour)
    numbers = row_of(defaults(home, "Parameters"))
    state.params[BEHAVIOUR, : len(numbers)] = numbers
    traits = defaults(home, "Traits")
    keys = state.ledger.accounts["key"][FIRST:]
    seed = int(state.clock["seed"][0])
    for t, name in enumerate(type(traits).model_fields):
        state.crowd.traits[FIRST:, t] = draw(getattr(traits, name), seed, keys, t)
    record = row_of(find_part("record").parameters())
    state.params[RECORD, : len(record)] = record
