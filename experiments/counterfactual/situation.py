"""Where something is undone: a scenario, the folder of a run or a market, brought to a block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin.experiments.counterfactual.interventions import SPARING, Intervention, SpareGroup
from crossmargin.experiments.counterfactual.members import Branch, Closure
from crossmargin.experiments.counterfactual.names import people_of
from crossmargin.experiments.load import did_you_mean, load_scenario
from crossmargin.experiments.run import Run, begin, checked_seed, simulate
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.state import Array
from crossmargin.model.world import World

CLOSURES = ("behavioural", "mechanical")


@dataclass(frozen=True, eq=False)
class Past:
    """A run whose past is known.

    Attributes
    ----------
    scenario : Scenario
    seed : int
    liquidations : (n,) LIQUIDATION, of the whole run
    table : DataFrame or None, the same as a run wrote them, to compare the past with
    """

    scenario: Scenario
    seed: int
    liquidations: Array
    table: Any = None

    def first_of(self, rows: Array) -> int | None:
        """Block of the first forced closing of some accounts, None where there is none."""
        steps = self.liquidations["step"][np.isin(self.liquidations["account"], rows)]
        return int(steps.min()) if len(steps) else None


def folder_of(source: Any) -> Path | None:
    """Folder of a saved run that a source names, or None."""
    if not isinstance(source, str | Path):
        return None
    path = Path(source)
    return path if path.is_dir() else None


def past_of(source: Any, seed: int | None, overrides: Mapping[str, Any] | None) -> Past:
    """Past of a run, of a scenario, run once, or of a run's folder, run again.

    Raises
    ------
    ScenarioError, ParameterError
        When the source cannot be used, or a folder was written by another version.
    """
    folder, table = folder_of(source), None
    if isinstance(source, Run):
        if seed is not None:
            raise ParameterError(f"seed = {seed}: the run has its own, {source.seed}")
        own = load_scenario(source.scenario, {"run.steps": source.steps, **(overrides or {})})
        same = own == source.scenario
        again = source if same else simulate(own, seed=source.seed)
        return Past(own, source.seed, again.world.rows("liquidations"))
    if folder is not None:
        if seed is not None or overrides:
            raise ParameterError(f"{folder}: a saved run has its seed and settings; give no others")
        scenario, seed, table = _saved(folder)
    else:
        scenario = load_scenario(source, overrides)
        seed = 0 if seed is None else checked_seed(seed)
    run = simulate(scenario, seed=seed)
    if table is not None:
        _check_again(folder, table, run.liquidations)
    return Past(scenario, seed, run.world.rows("liquidations"), table)


def _saved(folder: Path) -> tuple[Scenario, int, Any]:
    """Scenario, seed and liquidations of a folder, written by this version."""
    from crossmargin.experiments.store import read_sidecar, read_table, versions

    record = read_sidecar(folder)
    here = versions()
    other = [
        f"{name} {record['versions'].get(name)} (here {version})"
        for name, version in here.items()
        if record["versions"].get(name) != version
    ]
    if other:
        raise ScenarioError(
            f"{folder}: was run with {', '.join(other)}; its past cannot be made again bit for "
            "bit: run the scenario anew with this version"
        )
    found = load_scenario(record["scenario"], {"run.steps": record["steps"]})
    return found, int(record["seed"]), read_table(folder, "liquidations")


def _check_again(folder: Path | None, old: Any, new: Any) -> None:
    """Refuse a saved run that this version of the model makes otherwise."""
    from crossmargin.experiments.store import same

    if not same(old, new):
        raise ScenarioError(
            f"{folder}: run again, its liquidations differ; it comes from another version of the "
            "model or another processor: run the scenario anew"
        )


def market_at(past: Past, block: int) -> Any:
    """Market of a past at a block, or its world where no trader is written in Python."""
    from crossmargin.experiments.market import Market

    if any(":" in population.kind for population in past.scenario.population):
        market = Market(past.scenario, seed=past.seed)
        market.run_for(block)
        return market
    world, _ = begin(past.scenario, past.seed)
    world.run(block)
    return world


def checked_closure(closure: str) -> Closure:
    """Name of a closure.

    Raises
    ------
    ParameterError
        When there is none of that name.
    """
    if closure not in CLOSURES:
        raise ParameterError(f"closure = {closure!r}: {did_you_mean(str(closure), CLOSURES)}")
    return closure  # type: ignore[return-value]


def branch_of(
    source: Any,
    interventions: Sequence[Intervention],
    *,
    at: int | None = None,
    seed: int | None = None,
    steps: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    closure: str = "behavioural",
) -> Branch:
    """Market at the block where something is undone.

    A market that is given is branched where it stands. Else the run is made up to `at`; without it,
    up to the block of the first forced closing of the accounts that are spared, or to block 0 where
    none is and when anything else is undone as well.

    Raises
    ------
    ScenarioError, ParameterError
        When the source cannot be used, a name is unknown, the block lies beyond the end, or no
        account of a group that is spared is liquidated.
    """
    kind = checked_closure(closure)
    if hasattr(source, "world") and hasattr(source, "branch"):
        return _of_market(source, interventions, at, steps, (seed, overrides), kind)
    if not isinstance(source, str | Path | Mapping | Scenario | Run):
        raise ParameterError(f"source = {source!r}: is no scenario, Run, folder of one or Market")
    changes = dict(overrides or {}) | ({} if steps is None else {"run.steps": steps})
    past = past_of(source, seed, changes)
    last = past.scenario.run.steps
    if at is not None and not 0 <= at < last:
        raise ParameterError(f"at = {at}: the run has the blocks 0 to {last - 1}")
    start = market_at(past, 0)
    world: World = getattr(start, "world", start)
    rows = _spared(world, interventions)
    _check_liquidated(world, interventions, past)
    block = at if at is not None else _first_difference(interventions, rows, past)
    parent = start if block == 0 else market_at(past, block)
    return Branch(parent, block, last, kind, _left_out(world, rows))


def _first_difference(interventions: Sequence[Intervention], rows: Array, past: Past) -> int:
    """Block before which nothing can differ: of the first forced closing that is undone, or 0."""
    if not all(isinstance(intervention, SPARING) for intervention in interventions):
        return 0
    return past.first_of(rows) or 0


def _of_market(
    market: Any,
    interventions: Sequence[Intervention],
    at: int | None,
    steps: int | None,
    past: tuple[int | None, Any],
    closure: Closure,
) -> Branch:
    world: World = market.world
    if at is not None and at != world.step:
        raise ParameterError(f"at = {at}: the market has come to block {world.step}; run it there")
    if any(past):
        raise ParameterError("seed, overrides: the past of a market is given; build another one")
    last = world.scenario.run.steps if steps is None else steps
    if last <= world.step:
        raise ParameterError(
            f"steps = {last}: the market has come to block {world.step} already; no future is left"
        )
    rows = _left_out(world, _spared(world, interventions))
    return Branch(market.branch(), world.step, last, closure, rows)


def _spared(world: World, interventions: Sequence[Intervention]) -> Array:
    """Rows that any intervention spares or takes away."""
    rows = [intervention.rows(world) for intervention in interventions]
    found: Array = np.unique(np.concatenate(rows)) if rows else np.zeros(0, np.int64)
    return found


def _left_out(world: World, rows: Array) -> Array:
    """Rows that are not counted among the others; when all are spared all are."""
    return rows if len(rows) < len(people_of(world)) else rows[:0]


def _check_liquidated(world: World, interventions: Sequence[Intervention], past: Past) -> None:
    """Refuse a group that is spared though none of it is liquidated."""
    for intervention in interventions:
        if isinstance(intervention, SpareGroup):
            rows = intervention.rows(world)
            if past.first_of(rows) is None:
                raise ParameterError(
                    f"spare_group = {intervention.name!r}: none of its {len(rows)} accounts is "
                    "liquidated in this run, so there is nothing to spare"
                )
