"""A run: a scenario, a seed, what came out, and its folder on disk."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crossmargin.experiments import early_warning as warnings
from crossmargin.experiments import frames, option_frames
from crossmargin.experiments.build import build
from crossmargin.experiments.frames import Floats
from crossmargin.experiments.groups import groups_of, near_liquidation
from crossmargin.experiments.initial.burn_in import burn_in
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.state import INSURANCE, REASONS, Array
from crossmargin.model.world import World

if TYPE_CHECKING:
    from crossmargin.experiments.margin.risk_model import RiskModel
    from crossmargin.model.contagion.face import Contagion

#: Tables of a run, by the name of their file.
TABLES = ("series", "system", "events", "liquidations", "accounts", "early_warning")
#: Tables that a run with options has besides.
OPTION_TABLES = ("greeks", "series_greeks")


@dataclass(frozen=True, eq=False)
class Run:
    """What a scenario did with one seed.

    Attributes
    ----------
    scenario : Scenario
    seed, steps : int
    world : World
        The market at the end.
    start : (n_accounts,) int64
        Equity at step 0, quote units.
    wall : dict
        Seconds spent, by what.
    near : (n_markets,) float64 or None
        Base in positions near their liquidation at step 0; see `groups.near_liquidation`.
    """

    scenario: Scenario
    seed: int
    steps: int
    world: World
    start: Array
    wall: dict[str, float] = field(default_factory=dict)
    near: Floats | None = None

    @functools.cached_property
    def series(self) -> pd.DataFrame:
        """One row a step and market; see `frames.series`."""
        return frames.series(self.world)

    @functools.cached_property
    def system(self) -> pd.DataFrame:
        """One row a step for the venue; see `frames.system`."""
        return frames.system(self.world)

    @functools.cached_property
    def events(self) -> pd.DataFrame:
        """The log of forced orders and transfers; see `frames.events`."""
        return frames.events(self.world)

    @functools.cached_property
    def liquidations(self) -> pd.DataFrame:
        """One row a forced closing; see `frames.liquidations`."""
        return frames.liquidations(self.world)

    @functools.cached_property
    def accounts(self) -> pd.DataFrame:
        """One row an account; see `frames.accounts`."""
        return frames.accounts(self.world, self.start)

    @functools.cached_property
    def early_warning(self) -> pd.DataFrame:
        """Reproduction numbers, ex ante and realised; see `early_warning.early_warning`."""
        return warnings.early_warning(self.world)

    @functools.cached_property
    def greeks(self) -> pd.DataFrame:
        """Sensitivities of options by population and underlying; see `option_frames.greeks`."""
        return option_frames.greeks(self.world)

    @functools.cached_property
    def series_greeks(self) -> pd.DataFrame:
        """Forward, volatility and Greeks of series; see `option_frames.series_greeks`."""
        return option_frames.series_greeks(self.world)

    @functools.cached_property
    def contagion(self) -> "Contagion":
        """Who brought down whom: graph, cascade, spreaders and losers."""
        from crossmargin.model.contagion.face import Contagion

        return Contagion(self.world)

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """Headline numbers; money in quote, residuals as integers."""
        return summarise(self)

    def save(self, folder: str | Path, *, report: bool = False) -> Path:
        """Write the tables, `run.json` and, if asked, `report.html` to a folder."""
        from crossmargin.experiments.store import save

        return save(self, Path(folder), report=report)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{value:,.6g}</td></tr>"
            for name, value in self.summary.items()
            if isinstance(value, int | float)
        )
        return f"<b>{self.scenario.name}</b>, seed {self.seed}<table>{rows}</table>"


def tables_of(scenario: Scenario) -> tuple[str, ...]:
    """Names of the tables that a run of a scenario has."""
    return (*TABLES, *OPTION_TABLES) if scenario.option else TABLES


def summarise(run: Run) -> dict[str, Any]:
    """Headline numbers of a run."""
    world = run.world
    venue, cursor = world.state.ledger.venue[0], world.state.log.cursor[0]
    one = 10.0 ** -int(world.state.ledger.assets["decimals"][0])
    rows = world.rows("liquidations")
    rejected = {
        name: int(n)
        for name, n in zip(REASONS, world.state.log.counters, strict=True)
        if n and name != "accepted"
    }
    return {
        "steps": world.step,
        "messages": int(cursor["messages"]),
        "fills": int(cursor["fills"]),
        "orders_rejected": int(cursor["rejected"]),
        "rejected_by_reason": rejected,
        "liquidations": len(rows),
        "liquidated_accounts": len(np.unique(rows["account"])),
        "liquidated_notional": float(venue["liquidated_notional"] * one),
        "penalties": float(venue["penalties"] * one),
        "bad_debt": float(venue["bad_debt"] * one),
        "insurance_start": float(run.start[INSURANCE] * one),
        "insurance_end": float(world.state.ledger.balances[INSURANCE, 0] * one),
        "insurance_least": float(venue["min_fund"] * one),
        "adl_notional": float(venue["adl_notional"] * one),
        "socialised_loss": float(venue["socialised"] * one),
        "stops_triggered": int(world.state.stops.desk["triggered"][0]),
        "unhedged_most": float(world.rows("unhedged_rows").sum(axis=1).max(initial=0) * one),
        **warnings.reproduction(world),
        **warnings.insolvency(world),
        "markets": _market_summary(run),
        "groups": groups_of(world, run.near),
        "residuals": world.residuals(),
        **{name: world.notes[name] for name in ("initial", "burn_in") if name in world.notes},
    }


def _market_summary(run: Run) -> dict[str, dict[str, float]]:
    found = {}
    for name, rows in run.series.groupby("market", observed=True):
        mark = rows["mark"].to_numpy()
        found[str(name)] = {
            "first": float(mark[0]),
            "last": float(mark[-1]),
            "lowest": float(mark.min()),
            "highest": float(mark.max()),
            "largest_fall": float((1.0 - mark / np.maximum.accumulate(mark)).max()),
            "volume": float(rows["volume"].sum()),
            "open_interest_first": float(rows["open_interest"].iloc[0]),
            "open_interest_last": float(rows["open_interest"].iloc[-1]),
        }
    return found


def begin(scenario: Scenario, seed: int) -> tuple[World, Array]:
    """World of a scenario, burnt in, and the equity of every row at step 0, quote units."""
    world = build(scenario, seed)
    burn_in(world, seed)
    measure_all(world.state.ledger, world.state.book)
    return world, world.state.ledger.accounts["equity"].copy()


def simulate(
    scenario: str | Path | Scenario | Mapping[str, Any],
    *,
    seed: int | None = None,
    steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    audit: bool = False,
    profile: bool = False,
    progress: Callable[[int], None] | None = None,
    risk_model: "type[RiskModel] | RiskModel | None" = None,
) -> Run:
    """Run a scenario from its start.

    Parameters
    ----------
    scenario : str, Path, Scenario or mapping
        Built-in name, TOML file, or the scenario itself.
    seed : int, optional
        Of all random draws; 0 by default. The same seed gives the same run bit for bit.
    steps : int, optional
        Blocks to run; the scenario's own by default.
    overrides : mapping, optional
        Dotted paths to values: `{"venue.insurance": 0}`.
    audit : bool
        Check conservation after every block.
    profile : bool
        Time the phases; the loop then goes part by part.
    progress : callable, optional
        Called now and then with the number of blocks done.
    risk_model : class, optional
        Of a `RiskModel`, which then measures every account; the loop goes part by part. One that is
        made with settings runs in this process alone.

    Returns
    -------
    Run

    Raises
    ------
    ScenarioError, ParameterError
        When the scenario cannot be used as given.

    Examples
    --------
    >>> import crossmargin as xm
    >>> run = xm.simulate("calm", seed=7, steps=20)
    >>> run.summary["steps"], set(run.summary["residuals"].values())
    (20, {0})
    """
    changes = dict(overrides or {})
    if steps is not None:
        changes["run.steps"] = steps
    changes |= with_own_model(risk_model)
    found = load_scenario(scenario, changes)
    seed = 0 if seed is None else checked_seed(seed)
    began = perf_counter()
    world, start = started(found, seed)
    near = near_liquidation(world)
    built = perf_counter()
    _ = world.program
    compiled = perf_counter()
    _advance(world, found.run.steps, audit, profile, progress)
    wall = {
        "build": built - began,
        "compile": compiled - built,
        "run": perf_counter() - compiled,
    }
    return Run(found, seed, found.run.steps, world, start, wall | _named(world.seconds), near)


def with_own_model(model: "type[RiskModel] | RiskModel | None") -> dict[str, str]:
    """Override that lets a risk model of one's own measure accounts; none without one."""
    if model is None:
        return {}
    from crossmargin.experiments.margin.own_model import name_model

    return {"venue.risk_model": name_model(model)}


def started(scenario: Scenario, seed: int) -> tuple[World, Array]:
    """World and first equity; traders written in Python belong to a market, which then makes it."""
    if any(":" in population.kind for population in scenario.population):
        from crossmargin.experiments.market import Market

        market = Market(scenario, seed=seed)
        return market.world, market.start
    return begin(scenario, seed)


def _named(seconds: dict[str, float]) -> dict[str, float]:
    return {f"phase {name}": value for name, value in seconds.items()}


def checked_seed(seed: Any) -> int:
    """Seed as a whole number; anything else is refused."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ParameterError(f"seed = {seed!r}: must be a whole number")
    return int(seed)


def _advance(
    world: World, steps: int, audit: bool, profile: bool, progress: Callable[[int], None] | None
) -> None:
    chunk = steps if progress is None else max(1, min(steps // 100, 200))
    while world.step < steps:
        world.run(min(chunk, steps - world.step), audit=audit, profile=profile)
        if progress is not None:
            progress(world.step)
    measure_all(world.state.ledger, world.state.book)  # trading came after the last margin phase
