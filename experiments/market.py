"""The Mesa face of a market: a `mesa.Model` over a world.

An agent is a row; Mesa's agent sets, data collector and batch runner work on views of rows. Blocks
between two of Mesa's own events run in one compiled call.
"""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import mesa
from mesa.agentset import AgentSet
from mesa.datacollection import DataCollector

from crossmargin.agents.agentset import Rows
from crossmargin.agents.solo import adopt, enlist
from crossmargin.agents.trader import Trader
from crossmargin.experiments import network_holdings, network_inputs
from crossmargin.experiments.branching import copy_events, restart_steps
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin, checked_seed, with_own_model
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import INSURANCE
from crossmargin.model.world import World

if TYPE_CHECKING:
    from crossmargin.experiments.counterfactual.results import WhatIf


def _quote(units: Any, market: "Market") -> float:
    return float(units * 10.0 ** -int(market.world.state.ledger.assets["decimals"][0]))


def _mark(market: "Market") -> float:
    first = market.world.state.ledger.markets[0]
    return float(first["mark"] * first["tick"] / 2)


def _venue(name: str) -> Any:
    return lambda market: _quote(market.world.state.ledger.venue[name][0], market)


#: What Mesa's data collector reports after every step; replace `market.datacollector` for others.
REPORTERS = {
    "mark": _mark,
    "insurance": lambda market: _quote(market.world.state.ledger.balances[INSURANCE, 0], market),
    **{name: _venue(name) for name in ("liquidated_notional", "bad_debt", "adl_notional")},
}


class Market(mesa.Model):  # type: ignore[misc]
    """A cross-margin market as a Mesa model.

    Parameters
    ----------
    scenario : str, Path, Scenario or mapping
        Built-in name, TOML file, or the scenario itself.
    seed, rng : int, optional
        Of all draws of the market; `rng` is Mesa's name for it. 0 by default; give one of them.
    overrides : mapping, optional
        Dotted paths of the scenario to values.
    risk_model : class, optional
        Of a `RiskModel`, which then measures every account.

    Examples
    --------
    >>> import crossmargin as xm
    >>> market = xm.Market("calm", seed=1)
    >>> market.run_for(10)
    >>> market.steps, set(market.audit().values())
    (10, {0})
    """

    def __init__(
        self,
        scenario: str | Path | Scenario | Mapping[str, Any] = "calm",
        *,
        seed: int | None = None,
        rng: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        risk_model: Any = None,
    ) -> None:
        if seed is not None and rng is not None:
            raise ParameterError("give seed or rng, not both")
        number = seed if seed is not None else rng if rng is not None else 0
        self.seed = checked_seed(number)
        super().__init__(rng=abs(self.seed))
        changes = {**(overrides or {}), **with_own_model(risk_model)}
        world, self.start = begin(load_scenario(scenario, changes), self.seed)
        self._hold(world)
        for place, kind in world.solo.items():
            enlist(self, place, kind)

    def _hold(self, world: World) -> None:
        self.world = world
        self._scenario = world.scenario
        self.datacollector = DataCollector(model_reporters=dict(REPORTERS))

    @property
    def scenario(self) -> Scenario:
        """Scenario of this market, frozen."""
        return self._scenario

    @scenario.setter
    def scenario(self, value: Any) -> None:
        """Mesa sets a scenario of its own kind, which this market does not use."""
        self._scenario = value

    @property
    def agents(self) -> Rows:
        """Every account of every population as a Mesa agent, made when looked at."""
        return Rows(self)

    @property
    def solo(self) -> AgentSet:
        """Agents whose behaviour is written in Python."""
        traders = [
            t for part in self.world.python_parts.values() for t in getattr(part, "traders", [])
        ]
        return AgentSet(traders, random=self.random)

    def trader(self, row: int) -> Trader:
        """View of a row."""
        return Trader.view(self, row)

    def step(self) -> None:
        """Run one block and collect what Mesa's data collector reports."""
        self.world.run(1)
        self.datacollector.collect(self)

    def run_for(self, duration: float) -> None:
        """Run some blocks; those between two of Mesa's events run in one compiled call.

        The data collector is asked by `step` alone; here collect where you want to look.
        """
        if not 0 <= duration < math.inf:
            raise ParameterError(f"duration = {duration}: must be a number of blocks, 0 or more")
        end = self.time + duration
        self._default_schedule.stop()
        while self.time < end:
            ahead = [] if self._event_list.is_empty() else self._event_list.peek_ahead(1)
            until = min(end, ahead[0].time) if ahead else end
            blocks = math.floor(until) - math.floor(self.time)  # a block runs before its events
            if blocks:
                self.world.run(blocks)
                self.steps += blocks
            self._fire_events(until)
        restart_steps(self)

    def _fire_events(self, until: float) -> None:
        self.time = until
        while not self._event_list.is_empty():
            event = self._event_list.peek_ahead(1)[0]
            if event.time > until:
                return
            self._event_list.pop_event().execute()

    def audit(self) -> dict[str, int]:
        """Residuals of the books, all 0; raises `ConservationError` when one is not."""
        return self.world.audit()

    def exposures(self, level: str = "account") -> network_inputs.Exposures:
        """Who has a claim on whom now; see `network_inputs.exposures`."""
        return network_inputs.exposures(self.world, level)

    def liabilities(self, level: str = "account") -> network_inputs.Liabilities:
        """Who would owe what to whom if all were settled now; see `network_inputs.liabilities`."""
        return network_inputs.liabilities(self.world, level)

    def holdings(
        self, level: str = "account", bandwidth: float = 0.05
    ) -> network_holdings.Holdings:
        """What is held in common, with leverage and depth; see `network_holdings`."""
        return network_holdings.holdings(self.world, level, bandwidth)

    def branching(self, **numbers: float) -> network_holdings.Branching:
        """Reproduction number of forced sales now; see `network_holdings`."""
        return network_holdings.branching(self.world, **numbers)

    def whatif(self, **options: Any) -> "WhatIf":
        """Futures from here with and without something undone; see `crossmargin.whatif`."""
        from crossmargin.experiments.counterfactual.whatif import whatif

        return whatif(self, **options)

    def branch(self) -> Self:
        """Fork of this market that shares its past and not its future.

        Pending events bound to this market or to its agents go along, bound to the fork.

        Raises
        ------
        StateError
            When a pending event is bound to anything else: it would act on this market.
        """
        child = type(self).__new__(type(self))
        mesa.Model.__init__(child, rng=self.seed)
        child.seed, child.start = self.seed, self.start
        child._hold(self.world.fork())
        adopt(child)
        child.datacollector = copy.copy(self.datacollector)
        for name in ("model_vars", "tables", "_agent_records", "_agenttype_records"):
            setattr(child.datacollector, name, copy.deepcopy(getattr(self.datacollector, name)))
        child.steps = self.steps
        copy_events(self, child)
        return child
