"""Names that people give to factors and outcomes, and what they mean."""

from collections.abc import Collection

from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.model.errors import ParameterError


def path_of(plan: Plan, name: str) -> str:
    """Path of a factor by its path, its label or the last word of its path.

    Raises
    ------
    ParameterError
        When no factor has the name, or several have.
    """
    if name in plan.paths:
        return name
    found = [factor.path for factor in plan.factor if factor.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise ParameterError(f"factor {name!r}: is one of {', '.join(found)}; give the path")
    known = dict.fromkeys((*plan.paths, *(factor.name for factor in plan.factor)))
    raise ParameterError(f"there is no factor {name!r}; {did_you_mean(name, known)}")


def outcome_of(outcomes: Collection[str], name: str) -> str:
    """Name of an outcome that there is.

    Raises
    ------
    ParameterError
        When there is no such outcome.
    """
    if name not in outcomes:
        raise ParameterError(f"there is no outcome {name!r}; {did_you_mean(name, outcomes)}")
    return name
