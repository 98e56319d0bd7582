"""`check_agent` passes what is sound and says in a sentence what is not."""

import itertools
import random
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from crossmargin import Trader, check_agent
from crossmargin.agents import chiarella_iori
from crossmargin.agents.orders import AgentError
from crossmargin.agents.solo_chiarella_iori import SoloChiarellaIori
from crossmargin.agents.solo_leverage_targeter import SoloLeverageTargeter
from crossmargin.agents.wishes import ExactOrder
from crossmargin.model.kernel import kernel
from crossmargin.model.state import FORCED
from tests.repository import ROOT


class Contrarian(Trader):
    """Sells above the index and buys below it, a random bit at a time."""

    def decide(self, market: Any) -> Any:
        gap = self.mid("BTC-PERP") / self.index_price("BTC-PERP") - 1.0
        if abs(gap) < 0.001:
            return []
        trade = self.sell if gap > 0 else self.buy
        order = trade("BTC-PERP", 0.1 + self.rng.random(), self.mid("BTC-PERP"))
        return [*map(self.cancel, self.open_orders), order]


SOUND = [
    Contrarian,
    SoloChiarellaIori,
    SoloLeverageTargeter,
    "chiarella_iori",
    chiarella_iori,
    "leverage_targeters",
    "leveraged",
]


@pytest.mark.parametrize("behaviour", SOUND)
def test_what_is_sound_passes(behaviour: Any) -> None:
    check_agent(behaviour)


class Wishful(Contrarian):
    def decide(self, market: Any) -> Any:
        return "buy"


class Greedy(Contrarian):
    def decide(self, market: Any) -> Any:
        market.world.state.ledger.balances[self.row, 0] += 1
        return []


class Meddler(Contrarian):
    def decide(self, market: Any) -> Any:
        market.world.state.crowd.memory[self.row - 1] = 1.0
        return []


class Gambler(Contrarian):
    def decide(self, market: Any) -> Any:
        return [self.buy("BTC-PERP", random.random())]


class OldGambler(Contrarian):
    def decide(self, market: Any) -> Any:
        return [self.buy("BTC-PERP", np.random.rand())]  # noqa: NPY002


class MesaGambler(Contrarian):
    def decide(self, market: Any) -> Any:
        return [self.buy("BTC-PERP", market.rng.random())]


class Unseeded(Contrarian):
    def decide(self, market: Any) -> Any:
        return [self.buy("BTC-PERP", 0.01 + np.random.default_rng().random())]


class Gossip(Contrarian):
    heard: Any = itertools.count()

    def begin(self) -> None:
        type(self).heard = itertools.count()

    def decide(self, market: Any) -> Any:
        return [self.buy("BTC-PERP", 1.0 + next(self.heard))]


class Stumbler(Contrarian):
    def decide(self, market: Any) -> Any:
        return 1 / 0


class Lost(Contrarian):
    def decide(self, market: Any) -> Any:
        return [self.buy("DOGE-PERP", 1.0)]


class Flood(Contrarian):
    def decide(self, market: Any) -> Any:
        return [self.buy("BTC-PERP", 1.0, 50.0)] * 33


class Forger(Contrarian):
    author_class = FORCED


class Forgetful(Trader):
    pass


class Deaf(Trader):
    def decide(self) -> Any:  # type: ignore[override]
        return []


class Priceless(Contrarian):
    def decide(self, market: Any) -> Any:
        return [ExactOrder(0, 1, price=0, quantity=1)]


UNSOUND = [
    (Wishful, "returned str; it returns a list"),
    (Greedy, "changed ledger.balances"),
    (Meddler, "changed crowd.memory"),
    (Gambler, "shared generator"),
    (OldGambler, "shared generator"),
    (MesaGambler, "shared generator"),
    (Unseeded, "when run again"),
    (Gossip, "one agent more"),
    (Stumbler, "ZeroDivisionError"),
    (Lost, "there are BTC-PERP, BTC-USDC"),
    (Flood, "33 messages in a block; messages_needed says 32"),
    (Forger, "signs orders as forced"),
    (Forgetful, "has no method decide"),
    (Deaf, r"takes \(self, market\)"),
    (Priceless, "a price is at least one tick"),
    (dict, "no subclass"),
    (7, "neither a subclass of Trader nor a part"),
    (itertools, "it sets no PHASE"),
    ("states", "PHASE is 'margin'"),
]


@pytest.mark.parametrize(("behaviour", "words"), UNSOUND)
def test_what_is_not_is_named(behaviour: Any, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        check_agent(behaviour)


def part(**fields: Any) -> ModuleType:
    """Module of a part whose kernel was defined in this file."""
    module = ModuleType(__name__)
    module.__dict__.update({"PHASE": "decisions", **fields})
    return module


@kernel
def thief(state, part, step):  # type: ignore[no-untyped-def]
    state.ledger.balances[state.parts[part].first, 0] += 1
    return 0


@kernel
def ventriloquist(state, part, step):  # type: ignore[no-untyped-def]
    message = state.crowd.inbox[0]
    message.account = state.parts[part].first - 1
    message.side, message.price, message.quantity = 1, 9_000, 1
    message.market, message.author_class, message.arrival = 0, 4, 0
    state.clock[0].n_inbox = 1
    return 1


@kernel
def trespasser(state, part, step):  # type: ignore[no-untyped-def]
    state.crowd.memory[state.parts[part].first - 1, 0] = step
    return 0


@kernel
def diarist(state, part, step):  # type: ignore[no-untyped-def]
    state.crowd.memory[state.parts[part].first, 0] = step
    return 0


@kernel
def rolling(state, part, step):  # type: ignore[no-untyped-def]
    message = state.crowd.inbox[0]
    message.account = state.parts[part].first
    message.side, message.price, message.quantity = 1, 9_000, 1 + np.random.randint(100000)  # noqa: NPY002
    message.market, message.author_class, message.arrival = 0, 4, 0
    state.clock[0].n_inbox = 1
    return 1


@kernel
def untyped(state, part, step):  # type: ignore[no-untyped-def]
    return state.nothing_of_the_kind


@kernel
def too_few(state, part):  # type: ignore[no-untyped-def]
    return 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (thief, "changed ledger.balances"),
        (ventriloquist, "the account is not its own"),
        (trespasser, "changed crowd.memory"),
        (rolling, "when run again"),
        (untyped, "does not compile: Unknown attribute 'nothing_of_the_kind'"),
        (too_few, r"takes \(state, part, step\)"),
        (len, "no compiled kernel"),
    ],
)
def test_kernels_are_checked_too(code: Any, words: str) -> None:
    with pytest.raises(AgentError, match=words):
        check_agent(part(KERNEL=code))


def test_a_kernel_may_remember() -> None:
    check_agent(part(KERNEL=diarist))


def test_the_example_of_the_readme_passes() -> None:
    text = (ROOT / "agents" / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)  # it calls check_agent itself
    assert issubclass(names["Contrarian"], Trader)
