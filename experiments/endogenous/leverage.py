"""A scenario with all positions larger or smaller: leverage of every population times a number."""

import math
from typing import Any

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError

#: Which numbers of a distribution grow with what it draws.
SCALED = {
    "constant": (0,),
    "uniform": (0, 1),
    "exponential": (0,),
    "normal": (0, 1),
    "lognormal": (0,),
    "pareto": (0, 2),
}


def scaled(distribution: dict[str, Any], multiple: float) -> dict[str, Any]:
    """Distribution of a multiple of what one draws.

    Raises
    ------
    ParameterError
        For a probability, whose multiple is none.
    """
    name, numbers = next(iter(distribution.items()))
    if name == "choice":
        return {name: [multiple * x for x in numbers]}
    if name not in SCALED:
        raise ParameterError(f"leverage: a {name} distribution has no multiple")
    return {name: [x * multiple if i in SCALED[name] else x for i, x in enumerate(numbers)]}


def with_leverage(scenario: Scenario, multiple: float) -> Scenario:
    """Scenario whose directional positions have a multiple of their leverage.

    What no first tier allows is cut when positions are opened, as always; who balances takes the
    other side of what there is.

    Raises
    ------
    ParameterError
        When the multiple is not a positive number.
    """
    if not (multiple > 0 and math.isfinite(multiple)):
        raise ParameterError(f"leverage = {multiple!r}: a multiple must be above 0")
    table: dict[str, Any] = scenario.model_dump(mode="json", exclude_none=True)
    for row, population in zip(table["population"], scenario.population, strict=True):
        if population.position is not None and population.position.side != "balance":
            row["position"]["leverage"] = scaled(population.position.leverage, multiple)
    return load_scenario(table)
