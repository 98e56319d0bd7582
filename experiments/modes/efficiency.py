r"""Capital efficiency at equal tail loss.

Of the runs of a mode at a multiple of capital, the efficiency is gross notional :math:`G` over raw
equity :math:`E` at the start, and the tail loss the expected shortfall of bad debt over gross
notional. More capital lowers both. With several multiples the efficiency at a tail loss is read
between them, linear in both logarithms of efficiency and in the loss.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from crossmargin.experiments.modes.comparing import ModeComparison


def efficiency_of(found: "ModeComparison") -> "pd.DataFrame":
    """One row a mode and capital; see `ModeComparison.efficiency`."""
    import pandas as pd

    from crossmargin.experiments.sweeps.statistics import tail_mean

    rows = []
    for mode in found.modes:
        for capital in found.capitals:
            own = found.of(mode, capital)
            loss = float(tail_mean(own.values("tail_measure"), found.question.tail))
            efficiency = float(own.values("efficiency").mean())
            rows.append(
                {"mode": mode, "capital": capital, "efficiency": efficiency, "tail_loss": loss}
            )
    frame = pd.DataFrame(rows)
    reference = frame[(frame["mode"] == found.modes[0]) & (frame["capital"] == 1.0)]
    target = float(reference["tail_loss"].iloc[0])
    at = {mode: at_loss(rows, target) for mode, rows in frame.groupby("mode")}
    frame["at_equal_tail_loss"] = frame["mode"].map(at)
    return frame


def at_loss(rows: Any, target: float) -> float:
    """Efficiency at which a mode has a tail loss; missing where its capitals do not enclose it.

    With no tail loss to compare with, the highest efficiency that has none either.
    """
    ordered = rows.sort_values("efficiency")
    loss, efficiency = ordered["tail_loss"].to_numpy(), ordered["efficiency"].to_numpy()
    if target == 0.0:
        free = efficiency[loss == 0.0]
        return float(free.max()) if len(free) else float("nan")
    rising = np.maximum.accumulate(loss)
    if not rising[0] <= target <= rising[-1]:
        return float("nan")
    return float(np.exp(np.interp(target, rising, np.log(efficiency))))
