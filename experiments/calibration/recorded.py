"""Targets of a calibration: from recorded prices and from what its file states."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.calibration.bootstrap import (
    Targets,
    block_length,
    given_targets,
    targets_of,
    together,
)
from crossmargin.experiments.calibration.moments import lag_of
from crossmargin.experiments.calibration.plan import Calibration, Recorded
from crossmargin.experiments.recordings import DATA, recorded_prices
from crossmargin.model.errors import ParameterError

Floats = NDArray[np.float64]


def recorded_returns(recorded: Recorded, start: str | None, end: str | None) -> Floats:
    """Log returns of the recorded prices between two moments."""
    own = DATA / recorded.file
    file = own if own.is_file() else Path(recorded.file)
    return np.diff(np.log(recorded_prices(file, recorded.column, start, end)))


def block_of(found: Calibration, returns: Floats) -> float:
    """Mean length of the blocks: as given, or Politis and White's for absolute returns.

    It is twice the longest lag at least, so that a lag seldom reaches over the end of a block.
    """
    if found.bootstrap.block != "auto":
        return float(found.bootstrap.block)
    longest = max(map(lag_of, found.facts), default=0)
    return max(block_length(np.abs(returns)), 2.0 * longest)


def facts_of(found: Calibration, names: tuple[str, ...], returns: Floats) -> Targets:
    """Facts of some returns, with their covariance by the bootstrap of the calibration."""
    boot, window = found.bootstrap, found.recorded.window if found.recorded else 0
    if len(returns) < max(window, 30):
        raise ParameterError(f"recorded: {len(returns)} returns; windows take {max(window, 30)}")
    return targets_of(
        returns,
        names,
        kind=boot.kind,
        block=block_of(found, returns),
        draws=boot.draws,
        seed=boot.seed,
        window=window,
    )


def stated(found: Calibration, *, held: bool) -> Targets:
    """Targets that the file states, those of the fit or those held out of it."""
    own = [target for target in found.target if target.held == held]
    values = np.array([target.value for target in own], float)
    errors = np.array([target.error for target in own], float)
    return given_targets([target.outcome for target in own], values, errors)


def fit_targets(found: Calibration, returns: Floats | None) -> Targets:
    """What the fit is to meet: facts of the record first, then the outcomes that were given."""
    names = [target.outcome for target in found.target if not target.held]
    given = stated(found, held=False)
    if found.recorded is None or returns is None:
        return given
    own = facts_of(found, found.recorded.facts, returns)
    return together(own, given) if names else own
