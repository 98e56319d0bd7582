"""Reads a calibration and checks it against its scenario and its record, before anything is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crossmargin.experiments.calibration.moments import fact, lag_of
from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.explain import did_you_mean, explain
from crossmargin.experiments.load import find_toml, load_scenario, named_files, read_toml
from crossmargin.experiments.sweeps.functions import find_function, importing_from
from crossmargin.model.errors import ParameterError, ScenarioError

#: Folder of the calibrations that come with the package.
CALIBRATIONS = Path(__file__).parent / "plans"


def calibration_names() -> list[str]:
    """Names of the calibrations that come with the package."""
    return named_files(CALIBRATIONS)


def load_calibration(source: str | Path | Mapping[str, Any] | Calibration) -> Calibration:
    """Calibration from a TOML file, a mapping or a calibration, checked against its scenario.

    Raises
    ------
    ScenarioError, ParameterError
        With file and key, the value, and what is allowed.
    """
    if isinstance(source, Calibration):
        return _checked(source, source.name, None)
    if isinstance(source, Mapping):
        where, table, folder = "calibration", dict(source), None
    else:
        path = find_calibration(source)
        where, table, folder = str(path), read_toml(path), path.parent
    try:
        found = Calibration.model_validate(table)
    except ValidationError as error:
        raise ParameterError(explain(where, table, error, Calibration)) from None
    return _checked(found, where, folder)


def find_calibration(source: str | Path) -> Path:
    """File of a calibration by path, or by the name of one that comes with the package."""
    return find_toml(source, CALIBRATIONS, "calibration")


def _checked(found: Calibration, where: str, folder: Path | None) -> Calibration:
    """Calibration with units from the schema and with the files found that lie beside it."""
    from crossmargin.experiments.sweeps.factors import checked

    try:
        plan = checked(found.plan(), where, folder)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ParameterError(f"{where}: {message}") from None
    except ScenarioError as error:  # the factors of a sweep are the parameters of a calibration
        raise type(error)(str(error).replace(f"{where}: factor.", f"{where}: parameter.")) from None
    changes: dict[str, Any] = {"parameter": plan.factor, "scenario": plan.scenario}
    if found.recorded is not None:
        beside = (folder or Path()) / found.recorded.file
        if beside.is_file():
            changes["recorded"] = found.recorded.model_copy(update={"file": str(beside.resolve())})
    found = found.model_copy(update=changes)
    with importing_from(folder):
        for name in found.functions:
            find_function(name, f"{where}: functions")
        for name in found.facts:
            fact(name)
    _check_blocks(found, where)
    if found.scenario is not None and found.simulated is not None:
        _check_simulated(found, where)
    return found


def _check_blocks(found: Calibration, where: str) -> None:
    """Refuse blocks shorter than twice the longest lag: their ends would cut it apart."""
    longest = max(map(lag_of, found.facts), default=0)
    block = found.bootstrap.block
    if block != "auto" and float(block) < 2 * longest:
        raise ParameterError(
            f"{where}: bootstrap.block = {block:g}: blocks must be twice as long as the longest "
            f"lag, {longest}, or they cut it apart"
        )


def _check_simulated(found: Calibration, where: str) -> None:
    """Refuse a market that is not there, intervals that are no blocks, and runs too short."""
    scenario = load_scenario(found.scenario or {}, found.plan().overrides)
    simulated = found.simulated
    assert simulated is not None
    markets = [market.name for market in scenario.market]
    if simulated.market not in markets:
        hint = did_you_mean(simulated.market, markets)
        raise ParameterError(f"{where}: simulated.market: no {simulated.market!r}; {hint}")
    blocks = simulated.seconds / scenario.run.block_seconds
    if blocks < 1 or abs(blocks - round(blocks)) > 1e-9 * blocks:
        raise ParameterError(
            f"{where}: simulated.seconds = {simulated.seconds:g}: is no whole number of "
            f"blocks of {scenario.run.block_seconds:g} s"
        )
    returns = (scenario.run.steps - 1) // round(blocks) - simulated.skip
    if returns < 2 * max(map(lag_of, found.facts), default=1) + 10:
        raise ParameterError(
            f"{where}: steps: {scenario.run.steps} blocks hold {max(returns, 0)} returns of "
            f"{simulated.seconds:g} s; the facts take more"
        )
