"""The moments of one run: its facts and its outcomes by name, and how many returns are behind them.

A worker process gets the calibration as text, and keeps it for the runs that follow.
"""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.calibration import moments
from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.explain import did_you_mean
from crossmargin.experiments.sweeps.functions import find_function, importing_from
from crossmargin.model.errors import ParameterError

if TYPE_CHECKING:
    from crossmargin.experiments.run import Run

Floats = NDArray[np.float64]
#: Name under which the number of returns of a run stands beside its moments.
OBSERVATIONS = "observations"


def names_of(found: Calibration) -> tuple[str, ...]:
    """Moments that every run gives: those of the fit, then those of the hold-out alone."""
    others = tuple(name for name in found.facts if name not in found.moments)
    return found.moments + others + found.held_outcomes


def returns_of(run: "Run", market: str, column: str, seconds: float, skip: int) -> Floats:
    """Log returns of a price of a run over intervals of some seconds."""
    rows = run.series[run.series["market"] == market]
    every = round(seconds / run.scenario.run.block_seconds)
    prices = rows[column].to_numpy(float)[::every]
    return np.diff(np.log(prices))[skip:]


def moments_of(found: Calibration, values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Run the model once.

    Returns
    -------
    dict
        Moments by name, and `observations`.

    Raises
    ------
    ParameterError
        When an outcome does not exist or a function returns something else.
    """
    returns, outcomes = _ran(found, values, seed)
    known = dict(outcomes)
    if found.facts:
        if returns is None:
            raise ParameterError(f"model = {found.model!r}: facts need an array of returns")
        window = found.recorded.window if found.recorded else 0
        numbers = moments.windowed(returns, found.facts, window if window < len(returns) else 0)
        known |= dict(zip(found.facts, map(float, numbers), strict=True))
    for name in names_of(found):
        if name not in known:
            raise ParameterError(f"target: no outcome {name!r}; {did_you_mean(name, known)}")
    chosen = {name: known[name] for name in names_of(found)}
    return chosen | {OBSERVATIONS: float(0 if returns is None else len(returns))}


def _ran(
    found: Calibration, values: Mapping[str, float], seed: int
) -> tuple[Floats | None, Mapping[str, float]]:
    """Returns, when there are any, and outcomes by name."""
    if found.model is not None:
        result = find_function(found.model, "model")(dict(values), seed)
        if isinstance(result, Mapping):
            return None, {str(key): float(value) for key, value in result.items()}
        array = np.asarray(result)
        if array.ndim != 1 or array.dtype.kind not in "iuf":
            raise ParameterError(
                f"model = {found.model!r}: returned {type(result).__name__}, neither an array of "
                "returns nor numbers by name"
            )
        return array.astype(float), {}
    return _simulated(found, values, seed)


def _simulated(
    found: Calibration, values: Mapping[str, float], seed: int
) -> tuple[Floats | None, Mapping[str, float]]:
    from crossmargin.experiments.run import simulate
    from crossmargin.experiments.sweeps.outcomes import flatten

    changes = {**found.settings, **values}
    run = simulate(found.scenario or {}, seed=seed, steps=found.steps, overrides=changes)
    outcomes: dict[str, float] = flatten(run.summary) if found.target else {}
    for name in found.functions:
        outcomes |= find_function(name, "functions")(run)
    s = found.simulated
    if s is None:
        return None, outcomes
    with np.errstate(all="ignore"):  # a price may be missing; its facts are then no numbers
        return returns_of(run, s.market, s.column, s.seconds, s.skip), outcomes


@functools.lru_cache(maxsize=4)
def _read(text: str) -> Calibration:
    return Calibration.model_validate_json(text)


def evaluate(text: str, folder: str | None, values: Mapping[str, float], seed: int) -> Any:
    """Run the model once in a worker; what went wrong in the model comes back as text.

    Returns
    -------
    dict or str
        Moments by name, or the error of a run that failed.
    """
    try:
        with importing_from(folder), np.errstate(all="ignore"):
            return moments_of(_read(text), values, seed)
    except ParameterError:
        raise
    except Exception as error:  # whatever a run dies of is recorded, and the search goes on
        return f"{type(error).__name__}: {error}"


def digest(found: Calibration) -> str:
    """Hash of what every run has in common, apart from the scenario: names and their sources."""
    total = hashlib.sha256(repr((names_of(found), found.simulated, found.functions)).encode())
    total.update(repr(found.recorded.window if found.recorded else 0).encode())
    for file in (Path(moments.__file__), Path(__file__)):
        total.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return total.hexdigest()[:16]
