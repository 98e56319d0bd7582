"""How much a scorecard runs, and what it is judged on: never a path that brings its own facts."""

from dataclasses import dataclass
from typing import Any

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.validation.measures import MINUTE
from crossmargin.model.errors import ParameterError

#: Lengths and numbers of runs beside those of the facts themselves, at most.
IMPACT_DAYS, NULL_DAYS, NULL_SEEDS, EVENT_SEEDS = 6.0, 5.0, 4, 5
#: Shortest run in which hourly facts can be seen, days.
LEAST_DAYS = 1.0
#: Path without a stylised fact of its own, which takes the place of a recorded one.
SYNTHETIC = {"kind": "geometric_brownian", "volatility": 0.6}


@dataclass(frozen=True)
class Plan:
    """How much is run.

    Attributes
    ----------
    seeds : int, runs of the facts and of the metaorders, seeds 0, 1, ...
    days : float, length of each
    """

    seeds: int = 20
    days: float = 30.0

    @property
    def impact_days(self) -> float:
        """Length of the runs with metaorders, days."""
        return min(self.days, IMPACT_DAYS)

    @property
    def null_days(self) -> float:
        """Length of the runs of the nulls, days."""
        return min(self.days, NULL_DAYS)

    @property
    def null_seeds(self) -> int:
        """Runs of each null."""
        return min(self.seeds, NULL_SEEDS)

    @property
    def event_seeds(self) -> int:
        """Runs of each documented crash."""
        return min(self.seeds, EVENT_SEEDS)


def synthetic(scenario: Scenario) -> tuple[Scenario, list[str]]:
    """Scenario whose reference paths are simulated and undisturbed, and what was changed for it.

    A recorded path brings the facts of its own day with it, and a scheduled shock is no ordinary
    time; neither says anything about the model.
    """
    table: dict[str, Any] = scenario.model_dump(mode="json", exclude_none=True)
    notes = []
    prices = None
    for number, underlying in enumerate(scenario.underlying):
        if underlying.recording is None:
            continue
        prices = _first_prices(scenario) if prices is None else prices
        row = table["underlying"][number]
        daily = (underlying.path or {}).get("daily_volume")
        row.pop("recording")
        row["price"] = float(prices[number])
        row["path"] = SYNTHETIC | ({"daily_volume": daily} if daily else {})
        notes.append(
            f"{underlying.name}: the recorded path {underlying.recording.file} brings facts of its "
            f"own and was replaced by a geometric Brownian one of {SYNTHETIC['volatility']:.0%} "
            "a year"
        )
    if scenario.shock:
        table["shock"] = []
        notes.append(f"{len(scenario.shock)} scheduled shock(s) were left out")
    return load_scenario(table), notes


def _first_prices(scenario: Scenario) -> list[float]:
    """Price of every underlying before the first block, quote per base."""
    world, _ = begin(load_scenario(scenario, {"run.steps": 1}), 0)
    return [float(price) for price in world.state.outside.references["price"]]


def check(scenario: Scenario, plan: Plan) -> None:
    """Refuse what cannot be judged.

    Raises
    ------
    ParameterError
        With the key and what is allowed.
    """
    if plan.seeds < 1:
        raise ParameterError(f"seeds = {plan.seeds}: must be 1 or more")
    if not LEAST_DAYS <= plan.days <= 3650:
        raise ParameterError(f"days = {plan.days:g}: {LEAST_DAYS:g} to 3650 are allowed")
    block = scenario.run.block_seconds
    if block > MINUTE or abs(round(MINUTE / block) * block - MINUTE) > 1e-9:
        raise ParameterError(
            f"run.block_seconds = {block:g}: facts are judged at one minute; take a block that "
            "divides 60 s"
        )
    if all(market.kind == "spot" for market in scenario.market):
        raise ParameterError(f"{scenario.name}: market: there is no perpetual to judge")
    if any(":" in population.kind for population in scenario.population):
        raise ParameterError(
            f"{scenario.name}: population: traders written in Python are too slow for days of "
            "blocks; write them as a compiled population"
        )
