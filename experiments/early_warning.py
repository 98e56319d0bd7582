"""What a run knew of itself: reproduction numbers before and after, and the first insolvency."""

from typing import Any

import numpy as np
import pandas as pd

from crossmargin.experiments.frames import Units
from crossmargin.model.contagion.trigger import cascade, parents
from crossmargin.model.state import Array
from crossmargin.model.world import World


def early_warning(world: World) -> pd.DataFrame:
    """One row each time the reproduction number was taken, at the end of a block.

    Columns: `step`, `seconds`; ex ante (see `model/early_warning.py`, whose numbers are those of
    `run.early_warning`) `reproduction`, `falling`, `rising`, `low`, `high`, `near` (accounts) and
    `at_risk` (quote); and what then came of it: `episodes` of liquidation that began after this
    row and up to the next, `offspring`, the episodes that one of them begot, and `realised`, the
    notional that those closed over the notional that these closed. The last two are NaN where none
    began; whatever the end of the run cut off is missing in them.
    """
    rows, units = world.rows("warnings"), Units(world)
    frame: dict[str, Any] = {"step": rows["step"], "seconds": rows["step"] * units.block}
    for name in ("reproduction", "falling", "rising", "low", "high", "near"):
        frame[name] = rows[name]
    frame["at_risk"] = rows["at_risk"] * units.quote
    return pd.DataFrame(frame | realised(world, rows["step"]))


def realised(world: World, steps: Array) -> dict[str, Array]:
    """Episodes that began between some steps, and their offspring; the parent is the proximate.

    Parameters
    ----------
    steps : (n,) int64, rising
        A cohort is what began after a step and up to the next one.
    """
    events = world.rows("events")
    table = cascade(events, world.rows("liquidations"))
    cohort = np.searchsorted(steps, table["step"].to_numpy(), side="left") - 1
    mothers = parents(events, table)
    place = np.searchsorted(table["event"].to_numpy(), mothers)
    is_child = (mothers >= 0) & (place < len(table))
    notional = table["notional"].to_numpy(float)

    def sums(cohorts: Array, weights: Any = None) -> Array:
        return np.bincount(cohorts + 1, weights, len(steps) + 1)[1:]  # before the first row: none

    of_parent = cohort[place[is_child]]
    episodes, closed = sums(cohort), sums(cohort, notional)
    with np.errstate(invalid="ignore"):
        return {
            "episodes": episodes,
            "offspring": sums(of_parent) / np.where(episodes, episodes, np.nan),
            "realised": sums(of_parent, notional[is_child]) / np.where(closed, closed, np.nan),
        }


def reproduction(world: World) -> dict[str, float | None]:
    """Reproduction number ex ante at step 0 and when last taken before the first liquidation."""
    rows, liquidated = world.rows("warnings"), world.rows("liquidations")["step"]
    before = rows[rows["step"] < liquidated.min()] if len(liquidated) else rows
    return {
        "reproduction_first": float(rows["reproduction"][0]) if len(rows) else None,
        "reproduction_before": float(before["reproduction"][-1]) if len(before) else None,
    }


def insolvency(world: World) -> dict[str, Any]:
    """Largest systemic insolvency of a run, quote, and the moment of the first one.

    Systemic insolvency is the sum of negative raw equity and of unfunded claims; `consolidated`
    nets the accounts of an owner.
    """
    rows, units = world.rows("system_rows"), Units(world)
    total = rows["negative_equity"] + rows["unfunded"]
    owners = rows["negative_consolidated"] + rows["unfunded"]
    return {
        "insolvency_most": float(total.max(initial=0) * units.quote),
        "insolvency_end": float(total[-1] * units.quote) if len(total) else 0.0,
        **_first("insolvency", rows["step"], total, units),
        "insolvency_consolidated_most": float(owners.max(initial=0) * units.quote),
        **_first("insolvency_consolidated", rows["step"], owners, units),
    }


def _first(name: str, steps: Array, amounts: Array, units: Units) -> dict[str, Any]:
    """Step and second at which an amount was first above zero; None when it never was."""
    there = np.flatnonzero(amounts > 0)
    step = int(steps[there[0]]) if len(there) else None
    return {
        f"{name}_first_step": step,
        f"{name}_first_seconds": None if step is None else step * units.block,
    }
