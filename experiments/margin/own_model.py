"""A risk model of one's own in a running market: called for all accounts at once, or for one."""

import ctypes
import importlib
from typing import Any

import numpy as np

from crossmargin.experiments.margin.risk_model import Book, RiskModel, shape_faults
from crossmargin.experiments.schema import Scenario
from crossmargin.model.calling import ADDRESSES, OWN
from crossmargin.model.errors import CrossmarginError, ParameterError, StateError
from crossmargin.model.margin.layout import Live, unpacked
from crossmargin.model.state import Array
from crossmargin.model.world import World

#: Models of this process by the name under which scenarios know them, in the order of their number.
_MODELS: dict[str, RiskModel] = {}
#: What went wrong in a call that machine code made.
_FAILURES: list[Exception] = []


def name_model(model: "type[RiskModel] | RiskModel") -> str:
    """Name of a model for `venue.risk_model`; this process knows it by that name from now on."""
    kind = model if isinstance(model, type) else type(model)
    if not (isinstance(kind, type) and issubclass(kind, RiskModel)):
        raise ParameterError(f"risk_model = {model!r}: is no RiskModel")
    name = f"{kind.__module__}:{kind.__qualname__}"
    if not isinstance(model, type):
        name += f"#{len(_MODELS)}"  # made with settings that no name says
    _MODELS[name] = _checked(model if isinstance(model, RiskModel) else kind(), name)
    return name


def number_of(scenario: Scenario) -> int:
    """Number by which machine code names the model of a scenario; 0 without one.

    Raises
    ------
    ParameterError
        When there is no such model.
    """
    name = scenario.venue.risk_model
    if name is None:
        return 0
    if name not in _MODELS:
        _MODELS[name] = _checked(_imported(name), name)
    ADDRESSES[OWN] = ctypes.cast(_CALLED, ctypes.c_void_p).value or 0
    return 1 + list(_MODELS).index(name)


def _imported(name: str) -> RiskModel:
    module, _, rest = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for word in rest.split("."):
            found = getattr(found, word)
    except (ImportError, AttributeError, ValueError) as error:
        raise ParameterError(f"venue.risk_model = {name!r}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, RiskModel)):
        raise ParameterError(f"venue.risk_model = {name!r}: is no RiskModel")
    return found()


def _checked(model: RiskModel, name: str) -> RiskModel:
    faults = shape_faults(model)
    if faults:
        raise ParameterError(f"venue.risk_model = {name!r}: {'; '.join(faults)}")
    return model


def _answer(number: int, address: int, n: int) -> None:
    """Measure one account that machine code asks about."""
    call = np.frombuffer((ctypes.c_double * (6 + 4 * n)).from_address(address))
    held = call[1 : 1 + 4 * n].reshape(4, n)
    book = Book(call[:1].copy(), held[:1].copy(), held[1:2].copy(), held[2].copy(), held[3].copy())
    try:
        call[-5:] = list(_MODELS.values())[number - 1].margin(book)[0]
    except Exception as error:
        _FAILURES.append(error)
        call[-5:] = np.nan


_CALLED = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(_answer)


class OwnModel:
    """Measures all accounts before they are judged."""

    def __init__(self, scenario: Scenario) -> None:
        self.name = str(scenario.venue.risk_model)
        number_of(scenario)

    def __call__(self, world: World, step: int) -> None:
        """Write the numbers of every account, orders counted by their worst case."""
        if _FAILURES:
            self._fail(_FAILURES.pop(), step)
        live = unpacked(world.state.ledger.risk)
        live.facts["model"] = number_of(world.scenario)  # of this process
        try:
            self._measure(world, live)
        except CrossmarginError:
            raise
        except Exception as error:
            self._fail(error, step)

    def _fail(self, error: Exception, step: int) -> None:
        raise StateError(
            f"{self.name}.margin, block {step}: {type(error).__name__}: {error}"
        ) from error

    def moved_to(self, market: Any) -> "OwnModel":
        """The same model, which keeps nothing, for a branch of a market."""
        return self

    def _measure(self, world: World, live: Live) -> None:
        held = _Held(world, live)
        model = _MODELS[self.name]
        numbers = np.array(model.margin(held.book(0)), float)
        resting = np.flatnonzero(held.orders.any(axis=(1, 2)))
        if len(resting):
            free = numbers[resting, 1] - numbers[resting, 3]
            filled = [model.margin(held.book(side).rows(resting)) for side in (1, -1)]
            least = np.min([found[:, 1] - found[:, 3] for found in filled], axis=0)
            numbers[resting, 3] += np.maximum(free - least, 0.0)
        live.own.numbers[:] = numbers
        live.own.seen[:] = held.seen()
        live.own.marks[:] = world.state.ledger.markets["mark"]


class _Held:
    """What all accounts hold, as the model and as machine code know it."""

    def __init__(self, world: World, live: Live) -> None:
        ledger, perps = world.state.ledger, live.sources.perps
        markets = ledger.markets[perps]
        self.live, self.one = live, float(live.facts["one"][0])
        self.balances, self.lots, self.cost = (
            ledger.balances,
            ledger.lots[:, perps],
            ledger.cost[:, perps],
        )
        self.orders = world.state.book.open_lots[:, perps]
        self.lot, self.prices = markets["lot"], 0.5 * markets["mark"] * markets["tick"]
        spot = ledger.markets[ledger.assets["market"][1:]]
        worth = np.concatenate([[1.0], 0.5 * spot["mark"] * spot["tick"]])
        self.cash = ledger.balances @ (worth * live.terms.coins["lot"])

    def book(self, side: int) -> Book:
        """All accounts, with all bids (1) or asks (-1) filled at the mark, or neither (0)."""
        filled = side * self.orders[:, :, 0 if side > 0 else 1] if side else 0 * self.lots
        sizes = (self.lots + filled) * self.lot
        cost = self.cost / self.one + filled * self.lot * self.prices
        with np.errstate(divide="ignore", invalid="ignore"):
            entries = np.where(sizes != 0, cost / sizes, self.prices)
        volatility = np.sqrt(self.live.estimates.prices["variance"])
        return Book(
            cash=self.cash,
            positions=sizes,
            entry_prices=entries,
            prices=self.prices,
            volatility=volatility[self.live.terms.perps["underlying"]],
        )

    def seen(self) -> Array:
        """Integers by which machine code knows that an account is as it was."""
        rows = np.stack([self.lots, self.cost, self.orders[..., 0], self.orders[..., 1]], axis=2)
        return np.hstack([self.balances, rows.reshape(len(rows), -1)])
